"""Sums of finished calls by minute, hour and day. When they are written, and that none is lost or doubled, is
:mod:`headgate.ledger.viewing`'s.

Each home adds to rows of its own, so that several that drain into one database never wait for each other; who reads
adds them up. Numbers are added by the database. Sketches it cannot add: those of the last windows are at hand here.
"""

from collections import OrderedDict
from collections.abc import Iterable
from typing import TypeVar

from headgate.observe.facts import Facts
from headgate.observe.rollups import OTHER, Counted, Name, Rows, bound_of, rows_of, together
from headgate.observe.sketch import Sketch
from headgate.storage.sql import Sql
from headgate.storage.sums import SKETCHES, SUMS

KEY = ("tenant_id", "grain", "cut", "start", "a", "b", "node")
_ADDED = ", ".join(f"{name} = rollups.{name} + excluded.{name}" for name in SUMS)
_SET = ", ".join(f"{name} = excluded.{name}" for name in SKETCHES)
_ALL = (*KEY, *SUMS, *SKETCHES)
ADD = f"""INSERT INTO rollups ({", ".join(_ALL)}) VALUES ({", ".join("?" * len(_ALL))})
    ON CONFLICT ({", ".join(KEY)}) DO UPDATE SET {_ADDED}, {_SET}"""  # noqa: S608  # our own names
NAMES = "SELECT cut, a, b FROM rollups WHERE tenant_id = ? AND grain = ? AND start = ? AND node = ? AND cut IN ({})"
READ = f"""SELECT {", ".join(SKETCHES)} FROM rollups
    WHERE tenant_id = ? AND grain = ? AND cut = ? AND start = ? AND a = ? AND b = ? AND node = ?"""  # noqa: S608
MAX_CELLS = 20_000
"""Rows whose sketches are kept at hand; those of others are read when they are added to."""
MAX_WINDOWS = 4_000
"""Windows of a cut whose names are known without asking."""

K = TypeVar("K")
V = TypeVar("V")
Window = tuple[str, int, int]
Cell = tuple[Window, Name]
Sketches = tuple[Sketch, ...]
"""In the order of ``SKETCHES``."""


class Views:
    """The drainer's own; one thread at a time. Call ``done`` once the transaction is committed."""

    def __init__(self, node: str = "") -> None:
        """*node* is the name of the home among those that share the database."""
        self._node = node
        self._cells: OrderedDict[Cell, Sketches] = OrderedDict()
        self._names: OrderedDict[tuple[Window, str], set[Name]] = OrderedDict()
        self._open = False

    def add(self, sql: Sql, calls: Iterable[Facts]) -> None:
        """Add *calls*, all of them new, inside a transaction. What was added to one that failed is void."""
        if self._open:
            self.forget()
        self._open = True
        written = []
        sums: dict[tuple[int, ...], Counted] = {}  # in most cuts, and in all windows, the same calls count together
        for window, rows in sorted(rows_of(calls).items(), key=_first):
            for name, adds in sorted(self._bounded(sql, window, rows).items()):
                if len(adds) == 1:
                    (sum_,) = adds
                else:
                    key = tuple(map(id, adds))  # which live as long as the rows do
                    sum_ = sums.get(key) or sums.setdefault(key, together(adds))
                written.append((*self._key(window, name), *sum_.numbers, *self._sketches(sql, window, name, sum_)))
        sql.executemany(ADD, written)
        _shrink(self._cells, MAX_CELLS)
        _shrink(self._names, MAX_WINDOWS)

    def done(self) -> None:
        """The transaction was committed."""
        self._open = False

    def forget(self) -> None:
        """Know nothing of what is stored."""
        self._cells.clear()
        self._names.clear()
        self._open = False

    def _key(self, window: Window, name: Name) -> tuple[object, ...]:
        tenant_id, grain, start = window
        return (tenant_id, grain, name[0], start, name[1], name[2], self._node)

    def _bounded(self, sql: Sql, window: Window, rows: Rows) -> Rows:
        """Put rows beyond the bound of their cut together."""
        self._look(sql, window, {name[0] for name in rows})
        found: Rows = {}
        for name, adds in rows.items():
            cut = name[0]
            known = self._names[window, cut]
            if name not in known:
                if len(known) >= bound_of(cut):
                    name = (cut, OTHER, OTHER if name[2] else "")
                else:
                    self._cells[window, name] = _empty()
                known.add(name)
            if name in found:
                found[name] = [*found[name], *adds]
            else:
                found[name] = adds
        return found

    def _look(self, sql: Sql, window: Window, cuts: set[str]) -> None:
        """Know the names that a window has in *cuts*."""
        new = []
        for cut in cuts:
            if (window, cut) in self._names:
                self._names.move_to_end((window, cut))
            else:
                self._names[window, cut] = set()
                new.append(cut)
        if new:
            marks = ", ".join("?" * len(new))
            for cut, a, b in sql.execute(NAMES.format(marks), (*window, self._node, *new)):
                self._names[window, cut].add((cut, a, b))

    def _sketches(self, sql: Sql, window: Window, name: Name, adds: Counted) -> tuple[bytes, ...]:
        cell = (window, name)
        kept = self._cells.get(cell)
        if kept is None:
            row = sql.execute(READ, self._key(window, name)).fetchone()
            kept = self._cells[cell] = tuple([Sketch.unpack(bytes(each)) for each in row]) if row else _empty()
        else:
            self._cells.move_to_end(cell)
        latency, first, overhead = kept
        latency.add(adds.latency)
        if name[2]:  # of a pair the first is kept
            return (latency.pack(), b"", b"")
        first.add(adds.first_token)
        overhead.add(adds.overhead)
        return (latency.pack(), first.pack(), overhead.pack())


def _empty() -> Sketches:
    return (Sketch(), Sketch(), Sketch())


def _first(item: tuple[Window, Rows]) -> Window:
    return item[0]


def _shrink(kept: "OrderedDict[K, V]", most: int) -> None:
    while len(kept) > most:
        kept.popitem(last=False)
