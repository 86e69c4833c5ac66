"""Run a call through its steps; however it ends, it is answered once and settled once."""

import asyncio

from headgate.core.call import Call
from headgate.core.errors import HeadgateError, Unavailable, UpstreamFailed
from headgate.pipeline.answer import error_head
from headgate.pipeline.hearing import hand_over
from headgate.pipeline.order import ENTRY
from headgate.pipeline.parts import Parts, StepCall
from headgate.pipeline.settle import finish
from headgate.transport.server_errors import ClientGone


async def walk(call: Call, parts: Parts) -> None:
    """Take every step of *call*."""
    for step in ENTRY:
        waiting = step(call, parts)
        if waiting is not None:
            await waiting
    snapshot = parts.snapshot
    for step in call.route.steps or snapshot.default_steps:
        waiting = step(call, parts)
        if waiting is not None:
            await waiting
        if call.settled:  # a step has answered
            break


async def run(call: Call, parts: Parts, way: StepCall = walk) -> None:
    """Answer *call* by going its *way*. Never raises but what stops the process."""
    link = call.link
    link.on_close = link.on_shutdown = link.task.cancel
    try:
        waiting = way(call, parts)
        if waiting is not None:
            await waiting
    except HeadgateError as error:
        fail(call, parts, error)
    except (asyncio.CancelledError, ClientGone):
        if link.closed:
            fail(call, parts, ClientLeft("The caller closed the connection."))
        else:
            fail(call, parts, Unavailable("The gateway is shutting down; ask again.", code="server_shutting_down"))
    except Exception as error:
        parts.log_error(call, error)
        fail(call, parts, HeadgateError("Something went wrong in the gateway; the request id leads to its log."))
    finally:
        link.on_close = link.on_shutdown = None
        if call.pings is not None:
            call.pings.stop(call)
        if call.taken is not None:
            call.taken.close(call)
        if call.heard is not None:
            hand_over(call, parts.spool)


def fail(call: Call, parts: Parts, error: HeadgateError) -> None:
    """Settle a call that went wrong and tell its caller, in the caller's own shape."""
    link = call.link
    call.error = error
    call.status = 200 if link.mode and not link.closed else error.status  # a stream that has begun has said so
    if isinstance(error, UpstreamFailed) and len(call.attempts) > 1:
        error.message = f"{error.message} Tried: {tried(call)}."
    if call.who is None:
        parts.refused[error.code] += 1
    finish(call, parts)
    if link.closed:
        return
    if link.mode:
        link.write(call.dialect.write_stream_error(error, call.id))
        link.end()
    else:
        link.respond(error.status, error_head(call, error), call.dialect.write_error(error, call.id))


class ClientLeft(HeadgateError):
    """The caller left before the answer was complete. Nobody is told; the record is."""

    status = 499
    code = "client_closed"


def tried(call: Call) -> str:
    """The attempts in words: ``local/mock: upstream_unavailable (503)``."""
    return "; ".join(
        f"{a.provider}/{a.model}: {a.outcome}" + (f" ({a.status})" if a.status else "") for a in call.attempts
    )
