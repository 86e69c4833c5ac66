"""What the small model knows of two questions beyond the cosine of their vectors: features for the verifier ``minilm``.

Trained by ``benchmarks/cache/train.py``.
"""

import lzma
import struct
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any

from headgate.cache.semantic.minilm import MiniLM
from headgate.cache.semantic.types import Vector

NAMES = (
    "likeness",
    "aligned_least",
    "aligned_most",
    "strange_least",
    "strange_most",
    "strange_sum_least",
    "strange_sum_most",
)
_HEAD = "<4sff"
MAGIC = b"HGP1"
PIECE = 20.0
"""Steps of an idf in its byte."""


class Weights:
    """Of the places of two vectors' difference and product, and how rare word pieces are."""

    def __init__(self, raw: bytes, size: int) -> None:
        import numpy  # type: ignore[import-not-found,unused-ignore]

        magic, scale, self._bias = struct.unpack_from(_HEAD, raw)
        if magic != MAGIC:
            raise ValueError("the weights of pairs are of another version")
        at = struct.calcsize(_HEAD)
        places = numpy.frombuffer(raw, numpy.int8, 2 * size, at).astype(numpy.float32) * scale
        self._apart, self._alike = places[:size], places[size:]
        self.rare = numpy.frombuffer(raw, numpy.uint8, -1, at + 2 * size).astype(numpy.float32) / PIECE

    def likeness(self, a: Any, b: Any) -> float:
        """Return how alike two vectors are, by the places that matter; no unit."""
        return float(abs(a - b) @ self._apart + (a * b) @ self._alike + self._bias)


@lru_cache(maxsize=1)
def weights(size: int) -> Weights:
    """Return the weights of the package for vectors of *size* numbers; read on first use."""
    return Weights(lzma.decompress((files("headgate.cache.semantic") / "data" / "pairs.xz").read_bytes()), size)


def features(model: MiniLM, a: tuple[str, Vector], b: tuple[str, Vector]) -> list[float]:
    """Return the numbers of ``NAMES`` for two texts and their vectors; the same whichever stands first."""
    import numpy  # type: ignore[import-not-found,unused-ignore]

    known = weights(model.size)
    va, vb = numpy.frombuffer(a[1], numpy.float32), numpy.frombuffer(b[1], numpy.float32)
    return [known.likeness(va, vb), *aligned(model, model.tokens(a[0]), model.tokens(b[0]), known.rare)]


def aligned(model: MiniLM, a: Sequence[int], b: Sequence[int], rare: Any) -> list[float]:
    """Return how well each word piece of one text finds a similar one in the other, by their own vectors.

    *a* and *b* are numbers of pieces with the marks of begin and end, *rare* the idf of each piece.
    """
    import numpy  # type: ignore[import-not-found,unused-ignore]

    one, other = a[1:-1], b[1:-1]
    if not one or not other:
        return [0.0] * 6
    alike = model.pieces(one) @ model.pieces(other).T
    means, worst, sums = [], [], []
    for best, weight in ((alike.max(axis=1), rare[list(one)]), (alike.max(axis=0), rare[list(other)])):
        strange = (1 - best) * weight
        means.append(float(best @ weight) / max(float(weight.sum()), 1e-6))
        worst.append(float(strange.max()))
        sums.append(float(numpy.sum(strange)))
    return [*sorted(means), *sorted(worst), *sorted(sums)]
