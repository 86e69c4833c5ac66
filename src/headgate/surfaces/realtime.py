"""``/v1/realtime?model=...``: a relay of OpenAI's Realtime API over WebSocket, each response of it held and accounted.

https://platform.openai.com/docs/guides/realtime. Messages pass both ways as they came. Each response is a call: before
it can begin its caller is authenticated, authorized and admitted anew, and room for it is taken. Where one of these is
refused, the caller is told so and the socket is closed.
"""

import asyncio
from collections.abc import Awaitable
from time import monotonic
from typing import Any
from urllib.parse import parse_qsl, urlencode

from headgate.core.call import Call
from headgate.core.errors import BadRequest, Forbidden, HeadgateError, UpstreamFailed
from headgate.core.record import Attempt
from headgate.dialects import openai_chat
from headgate.dialects.envelope import Envelope
from headgate.dialects.realtime import Response, read_event, usage_of
from headgate.ledger.types import Hold
from headgate.pipeline import steps
from headgate.pipeline.grants import sign_own
from headgate.pipeline.hold import DEFAULT_OUTPUT, ask_of, held
from headgate.pipeline.options import read_options
from headgate.pipeline.parts import Parts
from headgate.pipeline.settle import finish, owe_everything, owe_usage
from headgate.providers.base import Target
from headgate.surfaces.calls import call_from
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
STALE = 0.5
"""Seconds after which it is asked again who calls, before a message that may begin a response."""
FORWARDED = (b"openai-beta", b"openai-safety-identifier")


async def realtime_socket(state: State, parts: Parts, scope: Scope, link: Any, rest: bytes) -> None:
    """Relay one session."""
    headers, protocol = credentials(scope, link)
    session = Session(parts, scope, headers)
    try:
        try:
            await session.plan()
            await session.take_room()
            upstream = await session.dial()
        except HeadgateError as error:
            if session.call.who is not None:
                session.refused(session.call, error)
            raise
        link.on_close = link.on_shutdown = link.task.cancel
        caller = accept(link, parts.max_body, protocol)
        await session.relay(caller, upstream)
    finally:
        session.close()


class Session:
    """One caller, one upstream, and the response under way between them."""

    def __init__(self, parts: Parts, scope: Scope, headers: list[tuple[bytes, bytes]]) -> None:
        self._parts = parts
        self.call = call_from(scope, None, "realtime", "chat", openai_chat)
        self.call.headers = headers
        self._query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        self._turn: Call | None = None
        """The response that is held for, whether it has begun or not."""
        self._hold: Hold | None = None
        self._begun = False
        self._place: Any = None
        """Under the limits of the model and the provider."""
        self._looked = 0.0
        """When it was last asked who calls, and what it may do."""

    async def plan(self) -> None:
        """Find the deployment: the first of the route that the key may use."""
        call = self.call
        waiting = steps.authenticate(call, self._parts)
        if waiting is not None:
            await waiting
        model = self._query.get("model")
        if not model:
            raise BadRequest(
                "Name the model in the query: ?model=...", code="missing_required_parameter", param="model"
            )
        read_options(call)
        call.envelope = Envelope(b"", model, {}, stream=True)
        call.streaming = True
        await self.look()

    async def look(self) -> None:
        """Ask who calls, and whether it may: keys, grants, guardrails and models change while a session lasts."""
        call, parts = self.call, self._parts
        waiting = steps.authenticate(call, parts)
        if waiting is not None:
            await waiting
        steps.resolve(call, parts)
        guards = parts.snapshot.guarding.names(call)[1] if parts.snapshot.guarding is not None else ()
        if guards:
            raise Forbidden(
                f"The guardrail {guards[0]!r} looks at this key's calls of {call.envelope.model!r}, and none can look "
                "into a realtime socket. Use /v1/chat/completions or /v1/stream."
            )
        steps.authorize(call, parts)
        if call.who.mapped:
            sign_own(call, parts)
        target = next((one for one in call.plan if call.target is None or one.name == call.target.name), None)
        if target is None:
            raise Forbidden(f"The key {call.who.name!r} may no longer call {call.target.name}.")
        call.reason, call.target = call.route.reason, target
        self._looked = monotonic()

    async def admit(self) -> None:
        """Take a place under every limit, in place of the last response's."""
        self.leave()
        waiting = steps.admit(self.call, self._parts)
        if waiting is not None:
            await waiting
        place: Any = self._parts.gate.enter(self.call.target.name)
        self._place = await place if hasattr(place, "__await__") else place

    def leave(self) -> None:
        """Give the places back."""
        for place in (self._place, self.call.slot):
            if place is not None:
                place.release()
        self._place = self.call.slot = None

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
            return await open_socket(out, self._parts.max_body, provider.sender)
        except Refusal as refusal:
            raise openai_chat.read_error(refusal.upstream_status or 502, [], refusal.body) from None

    async def take_room(self) -> None:
        """Let the caller in for the next response, and hold its worst case; raise where either is refused."""
        await self.look()
        await self.admit()
        target, turn = self.call.target, self.next_turn()
        most = target.context or PROMPT, target.max_output or DEFAULT_OUTPUT
        ask = ask_of(turn, target.name, target.price, *most, min_output=1)
        ask.deadline = monotonic() + 5
        self._hold = await held(turn, self._parts, ask)
        self._turn = turn

    def next_turn(self) -> Call:
        """Return the call that a response of this session is."""
        session = self.call
        return Call(
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
            target=session.target,
            streaming=True,
        )

    def refused(self, call: Call, error: HeadgateError) -> None:
        """Put on record that there is no session, or no further response in it."""
        error.headers["x-request-id"] = call.id
        call.error, call.status = error, error.status
        self.leave()
        finish(call, self._parts)

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
            if not isinstance(error, UpstreamFailed):
                self.refused(self.next_turn(), error)
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
            if not self._begun and monotonic() - self._looked > STALE:
                await self.look()
            await sent(upstream.send(message))

    async def _down(self, upstream: WebSocket, caller: WebSocket) -> None:
        while (message := await upstream.receive()) is not None:
            try:
                if isinstance(message, str) and '"response.' in message:
                    await self._heard(message)
            except HeadgateError:
                await sent(caller.send(message))  # what was paid for is told before the refusal of more
                raise
            await sent(caller.send(message))

    async def _heard(self, message: str) -> None:
        """Follow the responses: one begins, one is done and is settled, and room is taken for the next."""
        event = read_event(message)
        if event.type == "response.created":
            self._begin()
        elif event.type == "response.done":
            self._begin()
            self._settle(event.response or Response())
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

    def _settle(self, response: Response) -> None:
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
            self._settle(Response(status="cut"))
        elif self._hold is not None:
            self._parts.books.release(self._hold)
            self._hold = self._turn = None
        self.leave()


async def sent(waiting: Awaitable[None] | None) -> None:
    """Wait for a receiver that is behind."""
    if waiting is not None:
        await waiting
