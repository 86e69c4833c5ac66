"""How well and how fast the embedded detectors do: ``python -m benchmarks.guardrails``."""
