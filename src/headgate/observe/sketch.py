"""How long things took, as counts by size: quantiles within 2 percent, and two sketches make one. Pure.

Sizes grow by the same factor, as in DDSketch (https://arxiv.org/abs/1908.10693), from 10 microseconds to an hour; what
is less or more counts as the least or the most. However much is counted, a sketch has at most 494 numbers.
"""

import sys
from array import array
from collections.abc import Iterable, Iterator
from math import ceil, exp, log

ERROR = 0.02
"""A quantile is off by at most this share of itself."""
LEAST_MS, MOST_MS = 0.01, 3_600_000.0
_GROWTH = log((1 + ERROR) / (1 - ERROR))
_PER_LOG = 1 / _GROWTH
_SHIFT = -log(LEAST_MS) * _PER_LOG
_MIDDLE = 2 * LEAST_MS / (1 + exp(_GROWTH))
LAST = ceil(log(MOST_MS / LEAST_MS) * _PER_LOG)
_WIDTHS = ((1, "B"), (2, "H"), (4, "I"), (8, "Q"))
_CODES = dict(_WIDTHS)


def size_of(ms: float) -> int:
    """Return the number of the size that *ms* is of."""
    if ms <= LEAST_MS:
        return 0
    return min(ceil(log(ms) * _PER_LOG + _SHIFT), LAST)


def ms_of(size: int) -> float:
    """Return the milliseconds that a size stands for."""
    return LEAST_MS if size == 0 else _MIDDLE * exp(size * _GROWTH)


class Sketch:
    """How many there are of each size; those from the least to the greatest that there is are at hand."""

    __slots__ = ("_counts", "_low")

    def __init__(self) -> None:
        self._low = 0
        self._counts: list[int] = []

    @classmethod
    def unpack(cls, packed: bytes) -> "Sketch":
        """Return the sketch that :meth:`pack` gave; raise ``ValueError`` for anything else."""
        made = cls()
        if packed:
            code = _CODES.get(packed[0])
            if code is None:
                raise ValueError("this is no sketch")
            numbers = array(code)
            numbers.frombytes(packed[3:])
            made._counts = _little(numbers).tolist()
            made._low = packed[1] | packed[2] << 8
        return made

    def pack(self) -> bytes:
        """Return it as it is stored: the width of a number, the least size (2 bytes), then a number for each size."""
        counts, low = self._counts, self._low
        if not counts:
            return b""
        most = max(counts)
        width, code = _WIDTHS[0] if most < 256 else next(each for each in _WIDTHS if most < 1 << 8 * each[0])
        return bytes((width, low & 0xFF, low >> 8)) + _little(array(code, counts)).tobytes()

    def add(self, sizes: Iterable[int]) -> None:
        """Count *sizes*, which are as :func:`size_of` gives them."""
        counts, low = self._counts, self._low
        for size in sizes:
            place = size - low
            if not 0 <= place < len(counts):
                self._reach(size, size)
                counts, low = self._counts, self._low
                place = size - low
            counts[place] += 1

    def merge(self, other: "Sketch") -> None:
        """Add all that *other* has."""
        if other._counts:
            self._reach(other._low, other._low + len(other._counts) - 1)
            shift = other._low - self._low
            for place, count in enumerate(other._counts, shift):
                self._counts[place] += count

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

    def _reach(self, low: int, high: int) -> None:
        """Have numbers from *low* to *high*."""
        if not self._counts:
            self._low, self._counts = low, [0] * (high - low + 1)
            return
        if low < self._low:
            self._counts[:0] = [0] * (self._low - low)
            self._low = low
        beyond = high - self._low - len(self._counts) + 1
        if beyond > 0:
            self._counts += [0] * beyond


def _little(numbers: "array[int]") -> "array[int]":
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
