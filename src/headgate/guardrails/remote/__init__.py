"""Guardrails that are services elsewhere; each file speaks the wire format of one."""
