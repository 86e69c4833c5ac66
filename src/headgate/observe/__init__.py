"""Projections of the record."""
