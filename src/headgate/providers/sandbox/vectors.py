"""Embeddings without a model: texts that share words lie near each other, a text always at the same place."""

import re
import sys
from array import array
from base64 import b64encode
from hashlib import blake2b, shake_128
from math import sqrt
from operator import mul

WORD = re.compile(r"\w+")
DIMENSIONS = 384
MAX_DIMENSIONS = 4096
MAX_WORDS = 2000
PLACES = 4
"""Coordinates that one word moves."""
NOISE = 0.15 / 32768
"""How much of a vector is the text's own, so that no two texts and no two languages give nothing at all."""


def vector(text: str, dimensions: int) -> list[float]:
    """Return a vector of length 1."""
    data = text.encode("utf-8", "replace")
    noise = array("h", shake_128(data).digest(2 * dimensions))
    scale = NOISE / sqrt(dimensions)
    made = [scale * value for value in noise]
    for word in WORD.findall(text.lower(), 0, 16 * MAX_WORDS)[:MAX_WORDS]:
        bits = int.from_bytes(blake2b(word.encode("utf-8", "replace"), digest_size=PLACES * 4).digest(), "big")
        for _ in range(PLACES):
            made[(bits & 0x7FFFFFFF) % dimensions] += 1.0 if bits & 0x80000000 else -1.0
            bits >>= 32
    norm = sqrt(sum(map(mul, made, made)))
    return [value / norm for value in made]


def packed(values: list[float]) -> str:
    """Return the vector as base64 of little-endian 32-bit floats, as clients that save bytes ask for it."""
    floats = array("f", values)
    if sys.byteorder == "big":
        floats.byteswap()
    return b64encode(floats.tobytes()).decode()
