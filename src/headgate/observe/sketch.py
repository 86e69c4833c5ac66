"""How long things took, as counts by size: quantiles within 2 percent, and two sketches make one. Pure.

Sizes grow by the same factor, as in DDSketch (https://arxiv.org/abs/1908.10693), from 10 microseconds to an hour; what
is less or more counts as the least or the most. However much is counted, a sketch has at most 494 numbers.
"""

import sys
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from math import ceil, exp, log
from operator import add

ERROR = 0.02
"""A quantile is off by at most this share of itself."""
LEAST_MS, MOST_MS = 0.01, 3_600_000.0
_GROWTH = log((1 + ERROR) / (1 - ERROR))
_MIDDLE = 2 * LEAST_MS / (1 + exp(_GROWTH))
LAST = ceil(log(MOST_MS / LEAST_MS) / _GROWTH)
KINDS = {array(kind).itemsize: kind for kind in "BHIQ"}
"""Bytes of a number -> the kind of array that has such: the narrowest that will do."""

size_of = partial(bisect_left, [LEAST_MS * exp(size * _GROWTH) for size in range(LAST)])
"""Return the number of the size that so many milliseconds are of."""


def sizes_of(times: Iterable[float]) -> Counter[int]:
    """Return how many of *times* (milliseconds) are of each size."""
    return Counter(map(size_of, times))


def ms_of(size: int) -> float:
    """Return the milliseconds that a size stands for."""
    return LEAST_MS if size == 0 else _MIDDLE * exp(size * _GROWTH)


class Sketch:
    """How many there are of each size; those from the least to the greatest that there is are at hand."""

    __slots__ = ("_counts", "_low")

    def __init__(self) -> None:
        self._low = 0
        self._counts = array("B")

    @classmethod
    def unpack(cls, packed: bytes) -> "Sketch":
        """Return the sketch that :meth:`pack` gave; raise ``ValueError`` for anything else."""
        if not packed:
            return cls()
        kind = KINDS.get(packed[0])
        if kind is None:
            raise ValueError("this is no sketch")
        made = cls.__new__(cls)  # a chart has tens of thousands
        made._counts = _little(array(kind, packed[3:]))
        made._low = packed[1] | packed[2] << 8
        return made

    def pack(self) -> bytes:
        """Return it as it is stored: the width of a number, the least size (2 bytes), then a number for each size."""
        counts, low = self._counts, self._low
        if not counts:
            return b""
        return bytes((counts.itemsize, low & 0xFF, low >> 8)) + _little(counts).tobytes()

    def add(self, sizes: Mapping[int, int]) -> None:
        """Add so many of each of *sizes*, which are as :func:`size_of` gives them."""
        for size, count in sizes.items():
            place = size - self._low
            if 0 <= place < len(self._counts):
                try:
                    self._counts[place] += count
                    continue
                except OverflowError:
                    pass
            self._put(size, count)

    def merge(self, other: "Sketch") -> None:
        """Add all that *other* has."""
        if not other._counts:
            return
        if not self._counts:
            self._low, self._counts = other._low, array(other._counts.typecode, other._counts)
            return
        low = min(self._low, other._low)
        high = max(self._low + len(self._counts), other._low + len(other._counts))
        total = list(map(add, self._spread(low, high), other._spread(low, high)))
        self._low, self._counts = low, array(_kind_of(max(total)), total)

    @property
    def count(self) -> int:
        """How many were counted."""
        return sum(self._counts)

    def quantile(self, share: float) -> float | None:
        """Return the milliseconds that *share* (0 to 1) of all are not above; ``None`` of nothing."""
        left = max(ceil(share * self.count), 1)
        for size, count in self._sizes():
            left -= count
            if left <= 0:
                return ms_of(size)
        return None

    def mean(self) -> float | None:
        """Return the average in milliseconds, within the same error; ``None`` of nothing."""
        total = self.count
        return sum(ms_of(size) * count for size, count in self._sizes()) / total if total else None

    def _sizes(self) -> Iterator[tuple[int, int]]:
        return ((size, count) for size, count in enumerate(self._counts, self._low) if count)

    def _put(self, size: int, count: int) -> None:
        """Add to one number, of which there may not be one yet, or a too narrow one."""
        if not self._counts:
            self._low = size
        before, beyond = self._low - size, size - self._low - len(self._counts) + 1
        if before > 0:
            self._counts = self._zeros(before) + self._counts
            self._low = size
        elif beyond > 0:
            self._counts += self._zeros(beyond)
        place = size - self._low
        total = self._counts[place] + count
        if total >> 8 * self._counts.itemsize:
            self._counts = array(_kind_of(total), self._counts)
        self._counts[place] = total

    def _spread(self, low: int, high: int) -> list[int]:
        """Return the numbers of the sizes from *low* to before *high*, all of its own among them."""
        return [0] * (self._low - low) + self._counts.tolist() + [0] * (high - self._low - len(self._counts))

    def _zeros(self, count: int) -> "array[int]":
        return array(self._counts.typecode, bytes(count * self._counts.itemsize))


def _kind_of(most: int) -> str:
    """Return the narrowest kind of array that holds *most*."""
    return next(kind for width, kind in KINDS.items() if not most >> 8 * width)


def _little(numbers: "array[int]") -> "array[int]":
    """Return *numbers* as they are stored, or as they are counted, which is the same on most machines."""
    if sys.byteorder == "big":
        numbers = array(numbers.typecode, numbers)
        numbers.byteswap()
    return numbers
