"""How often the semantic cache answers, how often wrongly, and how long it takes: ``python -m benchmarks.cache``."""
