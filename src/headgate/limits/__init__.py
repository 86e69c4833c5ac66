"""Rate and concurrency limits: pure arithmetic, and the stores that share it."""
