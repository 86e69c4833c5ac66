"""Sketches: what they say is within their error, whatever was put in, and however it was put together."""

import math
import random
from collections import Counter

import pytest

from headgate.observe.sketch import ERROR, LAST, LEAST_MS, MOST_MS, Sketch, ms_of, size_of


def sketch_of(times) -> Sketch:
    made = Sketch()
    made.add(Counter(size_of(ms) for ms in times))
    return made


@pytest.mark.parametrize("seed", range(4))
def test_quantiles_are_within_the_error(seed):
    dice = random.Random(seed)
    times = sorted(dice.lognormvariate(dice.uniform(0, 8), 1.5) for _ in range(5_000))
    sketch = sketch_of(times)
    for share in (0.0, 0.01, 0.5, 0.9, 0.99, 0.999, 1.0):
        exact = times[max(math.ceil(share * len(times)), 1) - 1]
        assert sketch.quantile(share) == pytest.approx(exact, rel=ERROR * 1.001)
    assert sketch.mean() == pytest.approx(sum(times) / len(times), rel=ERROR)


def test_parts_make_the_whole_and_packing_loses_nothing():
    dice = random.Random(7)
    times = [dice.expovariate(0.001) for _ in range(3_000)]
    parts = [sketch_of(times[n::7]) for n in range(7)]
    dice.shuffle(parts)
    whole = Sketch()
    for part in parts:
        whole.merge(Sketch.unpack(part.pack()))
    assert whole.pack() == sketch_of(times).pack()
    assert whole.count == len(times)


@pytest.mark.parametrize("ms", [0.0, -1.0, LEAST_MS, 1.0, MOST_MS, 1e300, math.inf])
def test_what_is_out_of_bounds_counts_at_the_bounds(ms):
    assert 0 <= size_of(min(ms, 1e300)) <= LAST
    sketch = sketch_of([min(ms, 1e300)])
    assert LEAST_MS <= (sketch.quantile(0.5) or 0) <= MOST_MS * (1 + ERROR)


def test_it_stays_small_and_numbers_may_be_great():
    sketch = Sketch()
    sketch.add(dict.fromkeys(range(LAST + 1), 1))
    for _ in range(40):  # doubles it
        sketch.merge(sketch_of_same(sketch))
    assert len(sketch.pack()) == 3 + 8 * (LAST + 1)
    assert Sketch.unpack(sketch.pack()).count == (LAST + 1) << 40


def sketch_of_same(sketch: Sketch) -> Sketch:
    return Sketch.unpack(sketch.pack())


def test_nothing_has_no_quantile():
    assert Sketch().pack() == b""
    assert Sketch.unpack(b"").quantile(0.5) is Sketch().mean() is None
    with pytest.raises(ValueError, match="sketch"):
        Sketch.unpack(b"\x03\0\0\0")


def test_every_size_stands_for_what_it_is():
    assert all(size_of(ms_of(size)) == size for size in range(LAST))
