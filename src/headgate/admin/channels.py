"""``/billing/channels``: where messages go, of alerts, approvals and bills alike."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from pydantic import Field

from headgate.admin.crud import Asked, Kind, PageOf, unhindered
from headgate.admin.fields import Answer, Body, UtcTime, instant
from headgate.admin.levels import Name, texts
from headgate.admin.waiting import waited
from headgate.alerts.channels import channels, faults
from headgate.alerts.channels.types import Place
from headgate.billing.deliver import about
from headgate.core.errors import BadRequest
from headgate.core.ids import new_id, now
from headgate.core.secret import Secret
from headgate.storage.billing_rows import ChannelRow

Events = Annotated[tuple[Literal["approvals", "alerts"], ...], Field(max_length=2)]


class NewChannel(Body):
    """Where messages go. What `target` and `secret` are depends on the kind."""

    name: Name
    kind: Annotated[str, Field(max_length=64, examples=["webhook", "slack", "pagerduty", "email"])]
    target: Annotated[str, Field(max_length=2000)] = ""
    """A webhook's URL, an e-mail address; nothing for Slack, nor for PagerDuty itself."""
    secret: Annotated[str, Field(min_length=16, max_length=2000)] | None = None
    """What a webhook is signed with, Slack's URL of the incoming webhook, or PagerDuty's routing key. Never shown
    again."""
    events: Events = ()
    """What it is told of by itself; reports reach it by schedules, and single rules of alerts may name it."""
    is_active: bool = True


class ChannelChanges(Body):
    """What is to be otherwise."""

    name: Name = ""
    target: Annotated[str, Field(max_length=2000)] = ""
    secret: Annotated[str, Field(min_length=16, max_length=2000)] | None = None
    events: Events = ()
    is_active: bool = True


class Channel(Answer):
    """Where messages go."""

    id: str
    name: str
    kind: str
    target: str
    events: list[str]
    is_active: bool
    created_at: UtcTime
    updated_at: UtcTime


class Channels(PageOf[Channel]):
    """A page of channels."""


async def _made_channel(asked: Asked, body: NewChannel) -> ChannelRow:
    at, id = now(), new_id()
    await _sensible(asked, body.kind, body.target, body.secret, secret=body.secret is not None)
    return ChannelRow(
        id=id,
        tenant_id=asked.who.tenant_id,
        kind=body.kind,
        name=body.name,
        target=body.target,
        sealed=None if body.secret is None else await _sealed(asked, id, body.secret),
        events=msgspec.json.encode(body.events).decode(),
        is_active=body.is_active,
        created_at=at,
        updated_at=at,
    )


async def _changed_channel(asked: Asked, row: ChannelRow, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    columns = {name: value for name, value in fields.items() if name not in ("secret", "events")}
    if "events" in fields:
        columns["events"] = msgspec.json.encode(fields["events"]).decode()
    secret = fields.get("secret")
    if secret is not None or "target" in columns:
        kept = row.sealed is not None
        await _sensible(asked, row.kind, columns.get("target", row.target), secret, secret=kept or secret is not None)
    if secret is not None:
        columns["sealed"] = await _sealed(asked, row.id, secret)
    return columns


async def _sensible(asked: Asked, kind: str, target: str, said: str | None, *, secret: bool) -> None:
    """Refuse what is no channel. A URL that may not be asked is refused now, and again whenever a message goes there.

    *said* is the secret that was sent; *secret* tells whether there is one.
    """
    for field, words in faults(kind, target, secret=secret):
        raise BadRequest(f"{field} {words}.", code="invalid_parameter", param=field)
    url = channels()[kind].asks(Place(kind=kind, target=target, secret=Secret(said) if said else None))
    field = "target" if url == target else "secret"
    if url is None or asked.to.entrance is None:
        return
    await asked.to.entrance.web.allow(url, field)


async def _sealed(asked: Asked, id: str, secret: str) -> bytes:
    return await waited(lambda: asked.to.ring.envelope.seal(secret.encode(), about(asked.who.tenant_id, id)))


def _channel(row: ChannelRow) -> Channel:
    return Channel(
        id=row.id,
        name=row.name,
        kind=row.kind,
        target=row.target,
        events=texts(row.events),
        is_active=row.is_active,
        created_at=instant(row.created_at),
        updated_at=instant(row.updated_at),
    )


KIND = Kind(
    word="channel", things="channels", store=lambda to: to.money.bills.channels, shown=_channel, answer=Channel,
    page=Channels, new=NewChannel, changes=ChannelChanges, made=_made_channel, changed=_changed_channel,
    removing=unhindered,
)  # fmt: skip
