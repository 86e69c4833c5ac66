"""Simulations run, replay from their seeds, and find what is planted."""

import pytest

from tests.simulation.mutants import MUTANTS
from tests.simulation.world import simulate

ENOUGH = 120
"""Seeds within which every planted bug shows."""


def told(seed: int) -> object:
    world = simulate(seed, 60)
    return world.charged, world.used, world.loop.now, len(world.calls)


def test_a_seed_gives_the_same_run_again():
    for seed in (1, 2, 5):
        assert told(seed) == told(seed)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_a_planted_bug_is_found_and_replays_from_its_seed(mutant):
    with mutant():
        for seed in range(ENOUGH):
            try:
                simulate(seed, 120)
            except BaseException as error:
                assert f"python -m tests.simulation {seed} 120" in error.__notes__[0]
                with pytest.raises(type(error)) as again:
                    simulate(seed, 120)
                assert str(again.value) == str(error), "the same goes wrong again"
                return
    pytest.fail("nobody noticed")
