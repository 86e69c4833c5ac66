"""Which calls of the log are wanted, and the same as conditions of a query."""

from typing import Any

import msgspec
from sqlalchemy import ColumnElement, or_

from headgate.storage.schema import records
from headgate.storage.tenancy import Narrow
from headgate.storage.tenancy_objects import of_calls


class LogFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which calls; ``None`` asks for nothing. Instants are microseconds UTC, money is nano-dollars."""

    since: int | None = None
    until: int | None = None
    """Before this instant."""
    key_id: str | None = None
    team_id: str | None = None
    app_id: str | None = None
    user_id: str | None = None
    end_user: str | None = None
    tags: tuple[str, ...] = ()
    """All of them."""
    model: str | None = None
    """The model that answered or, where none did, the one that was asked for."""
    asked: str | None = None
    """The model that was asked for."""
    provider: str | None = None
    """Who answered or, of a call that failed, failed it last."""
    tried: str | None = None
    """A provider or ``provider/model`` that was asked, whatever came of it."""
    outcome: str | None = None
    """The error code that the call, or one of its attempts, ended with."""
    billed: str | None = None
    """What its cost, or that of one of its attempts, rests on."""
    surface: str | None = None
    status: str | None = None
    code: str | None = None
    """The error code."""
    route: str | None = None
    """The route that was asked for, by the name it is listed under."""
    min_cost: int | None = None
    max_cost: int | None = None
    min_ms: float | None = None
    max_ms: float | None = None
    cache: str | None = None
    """What the cache did."""
    guard: str | None = None
    """The strongest thing that a guardrail did."""
    contains: str | None = None
    """What stands somewhere in the record: in an error's message, in the caller's metadata."""
    text: str | None = None
    """Words that stand in what was kept of prompt and answer: all of them, and ``"in quotes"`` one after the other."""
    within: Narrow | None = None
    """Whose alone."""


def of_index(where: LogFilter) -> list[ColumnElement[bool]]:
    """Return what an index has in the order of time, besides the tenant: the one that leaves the least."""
    c = records.c
    if where.key_id is not None:
        return [c.key_id == where.key_id, *_time(where)]
    if where.user_id is not None:
        return [c.user_id == where.user_id, *_time(where)]
    if where.within is not None and (whose := where.within.alone) is not None and whose[0] in ("key", "user"):
        return [of_calls(c, where.within), *_time(where)]
    if where.code is not None or where.status == "failure":
        return [c.code.is_not(None), *_time(where)]
    return _time(where)


def narrowed(tenant_id: str, where: LogFilter) -> list[ColumnElement[bool]]:
    """Return the conditions of *where*, but for words, which another table has."""
    c = records.c
    tests: list[ColumnElement[bool]] = _time(where)
    for column, value in (
        (c.key_id, where.key_id),
        (c.team_id, where.team_id),
        (c.app_id, where.app_id),
        (c.user_id, where.user_id),
        (c.end_user, where.end_user),
        (c.model, where.model),
        (c.asked, where.asked),
        (c.provider, where.provider),
        (c.surface, where.surface),
        (c.status, where.status),
        (c.code, where.code),
        (c.route, where.route),
        (c.cache, where.cache),
        (c.guard, where.guard),
    ):
        if value is not None:
            tests.append(column == value)
    tests += _ranges(where)
    tests += _attempted(where)
    tests += [c.tags.contains(_written(tag), autoescape=True) for tag in where.tags]
    if where.contains is not None:
        tests.append(c.detail.contains(_written(where.contains)[1:-1], autoescape=True))
    if where.within is not None:
        tests.append(of_calls(c, where.within))
    return tests


def _time(where: LogFilter) -> list[ColumnElement[bool]]:
    c = records.c
    tests: list[ColumnElement[bool]] = []
    if where.since is not None:
        tests.append(c.at >= where.since)
    if where.until is not None:
        tests.append(c.at < where.until)
    return tests


def _attempted(where: LogFilter) -> list[ColumnElement[bool]]:
    """Look for attempts in the record, as ``core.record.Attempt`` is written there."""
    tests: list[ColumnElement[bool]] = []
    detail = records.c.detail
    if where.tried is not None:
        provider, slash, model = where.tried.partition("/")
        named = f'{{"provider":{_written(provider)},"model":' + (f"{_written(model)}," if slash else "")
        tests.append(detail.contains(named, autoescape=True))
    if where.outcome is not None:
        named = f'"outcome":{_written(where.outcome)}'
        tests.append(or_(records.c.code == where.outcome, detail.contains(named, autoescape=True)))
    if where.billed is not None:
        tests.append(detail.contains(f'"billed":{_written(where.billed)}', autoescape=True))
    return tests


def _ranges(where: LogFilter) -> list[Any]:
    c = records.c
    tests: list[Any] = []
    if where.min_cost is not None:
        tests.append(c.cost_nano >= where.min_cost)
    if where.max_cost is not None:
        tests.append(c.cost_nano <= where.max_cost)
    if where.min_ms is not None:
        tests.append(c.total_us >= int(where.min_ms * 1000))
    if where.max_ms is not None:
        tests.append(c.total_us <= int(where.max_ms * 1000))
    return tests


def _written(value: str) -> str:
    """Return a text as it stands in JSON."""
    return msgspec.json.encode(value).decode()
