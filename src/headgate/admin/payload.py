"""``/logs/{id}/payload``: what was said in a call, as the tenant's logging policy kept it; and its erasure."""

import asyncio
from typing import Annotated, Any

import msgspec
from fastapi import Depends, Query

from headgate.access.keeping import logging_of
from headgate.access.types import Principal
from headgate.access.vault import Unsealable
from headgate.admin.crud import By
from headgate.admin.fields import Answer, UtcTime, instant, object_id
from headgate.admin.levels import PayloadLevel
from headgate.admin.parts import AdminParts
from headgate.admin.route import Route, caller, parts, within
from headgate.core.errors import NotFound, Refused
from headgate.core.names import kept
from headgate.core.record import Record
from headgate.observe.payload import Side, opened
from headgate.observe.spool import PAYLOADS
from headgate.storage.owned import act
from headgate.storage.tenancy import Narrow

Who = Annotated[Principal, Depends(caller)]
Parts = Annotated[AdminParts, Depends(parts)]
Inside = Annotated[Narrow | None, Depends(within)]


class NotKept(Refused):
    """404 of one's own call: nobody has asked for what is another's, and the audit log has nothing to tell."""

    status = 404
    type = "not_found_error"
    code = "payload_not_kept"


class MarkAnswer(Answer):
    """Where a secret or something personal stands."""

    path: str
    """Of the string in the document."""
    start: int
    end: int
    kind: str


class ToolCallAnswer(Answer):
    """What the model wants to have called."""

    id: str
    name: str
    arguments: str
    """JSON, as the model wrote it."""


class Said(Answer):
    """What one of the two said."""

    size: int
    """Bytes, kept or not."""
    cut: bool
    """There was more than the policy keeps."""
    text: str
    document: Any
    """The JSON document; of a stream, what it would have been whole."""
    raw: str | None
    """What is no JSON, or was cut."""
    base64: bool
    """``raw`` is."""
    found: dict[str, int]
    """Kinds of secrets and personal data that were found, and how many of each."""
    marks: list[MarkAnswer]
    """Where they stand, where nothing was masked."""
    tool_calls: list[ToolCallAnswer]


class PayloadAnswer(Answer):
    """What was said in one call."""

    id: str
    at: UtcTime
    level: PayloadLevel
    operation: str
    dialect: str
    """The format of the documents."""
    request: Said
    answer: Said


class Erased(Answer):
    """What was removed."""

    calls: int


async def get_payload(id: str, who: Who, to: Parts, by: By, inside: Inside) -> PayloadAnswer:
    """Return the request and the answer of one call, as they were kept."""
    record = await to.logs.get(who.tenant_id, object_id(id, "call"), inside)
    if record is None:
        raise NotFound("There is no such call.")
    return await payload_of(record, who, to, by)


async def payload_of(record: Record, who: Principal, to: AdminParts, by: By) -> PayloadAnswer:
    """Return what was said in the call of *record*; the reading is noted where the tenant's policy wants that."""
    tenant = await to.tenancy.tenants.find(who.tenant_id, who.tenant_id)
    read = None
    if tenant is not None and logging_of(tenant.settings).audit_reads:
        read = act(by, "payloads:view", "payload", record.id, who.tenant_id)
    row = await to.payloads.get(who.tenant_id, record.id, read)
    try:
        payload = None if row is None else await asyncio.to_thread(opened, row, to.ring.direct(PAYLOADS))
    except Unsealable as error:
        raise NotKept(f"What was said in this call cannot be read: {error}.", code="payload_unreadable") from None
    if payload is None:
        raise NotKept(
            "What was said in this call is not kept: the logging policy of its time did not, or its time is over."
        )
    return PayloadAnswer(
        id=record.id,
        at=instant(record.at),
        level=payload.level,
        operation=payload.operation,
        dialect=payload.dialect,
        request=_side(payload.request),
        answer=_side(payload.answer),
    )


async def erase_payloads(
    who: Who, to: Parts, by: By, end_user: Annotated[str, Query(min_length=1, max_length=512)]
) -> Erased:
    """Remove what was said in all calls of an end user. What was exported or archived is not within reach."""
    entry = act(by, "payloads:delete", "payload", "", who.tenant_id, after={"end_user": end_user})
    await to.feedback.erase(who.tenant_id, end_user)
    return Erased(calls=await to.payloads.erase(who.tenant_id, {end_user, kept(end_user)}, entry))


def _side(side: Side) -> Said:
    told = msgspec.structs.asdict(side)
    told["marks"] = [MarkAnswer(path=path, start=start, end=end, kind=kind) for path, start, end, kind in side.marks]
    told["tool_calls"] = [ToolCallAnswer(**call) for call in side.tool_calls]
    return Said(**told)


ROUTES = (
    Route(
        method="GET",
        path="/logs/{id}/payload",
        permission="payloads:view",
        endpoint=get_payload,
        summary="What was said in a call",
        object="payload",
        tag="logs",
        narrows=("team", "own"),
    ),
    Route(
        method="DELETE",
        path="/payloads",
        permission="payloads:delete",
        endpoint=erase_payloads,
        summary="Remove what was said in the calls of an end user",
        object="payload",
        tag="logs",
    ),
)
