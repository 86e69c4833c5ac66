"""Principals and keys: who calls, and what they may."""
