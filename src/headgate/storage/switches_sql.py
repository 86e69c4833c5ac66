"""The management side's store of what people have switched by hand."""

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from headgate.core.ids import now
from headgate.storage.audit import note
from headgate.storage.keys import tell
from headgate.storage.object_rows import Author
from headgate.storage.owned import act
from headgate.storage.schema.stores import switches
from headgate.storage.switches import CHANGE, Hand

MOST = 1000


class SqlSwitches:
    """Every write tells the change feed and the audit log, in the same transaction."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def all(self) -> dict[str, Hand]:
        """Return what people have set, by ``provider/model`` or provider."""
        async with self._engine.connect() as con:
            return {row.name: row.state for row in await con.execute(select(switches.c.name, switches.c.state))}

    async def set(self, name: str, state: Hand | None, author: Author) -> None:
        """Set *name* by hand, or with ``None`` leave it to what is measured; every process obeys within a second.

        Raise ``ValueError`` where too many are set.
        """
        mine = switches.c.name == name
        async with self._engine.begin() as con:
            await tell(con, name, "", CHANGE)
            was = (await con.execute(select(switches.c.state).where(mine))).scalar()
            await con.execute(delete(switches).where(mine))
            if state is not None:
                if (await con.execute(select(func.count()).select_from(switches))).scalar_one() >= MOST:
                    raise ValueError(f"{MOST} are set by hand already; take one back first")
                await con.execute(insert(switches).values(name=name, state=state, at=now()))
            told = {"before": {"state": was}, "after": {"state": state}}
            await note(con, act(author, "providers:switch", "provider", name, author.tenant_id, **told))
