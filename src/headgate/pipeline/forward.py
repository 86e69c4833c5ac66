"""Any call of a provider's own API that the gateway does not know: limited, signed, passed on as it is, recorded.

What such a call costs is not known. So under a budget it must be priced by the request, or be one that only looks or
deletes. A call that the gateway knows goes the way of all others, in the provider's own dialect.
"""

from asyncio import CancelledError
from collections.abc import Iterable
from time import monotonic
from typing import Any

from headgate.core.call import Attempt, Call
from headgate.core.errors import BadRequest, HeadgateError, UpstreamFailed
from headgate.core.money import Price, Usage, usd
from headgate.core.redact import scrub
from headgate.dialects import gemini, gemini_array, openai_chat, upstream
from headgate.dialects.gemini import wants_events
from headgate.ledger.types import Ask, Hold
from headgate.pipeline.answer import REQUEST_IDS, limit_lines
from headgate.pipeline.attempts import TOTAL
from headgate.pipeline.grants import add_tags, may_pass, sign_own
from headgate.pipeline.media import stopped
from headgate.pipeline.options import PREFIX, read_options
from headgate.pipeline.parts import Parts
from headgate.pipeline.relay import let_end
from headgate.pipeline.run import walk
from headgate.pipeline.settle import finish, owe_everything, owe_nothing
from headgate.pipeline.steps import admit, authenticate
from headgate.providers.base import Target
from headgate.transport.base import Inbound, Outbound

HEADERS = 600.0  # what a call does is not known, nor how long it may take
IDLE = 300.0
MAX_TOLD = 64 * 1024
FREE = Price()
LOOKS = frozenset(("GET", "HEAD", "OPTIONS", "DELETE"))
"""Methods by which nothing is made that a provider charges for."""
HOP = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding"
    b" upgrade content-length host expect".split()
)
"""Header lines that are about one connection."""
OURS = frozenset(
    b"authorization x-api-key api-key x-goog-api-key x-amz-security-token cookie forwarded x-real-ip via"
    b" accept-encoding user-agent".split()
)
"""Header lines of a request that are for the gateway alone, or tell of the network before it."""
BEFORE = (PREFIX, b"x-forwarded-", b"sec-")
KEPT = frozenset((b"set-cookie", b"set-cookie2", b"x-request-id", b"alt-svc", b"strict-transport-security", b"server"))
"""Header lines of an answer that are between the gateway and the provider."""
LIMITS = (b"x-ratelimit-", b"ratelimit", b"anthropic-ratelimit-", PREFIX)
"""How the names begin of header lines that tell of the account's own limits, not of the caller's."""


async def pass_through(call: Call, parts: Parts, method: str, path: str) -> None:
    """Answer a call of *path*, checked, at the provider that ``call.pinned`` names."""
    waiting = authenticate(call, parts)
    if waiting is not None:
        await waiting
    target = parts.snapshot.table.at(call.pinned, "*").targets[0]
    provider = target.provider
    heard = provider.heard(method, path)
    may_pass(call.who, provider.name, known=heard is not None)
    if heard is not None:
        call.operation, call.dialect = heard.operation, heard.dialect
        if call.dialect is gemini_array and wants_events(call.query):
            call.dialect = gemini
        call.path_model, call.path_stream = heard.model, heard.stream
        call.media = getattr(heard.dialect, "media", b"application/json")
        await walk(call, parts)
        return
    spoken = provider.dialects("chat")
    call.dialect = spoken[0] if spoken else openai_chat
    call.media = b""
    read_options(call)
    if call.who.tags:
        add_tags(call)
    call.body = await call.link.body(parts.max_body)
    waiting = admit(call, parts)
    if waiting is not None:
        await waiting
    call.plan = (target,)
    if call.who.mapped:
        sign_own(call, parts)
    call.target = target = call.plan[0]
    call.reason = f"{method} {path[:200]} was passed on to {provider.name} as it came"
    call.deadline = call.t0 + (call.options.timeout or target.timeouts.total or TOTAL)
    place: Any = parts.gate.enter(target.name)
    if hasattr(place, "__await__"):
        place = await place
    try:
        await once(call, parts, target, method, path)
    finally:
        place.release()


def fee(call: Call, target: Target, method: str) -> Price | None:
    """Return what the call costs; ``None`` where nobody knows. Raise ``BadRequest`` where somebody must."""
    if method in LOOKS:
        return FREE
    price = target.price
    if price is not None and (price.request or price == FREE):
        return Price(request=price.request)
    if call.who.budgets:
        name = target.provider.name
        raise BadRequest(
            f"What a {method} of this path costs is not known, and the key {call.who.name!r} has a budget. State "
            f"'price: {{request: ...}}' for the provider {name!r}, or use a key without a budget.",
            code="price_unknown",
        )
    return None


async def once(call: Call, parts: Parts, target: Target, method: str, path: str) -> None:
    """Make the call, one time: whether it could be made again, nobody knows."""
    provider, price = target.provider, fee(call, target, method)
    attempt = Attempt(provider=provider.name, model="*", started_ms=since(call), outcome="open")
    call.attempts.append(attempt)
    hold: Hold | None = None
    sent = False
    try:
        hold = await take_hold(call, parts, target, price)
        attempt.held_nano = hold.nano
        if provider.prepare is not None and (waiting := provider.prepare()) is not None:
            await waiting
        out = provider.raw(method, path, call.query, onward(call.headers), call.body)
        out.headers_timeout = min(target.timeouts.headers or HEADERS, max(call.deadline - monotonic(), 0.001))
        if target.timeouts.connect is not None:
            out.connect_timeout = target.timeouts.connect
        sent = True
        inbound = await provider.sender.send(out)
        if out.rest is not None:
            out.rest(inbound.status, None)
        try:
            attempt.headers_ms, attempt.status = since(call), inbound.status
            charge(call, attempt, hold, price if method not in LOOKS else None, inbound.status)
            await answer(call, parts, target, attempt, inbound, out)
        finally:
            inbound.close()
    except (HeadgateError, CancelledError) as error:
        uncertain = sent
        if isinstance(error, HeadgateError):
            attempt.outcome, attempt.error = error.code, error.message
            uncertain = isinstance(error, UpstreamFailed) and error.billed == "uncertain"
        else:
            attempt.outcome = "cancelled"
        if hold is not None and attempt.headers_ms is None:
            owe_everything(call, attempt, hold) if uncertain else owe_nothing(call, parts, hold)
        raise
    finally:
        attempt.ended_ms = since(call)


async def take_hold(call: Call, parts: Parts, target: Target, price: Price | None) -> Hold:
    """Hold the price of one request, and write the intent to the journal."""
    ask = Ask(
        call_id=call.id,
        trace_id=call.trace_id,
        attempt=len(call.attempts),
        who=call.who,
        target=target.name,
        end_user=call.end_user,
        tags=call.tags,
        price=price,
        input_tokens=0,
        output_tokens=0,
        clamp=False,
        deadline=call.deadline,
        surface=call.surface,
    )
    taken = parts.books.hold(ask)
    hold = taken if isinstance(taken, Hold) else await taken
    call.holds.append(hold)
    return hold


def charge(call: Call, attempt: Attempt, hold: Hold, price: Price | None, status: int) -> None:
    """Charge the fee, where there is one and the provider did as it was asked."""
    cost = None if price is None else price.cost(Usage()) if status < 400 else 0
    hold.charge_nano, hold.charge_tokens = cost or 0, 0
    attempt.cost_nano = cost
    if cost is not None:
        attempt.billed = call.billed = "usage"


async def answer(call: Call, parts: Parts, target: Target, attempt: Attempt, inbound: Inbound, out: Outbound) -> None:
    """Pass status, header lines and body on as they come; their end follows once the call is on record.

    An error loses the credential that was sent, where the provider repeats it.
    """
    link, told = call.link, b""
    sent, bare = out.head + out.extra, out.head.startswith(b"HEAD ")
    call.status = inbound.status
    call.streaming = (inbound.header(b"content-type") or b"").startswith(b"text/event-stream")
    link.start(inbound.status, head(call, target, attempt, inbound, bare=bare))
    try:
        while data := await inbound.read(patience(call, target)):
            if attempt.first_ms is None:
                attempt.first_ms = since(call)
            if inbound.status >= 400:
                data = scrub(data, sent)
                if len(told) < MAX_TOLD:
                    told += data[:MAX_TOLD]
            call.bytes_out += len(data)
            blocked = link.write(data)
            if blocked is not None:
                await blocked
    except (UpstreamFailed, CancelledError) as cut:
        inbound.close()
        if isinstance(cut, CancelledError):
            raise stopped(call) from None
        attempt.outcome, attempt.error, call.error = cut.code, cut.message, cut
        finish(call, parts)
        link.abort()
        return
    attempt.ended_ms = since(call)
    attempt.outcome = "ok"
    if inbound.status >= 400:
        call.error = failed = upstream.read_error(inbound.status, inbound.headers, told)
        attempt.outcome, attempt.error = failed.code, failed.message
    finish(call, parts)
    link.end()
    link.on_close = None
    await let_end(inbound)


def patience(call: Call, target: Target) -> float:
    """Seconds to wait for the next bytes; raise ``UpstreamFailed`` where the call has no time left."""
    room = call.deadline - monotonic()
    if room <= 0:
        raise UpstreamFailed(
            "The time limit of this call ran out in the middle of its answer.", status=504, code="deadline_exceeded"
        )
    return min(target.timeouts.idle or IDLE, room)


def onward(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the caller's header lines that go on to the provider."""
    given = list(headers)
    named = {one.strip().lower() for name, value in given if name == b"connection" for one in value.split(b",")}
    return [
        (name, value)
        for name, value in given
        if name not in HOP
        and name not in OURS
        and name not in named
        and not name.startswith(BEFORE)
        and not any(sign in value for sign in (b"\r", b"\n", b"\0"))
    ]


def head(call: Call, target: Target, attempt: Attempt, inbound: Inbound, *, bare: bool) -> bytes:
    """Return the header lines of the answer: the provider's, but for those of one connection and of its account."""
    lines = [b"x-request-id: %b\r\nx-headgate-provider: %b\r\n" % (call.id.encode(), target.provider.name.encode())]
    if attempt.cost_nano is not None:
        lines.append(f"x-headgate-cost: {usd(attempt.cost_nano)}\r\n".encode())
    named = {one.strip().lower() for one in (inbound.header(b"connection") or b"").split(b",")}
    for name, value in inbound.headers:
        if name in REQUEST_IDS and attempt.upstream_id is None:
            attempt.upstream_id = value[:128].decode("latin-1")
            lines.append(b"x-headgate-upstream-request-id: %b\r\n" % value[:128])
        hop = name in HOP and not (bare and name == b"content-length")
        if not (hop or name in KEPT or name in named or name.startswith(LIMITS)):
            lines.append(b"%b: %b\r\n" % (name, value))
    if call.streaming:
        lines.append(b"x-accel-buffering: no\r\n")
    return b"".join(lines) + limit_lines(call).encode()


def since(call: Call) -> float:
    """Milliseconds since the call began."""
    return (monotonic() - call.t0) * 1000
