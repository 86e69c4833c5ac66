"""``/notifications``: what somebody is to know, of what he asked for, decides or sees to; and ``/messages``, sent."""

from typing import Annotated, Literal

import msgspec
from fastapi import Query

from headgate.access.reach import reach
from headgate.access.types import Principal
from headgate.admin.approvals import Before, Limit
from headgate.admin.crud import PageOf, Parts, Who, as_page, found
from headgate.admin.fields import Answer, UtcTime, instant, object_id, optional_instant
from headgate.admin.route import SELF, Route
from headgate.storage.alerts import TO
from headgate.storage.approvals import DECIDE
from headgate.storage.billing_rows import MessageRow, NotificationRow


class Notification(Answer):
    """A line for the caller."""

    id: str
    event: str
    text: str
    link: str
    created_at: UtcTime
    read_at: UtcTime | None


class Notifications(PageOf[Notification]):
    """A page of them, latest first; ``next`` is the ``before`` of the following one."""


async def list_notifications(
    who: Who,
    to: Parts,
    unread: Annotated[bool, Query()] = False,
    before: Before = "",
    limit: Limit = 50,
) -> Notifications:
    """Return what the caller is to know, latest first."""
    rows = await to.money.notices.page(
        who.tenant_id, _names(who), before=before, limit=limit + 1, unread=unread
    )  # fmt: skip
    return as_page(Notifications, rows, limit, _notification)


def _notification(row: NotificationRow) -> Notification:
    return Notification(
        id=row.id,
        event=row.event,
        text=row.text,
        link=row.link,
        created_at=instant(row.created_at),
        read_at=optional_instant(row.read_at),
    )


class Read(Answer):
    """It is read."""

    id: str


async def read_notification(id: str, who: Who, to: Parts) -> Read:
    """Mark a line as read."""
    done = await to.money.notices.read(who.tenant_id, _names(who), object_id(id, "notification"))
    found(done or None, "notification")
    return Read(id=id)


class Message(Answer):
    """One message on its way through a channel."""

    id: str
    channel_id: str
    """Of one in the configuration: ``file:`` and its name."""
    event: str
    text: str
    state: Literal["waiting", "sent", "failed"]
    attempts: int
    error: str | None
    """Why the last attempt failed."""
    next_at: UtcTime | None
    created_at: UtcTime
    done_at: UtcTime | None


class Messages(PageOf[Message]):
    """A page of them, latest first; ``next`` is the ``before`` of the following one."""


async def list_messages(who: Who, to: Parts, before: Before = "", limit: Limit = 50) -> Messages:
    """Return messages to channels and what became of them, latest first."""
    rows = await to.money.notices.messages(who.tenant_id, before=before, limit=limit + 1)
    return as_page(Messages, rows, limit, _message)


def _message(row: MessageRow) -> Message:
    text = msgspec.json.decode(row.payload).get("text", "")
    return Message(
        id=row.id,
        channel_id=row.channel_id,
        event=row.event,
        text=text,
        state=row.state,  # type: ignore[arg-type]  # one of three
        attempts=row.attempts,
        error=row.error,
        next_at=instant(row.next_at) if row.state == "waiting" else None,
        created_at=instant(row.created_at),
        done_at=optional_instant(row.done_at),
    )


def _names(who: Principal) -> list[str]:
    """What notifications are addressed by that concern *who*: its ids, and what it may over the whole tenant."""
    business = [name for name in (DECIDE, TO) if (far := reach(who, name)) is not None and not far.narrow]
    return [who.id, *([who.user_id] if who.user_id and who.user_id != who.id else []), *business]


ROUTES = (
    Route(
        method="GET", path="/notifications", permission=SELF, endpoint=list_notifications, object="notification",
        summary="What you are to know", tag="approvals",
    ),
    Route(
        method="POST", path="/notifications/{id}/read", permission=SELF, endpoint=read_notification,
        summary="Mark it as read", tag="approvals", object="notification",
    ),
    Route(
        method="GET", path="/messages", permission="alerts:view", endpoint=list_messages, object="message",
        summary="Messages to channels, and what became of them", tag="alerts",
    ),
)  # fmt: skip
