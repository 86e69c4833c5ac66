"""The dashboard in a real browser, against a real gateway with a real PostgreSQL."""
