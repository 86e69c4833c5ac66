"""A linear classifier over hashed pieces of text: words, pairs of words, and runs of bytes. No dependencies.

Trained by ``benchmarks/guardrails/train.py``. A text is seen through windows, since an attack may hide in a long one:
what counts is the window that looks worst.
"""

import lzma
import re
import struct
import unicodedata
from array import array
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from itertools import pairwise
from math import exp, sqrt
from zlib import crc32

WINDOW = 1200
"""Characters that are looked at together; longer texts are seen in windows that overlap by half."""
SHORT = range(3, 6)
"""Lengths of the runs of bytes."""
MAGIC = b"HGL1"
_TOKEN = re.compile(r"\w+|[^\w\s]")
_SPACE = re.compile(r"\s+")
_INVISIBLE = {c: None for c in (*range(0x200B, 0x2010), 0xFEFF, 0x2060, 0xAD, *range(0xE0000, 0xE0080))}


class Linear:
    """Weights of the pieces, a bias, and how to read a score as a probability."""

    def __init__(self, weights: "array[int]", scale: float, bias: float) -> None:
        self._weights = weights
        self._mask = len(weights) - 1
        self._scale = scale
        self._bias = bias

    def score(self, text: str) -> float:
        """Return how much *text* looks like what was trained for, 0 to 1."""
        return max((self._one(window) for window in windows(plain(text))), default=0.0)

    def _one(self, text: str) -> float:
        found = pieces(text, self._mask)
        if not found:
            return 0.0
        total = sum(map(self._weights.__getitem__, found)) * self._scale / sqrt(len(found)) + self._bias
        return 1 / (1 + exp(-max(min(total, 40.0), -40.0)))


def plain(text: str) -> str:
    """Return *text* without what only hides it: case, odd forms of letters, invisible characters, runs of space."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(_INVISIBLE)
    return _SPACE.sub(" ", text.casefold()).strip()


def windows(text: str) -> Iterator[str]:
    """Yield the parts of *text* to be looked at, each at most ``WINDOW`` long."""
    yield text[:WINDOW]
    for start in range(WINDOW // 2, len(text) - WINDOW // 2, WINDOW // 2):
        yield text[start : start + WINDOW]


def pieces(text: str, mask: int) -> set[int]:
    """Return the hashed pieces of a plain *text*."""
    words = [word.encode("utf-8", "replace") for word in _TOKEN.findall(text)]
    found = {crc32(word) & mask for word in words}
    found.update([crc32(b"%b %b" % pair) & mask for pair in pairwise(words)])
    data = b" %b " % text.encode("utf-8", "replace")
    for n in SHORT:
        found.update([crc32(data[i : i + n], n) & mask for i in range(len(data) - n + 1)])
    return found


@cache
def load(name: str) -> Linear:
    """Return the classifier *name* of the package; read on first use."""
    raw = lzma.decompress((files("headgate.guardrails") / "data" / f"{name}.xz").read_bytes())
    magic, scale, bias = struct.unpack_from("<4sff", raw)
    if magic != MAGIC:
        raise ValueError(f"the classifier {name!r} is of another version")
    weights = array("b")
    weights.frombytes(raw[struct.calcsize("<4sff") :])
    return Linear(weights, scale, bias)
