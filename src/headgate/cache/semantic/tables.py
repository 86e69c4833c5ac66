"""The vectors of one partition in memory, and the search for the nearest: in three ways, by what is installed.

None of them is for several threads at once.
"""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, Protocol

from headgate.cache.semantic.types import Vector


class Table(Protocol):
    """Vectors by number."""

    limit: int
    """How many it takes for a search to stay quick."""

    def put(self, number: int, vector: Vector) -> None:
        """Take a vector in under a *number* that is new."""
        ...

    def drop(self, number: int) -> None:
        """Remove the vector of a number."""
        ...

    def best(self, vector: Vector, count: int) -> list[tuple[int, float]]:
        """Return numbers and cosines of the *count* nearest, nearest first."""
        ...


class Plain:
    """Exact, without any package: for each place in a vector it has a list of the vectors that are not zero there."""

    limit = 2_000

    def __init__(self) -> None:
        self._at: dict[int, dict[int, float]] = {}
        self._places: dict[int, list[int]] = {}

    def put(self, number: int, vector: Vector) -> None:
        """See ``Table``."""
        places = self._places[number] = [place for place, value in enumerate(vector) if value]
        for place in places:
            self._at.setdefault(place, {})[number] = vector[place]

    def drop(self, number: int) -> None:
        """See ``Table``."""
        for place in self._places.pop(number, ()):
            self._at[place].pop(number, None)

    def best(self, vector: Vector, count: int) -> list[tuple[int, float]]:
        """See ``Table``."""
        totals = dict.fromkeys(self._places, 0.0)
        for place, value in enumerate(vector):
            if value:
                for number, other in self._at.get(place, {}).items():
                    totals[number] += value * other
        return sorted(totals.items(), key=lambda one: -one[1])[:count]


class Matrix:
    """Exact, with numpy: one product of a matrix and a vector."""

    limit = 20_000

    def __init__(self) -> None:
        import numpy  # type: ignore[import-not-found,unused-ignore]

        self._np: Any = numpy
        self._rows: Any = None
        self._numbers: list[int] = []
        self._row_of: dict[int, int] = {}

    def put(self, number: int, vector: Vector) -> None:
        """See ``Table``."""
        row = len(self._numbers)
        if self._rows is None:
            self._rows = self._np.zeros((64, len(vector)), self._np.float32)
        elif row == len(self._rows):
            self._rows = self._np.concatenate([self._rows, self._np.zeros_like(self._rows)])
        self._rows[row] = vector
        self._numbers.append(number)
        self._row_of[number] = row

    def drop(self, number: int) -> None:
        """See ``Table``."""
        row = self._row_of.pop(number, None)
        if row is None:
            return
        last = self._numbers.pop()
        if last != number:
            self._rows[row] = self._rows[len(self._numbers)]
            self._numbers[row] = last
            self._row_of[last] = row

    def best(self, vector: Vector, count: int) -> list[tuple[int, float]]:
        """See ``Table``."""
        size = len(self._numbers)
        if not size:
            return []
        found = self._rows[:size] @ self._np.asarray(vector, self._np.float32)
        most = min(count, size)
        rows = self._np.argpartition(found, size - most)[size - most :]
        return sorted(((self._numbers[row], float(found[row])) for row in rows), key=lambda one: -one[1])


class Graph:
    """Approximate, with usearch (https://github.com/unum-cloud/usearch): a graph over vectors of 16 bits."""

    limit = 1_000_000
    EXPANSION = 96

    def __init__(self) -> None:
        self._index: Any = None

    def put(self, number: int, vector: Vector) -> None:
        """See ``Table``."""
        import numpy  # type: ignore[import-not-found,unused-ignore]

        if self._index is None:
            from usearch.index import Index  # type: ignore[import-not-found,unused-ignore]

            self._index = Index(ndim=len(vector), metric="cos", dtype="f16", expansion_search=self.EXPANSION)
        self._index.add(number, numpy.asarray(vector, numpy.float32), threads=1)

    def drop(self, number: int) -> None:
        """See ``Table``."""
        if self._index is not None and number in self._index:
            self._index.remove(number)

    def best(self, vector: Vector, count: int) -> list[tuple[int, float]]:
        """See ``Table``."""
        import numpy  # type: ignore[import-not-found,unused-ignore]

        if self._index is None or not len(self._index):
            return []
        found = self._index.search(numpy.asarray(vector, numpy.float32), count, threads=1)
        return [(int(number), 1 - float(far)) for number, far in zip(found.keys, found.distances, strict=True)]


Maker = Callable[[], Table]


def exact() -> Maker:
    """Return what makes exact tables, with numpy where it is installed."""
    return Matrix if find_spec("numpy") is not None else Plain
