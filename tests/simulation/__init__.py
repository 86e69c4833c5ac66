"""Ledger, limiter and router as they are, on a clock, journal, store and network that are made up: everything random
comes from one seed, so whatever goes wrong goes wrong again. ``python -m tests.simulation SEED [STEPS]`` replays one.
"""
