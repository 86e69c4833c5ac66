"""Replay a seed."""

import sys

from tests.simulation.world import simulate

seed, steps = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 200
world = simulate(seed, steps)
print(f"seed {seed}: {len(world.calls)} calls in {world.made} processes, {len(world.charged)} charges, nothing wrong")
