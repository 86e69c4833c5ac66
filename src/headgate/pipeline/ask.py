"""Ask a model something on behalf of a call that is under way: a call of its own, held, limited and recorded as such.

It belongs to the same trace, is paid by the same key, and passes no guardrails: one would ask another without end.
"""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Any

import msgspec

from headgate.core.call import Call
from headgate.dialects import openai_chat, wire
from headgate.guardrails.types import Unavailable
from headgate.pipeline import steps
from headgate.pipeline.parts import Parts

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


async def ask(call: Call, parts: Parts, model: str, system: str, text: str) -> str:
    """Return what *model*, a route or ``provider/model``, answers; raise :class:`Unavailable` where it does not."""
    from headgate.pipeline.run import run  # which leads here

    messages = [{"role": "system", "content": system}, {"role": "user", "content": text}]
    body = wire.encode({"model": model, "messages": messages, "max_tokens": MOST_SAID, "temperature": 0})
    link = Listener()
    asked = Call(
        surface="guardrail",
        operation="chat",
        dialect=openai_chat,
        link=link,
        headers=[],
        t0=monotonic(),
        trace_id=call.trace_id,
        body=body,
        who=call.who,
        envelope=openai_chat.envelope(body),
    )
    await run(asked, parts, _way)
    if link.status != 200:
        raise Unavailable(f"{model} did not answer: {asked.error.code if asked.error is not None else link.status}")
    try:
        said = wire.decode(link.reply)["choices"][0]["message"]["content"]
    except (msgspec.DecodeError, LookupError, TypeError):
        said = None
    if not isinstance(said, str):
        raise Unavailable(f"{model} answered with no text")
    return said


async def _way(call: Call, parts: Parts) -> None:
    """What such a call goes through: it takes nothing from its key's limits of requests, and its budgets pay."""
    from headgate.pipeline.attempts import attempt

    call.route = parts.snapshot.table_of(call.who.tenant_id).resolve(call.envelope.model)
    call.plan = call.route.targets
    steps.plan(call, parts)
    waiting: Any = attempt(call, parts)
    await waiting
