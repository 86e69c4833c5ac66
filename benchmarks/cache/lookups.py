"""How long a lookup takes, by the number of entries, with and without making the vector."""

import asyncio
import random
import sys
import tempfile
import time
from array import array
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from headgate.cache.semantic.build import nearest
from headgate.cache.semantic.config import SemanticConfig
from headgate.cache.semantic.embed import Embedder
from headgate.cache.semantic.near import Semantic
from headgate.cache.semantic.types import Item
from headgate.cache.types import Grounds, Question

LOOKUPS = 500
SCOPE = bytes(32)
HOURS = 3_600_000_000
NOISE = 0.35
"""How far a made-up entry's vector lies from that of the question it was made of."""


class Times(msgspec.Struct, frozen=True):
    """Milliseconds."""

    p50: float
    p99: float
    cpu: float
    """Of this process, a lookup, on average."""


def build(config: dict[str, Any], entries: int) -> Semantic:
    """Return a semantic cache in this process."""
    settings = msgspec.convert({"verify": 0, **config}, SemanticConfig)
    return nearest(
        "bench", settings, entries=entries, grounds=Grounds(directory=Path(tempfile.gettempdir()), secret=b"b")
    )


def fill(cache: Semantic, texts: Sequence[str], vectors: Any, entries: int) -> float:
    """Put *entries* questions in, made of *texts* and their *vectors*; return the seconds that took."""
    import numpy as np  # type: ignore[import-not-found,unused-ignore]

    draw = np.random.default_rng(7)
    index: Any = cache._parts.index
    expires = time.time_ns() // 1000 + HOURS
    size = vectors.shape[1]
    began = time.perf_counter()
    for i in range(entries):
        held = vectors[i % len(texts)]
        if i >= len(texts):
            moved = held + draw.normal(0, NOISE / size**0.5, size).astype(np.float32)
            held = moved / np.linalg.norm(moved)
        text = texts[i % len(texts)]
        key = i.to_bytes(32, "big")
        index.put(
            Item(tenant_id="t", scope=SCOPE, key=key, text=text, vector=array("f", held.tobytes()), expires=expires)
        )
        if (i + 1) % 20_000 == 0:
            print(f"  {i + 1:,} of {entries:,} entries", file=sys.stderr, flush=True)
    return time.perf_counter() - began


class Known:
    """Vectors that were made before: to measure a lookup without them."""

    def __init__(self, real: Embedder, vectors: dict[str, Any]) -> None:
        self.verifier = real.verifier
        self.features = real.features
        self._vectors = vectors

    async def vector(self, text: str, embed: Any) -> Any:
        return self._vectors[text]


async def timed(cache: Semantic, texts: Sequence[str], *, known: dict[str, Any] | None) -> Times:
    """Look *texts* up, each once, one after the other; with *known*, by vectors that are there already."""
    real = cache._parts
    if known is not None:
        cache._parts = msgspec.structs.replace(real, embedder=Known(real.embedder, known))
    took = []
    try:
        await cache.find(_question(texts[0]))
        cpu = time.process_time()
        for text in texts:
            began = time.perf_counter()
            await cache.find(_question(text))
            took.append((time.perf_counter() - began) * 1e3)
        cpu = (time.process_time() - cpu) * 1e3 / len(texts)
    finally:
        cache._parts = real
    took.sort()
    return Times(round(median(took), 3), round(took[int(len(took) * 0.99)], 3), round(cpu, 3))


def _question(text: str) -> Question:
    return Question(tenant_id="t", scope=SCOPE, text=text, key=b"\xff" * 32, at=0)


def both(cache: Semantic, texts: Sequence[str], vectors: dict[str, Any]) -> dict[str, Times]:
    """Return the times without and with making the vector."""
    some = random.Random(3).sample(list(texts), min(LOOKUPS, len(texts)))

    async def run() -> dict[str, Times]:
        known = {text: array("f", vectors[text].tobytes()) for text in some}
        without = await timed(cache, some, known=known)
        with_ = await timed(cache, some, known=None)
        await cache.close()
        return {"without its embedding": without, "with its embedding": with_}

    return asyncio.run(run())
