"""``/v1/realtime?model=...``: a relay of OpenAI's Realtime API over WebSocket, each response of it held and accounted.

https://platform.openai.com/docs/guides/realtime. Messages pass both ways as they came. Room for the next response is
taken before it can begin: where there is none, the caller is told so and the socket is closed.
"""

import asyncio
from collections.abc import Awaitable
from time import monotonic
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec

from headgate.core.call import Attempt, Call
from headgate.core.errors import BadRequest, HeadgateError, UpstreamFailed
from headgate.core.money import Usage
from headgate.dialects import openai_chat
from headgate.dialects.envelope import Envelope
from headgate.ledger.types import Ask, Hold
from headgate.pipeline import steps
from headgate.pipeline.once import DEFAULT_OUTPUT
from headgate.pipeline.options import read_options
from headgate.pipeline.parts import Parts
from headgate.pipeline.settle import finish, owe_everything, owe_usage
from headgate.providers.base import Target
from headgate.surfaces.socket_stream import credentials
from headgate.surfaces.state import State
from headgate.transport.server_asgi import Scope
from headgate.transport.websocket import WebSocket, accept
from headgate.transport.websocket_client import Refusal, open_socket

PROMPT = 32_768
"""Tokens of a prompt where the model's window is not known."""
POLICY = 1008
GOING_AWAY = 1001
TRY_AGAIN = 1013
FORWARDED = (b"openai-beta", b"openai-safety-identifier")


class _Tokens(msgspec.Struct):
    audio_tokens: int = 0
    cached_tokens: int = 0
    cached_tokens_details: "_Tokens | None" = None


class _Usage(msgspec.Struct):
    input_tokens: int = 0
    output_tokens: int = 0
    input_token_details: _Tokens = msgspec.field(default_factory=_Tokens)
    output_token_details: _Tokens = msgspec.field(default_factory=_Tokens)


class _Response(msgspec.Struct):
    id: str | None = None
    status: str | None = None
    usage: _Usage | None = None


class _Event(msgspec.Struct):
    type: str = ""
    response: _Response | None = None


_event = msgspec.json.Decoder(_Event)


async def realtime_socket(state: State, parts: Parts, scope: Scope, link: Any, rest: bytes) -> None:
    """Relay one session."""
    headers, protocol = credentials(scope, link)
    session = Session(parts, scope, headers)
    waiting = steps.authenticate(session.call, parts)
    if waiting is not None:
        await waiting
    await session.plan()
    try:
        await session.enter()
        await session.take_room()
        upstream = await session.dial()
        link.on_close = link.on_shutdown = link.task.cancel
        caller = accept(link, parts.max_body, protocol)
        await session.relay(caller, upstream)
    finally:
        session.close()


class Session:
    """One caller, one upstream, and the response under way between them."""

    def __init__(self, parts: Parts, scope: Scope, headers: list[tuple[bytes, bytes]]) -> None:
        self._parts = parts
        client = scope["client"]
        self.call = Call(
            surface="realtime",
            operation="chat",
            dialect=openai_chat,
            link=None,
            headers=headers,
            t0=monotonic(),
            query=scope["query_string"],
            address=client[0] if client else None,
        )
        self._query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        self._turn: Call | None = None
        """The response that is held for, whether it has begun or not."""
        self._hold: Hold | None = None
        self._begun = False
        self._place: Any = None
        """Under the limits of the model and the provider."""

    async def enter(self) -> None:
        """Take a place under the limits of the model and the provider."""
        place: Any = self._parts.gate.enter(self.call.target.name)
        self._place = await place if hasattr(place, "__await__") else place

    async def plan(self) -> None:
        """Find the deployment: the first of the route that the key may use."""
        call, parts = self.call, self._parts
        model = self._query.get("model")
        if not model:
            raise BadRequest(
                "Name the model in the query: ?model=...", code="missing_required_parameter", param="model"
            )
        read_options(call)
        call.envelope = Envelope(b"", model, {}, stream=True)
        call.streaming = True
        steps.resolve(call, parts)
        steps.authorize(call, parts)
        waiting = steps.admit(call, parts)
        if waiting is not None:
            await waiting
        call.reason = call.route.reason
        call.target = call.plan[0]

    async def dial(self) -> WebSocket:
        """Open the upstream's socket; what it says against that is told in the caller's shape."""
        target: Target = self.call.target
        provider = target.provider
        if provider.prepare is not None and (waiting := provider.prepare()) is not None:
            await waiting
        query = urlencode({**self._query, "model": target.model}).encode()
        headers = [line for line in self.call.headers if line[0] in FORWARDED]
        out = provider.raw("GET", "/realtime", query, headers, b"")
        try:
            return await open_socket(out, self._parts.max_body)
        except Refusal as refusal:
            raise openai_chat.read_error(refusal.upstream_status or 502, [], refusal.body) from None

    async def take_room(self) -> None:
        """Hold the worst case of the next response; raise where there is no room for it."""
        session, target = self.call, self.call.target
        turn = Call(
            surface=session.surface,
            operation="chat",
            dialect=session.dialect,
            link=None,
            headers=session.headers,
            t0=monotonic(),
            address=session.address,
            trace_id=session.trace_id,
            parent_id=session.parent_id,
            options=session.options,
            who=session.who,
            envelope=session.envelope,
            route=session.route,
            plan=session.plan,
            reason=session.reason,
            target=target,
            streaming=True,
        )
        ask = Ask(
            call_id=turn.id,
            trace_id=turn.trace_id,
            attempt=1,
            who=session.who,
            target=target.name,
            end_user=turn.end_user,
            tags=turn.tags,
            price=target.price,
            input_tokens=target.context or PROMPT,
            output_tokens=target.max_output or DEFAULT_OUTPUT,
            min_output=1,
            clamp=False,
            deadline=monotonic() + 5,
            surface=session.surface,
        )
        hold = self._parts.books.hold(ask)
        self._hold = hold if isinstance(hold, Hold) else await hold
        turn.holds.append(self._hold)
        self._turn = turn

    async def relay(self, caller: WebSocket, upstream: WebSocket) -> None:
        """Pass messages both ways until either side ends, or there is no room for another response."""
        ways = [asyncio.create_task(self._up(caller, upstream)), asyncio.create_task(self._down(upstream, caller))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                if way.done() and (error := way.exception()) is not None:
                    raise error
            caller.close()
        except HeadgateError as error:
            caller.send('{"type":"error",' + openai_chat.write_error(error, "").decode()[1:])
            caller.close(TRY_AGAIN if isinstance(error, UpstreamFailed) else POLICY, error.code)
        except asyncio.CancelledError:
            caller.close(GOING_AWAY)
            raise
        finally:
            upstream.close()
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _up(self, caller: WebSocket, upstream: WebSocket) -> None:
        while (message := await caller.receive()) is not None:
            await sent(upstream.send(message))

    async def _down(self, upstream: WebSocket, caller: WebSocket) -> None:
        while (message := await upstream.receive()) is not None:
            if isinstance(message, str) and '"response.' in message:
                await self._heard(message)
            await sent(caller.send(message))

    async def _heard(self, message: str) -> None:
        """Follow the responses: one begins, one is done and is settled, and room is taken for the next."""
        try:
            event = _event.decode(message)
        except msgspec.MsgspecError:
            return
        if event.type == "response.created":
            self._begin()
        elif event.type == "response.done":
            self._begin()
            self._settle(event.response or _Response())
            await self.take_room()

    def _begin(self) -> None:
        if self._begun or self._turn is None:
            return
        self._begun = True
        turn = self._turn
        turn.t0 = monotonic()
        target: Target = turn.target
        turn.attempts.append(
            Attempt(provider=target.provider.name, model=target.model, started_ms=0.0, headers_ms=0.0, status=101)
        )

    def _settle(self, response: _Response) -> None:
        turn, hold = self._turn, self._hold
        self._turn = self._hold = None
        self._begun = False
        if turn is None or hold is None:
            return
        attempt = turn.attempts[-1]
        attempt.ended_ms = (monotonic() - turn.t0) * 1000
        attempt.upstream_id = response.id
        turn.finish = response.status
        if response.usage is None:
            owe_everything(turn, attempt, hold)
        else:
            owe_usage(turn, attempt, hold, usage_of(response.usage))
        finish(turn, self._parts)

    def close(self) -> None:
        """Settle what is under way, and give back the room that nothing was done with."""
        if self._begun:
            self._settle(_Response(status="cut"))
        elif self._hold is not None:
            self._parts.books.release(self._hold)
            self._hold = self._turn = None
        if self._place is not None:
            self._place.release()
        if self.call.slot is not None:
            self.call.slot.release()


def usage_of(told: _Usage) -> Usage:
    """The usage of one response; sound is told apart, since it costs more."""
    read, written = told.input_token_details, told.output_token_details
    cached = read.cached_tokens_details
    return Usage(
        input=max(told.input_tokens, 0),
        output=max(told.output_tokens, 0),
        cached=max(read.cached_tokens, 0),
        audio_input=max(read.audio_tokens, 0),
        audio_cached=max(cached.audio_tokens, 0) if cached is not None else 0,
        audio_output=max(written.audio_tokens, 0),
    )


async def sent(waiting: Awaitable[None] | None) -> None:
    """Wait for a receiver that is behind."""
    if waiting is not None:
        await waiting
