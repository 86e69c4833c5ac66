"""Doors: HTTP routes per API family."""
