"""``/logs/tail``: calls as they end, by server-sent events. A virtual key sees its own.

An answer ends after some seconds, or with the first calls, and a client that follows the protocol asks for what comes
next by itself (``Last-Event-ID``): nothing grows for a slow reader, and what somebody may see is asked anew each time.
"""

import re
from time import monotonic
from typing import Annotated

from fastapi import Depends, Header, Query, Response

from headgate.access.types import Principal
from headgate.admin.logs import asked, brief
from headgate.admin.parts import AdminParts
from headgate.admin.route import Route, caller, parts
from headgate.core.errors import BadRequest
from headgate.core.record import Record
from headgate.observe.log import LogFilter
from headgate.observe.ring import fits

WAIT = 15.0
MAX_CALLS = 200
AGAIN_MS = 500
NUMBER = re.compile(r"[0-9]{1,17}")


async def tail_logs(
    who: Annotated[Principal, Depends(caller)],
    to: Annotated[AdminParts, Depends(parts)],
    where: Annotated[LogFilter, Depends(asked)],
    after: Annotated[str | None, Query(max_length=32, description="As Last-Event-ID, which wins over it")] = None,
    last_event_id: Annotated[str | None, Header(max_length=32)] = None,
) -> Response:
    """Return the calls that ended since the last event that the client had, else those that end from now on."""
    for name in ("contains", "text"):
        if getattr(where, name) is not None:
            raise BadRequest(f"{name} is for /logs alone: calls that end now are not searched.", param=name)
    number = _number(last_event_id or after, to.tail.last)
    until = monotonic() + WAIT

    def wanted(record: Record) -> bool:
        return fits(record, who.tenant_id, where)

    found, number = to.tail.since(number, wanted, MAX_CALLS)
    while not found and (left := until - monotonic()) > 0:
        before = number
        await to.tail.wait(number, left)
        found, number = to.tail.since(number, wanted, MAX_CALLS)
        if number == before:
            break
    events = [f"id: {at}\nevent: call\ndata: {brief(record).model_dump_json()}\n\n" for at, record in found]
    text = f"retry: {AGAIN_MS}\n\n" + "".join(events) + f"id: {number}\nevent: wait\ndata: {{}}\n\n"
    return Response(text, media_type="text/event-stream", headers={"cache-control": "no-store"})


def _number(given: str | None, last: int) -> int:
    if not given:
        return last
    if not NUMBER.fullmatch(given):
        raise BadRequest("after is not the id of an event.", code="invalid_parameter", param="after")
    return min(int(given), last)


ROUTES = (
    Route(
        method="GET",
        path="/logs/tail",
        permission="logs:view",
        endpoint=tail_logs,
        summary="Calls as they end, by server-sent events",
        object="record",
        tag="logs",
        narrows=("team", "own"),
    ),
)
