"""The registry: what models exist, what they can do, what they cost."""
