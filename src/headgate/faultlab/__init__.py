"""A drill: an upstream that fails on demand, and what a caller of the gateway sees of it."""
