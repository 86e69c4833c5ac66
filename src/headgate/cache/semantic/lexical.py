"""Vectors from words alone: hashed stems, pairs of them and runs of letters, each weighed by how rare it is. Pure."""

from array import array
from collections.abc import Iterator
from itertools import pairwise
from math import sqrt
from zlib import crc32

from headgate.cache.semantic.features import Rarity
from headgate.cache.semantic.types import Vector
from headgate.cache.semantic.words import Asked

SIZE = 256
PAIR = 0.5
GRAM = 0.4
"""What a pair of stems, and a run of three letters, weighs beside a stem."""


def vector(found: Asked, rarity: Rarity) -> Vector:
    """Return the vector of a question: 256 numbers, of length 1."""
    places = [0.0] * SIZE
    for piece, weight in _pieces(found, rarity):
        number = crc32(piece.encode("utf-8", "replace"))
        places[number % SIZE] += weight if number & 0x10000 else -weight
    length = sqrt(sum(value * value for value in places)) or 1.0
    return array("f", [value / length for value in places])


def _pieces(found: Asked, rarity: Rarity) -> Iterator[tuple[str, float]]:
    for word in set(found.stems):
        yield word, rarity(word)
    for one, other in set(pairwise(found.stems)):
        yield f"{one} {other}", PAIR * (rarity(one) + rarity(other)) / 2
    for gram in found.grams:
        yield f"#{gram}", GRAM


def cosine(a: Vector, b: Vector) -> float:
    """Return the cosine of two vectors of length 1."""
    return sum([x * y for x, y in zip(a, b, strict=True)])
