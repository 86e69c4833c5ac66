"""What an approved request makes of its subject's field, and what becomes of it when its time is over: pure."""

from collections.abc import Mapping
from typing import Any

import msgspec

from headgate.storage.billing_rows import ApprovalRow

LISTS = ("models", "providers")


class Grown(msgspec.Struct, frozen=True):
    """One column of a subject, before and after; as the store has them."""

    field: str
    before: Any
    after: Any


def grown(row: ApprovalRow, subject: Mapping[str, Any]) -> Grown:
    """Return what approving *row* changes in *subject*."""
    ask = msgspec.json.decode(row.ask)
    if row.kind in LISTS:
        field = "catalogue" if row.subject_kind == "tenant" and row.kind == "models" else row.kind
        now = msgspec.json.decode(subject[field])
        added = [name for name in ask[row.kind] if name not in now]
        return Grown(field, subject[field], _text([*now, *added]) if now else subject[field])  # none allows all
    if row.kind == "limits":
        return Grown("limits", subject["limits"], _text({**msgspec.json.decode(subject["limits"]), **ask["limits"]}))
    if row.subject_kind == "budget":
        return Grown("amount", subject["amount"], ask["amount"])
    budgets = msgspec.json.decode(subject["budgets"])
    same = [one for one in budgets if one["window"] == ask["window"] and one.get("unit", "nano") == "nano"]
    others = [one for one in budgets if one not in same]
    after = [*others, {**(same[0] if same else {}), "amount": ask["amount"], "window": ask["window"]}]
    return Grown("budgets", subject["budgets"], _text(after) if same else subject["budgets"])  # without one: no bound


def returned(kind: str, change: Grown, present: Any) -> Any:
    """Return what *present* goes back to; ``None`` where somebody has changed it since, and it stays."""
    if change.before == change.after:
        return None
    if present == change.after:
        return change.before
    if kind not in LISTS:
        return None
    added = set(msgspec.json.decode(change.after)) - set(msgspec.json.decode(change.before))
    now = msgspec.json.decode(present)
    left = [name for name in now if name not in added]
    return _text(left) if left and left != now else None  # never an empty list: that would allow all


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()
