"""Ask a model something on behalf of a call that is under way: a call of its own, held, limited and recorded as such.

It belongs to the same trace, is paid by the same key, and passes no guardrails: one would ask another without end.
Whoever runs the gateway may have any model asked; for what a tenant has of its own, those that the tenant was given.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import Any

from headgate.access.types import Principal
from headgate.cache.types import NoVector
from headgate.core.call import Call, Operation
from headgate.core.errors import Forbidden
from headgate.core.ids import span_id
from headgate.dialects import embeddings, openai_chat, wire
from headgate.guardrails.types import Unavailable
from headgate.pipeline import steps
from headgate.pipeline.parts import Parts
from headgate.providers.base import Target
from headgate.routing.table import Route
from headgate.transport.base import Inbound

MOST_SAID = 500
"""Tokens of an answer."""


class Listener:
    """The other end of such a call: it keeps the answer."""

    closed = False
    on_close: Callable[[], None] | None = None
    on_shutdown: Callable[[], None] | None = None

    def __init__(self) -> None:
        self.task = asyncio.current_task()
        self.mode = 0
        self.status = 0
        self.reply = b""

    def respond(self, status: int, headers: bytes, body: bytes) -> None:
        """Keep a whole answer."""
        self.mode, self.status, self.reply = 1, status, body


Heard = Callable[[Call, str], None]
"""Is told what was said, before that is on record: it may add to the call that asked."""
Within = Callable[[Principal, Route, str], tuple[Target, ...]]
"""``within(who, route, name)``: the deployments of a route that may be asked; without it, all."""


async def ask(
    call: Call,
    parts: Parts,
    model: str,
    system: str,
    text: str,
    *,
    surface: str = "guardrail",
    heard: Heard | None = None,
    within: Within | None = None,
) -> str:
    """Return what *model*, a route or ``provider/model``, answers; raise :class:`Unavailable` where it does not."""
    messages = [{"role": "system", "content": system}, {"role": "user", "content": text}]
    body = wire.encode({"model": model, "messages": messages, "max_tokens": MOST_SAID, "temperature": 0})
    return _said(model, await _asked(call, parts, surface, "chat", openai_chat, model, body, heard, within))


def _said(model: str, reply: bytes) -> str:
    try:
        said = wire.decode(reply)["choices"][0]["message"]["content"]
    except (*wire.ODD, LookupError, TypeError):
        said = None
    if not isinstance(said, str):
        raise Unavailable(f"{model} answered with no text")
    return said


async def embed(
    call: Call, parts: Parts, model: str, texts: Sequence[str], *, within: Within | None = None
) -> list[list[float]]:
    """Return the vectors of *texts* as *model* makes them; raise :class:`NoVector` where it does not."""
    body = wire.encode({"model": model, "input": list(texts), "encoding_format": "float"})
    try:
        reply = await _asked(call, parts, "cache", "embeddings", embeddings, model, body, within=within)
        rows = wire.decode(reply)["data"]
        found = [[float(one) for one in row["embedding"]] for row in sorted(rows, key=lambda row: int(row["index"]))]
    except Unavailable as error:
        raise NoVector(str(error)) from None
    except (*wire.ODD, LookupError, TypeError, ValueError):
        raise NoVector(f"{model} answered with no vectors") from None
    if len(found) != len(texts):
        raise NoVector(f"{model} answered with {len(found)} vectors for {len(texts)} texts")
    return found


async def _asked(  # noqa: PLR0913  # what is asked, of whom, and for whom
    call: Call,
    parts: Parts,
    surface: str,
    operation: Operation,
    dialect: Any,
    model: str,
    body: bytes,
    heard: Heard | None = None,
    within: Within | None = None,
) -> bytes:
    """Return a whole answer; raise :class:`Unavailable`."""
    from headgate.pipeline.run import run  # which leads here

    link = Listener()
    asked = Call(
        surface=surface,
        operation=operation,
        dialect=dialect,
        link=link,
        headers=[],
        t0=monotonic(),
        trace_id=call.trace_id,
        parent_id=span_id(call.id, 0).hex(),
        part_of=call.id,
        body=body,
        who=call.who,
        envelope=dialect.envelope(body),
    )
    if heard is not None:
        asked.claim = partial(_hear, asked, heard)
    await run(asked, parts, partial(_way, within=within))
    if link.status != 200:
        raise Unavailable(f"{model} did not answer: {asked.error.code if asked.error is not None else link.status}")
    return link.reply


async def _hear(asked: Call, heard: Heard, inbound: Inbound, body: bytes) -> bool:
    with suppress(Unavailable):  # whoever asked will see that for himself
        heard(asked, _said(asked.envelope.model, body))
    return True


async def _way(call: Call, parts: Parts, *, within: Within | None) -> None:
    """What such a call goes through: it takes nothing from its key's limits of requests, and its budgets pay."""
    from headgate.pipeline.attempts import attempt

    call.route = parts.snapshot.table_of(call.who.tenant_id).resolve(call.envelope.model)
    call.plan = call.route.targets
    if within is not None:
        call.plan = within(call.who, call.route, call.envelope.model)
        if not call.plan:
            raise Forbidden(f"{call.envelope.model!r} may not be asked: it was not granted.", param="model")
    steps.plan(call, parts)
    waiting: Any = attempt(call, parts)
    await waiting
