"""Answers as a cache keeps them, and as their callers get them: values of theirs out of the one, and in the other."""

from collections.abc import Sequence
from typing import Any

from headgate.core.call import Call
from headgate.dialects import wire
from headgate.dialects.splice import splice
from headgate.dialects.text import Path
from headgate.guardrails.frames import frames
from headgate.guardrails.lane import Mask
from headgate.guardrails.mask import plain_placeholder
from headgate.guardrails.rules import Rule
from headgate.guardrails.run import examine
from headgate.guardrails.stream import Filter
from headgate.guardrails.types import Span
from headgate.guardrails.whole import edited
from headgate.pipeline.guard import Guard


async def kept(guard: Guard, call: Call, body: bytes, *, stream: bool) -> bytes:
    """Return an answer, as its model gave it, with everything masked that guardrails mask in answers.

    It has passed them all; those that mask look at it once more, for what they are to put in has another form here.
    """
    rules = [rule for rule in guard.rules.output if rule.guardrail.action == "mask" and not rule.guardrail.shadow]
    if not rules:
        return body

    def mask(number: int, kind: str, value: str) -> str:
        known = guard.masks.of(kind, value) if rules[number].reversible else None
        return known or plain_placeholder(kind)

    if not stream:
        return await _whole(guard, body, rules, mask)
    passing = Filter(guard.walker, frames(call.dialect.stream_type), rules, None, mask, guard.means, json=guard.json)
    return await passing.pass_on(body, final=True)


async def _whole(guard: Guard, body: bytes, rules: Sequence[Rule], mask: Mask) -> bytes:
    pieces = list(guard.walker.reply(wire.decode(body)))
    spans = [Span(p.text, p.place, p.json or (guard.json and p.place == "output" and not p.aside)) for p in pieces]
    changed = edited(spans, rules, await examine(rules, "output", spans, guard.means), None, mask)
    return _spliced(guard, body, {pieces[i].path: text for i, text in changed.items()})


def restored(guard: Guard | None, body: bytes) -> bytes:
    """Return a whole answer that was kept with its caller's values in it."""
    if guard is None or not guard.masks:
        return body
    pieces = list(guard.walker.reply(wire.decode(body)))
    spans = [Span(p.text, p.place, p.json or (guard.json and p.place == "output" and not p.aside)) for p in pieces]
    changed = edited(spans, (), (), guard.masks, _none)
    return _spliced(guard, body, {pieces[i].path: text for i, text in changed.items()})


def restoring(guard: Guard | None, call: Call) -> Filter | None:
    """Return what puts its caller's values into a stream that was kept; ``None`` where there are none."""
    if guard is None or not guard.masks:
        return None
    stream_type: Any = call.dialect.stream_type
    return Filter(guard.walker, frames(stream_type), (), guard.masks, _none, guard.means, json=guard.json)


def _none(number: int, kind: str, value: str) -> str:
    raise AssertionError("nothing is looked for here")


def _spliced(guard: Guard, body: bytes, changed: dict[Path, str]) -> bytes:
    edits: dict[Path, str | None] = dict(changed)
    for path in changed:
        edits |= dict.fromkeys(guard.walker.beside(path))
    return splice(body, edits) if edits else body
