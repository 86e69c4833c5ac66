"""What is stored of a budget, and how the request path reads those of a tenant."""

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec


class BudgetRow(msgspec.Struct, frozen=True, kw_only=True):
    """A budget of a tenant. Instants are microseconds since 1970, UTC."""

    id: str
    tenant_id: str
    name: str
    conditions: str = "[]"
    """JSON: ``[[kind, id], ...]``, all of which must hold; none is the whole tenant."""
    each: str | None = None
    """Every one of this kind has the amount for itself."""
    unit: str = "nano"
    amount: int
    """Nano-dollars, or tokens."""
    period: str
    """``day``, ``week``, ``month`` or ``total``."""
    hard: bool = True
    is_active: bool = True
    created_at: int
    updated_at: int
    platform: bool = False
    """It binds the tenant: who administers the platform alone changes it."""


class Reads(Protocol):
    """Runs a statement: a ``sqlite3`` connection or a ``storage.sql.Sql``."""

    def execute(self, sql: str, params: Sequence[Any], /) -> Any:
        """Return something with ``fetchall``."""
        ...


OF_TENANT = """SELECT id, tenant_id, name, conditions, each, unit, amount, period, hard, is_active,
    created_at, updated_at, platform FROM budgets WHERE tenant_id = ? AND is_active ORDER BY id"""


FLAGS = ("hard", "is_active", "platform")


def budgets_of(read: Reads, tenant_id: str) -> list[BudgetRow]:
    """Return the budgets of a tenant that are on."""
    names = BudgetRow.__struct_fields__
    found = read.execute(OF_TENANT, (tenant_id,)).fetchall()
    rows = (dict(zip(names, row, strict=True)) for row in found)
    return [BudgetRow(**{**row, **{name: bool(row[name]) for name in FLAGS}}) for row in rows]
