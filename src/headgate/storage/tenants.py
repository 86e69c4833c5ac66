"""The store of tenants. A tenant sees itself; what lists or makes others says so in its name."""

from typing import Any

from sqlalchemy import ColumnElement, and_, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from headgate.storage.audit import note
from headgate.storage.keys import tell
from headgate.storage.object_rows import CHANGE, Author
from headgate.storage.owned import act
from headgate.storage.schema import metadata, tenants
from headgate.storage.schema.proofs import audit
from headgate.storage.tenancy import Filter, InUse, Objects, Page
from headgate.storage.tenancy_rows import TenantRow

LASTING = frozenset(
    {"records", "ledger", "adjustments", "invoices", "rollups", "archives"}
    | {"audit", "audit_heads", "seals", "changes"}
)
"""Tables that stay when a tenant goes: what happened, what it cost, who did what, and what proves it."""
FIRST = "default"
"""The installation's own tenant, which cannot go."""


class SqlTenants(Objects[TenantRow]):
    """Organizations."""

    table, word, things = tenants, "tenant", "tenants"
    settable = frozenset(
        {"name", "email", "is_active", "zone", "limits", "user_limits", "end_user_limits", "models", "providers"}
        | {"catalogue", "settings"}
    )

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(engine, TenantRow)

    async def of_the_platform(self, where: Filter = Filter(), page: Page = Page()) -> list[TenantRow]:
        """Return a page of all tenants there are."""
        query = self._paged(select(*self._columns()).where(self._fits("", where)), page)
        async with self.engine.connect() as con:
            return [TenantRow(**row._mapping) for row in await con.execute(query)]

    async def noted(
        self,
        con: AsyncConnection,
        author: Author,
        verb: str,
        tenant_id: str,
        id: str,
        before: TenantRow | None,
        after: TenantRow | None,
    ) -> None:
        """Note what comes and goes in the log of who does it as well, by its id alone: others read that log."""
        await super().noted(con, author, verb, tenant_id, id, before, after)
        if (before is None or after is None) and author.tenant_id != tenant_id:
            await note(con, act(author, f"tenants:{verb}", self.word, id, author.tenant_id))

    async def _add(self, con: AsyncConnection, tenant_id: str, row: TenantRow, author: Author) -> None:
        """Raise ``InUse`` for the id of a tenant that is gone: under it stands what that one did."""
        c = audit.c
        entry = (c.tenant_id == row.id, c.object_kind == self.word, c.object_id == row.id)
        gone = select(c.seq).where(*entry, c.action == "tenants:delete", c.outcome == "done").limit(1)
        if (await con.execute(gone)).first() is not None:
            raise InUse(f"The id {row.id!r} was another tenant's, whose log stays under it: choose another.", "id")
        await super()._add(con, tenant_id, row, author)

    async def _removing(self, con: AsyncConnection, tenant_id: str, row: TenantRow) -> None:
        if row.id == FIRST:
            raise InUse("The installation's own tenant cannot be removed.")
        for table in reversed(metadata.sorted_tables):
            if "tenant_id" in table.c and table.name not in LASTING:
                await con.execute(delete(table).where(table.c.tenant_id == tenant_id))
        await tell(con, tenant_id, tenant_id, CHANGE)  # nobody goes on with what it had configured

    def _of(self, tenant_id: str) -> ColumnElement[bool]:
        mine: ColumnElement[bool] = tenants.c.id == tenant_id
        return mine

    def _mine(self, tenant_id: str, id: str) -> Any:
        return and_(tenants.c.id == tenant_id, tenants.c.id == id)
