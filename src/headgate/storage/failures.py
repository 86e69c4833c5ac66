"""Failed sign-ins, counted in the database: for all gateways that share it."""

from hashlib import sha256

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine

from headgate.core.ids import now
from headgate.storage.schema.entry import failures

SLOT_DIGITS = 5
"""Hexadecimal digits of a name's hash that are kept: a million rows at most, whoever tries with however many names."""


class SqlCounts:
    """:class:`headgate.access.throttle.Counts` of one *kind*, one letter, of names on SQLite or PostgreSQL."""

    def __init__(self, engine: AsyncEngine, kind: str, window: int) -> None:
        """*window* is in seconds."""
        self._engine = engine
        self._kind = kind
        self._window = window * 1_000_000

    async def failed(self, name: str) -> int:
        """Return the failures of *name* in this window."""
        here = select(failures.c.count).where(failures.c.slot == self._slot(name), failures.c.since >= self._since())
        async with self._engine.connect() as con:
            return (await con.execute(here)).scalar_one_or_none() or 0

    async def add(self, name: str) -> int:
        """Add one; return how many there are now. What is left of earlier windows goes."""
        since = self._since()
        async with self._engine.begin() as con:
            await con.execute(delete(failures).where(failures.c.since < since))
            made = (postgresql.insert if con.dialect.name == "postgresql" else sqlite.insert)(failures)
            more = made.values(slot=self._slot(name), since=since, count=1).on_conflict_do_update(
                index_elements=["slot"], set_={"count": failures.c.count + 1}
            )
            found: int = (await con.execute(more.returning(failures.c.count))).scalar_one()
            return found

    async def forget(self, name: str) -> None:
        """Start anew with *name*."""
        async with self._engine.begin() as con:
            await con.execute(delete(failures).where(failures.c.slot == self._slot(name)))

    def ends_in(self) -> int:
        """Return the seconds until the window ends."""
        return (self._since() + self._window - now()) // 1_000_000 + 1

    def _since(self) -> int:
        at = now()
        return at - at % self._window

    def _slot(self, name: str) -> str:
        return self._kind + sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:SLOT_DIGITS]
