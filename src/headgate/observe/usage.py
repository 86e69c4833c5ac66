"""What was used, and how it went: sums by any dimension and window, read from the rollups.

Rows by a dimension add up to all calls: those without it, say of a model that nobody knows, are a row without a name.
It is not kept but worked out, as what all calls have and the named ones have not. All of that is read in one statement,
so that what is counted meanwhile is in both or in neither.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

import msgspec
from msgspec.structs import replace
from sqlalchemy import BigInteger, ColumnElement, Select, Text, cast, func, literal_column, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from headgate.observe.rollups import GRAINS, SECOND, Dimension
from headgate.observe.sketch import Sketch
from headgate.observe.windows import Cut, Span, cut_for, spans
from headgate.storage.schema.views import rollups
from headgate.storage.sums import SKETCHES, SUMS
from headgate.storage.tenancy import Narrow

MAX_ROWS = 100_000
"""Of sums, in one answer of the database."""
MAX_WINDOWS = 2_500
"""Windows that are looked up one by one for some names, rather than all names' between the first and the last."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked. Instants are microseconds UTC; windows that they lie in count whole."""

    since: int
    until: int
    by: Dimension | None = None
    interval: int | None = None
    """Seconds of a window, one of ``rollups.GRAINS``, where each is wanted by itself."""
    where: Mapping[Dimension, str] = {}
    within: Narrow | None = None
    """Whose alone."""
    names: tuple[str, ...] | None = None
    """These names alone."""
    finest: int = GRAINS[0]
    """Seconds: windows that are smaller are not there any more, or are not wanted."""

    @property
    def dimensions(self) -> frozenset[Dimension]:
        """All that it asks about."""
        named = {*self.where} | ({self.by} if self.by else set())
        whose = self.within.alone if self.within is not None else None
        return frozenset(named | ({whose[0]} if whose else set()))

    @property
    def cut(self) -> Cut | None:
        """Where the sums are, ``None`` where there are none for it."""
        if self.within is not None and self.within.alone is None:
            return None  # one call may be the team's and the user's: it would count twice
        found = cut_for(self.dimensions)
        return found if found is None or self.interval is None or self.interval in found.grains else None

    @property
    def adds_up(self) -> bool:
        """Whether each call is in one row: it has one name at most."""
        return self.by != "tag"

    @property
    def spans(self) -> list[Span]:
        """The windows that answer it."""
        return spans(self.since, self.until, self.grains)

    @property
    def grains(self) -> list[int]:
        """The windows that may answer it, in seconds."""
        if self.interval is not None:
            return [self.interval]
        cut = self.cut
        return [grain for grain in (cut.grains if cut else GRAINS) if grain >= self.finest]


class Used(msgspec.Struct, kw_only=True):
    """What was used under one name, in one window where they were asked for. Money is nano-dollars."""

    name: str = ""
    at: int | None = None
    requests: int = 0
    failures: int = 0
    fallbacks: int = 0
    attempts: int = 0
    hits: int = 0
    """Calls that a cache answered."""
    unpriced: int = 0
    input: int = 0
    output: int = 0
    cached: int = 0
    cache_write: int = 0
    reasoning: int = 0
    cost_nano: int = 0
    saved_nano: int = 0
    """What calls that a cache answered would have cost."""
    latency: Sketch | None = None
    first_token: Sketch | None = None
    overhead: Sketch | None = None

    def take(self, other: "Used", sign: Literal[1, -1] = 1) -> None:
        """Add the numbers of *other*, or take them off."""
        for name in SUMS:
            setattr(self, name, getattr(self, name) + sign * getattr(other, name))

    def merge(self, sketches: Sequence[Sketch]) -> None:
        """Add durations, in the order of ``storage.sums.SKETCHES``; the sketches are given away."""
        for name, sketch in zip(SKETCHES, sketches, strict=True):
            mine = getattr(self, name)
            if mine is None:  # most points of a chart are one row
                setattr(self, name, sketch)
            else:
                mine.merge(sketch)


class UsageStore(Protocol):
    """Sums of one tenant at a time."""

    async def sums(self, tenant_id: str, asked: Question) -> list[Used]:
        """Return the numbers by name and window, in no order, without durations. Calls without a name have the name "".

        Raise ``LookupError`` where no sums are kept for it: ``asked.cut`` is ``None``.
        """
        ...

    async def durations(self, tenant_id: str, asked: Question, into: Sequence[Used]) -> None:
        """Add the durations of *into*, which are some of what :meth:`sums` answered, to them.

        Those of calls without a name are not known, but for tags.
        """
        ...


class SqlUsage:
    """:class:`UsageStore` over SQLite or PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def sums(self, tenant_id: str, asked: Question) -> list[Used]:
        """See :class:`UsageStore`."""
        queries = [one for span in asked.spans for one in _queries(tenant_id, asked, span)]
        if not queries:
            return []
        found: dict[tuple[str, int | None], Used] = {}
        nameless: dict[int | None, Used] = {}
        tells = _tells_nameless(asked)
        async with self._engine.connect() as con:
            for kind, name, start, *numbers in await con.execute(union_all(*queries)):
                if numbers[0] is None:
                    continue
                at = start if asked.interval else None
                used = Used(name=name, at=at, **dict(zip(SUMS, numbers, strict=True)))
                if kind == ROWS:
                    _take(found, used)
                if tells and (kind != ROWS or asked.names is None):
                    nameless.setdefault(at, Used(at=at)).take(used, 1 if kind == ALL else -1)
        for used in nameless.values():
            if used.requests > 0:  # names beyond the bound of one cut and not of another could make it less
                _take(found, used)
        return list(found.values())

    async def durations(self, tenant_id: str, asked: Question, into: Sequence[Used]) -> None:
        """See :class:`UsageStore`."""
        cut = _cut(asked)
        name = _name(asked, cut)
        asked = replace(asked, names=tuple(sorted({used.name for used in into})))
        wanted = {(used.name, used.at): used for used in into if used.name or asked.by is None or not asked.adds_up}
        async with self._engine.connect() as con:
            for span in asked.spans:
                await self._merge(con, _tests(tenant_id, asked, cut, span), name, asked, wanted)

    async def _merge(
        self,
        con: AsyncConnection,
        tests: list[ColumnElement[bool]],
        name: Any,
        asked: Question,
        wanted: dict[tuple[str, int | None], Used],
    ) -> None:
        c = rollups.c
        columns = [c.start, *(c[one] for one in SKETCHES), *([name] if name is not None else [])]
        query = select(*columns).where(*tests)
        for start, latency, first, overhead, *named in await con.execute(query.limit(MAX_ROWS)):
            used = wanted.get((named[0] if named else "", start if asked.interval else None))
            if used is not None:
                used.merge([Sketch.unpack(bytes(each)) for each in (latency, first, overhead)])


def _cut(asked: Question) -> Cut:
    cut = asked.cut
    if cut is None:
        raise LookupError("+".join(sorted(asked.dimensions)))
    return cut


def _column(cut: Cut, dimension: Dimension) -> Any:
    return (rollups.c.a, rollups.c.b)[cut.columns.index(dimension)]


def _name(asked: Question, cut: Cut) -> Any:
    return _column(cut, asked.by) if asked.by else None


ROWS, ALL, NAMED = 0, 1, 2
"""Of what the numbers are: of one name, of all calls, of all calls that have a name."""


def _tells_nameless(asked: Question) -> bool:
    return asked.by is not None and asked.adds_up and (asked.names is None or "" in asked.names)


def _queries(tenant_id: str, asked: Question, span: Span) -> list[Select[Any]]:
    """Return what is read of one span: the rows, and what it takes to know what is in none."""
    cut = _cut(asked)
    queries = [_query(ROWS, tenant_id, asked, cut, span)]
    if _tells_nameless(asked):
        whole = replace(asked, by=None, names=None)
        queries.append(_query(ALL, tenant_id, whole, _cut(whole), span))
        if asked.names is not None:
            queries.append(_query(NAMED, tenant_id, whole, cut, span))
    return queries


def _query(kind: int, tenant_id: str, asked: Question, cut: Cut, span: Span) -> Select[Any]:
    c, name = rollups.c, _name(asked, cut)
    groups: list[Any] = [column for column in (name, c.start if asked.interval else None) if column is not None]
    query = select(
        literal_column(str(kind)).label("kind"),
        (literal_column("''", Text) if name is None else name).label("name"),
        (c.start if asked.interval else literal_column("0", BigInteger)).label("at"),
        *(cast(func.sum(c[one]), BigInteger).label(one) for one in SUMS),
    ).where(*_tests(tenant_id, asked, cut, span))
    return select((query.group_by(*groups) if groups else query).limit(MAX_ROWS).subquery())


def _tests(tenant_id: str, asked: Question, cut: Cut, span: Span) -> list[ColumnElement[bool]]:
    c = rollups.c
    tests = [c.tenant_id == tenant_id, c.grain == span.grain, c.cut == cut.name]
    windows = range(span.since, span.until, span.grain * SECOND)
    first = cut.columns[0] if cut.columns else None
    few = first is not None and (first in asked.where or (first == asked.by and asked.names is not None))
    if few and len(windows) <= MAX_WINDOWS:  # the key has the window before the name
        tests.append(c.start.in_(windows))
    else:
        tests += [c.start >= span.since, c.start < span.until]
    tests += [_column(cut, dimension) == value for dimension, value in asked.where.items()]
    if asked.names is not None and asked.by is not None:
        tests.append(_column(cut, asked.by).in_(asked.names))
    if asked.within is not None and (whose := asked.within.alone) is not None:
        tests.append(_column(cut, whose[0]).in_(whose[1]))
    return tests


def _take(found: dict[tuple[str, int | None], Used], used: Used) -> None:
    known = found.setdefault((used.name, used.at), used)
    if known is not used:
        known.take(used)
