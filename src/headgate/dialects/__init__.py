"""Dialects: one file per wire format, both directions, pure."""
