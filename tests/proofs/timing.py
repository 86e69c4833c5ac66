"""How long a wrong key takes to be refused says nothing of how much of it was right: Welch's t over many refusals."""

import asyncio
import gc
import math
import random
import secrets
import statistics
from pathlib import Path
from time import perf_counter_ns

from headgate.access.keys import derive, mint
from headgate.access.principals import Principals
from headgate.core.errors import NotAuthenticated
from headgate.storage.tenancy_rows import Found
from headgate.storage.types import Change
from tests.proofs import Progress

SAMPLES = 200_000
BATCH = 2_000
LIMIT = 4.5
LOOSE = 15.0
"""For a small run on a machine that does other things as well."""
KEPT = 0.9
"""Of all samples, the fastest: the others met a collection, an interrupt or another process."""


class Nothing:
    """A store in which there is no such key."""

    async def lookup(self, digest: bytes) -> Found | None:
        return None

    async def changes(self, after: int) -> list[Change]:
        return []


def prove(scale: float, folder: Path, progress: Progress) -> str:
    samples = max(round(SAMPLES * scale), BATCH)
    t, microseconds = asyncio.run(measured(samples, progress))
    limit = LIMIT if scale >= 1 else LOOSE
    assert abs(t) < limit, f"t is {t:.2f} over {samples} refusals: a good prefix can be told from a bad one"
    return f"{samples} refusals of {microseconds:.0f} microseconds each: t is {t:.2f}, below {limit:g}"


async def measured(samples: int, progress: Progress) -> tuple[float, float]:
    derived, rng = derive(b"\6" * 32), random.Random(1)
    principals = Principals(Nothing(), derived, bad_per_minute=10**9)
    await principals.refresh()
    real = mint("key", derived).reveal()
    taken: tuple[list[int], list[int]] = ([], [])
    gc.disable()
    try:
        for done in range(0, samples, BATCH):
            gc.collect()
            principals._negative.clear()
            await principals.refresh()
            for good in rng.sample([0, 1] * (BATCH // 2), BATCH):
                taken[good].append(await refusal(principals, wrong(real, bool(good))))
            progress(done + BATCH, samples)
    finally:
        gc.enable()
    edge = sorted(taken[0] + taken[1])[round(len(taken[0] + taken[1]) * KEPT)]
    bad, near = ([at for at in side if at <= edge] for side in taken)
    spread = statistics.variance(bad) / len(bad) + statistics.variance(near) / len(near)
    return (statistics.fmean(near) - statistics.fmean(bad)) / math.sqrt(spread), statistics.fmean(bad + near) / 1000


def wrong(real: str, good: bool) -> bytes:
    """A key of the real one's length: all but its last characters are right, or none is."""
    kept = real[:-8] if good else real[:3]
    return (kept + secrets.token_urlsafe(64))[: len(real)].encode()


async def refusal(principals: Principals, key: bytes) -> int:
    """How long it takes, in nanoseconds."""
    headers = [(b"authorization", b"Bearer " + key)]
    began = perf_counter_ns()
    try:
        found = principals.authenticate(headers, b"", "192.0.2.1")
        await found  # type: ignore[misc]
    except NotAuthenticated:
        return perf_counter_ns() - began
    raise AssertionError("a wrong key was taken")
