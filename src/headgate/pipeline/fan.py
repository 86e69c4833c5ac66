"""Several targets asked at once: the first that begins to answer, the best that does, or all of them in one reply."""

from collections.abc import Callable
from typing import Any

from headgate.core.call import Call
from headgate.core.errors import BadRequest
from headgate.core.money import together, usd
from headgate.dialects import openai_chat, wire
from headgate.guardrails.types import Unavailable
from headgate.pipeline.judge import best_of, text_of
from headgate.pipeline.parts import Parts
from headgate.pipeline.race import Answer, Tries
from headgate.pipeline.relay import deliver
from headgate.providers.base import Target
from headgate.routing.table import FanOut, named

Hopeless = Callable[[BaseException], bool]


async def fan_out(call: Call, parts: Parts, plan: tuple[Target, ...], hopeless: Hopeless) -> None:
    """Answer *call* from the first so many of *plan* at once. Raise what the first failed with where none answers."""
    config: FanOut = call.route.config.fan_out
    if config.answer != "first":
        refuse(call, config)
    asked = plan[: config.n]
    tries = Tries(call, parts, hopeless)
    for target in asked:
        begin = tries.race if config.answer == "first" else tries.gather
        begin(target, "fan-out", last=len(plan) <= config.n)
    if config.answer == "first":
        await tries.end()
        return
    order = best_first(call, asked) if config.answer == "best" else list(asked)
    await tries.end(enough=lambda: config.answer == "best" and config.judge is None and settled(tries, order))
    answers = sorted(tries.answers, key=lambda answer: order.index(answer.call.target))
    if config.judge is not None and len(answers) > 1:
        await prefer(call, parts, config.judge, answers)
    call.usage = together(answer.call.usage for answer in answers)
    first = answers[0]
    for name in ("target", "spoken", "attempt", "finish", "billed", "dropped", "defaulted"):
        setattr(call, name, getattr(first.call, name))
    body = first.body if config.answer == "best" else combined(call, answers, list(asked))
    call.bytes_out = len(body)
    deliver(call, parts, first.inbound, body)


def refuse(call: Call, config: FanOut) -> None:
    """Refuse what cannot be answered in one piece."""
    if call.streaming:
        raise BadRequest(
            f"The route {call.route.name!r} compares whole answers (fan_out: {config.answer}), so that it cannot be "
            "asked for a stream. Leave 'stream' out.",
            code="unsupported_parameter",
            param="stream",
        )
    if config.answer == "all" and call.dialect is not openai_chat:
        raise BadRequest(
            f"The route {call.route.name!r} gives several answers (fan_out: all), which only POST "
            "/v1/chat/completions has a form for.",
            code="unsupported_operation",
            param="model",
        )


def best_first(call: Call, asked: tuple[Target, ...]) -> list[Target]:
    """Return *asked* by the quality that the route states, best first; what has none comes last, in its order."""
    quality = {entry.model: entry.quality for entry in map(named, call.route.config.targets)}
    return sorted(asked, key=lambda target: -(quality.get(target.name) or 0.0))


async def prefer(call: Call, parts: Parts, judge: str, answers: list[Answer]) -> None:
    """Put the answer first that *judge* prefers, and keep that for the record; where it does not say, nothing moves."""
    texts = [text_of(call, [answer.body], streamed=False) for answer in answers]
    try:
        best = await best_of(call, parts, judge, texts)
    except Unavailable as error:
        call.reason = f"{call.reason}; not judged: {error}"
        return
    if best is None:
        call.reason = f"{call.reason}; {judge} preferred none"
        return
    answers.insert(0, answers.pop(best))
    call.reason = f"{call.reason}; {judge} preferred {answers[0].call.target.name}"


def settled(tries: Tries, order: list[Target]) -> bool:
    """Whether an answer is in that none under way can be better than."""
    if not tries.answers:
        return False
    best = min(order.index(answer.call.target) for answer in tries.answers)
    return all(order.index(branch.target) > best for branch in tries.waiting_for)


def combined(call: Call, answers: list[Answer], asked: list[Target]) -> bytes:
    """Return every answer's choices in one reply, each with ``headgate``: whose it is, and what it cost.

    Who failed stands in ``headgate.failed`` of the reply, with the code.
    """
    whole: dict[str, Any] = {}
    choices: list[dict[str, Any]] = []
    for answer in answers:
        reply = wire.decode(answer.body)
        attempt = answer.call.attempt
        cost = attempt.cost_nano if attempt is not None else None
        told = {"model": answer.call.target.name, "cost": None if cost is None else usd(cost)}
        whole = whole or reply
        for choice in reply["choices"]:
            choices.append({**choice, "index": len(choices), "headgate": told})
    answered = {answer.call.target for answer in answers}
    names = {target.name for target in asked if target not in answered}
    failed = [
        {"model": f"{a.provider}/{a.model}", "code": a.outcome}
        for a in call.attempts
        if f"{a.provider}/{a.model}" in names
    ]
    usage = call.usage
    counted = {"prompt_tokens": usage.input, "completion_tokens": usage.output, "total_tokens": usage.total}
    made: bytes = wire.encode({**whole, "choices": choices, "usage": counted, "headgate": {"failed": failed}})
    return made
