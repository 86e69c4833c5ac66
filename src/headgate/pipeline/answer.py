"""The header lines of an answer: they say what happened to the call."""

import msgspec

from headgate.core.call import Call
from headgate.core.errors import HeadgateError, UpstreamFailed
from headgate.core.money import usd
from headgate.core.record import Attempt
from headgate.providers.base import Target
from headgate.transport.base import Inbound

REQUEST_IDS = frozenset(
    b"x-request-id request-id apim-request-id x-amzn-requestid x-debug-trace-id x-kong-request-id"
    b" mistral-correlation-id x-ds-trace-id".split()
)
"""Header lines by which providers find a call again."""
UPSTREAM_ID = "x-headgate-upstream-request-id"


def answer_head(call: Call, target: Target, attempt: Attempt, inbound: Inbound) -> bytes:
    """The lines of a good answer, each ending in CRLF. The cost stands there only where the answer is whole."""
    name = target.name
    if not name.isascii():
        name = name.encode("ascii", "backslashreplace").decode()
    dialect = call.dialect
    if call.streaming:
        kind: str = dialect.stream_type
    else:
        kind = dialect.reply_type or (inbound.header(b"content-type") or b"application/octet-stream").decode("latin-1")
    lines = (
        f"x-request-id: {call.id}\r\nx-headgate-model: {name}\r\nx-headgate-provider: {target.provider.name}\r\n"
        f"x-headgate-attempts: {dispatched(call)}\r\ncontent-type: {kind}\r\n{limit_lines(call)}"
    )
    if call.streaming:
        lines += STREAM
    else:
        if attempt.cost_nano is not None:
            lines += f"x-headgate-cost: {usd(cost_of(call.attempts) or 0)}\r\n"
    if call.guard is not None:
        lines += call.guard.line()
    if call.cached is not None:
        lines += f"x-headgate-cache: {call.cached.header}\r\n"
    if call.dropped or call.defaulted:
        lines += changes(call)
    if attempt.upstream_id is not None:
        lines += f"{UPSTREAM_ID}: {attempt.upstream_id}\r\n"
    return lines.encode("ascii", "backslashreplace")


def changes(call: Call) -> str:
    """The lines that tell what was changed of the request, or left out of its answer."""
    lines = f"x-headgate-dropped: {', '.join(call.dropped)}\r\n" if call.dropped else ""
    return f"{lines}x-headgate-defaulted: {', '.join(call.defaulted)}\r\n" if call.defaulted else lines


def dispatched(call: Call) -> int:
    """Return how many tries of *call* were made: one that was refused here, for want of room say, was none."""
    count = 0
    for attempt in call.attempts:
        if not attempt.unsent and attempt.role != "shared":
            count += 1
    return count


def upstream_id(inbound: Inbound) -> str | None:
    """Return the provider's own id of an answer, as its head tells it."""
    for header, value in inbound.headers:
        if header in REQUEST_IDS:
            return value[:128].decode("latin-1")
    return None


def told_id(attempt: Attempt, own: str | None) -> None:
    """Let an answer's *own* id stand where its head told none."""
    if attempt.upstream_id is None and own and own.isascii() and own.isprintable():
        attempt.upstream_id = own[:128]


def waiting_head(call: Call) -> bytes:
    """The lines of a stream that begins before anybody has answered: nobody knows yet who will."""
    lines = (
        f"x-request-id: {call.id}\r\nx-headgate-attempts: {dispatched(call)}\r\n"
        f"content-type: {call.dialect.stream_type}\r\n{limit_lines(call)}{STREAM}"
    )
    if call.cached is not None:
        lines += f"x-headgate-cache: {call.cached.header}\r\n"
    return lines.encode("ascii", "backslashreplace")


COMES_BACK = frozenset(("upstream_unavailable", "upstream_rate_limited"))
"""What passes by itself: a client is told to come back, in a second where nobody said when."""
STREAM = "cache-control: no-cache\r\nx-accel-buffering: no\r\n"


def cost_of(attempts: list[Attempt]) -> int | None:
    """Nano-dollars of all attempts; ``None`` where none has a price."""
    if len(attempts) == 1:
        return attempts[0].cost_nano
    costs = [a.cost_nano for a in attempts if a.cost_nano is not None]
    return sum(costs) if costs else None


def own_head(call: Call) -> bytes:
    """The lines of an answer that no provider was asked for."""
    return f"content-type: application/json\r\nx-request-id: {call.id}\r\n{limit_lines(call)}".encode()


def limit_lines(call: Call) -> str:
    """``x-ratelimit-*`` for callers with limits."""
    return "" if call.slot is None else call.slot.lines()


def error_head(call: Call, error: HeadgateError) -> bytes:
    """The lines of a refusal or failure."""
    headers = {"content-type": "application/json", "x-request-id": call.id, **error.headers}
    if call.attempts:
        headers["x-headgate-attempts"] = str(dispatched(call))
    if isinstance(error, UpstreamFailed):
        told = next((a.upstream_id for a in call.attempts if a.outcome == error.code and a.upstream_id), None)
        if told is not None:
            headers[UPSTREAM_ID] = told
        if error.wait is not None or error.code in COMES_BACK:
            headers["retry-after"] = str(max(round((error.wait or 0.0) + 0.5), 1))
        if error.wait is None and error.status >= 500 and len(call.attempts) > 1:
            headers["x-should-retry"] = "false"  # the gateway has retried already; a client's retries would multiply
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return (lines + limit_lines(call)).encode("ascii", "backslashreplace")


def stream_info(call: Call) -> bytes:
    """The comment that ends a stream asked with ``x-headgate-stream-info: 1``; nothing where streams have none."""
    if call.dialect.stream_type != "text/event-stream":
        return b""
    cost = cost_of(call.attempts) if call.attempts else 0
    usage = {"input": call.usage.input, "output": call.usage.output, "total": call.usage.total}
    info = {
        "cost": None if cost is None else usd(cost),
        "usage": usage,
        "id": call.id,
        "model": call.target.name if call.target is not None else call.cached.model if call.cached is not None else "",
        "attempts": dispatched(call),
    }
    return b": headgate " + msgspec.json.encode(info) + b"\n\n"
