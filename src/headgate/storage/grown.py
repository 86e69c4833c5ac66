"""What an approved request makes of its subject's field, and what becomes of it when its time is over: pure.

A field has parts: the names of a list, the limits, the windows of a key's budgets. What is granted for a time keeps,
for each part that it grew, what it wanted and what that would be without any such grant. As long as nobody else changes
the part it is the most of these: a grant never takes, and the end of one leaves what the others still give.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from headgate.storage.billing_rows import ApprovalRow

LISTS = ("models", "providers", "catalogue")


class Part(msgspec.Struct, frozen=True):
    """One part of a field, as one grant has it; ``None`` is a name that is not listed, or no limit."""

    base: Any
    """Without what is granted for a time."""
    want: Any


class Grown(msgspec.Struct, frozen=True):
    """One column of a subject, before and after; as the store has them."""

    field: str
    before: Any
    after: Any
    parts: dict[str, Part] | None = None
    """What goes back; ``None`` is what differs, in those that were granted before parts were kept."""


Others = Mapping[str, Grown]
"""Id of a request -> what is granted to the same subject for a time that is not over."""


def grown(row: ApprovalRow, subject: Mapping[str, Any], others: Mapping[str, Grown] = {}) -> tuple[Grown, Others]:
    """Return what approving *row* changes in *subject*, and those of *others* that are otherwise by it."""
    field, wanted = _wanted(row, subject)
    now, mine = parts_of(field, subject[field]), {}
    theirs = {id: dict(_parts(one)) for id, one in others.items() if one.field == field}
    for name, want in wanted.items():
        fellows = [parts for parts in theirs.values() if name in parts]
        base = now.get(name)
        if fellows and base == _most(fellows[0][name].base, *(parts[name].want for parts in fellows)):
            base = fellows[0][name].base
        else:  # somebody has changed it since: it stays when they end
            for parts in fellows:
                del parts[name]
            fellows = []
        if row.lasts is not None:
            mine[name] = Part(base, want)
        for parts in fellows if row.lasts is None else ():
            parts[name] = Part(_most(base, want), parts[name].want)
        now[name] = _most(now.get(name), want)
    change = Grown(field, subject[field], written(field, subject[field], now), mine)
    told = {id: msgspec.structs.replace(others[id], parts=parts) for id, parts in theirs.items()}
    return change, {id: one for id, one in told.items() if one.parts != dict(_parts(others[id]))}


def returned(change: Grown, present: Any, others: Mapping[str, Grown] = {}) -> Any:
    """Return what *present* goes back to; ``None`` where somebody has changed it since, and it stays."""
    field = change.field
    now, moved = parts_of(field, present), False
    fellows = [_parts(one) for one in others.values() if one.field == field]
    for name, part in _parts(change).items():
        still = [parts[name].want for parts in fellows if name in parts]
        left = _most(part.base, *still)
        if now.get(name) == _most(part.base, part.want, *still) != left:
            now[name], moved = left, True
    empty = field in LISTS and not any(now.values())  # never an empty list: that would allow all
    return written(field, present, now) if moved and not empty else None


def parts_of(field: str, value: Any) -> dict[str, Any]:
    """Return the parts of a column: each list's name, limit or window with what it is."""
    if field == "amount":
        return {"amount": value}
    found = msgspec.json.decode(value)
    if field in LISTS:
        return dict.fromkeys(found, True)
    if field == "limits":
        return dict(found)
    return {one["window"]: one["amount"] for one in found if _in_usd(one)}


def written(field: str, value: Any, parts: Mapping[str, Any]) -> Any:
    """Return the column with other *parts*; what is none of them stays as *value* has it."""
    there = {name: part for name, part in parts.items() if part is not None}
    if there == parts_of(field, value):
        return value
    if field == "amount":
        return there["amount"]
    if field in LISTS:
        return _text(list(there))
    if field == "limits":
        return _text(there)
    return _text(
        [{**one, "amount": there[one["window"]]} if _in_usd(one) else one for one in msgspec.json.decode(value)]
    )


def _wanted(row: ApprovalRow, subject: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    ask = msgspec.json.decode(row.ask)
    if row.kind in LISTS:
        field = "catalogue" if row.subject_kind == "tenant" and row.kind == "models" else row.kind
        narrow = bool(msgspec.json.decode(subject[field]))  # none allows all
        return field, dict.fromkeys(ask[row.kind], True) if narrow else {}
    if row.kind == "limits":
        return "limits", dict(ask["limits"])
    if row.subject_kind == "budget":
        return "amount", {"amount": ask["amount"]}
    bound = ask["window"] in parts_of("budgets", subject["budgets"])  # without one: no bound
    return "budgets", {ask["window"]: ask["amount"]} if bound else {}


def _parts(one: Grown) -> Mapping[str, Part]:
    if one.parts is not None:
        return one.parts
    before, after = parts_of(one.field, one.before), parts_of(one.field, one.after)
    return {name: Part(before.get(name), want) for name, want in after.items() if want != before.get(name)}


def _most(*values: Any) -> Any:
    return max((value for value in values if value is not None), default=None)


def _in_usd(budget: Mapping[str, Any]) -> bool:
    return bool(budget.get("unit", "nano") == "nano")


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()
