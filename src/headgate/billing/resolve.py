"""Which of a tenant's budgets may bind a caller: what is known of the caller is decided here, once; the rest by call.

A budget of one subject alone is kept under that subject's own scope, so several of them (a month's and a day's) are the
same sums seen through different windows; any other is kept under its own.
"""

from collections.abc import Iterable

import msgspec

from headgate.access.types import Budget, SubjectKind
from headgate.storage.budget_rows import BudgetRow

KNOWN: tuple[SubjectKind, ...] = ("tenant", "team", "app", "user", "key")
"""Kinds of subject that a credential settles."""
CALLED: tuple[SubjectKind, ...] = ("end_user", "model", "provider", "tag")
"""Kinds that only a call settles."""

conditions = msgspec.json.Decoder(tuple[tuple[SubjectKind, str], ...]).decode


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a credential stands for, as far as budgets ask."""

    tenant_id: str
    team_id: str | None = None
    app_id: str | None = None
    user_id: str | None = None
    key_id: str | None = None
    """Of a key, or of an OAuth2 client."""

    def get(self, kind: SubjectKind) -> str | None:
        """Return the id of its subject of a kind in ``KNOWN``."""
        value: str | None = getattr(self, f"{kind}_id")
        return value


def resolve(rows: Iterable[BudgetRow], caller: Caller) -> tuple[Budget, ...]:
    """Return the budgets that may bind calls of *caller*; raise ``msgspec.MsgspecError`` where a row holds nonsense."""
    return tuple(found for row in rows if (found := _bound(row, caller)) is not None)


def scope_of(kind: SubjectKind, id: str) -> str:
    """Return under which scope a subject's spending is kept; a key's is its bare id."""
    return id if kind == "key" else f"{kind}:{id}"


def scope(row: BudgetRow) -> str:
    """Return under which scope a budget's spending is kept; of one with ``each``, what stands before ``:value``."""
    known = [(kind, id) for kind, id in conditions(row.conditions) if kind != "tenant"]
    if row.each is None and not known:
        return scope_of("tenant", row.tenant_id)
    if row.each is None and len(known) == 1 and known[0][0] in KNOWN:
        return scope_of(*known[0])
    return f"budget:{row.id}"


def _bound(row: BudgetRow, caller: Caller) -> Budget | None:
    """What the caller settles is told as well where it narrows: by it the past is found in the ledger."""
    stated: list[tuple[SubjectKind, str]] = [(kind, id) for kind, id in conditions(row.conditions) if kind != "tenant"]
    if any(kind in KNOWN and caller.get(kind) != id for kind, id in conditions(row.conditions)):
        return None
    kept, each = scope(row), row.each
    if each is not None and each in KNOWN:
        one = caller.get(each)
        if one is None:
            return None
        kept = f"{kept}:{one}" if stated else scope_of(each, one)
        stated.append((each, one))
        each = None
    return Budget(
        row.amount,
        row.period,  # type: ignore[arg-type]  # checked when it was made
        unit=row.unit,  # type: ignore[arg-type]
        hard=row.hard,
        scope=kept,
        name=f"budget {row.name!r}",
        when=tuple(stated) if kept.startswith("budget:") else (),
        each=each,  # type: ignore[arg-type]
    )
