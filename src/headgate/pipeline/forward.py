"""Any call of a provider's own API that the gateway does not know: limited, signed, passed on as it is, recorded.

What such a call costs is not known. So under a budget it must be priced by the request, or be one that only looks or
deletes. A call that the gateway knows goes the way of all others, in the provider's own dialect.
"""

from asyncio import CancelledError
from functools import partial
from time import monotonic
from typing import Any

from headgate.core.call import Call
from headgate.core.errors import BadRequest, Forbidden, HeadgateError, NotFound, UpstreamFailed
from headgate.core.money import Price, Usage
from headgate.core.record import Attempt
from headgate.core.redact import scrub
from headgate.dialects import gemini, gemini_array, openai_chat, upstream
from headgate.dialects.gemini import wants_events
from headgate.ledger.types import Hold
from headgate.pipeline.deadline import TOTAL, late, room
from headgate.pipeline.grants import add_tags, may_pass, sign_own
from headgate.pipeline.hold import ask_of, held
from headgate.pipeline.media import stopped
from headgate.pipeline.onward import head, onward
from headgate.pipeline.options import read_options
from headgate.pipeline.owned import MAX_ANSWER, Passage, shared
from headgate.pipeline.parts import Parts
from headgate.pipeline.relay import let_end
from headgate.pipeline.run import walk
from headgate.pipeline.settle import finish, owe_everything, owe_nothing
from headgate.pipeline.steps import admit, authenticate
from headgate.providers.base import Target
from headgate.providers.twin import twin
from headgate.transport.base import Inbound, Outbound

HEADERS = 600.0  # what a call does is not known, nor how long it may take
IDLE = 300.0
MAX_TOLD = 64 * 1024
FREE = Price()
LOOKS = frozenset(("GET", "HEAD", "OPTIONS", "DELETE"))
"""Methods by which nothing is made that a provider charges for."""


async def pass_through(call: Call, parts: Parts, method: str, path: str) -> None:
    """Answer a call of *path*, checked, at the provider that ``call.pinned`` names."""
    waiting = authenticate(call, parts)
    if waiting is not None:
        await waiting
    target = parts.snapshot.table_of(call.who.tenant_id).at(call.pinned, "*").targets[0]
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
    if method not in LOOKS and (spelt := twin(provider, path)) is not None:
        shown = path[:200]
        raise NotFound(f"{shown!r} is not passed on, as it may be taken for {spelt[:200]!r}: POST to that instead.")
    if parts.snapshot.passing.get(provider.name) == "known":
        raise NotFound(f"Of {provider.name!r} only what the gateway knows is passed on, which {path[:200]!r} is not.")
    spoken = provider.dialects("chat")
    call.dialect = spoken[0] if spoken else openai_chat
    await passed(call, parts, target, method, path)


async def look_up(call: Call, parts: Parts, method: str, path: str) -> None:
    """Answer a call of *path* at the provider that ``call.pinned`` names: it is about what the caller owns there, and
    costs nothing."""
    waiting = authenticate(call, parts)
    if waiting is not None:
        await waiting
    target, granted = parts.snapshot.table_of(call.who.tenant_id).at(call.pinned, "*").targets[0], call.who.providers
    if granted is not None and call.pinned not in granted:
        raise Forbidden(f"The key {call.who.name!r} may not call {call.pinned!r}.")
    await passed(call, parts, target, method, path, free=True)


async def passed(call: Call, parts: Parts, target: Target, method: str, path: str, *, free: bool = False) -> None:
    """Admit a call, and make it as it came; *free*: it costs nothing, whatever its method."""
    provider = target.provider
    call.media = b""
    read_options(call)
    if not free and method not in LOOKS and parts.snapshot.guarding is not None:
        parts.snapshot.guarding.let_unread(call)
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
    passage: Passage | None = None
    if shared(call, parts, provider.name):
        passage = Passage(call, parts, provider.name, method, path)
        await passage.check()
    call.reason = f"{method} {path[:200]} was passed on to {provider.name} as it came"
    call.deadline = call.t0 + (call.options.timeout or target.timeouts.total or TOTAL)
    place: Any = parts.gate.enter(target.name)
    if hasattr(place, "__await__"):
        place = await place
    try:
        await once(call, parts, target, method, path, passage, free=free or method in LOOKS)
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


async def once(
    call: Call, parts: Parts, target: Target, method: str, path: str, passage: Passage | None = None, *, free: bool
) -> None:
    """Make the call, one time: whether it could be made again, nobody knows."""
    provider, price = target.provider, FREE if free else fee(call, target, method)
    attempt = Attempt(provider=provider.name, model="*", started_ms=since(call), outcome="open")
    call.attempts.append(attempt)
    hold: Hold | None = None
    sent = False
    try:
        hold = await held(call, parts, ask_of(call, target.name, price))
        attempt.held_nano = hold.nano
        if provider.prepare is not None and (waiting := provider.prepare()) is not None:
            await waiting
        out = outbound(call, target, method, path, call.query)
        sent = True
        inbound = await provider.sender.send(out)
        try:
            attempt.headers_ms, attempt.status = since(call), inbound.status
            charge(call, attempt, hold, None if free else price, inbound.status)
            if passage is not None:
                inbound = await passage.seen(
                    inbound, partial(page, call, target, path), room(call, target.timeouts.idle or IDLE)
                )
            await answer(call, parts, target, attempt, inbound, out)
        finally:
            inbound.close()
    except (HeadgateError, CancelledError) as error:
        uncertain, attempt.unsent = sent, not sent
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


def outbound(call: Call, target: Target, method: str, path: str, query: bytes) -> Outbound:
    """Return the signed request."""
    out = target.provider.raw(method, path, query, onward(call.headers), call.body)
    out.headers_timeout = min(target.timeouts.headers or HEADERS, max(call.deadline - monotonic(), 0.001))
    if target.timeouts.connect is not None:
        out.connect_timeout = target.timeouts.connect
    out.connect_timeout = min(out.connect_timeout, max(call.deadline - monotonic(), 0.001))
    return out


async def page(call: Call, target: Target, path: str, query: bytes) -> bytes:
    """Return more of a list; raise ``UpstreamFailed`` where there is no more to be had."""
    out = outbound(call, target, "GET", path, query)
    inbound = await target.provider.sender.send(out)
    try:
        body = await inbound.read_all(
            room(call, target.timeouts.idle or IDLE), MAX_ANSWER, max(call.deadline - monotonic(), 0.001)
        )
    finally:
        inbound.close()
    failed: UpstreamFailed | None = None
    if inbound.status != 200:
        failed = upstream.read_error(inbound.status, inbound.headers, scrub(body, out.head + out.extra))
    if out.rest is not None:
        out.rest(failed)
    if failed is not None:
        raise failed
    return body


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
        while data := await inbound.read(room(call, target.timeouts.idle or IDLE)):
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
        cut = late(call, cut)
        attempt.outcome, attempt.error, call.error = cut.code, cut.message, cut
        finish(call, parts)
        link.abort()
        return
    attempt.ended_ms = since(call)
    attempt.outcome = "ok"
    failed: UpstreamFailed | None = None
    if inbound.status >= 400:
        call.error = failed = upstream.read_error(inbound.status, inbound.headers, told)
        attempt.outcome, attempt.error = failed.code, failed.message
    if out.rest is not None:
        out.rest(failed)
    finish(call, parts)
    link.end()
    link.on_close = None
    await let_end(inbound)


def since(call: Call) -> float:
    """Milliseconds since the call began."""
    return (monotonic() - call.t0) * 1000
