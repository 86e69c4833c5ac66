"""``/alerts`` and ``/alert-rules``: what is wrong at present, seeing to it, and the rules that say when it is."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from fastapi import Query

from headgate.access.reach import reach
from headgate.admin.configured import Objects, permission
from headgate.admin.crud import By, PageOf, Parts, Who, as_page, found
from headgate.admin.fields import Answer, Body, Instant, UtcTime, instant, micros, object_id, optional_instant
from headgate.admin.named import operations
from headgate.admin.parts import AdminParts
from headgate.admin.route import Route
from headgate.admin.versions import plain
from headgate.alerts.desk import Missing, NotFiring
from headgate.alerts.kinds import KINDS, kind_of, made
from headgate.alerts.readings import PLATFORM
from headgate.alerts.shipped import SHIPPED
from headgate.core.errors import BadRequest, Conflict, Forbidden, NotFound
from headgate.core.ids import now
from headgate.storage.alert_rows import AlertRow, EventRow
from headgate.storage.object_rows import SHARED

Limit = Annotated[int, Query(ge=1, le=200)]
Before = Annotated[str, Query(max_length=64)]
MAX_SILENCE = 365 * 86_400_000_000


class Alert(Answer):
    """One thing that a rule tells of."""

    id: str
    rule: str
    kind: str
    subject: str
    """Which one, among all that the rule looks at; empty where it is the whole."""
    severity: Literal["info", "warning", "critical"]
    state: Literal["pending", "firing", "acknowledged", "resolved"]
    text: str
    link: str
    """The page of the records behind it."""
    since: UtcTime
    seen_at: UtcTime
    fired_at: UtcTime | None
    resolved_at: UtcTime | None
    acknowledged_at: UtcTime | None
    acknowledged_by: str | None
    silenced_until: UtcTime | None
    fired: int
    """How often."""


class Alerts(PageOf[Alert]):
    """A page of them, the one that changed last first; ``next`` is the ``after`` of the following one."""


class Event(Answer):
    """Something that befell an alert."""

    id: str
    event: str
    text: str
    by: str | None
    at: UtcTime


class History(PageOf[Event]):
    """What befell it, latest first; ``next`` is the ``before`` of the following page."""


class Silence(Body):
    """Until when nobody is told; ``null`` has it told again."""

    until: Instant | None


class Tested(Answer):
    """Messages that are on their way; ``/messages`` says what became of them."""

    message_ids: list[str]


class RuleKind(Answer):
    """A kind of rule, and its settings as JSON schema."""

    kind: str
    help: str
    platform: bool
    """It looks at the gateway itself: its alerts are the operator's."""
    fields: dict[str, Any]


class RuleKinds(Answer):
    """Every kind, and the rules that are shipped: by name, as they would stand in the configuration."""

    data: list[RuleKind]
    shipped: dict[str, dict[str, Any]]


async def list_alerts(
    who: Who,
    to: Parts,
    state: Annotated[Literal["pending", "firing", "resolved"] | None, Query()] = None,
    after: Before = "",
    limit: Limit = 50,
) -> Alerts:
    """Return the tenant's alerts, the one that changed last first."""
    rows = await asyncio.to_thread(to.alerts.page, who.tenant_id, state=state or "", after=after, limit=limit + 1)
    return as_page(Alerts, rows, limit, _alert)


async def get_alert(id: str, who: Who, to: Parts) -> Alert:
    """Return one."""
    row = await asyncio.to_thread(to.alerts.get, who.tenant_id, object_id(id, "alert"))
    return _alert(found(row, "alert"))


async def alert_history(id: str, who: Who, to: Parts, before: Before = "", limit: Limit = 50) -> History:
    """Return what befell one, latest first."""
    desk, id = to.alerts, object_id(id, "alert")
    found(await asyncio.to_thread(desk.get, who.tenant_id, id), "alert")
    rows = await asyncio.to_thread(desk.events, who.tenant_id, id, before=before, limit=limit + 1)
    return as_page(History, rows, limit, _event)


async def acknowledge_alert(id: str, who: Who, to: Parts, by: By) -> Alert:
    """Say that somebody sees to it: no reminders follow, and PagerDuty hears of it."""
    try:
        row = await asyncio.to_thread(to.alerts.acknowledge, who.tenant_id, object_id(id, "alert"), by)
    except NotFiring:
        raise Conflict("It does not fire: there is nothing to acknowledge.", code="not_firing") from None
    return _alert(found(row, "alert"))


async def silence_alert(id: str, body: Silence, who: Who, to: Parts, by: By) -> Alert:
    """Have nobody told of it for a while, however often it fires."""
    until = None if body.until is None else micros(body.until)
    if until is not None and not now() < until < now() + MAX_SILENCE:
        raise BadRequest("until must be in the future, and within a year.", code="invalid_value", param="until")
    row = await asyncio.to_thread(to.alerts.silence, who.tenant_id, object_id(id, "alert"), until, by)
    return _alert(found(row, "alert"))


async def try_alert(id: str, who: Who, to: Parts, by: By) -> Tested:
    """Send a test to whom the alert's rule tells."""
    row = found(await asyncio.to_thread(to.alerts.get, who.tenant_id, object_id(id, "alert")), "alert")
    return await _try(row.rule, who, to, by)


async def try_alert_rule(name: str, who: Who, to: Parts, by: By) -> Tested:
    """Send a test to whom a rule tells."""
    return await _try(plain(name), who, to, by)


async def list_alert_kinds() -> RuleKinds:
    """Return the kinds of rule, with their settings, and the rules that are shipped."""
    kinds = [
        RuleKind(
            kind=kind,
            help=" ".join((of.__doc__ or "").split()),
            platform=of.platform,
            fields=msgspec.json.schema(of)["$defs"][of.__name__]["properties"],
        )
        for kind, of in KINDS.items()
    ]
    shipped = {name: {"kind": kind_of(rule), **msgspec.to_builtins(rule)} for name, rule in SHIPPED.items()}
    return RuleKinds(data=kinds, shipped=shipped)


async def _try(name: str, who: Who, to: AdminParts, by: By) -> Tested:
    effective = to.live.effective
    own = effective.own.get(who.tenant_id)
    entry = own.alerts.get(name) if own is not None else None
    shared = entry is None
    entry = entry or effective.config.alerts.get(name)
    rule = made(entry) if entry is not None else SHIPPED.get(name)
    if rule is None or (rule.platform and who.tenant_id != PLATFORM):
        raise NotFound("There is no such rule.", param="name")
    channels = effective.config.channels
    if shared and who.tenant_id != PLATFORM:  # whom the operator is told by, a tenant does not try
        rule = msgspec.structs.replace(rule, channels=[])
    try:
        sent = await asyncio.to_thread(
            to.alerts.test, who.tenant_id, name, rule, by, shared=shared, configured=frozenset(channels)
        )
    except Missing as error:
        raise Conflict(f"The rule names channels that there are not: {error}.", code="unknown_channel") from None
    if not sent:
        raise Conflict(
            "Nobody would be told: give the rule `channels`, or have a channel told of `alerts`.", code="no_channel"
        )
    return Tested(message_ids=sent)


async def sensible(objects: Objects, name: str, config: Mapping[str, Any], tenant: str) -> None:
    """Refuse a rule that is good configuration and could not work: over what is not its tenant's, or told to nobody."""
    if await objects.row(name) is None and reach(objects.who, permission("alert", "POST")) is None:
        raise Forbidden("This takes the permission alerts:create, which you do not have.")
    if KINDS[config["kind"]].platform and tenant not in (SHARED, PLATFORM):
        raise BadRequest(
            f"config.kind: {config['kind']} looks at the gateway itself, which is the operator's.",
            code="invalid_value", param="config.kind",
        )  # fmt: skip
    missing = await asyncio.to_thread(
        objects.to.alerts.missing, tenant or PLATFORM, config.get("channels", []), shared=tenant == SHARED,
        configured=frozenset(objects.to.live.effective.config.channels),
    )  # fmt: skip
    if missing:
        raise BadRequest(
            f"config.channels: there is no channel {', '.join(missing)}.", code="invalid_value", param="config.channels"
        )


def _event(row: EventRow) -> Event:
    return Event(id=row.id, event=row.event, text=row.text, by=row.by or None, at=instant(row.at))


def _alert(row: AlertRow) -> Alert:
    return Alert(
        id=row.id,
        rule=row.rule,
        kind=row.kind,
        subject=row.subject,
        severity=row.severity,  # type: ignore[arg-type]  # one of three
        state="acknowledged" if row.state == "firing" and row.acked_at is not None else row.state,  # type: ignore[arg-type]
        text=row.text,
        link=row.link,
        since=instant(row.since),
        seen_at=instant(row.seen_at),
        fired_at=optional_instant(row.fired_at),
        resolved_at=optional_instant(row.resolved_at),
        acknowledged_at=optional_instant(row.acked_at),
        acknowledged_by=row.acked_by,
        silenced_until=optional_instant(row.silenced_until),
        fired=row.fired,
    )


def _route(method: Any, path: str, verb: str, endpoint: Any, summary: str, **more: Any) -> Route:
    return Route(
        method=method, path=path, permission=f"alerts:{verb}", endpoint=endpoint, summary=summary, tag="alerts",
        object="alert", **more,
    )  # fmt: skip


ROUTES = (
    _route("GET", "/alerts", "view", list_alerts, "Alerts"),
    _route("GET", "/alerts/{id}", "view", get_alert, "One alert"),
    _route("GET", "/alerts/{id}/history", "view", alert_history, "What befell an alert"),
    _route("POST", "/alerts/{id}/ack", "update", acknowledge_alert, "Acknowledge an alert"),
    _route("POST", "/alerts/{id}/silence", "update", silence_alert, "Silence an alert", writes=("until",)),
    _route("POST", "/alerts/{id}/test", "update", try_alert, "Send a test to whom an alert is told"),
    _route("GET", "/alert-kinds", "view", list_alert_kinds, "Kinds of rule"),
    _route("POST", "/alert-rules/{name}/test", "update", try_alert_rule, "Send a test to whom a rule tells"),
    *operations("alert", "alert-rules", tag="alerts", check=sensible),
)
"""Routes of alerts and of their rules."""
