"""Copies of calls that nobody waits for: what another deployment would have answered, held, paid for and on record.

A copy is made after its call was answered. It is a call of its own, of the same key, and takes nothing from that key's
limits of requests; its budgets pay. So many are under way at most, and what is above that is left out.
"""

import asyncio
import random
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import Any

import msgspec

from headgate.core.call import Call
from headgate.pipeline.one import one
from headgate.pipeline.parts import Parts
from headgate.routing.table import Route, RouteConfig, Shadow

PATIENCE = 600.0  # seconds that a copy may take


class Nobody:
    """The other end of a copy: takes everything, and nobody is there."""

    closed = False
    mode = 0
    on_close: Callable[[], None] | None = None
    on_shutdown: Callable[[], None] | None = None

    def __init__(self) -> None:
        self.task = asyncio.current_task()

    def respond(self, status: int, headers: bytes, body: bytes) -> None:
        """Take a whole answer."""
        self.mode = 1

    def start(self, status: int, headers: bytes) -> None:
        """Take the head of a stream."""
        self.mode = 1

    def write(self, data: bytes) -> None:
        """Take a piece of it."""

    def end(self) -> None:
        """It is over."""


def offer(call: Call, parts: Parts) -> None:
    """Make a copy of *call*, which was answered, if it is its turn and there is room."""
    shadow: Shadow = call.route.config.shadow
    if random.random() < shadow.share:
        parts.aside.begin(partial(copied, call, parts, shadow.target))


async def copied(call: Call, parts: Parts, name: str) -> None:
    """Ask the deployment *name* what *call* asked."""
    from headgate.pipeline.run import run  # which leads here

    copy = Call(
        surface="shadow",
        operation=call.operation,
        dialect=call.dialect,
        link=Nobody(),
        headers=call.headers,
        t0=monotonic(),
        query=call.query,
        media=call.media,
        path_model=call.path_model,
        path_stream=call.path_stream,
        body=call.body,
        options=msgspec.structs.replace(call.options, timeout=None),
        deadline=monotonic() + PATIENCE,
        who=call.who,
        envelope=call.envelope,
        streaming=call.streaming,
        shadow_of=call.id,
    )
    await run(copy, parts, way(name, call.route))


def way(name: str, of: Route) -> Any:
    """Return the one step that a copy for the deployment *name* takes."""

    def ask(copy: Call, parts: Parts) -> Any:
        found = parts.snapshot.table_of(copy.who.tenant_id).resolve(name)
        config = RouteConfig(targets=[name], attempts=1, on_unsupported="drop")
        copy.route = msgspec.structs.replace(found, name=of.name, config=config)
        copy.plan = found.targets
        copy.reason = f"a copy of call {copy.shadow_of}, to compare"
        return one(copy, parts, copy.plan[0], last=True)

    return ask
