"""Copies of calls that nobody waits for: what another deployment would have answered, held, paid for and on record.

A copy is made after its call was answered. It is a call of its own, of the same key, and takes nothing from that key's
limits of requests; its budgets pay. So many are under way at most, and what is above that is left out. So is a copy to
another account of a call that names what the first one keeps: it could only fail, or name what is somebody else's.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from time import monotonic

import msgspec

from headgate.core.call import Call
from headgate.guardrails.types import Unavailable
from headgate.pipeline.grants import is_bound, sees, sign_own
from headgate.pipeline.hearing import Hearing
from headgate.pipeline.judge import KEPT, compare, text_of
from headgate.pipeline.linked import templated
from headgate.pipeline.one import one
from headgate.pipeline.parts import Parts
from headgate.routing.table import Route, RouteConfig, Shadow

PATIENCE = 600.0  # seconds that a copy may take


class Nobody:
    """The other end of a copy: takes everything, and nobody is there. It keeps what a judge is to look at."""

    closed = False
    mode = 0
    on_close: Callable[[], None] | None = None
    on_shutdown: Callable[[], None] | None = None

    def __init__(self, keep: int) -> None:
        """*keep* is how many bytes of the answer are kept, about."""
        self.task = asyncio.current_task()
        self.pieces: list[bytes] = []
        self.streamed = False
        self._room = keep

    def respond(self, status: int, headers: bytes, body: bytes) -> None:
        """Take a whole answer."""
        self.mode = 1
        self.write(body)

    def start(self, status: int, headers: bytes) -> None:
        """Take the head of a stream."""
        self.mode, self.streamed = 1, True

    def write(self, data: bytes) -> None:
        """Take a piece of it."""
        if self._room > 0:
            self.pieces.append(data)
            self._room -= len(data)

    def end(self) -> None:
        """It is over."""


def overheard(call: Call) -> Hearing | None:
    """Hear what *call* is answered, where that is to be judged beside its copy's answer."""
    if call.route.config.shadow.judge is None or call.operation != "chat":
        return None
    heard = call.link = Hearing(call.link, KEPT)
    return heard


def offer(call: Call, parts: Parts, heard: Hearing | None) -> None:
    """Make a copy of *call*, which was answered, if it is its turn, there is room, and it may go there.

    *heard* is what it was answered, see :func:`overheard`.
    """
    shadow: Shadow = call.route.config.shadow
    if random.random() >= shadow.share:
        return
    found = parts.snapshot.table_of(call.who.tenant_id).resolve(shadow.target)
    route = msgspec.structs.replace(
        found,
        name=call.route.name,
        config=RouteConfig(targets=[shadow.target], attempts=1, on_unsupported="drop"),
        reason=f"a copy of call {call.id}, to compare",
        own=call.route.own,
    )
    target = found.targets[0]
    if target.name in {one.name for one in call.route.targets} - {one.name for one in call.plan}:
        return  # a rule of the route says that this call must not go there
    if target.provider.name != call.target.provider.name and (call.bound or templated(call.envelope.fields)):
        parts.aside.left_out.add()
        return
    if not is_bound(call.who) or sees(call.who, route, call.envelope.model):
        parts.aside.begin(partial(copied, call, parts, route, heard))


async def copied(call: Call, parts: Parts, route: Route, heard: Hearing | None) -> None:
    """Ask the one deployment of *route* what *call* asked."""
    from headgate.pipeline.run import run  # which leads here

    link = Nobody(0 if heard is None else KEPT)
    copy = Call(
        surface="shadow",
        operation=call.operation,
        dialect=call.dialect,
        link=link,
        headers=call.headers,
        t0=monotonic(),
        query=call.query,
        media=call.media,
        path_model=call.path_model,
        path_stream=call.path_stream,
        body=call.body,
        options=msgspec.structs.replace(call.options, timeout=None),
        limit=call.limit,
        deadline=monotonic() + PATIENCE,
        who=call.who,
        envelope=call.envelope,
        streaming=call.streaming,
        shadow_of=call.id,
        route=route,
        plan=route.targets,
        reason=route.reason,
    )
    await run(copy, parts, ask)
    if heard is not None and copy.error is None:
        texts = (
            text_of(call, heard.pieces, streamed=heard.streamed),
            text_of(call, link.pieces, streamed=link.streamed),
        )
        with suppress(Unavailable):  # its own record says why
            await compare(call, copy, parts, call.route.config.shadow.judge, texts)


def ask(copy: Call, parts: Parts) -> Awaitable[None]:
    """Take the only step of a copy."""
    if copy.who.mapped:
        sign_own(copy, parts)
    return one(copy, parts, copy.plan[0], last=True)
