"""Prompts that are too long for their target, foreseen: another target with a larger window, or fewer old turns.

Only for routes that ask for it, and only where the window is known. The body's bytes bound its tokens, so most calls
are through with one comparison; the rest are counted with a tokenizer, off the loop.
"""

from typing import Any

import msgspec

from headgate.core.call import Call
from headgate.core.errors import BadRequest
from headgate.pipeline.parts import Parts, neutral, put_body
from headgate.providers.base import Target
from headgate.routing.types import Verdict

FRAMING = 32  # tokens that a provider may add around the messages, beyond a tenth for tokenizers that differ
TRIES = 8  # counts of a prompt that is being trimmed
KEPT = ("system", "developer")
TURNS = {
    "openai-chat": "messages",
    "anthropic-messages": "messages",
    "openai-responses": "input",
    "gemini": "contents",
}
"""Dialects whose turns are trimmed, and the list that they are in. A Responses ``input`` of one text has none."""


async def fitted(call: Call, parts: Parts, plan: tuple[Target, ...]) -> tuple[Target, ...]:
    """Return the targets of *plan* that take the prompt; with ``context: trim`` it is cut to the first one's window.

    Raise ``BadRequest`` (``context_length_exceeded``) where nothing helps.
    """
    if call.operation != "chat" or all([room_of(target, call) >= len(call.body) for target in plan]):
        return plan
    need = await counted(call, parts)
    if call.route.config.context == "trim" and call.dialect.name in TURNS and room_of(plan[0], call) < need:
        need = await trim(call, parts, plan[0], need)
    fits = tuple(target for target in plan if room_of(target, call) >= need)
    for target in plan:
        if target not in fits:
            why = f"{need} tokens do not fit {target.context}"
            call.verdicts.append(Verdict(target.name, "removed", "context", why))
    if not fits:
        raise too_long(call, need, max(target.context or 0 for target in plan))
    return fits


def room_of(target: Target, call: Call) -> float:
    """Tokens that a prompt may have at *target*; ``inf`` where its window is not known."""
    return float("inf") if target.context is None else target.context - (call.envelope.max_tokens or 0)


async def counted(call: Call, parts: Parts) -> int:
    """Count the prompt, with a margin for tokenizers that differ; never more than its bytes."""
    tokens = await parts.count_tokens(neutral(call))
    return min(tokens + tokens // 10 + FRAMING, len(call.body))


async def trim(call: Call, parts: Parts, target: Target, need: int) -> int:
    """Leave out the oldest turns until the prompt fits *target*; return its tokens then, which may still be too many.

    A turn is a user's message and everything up to the next, so that calls of tools and their results stay together.
    What the system says stays, and so does the last turn.
    """
    name = TURNS[call.dialect.name]
    listed = bytes(call.envelope.fields.get(name, b"null"))
    if not listed.lstrip().startswith(b"["):
        return need
    messages = msgspec.json.decode(listed, type=list[msgspec.Raw])
    room, left = room_of(target, call), turns(messages)
    whole = len(left)
    for _ in range(TRIES):
        if need <= room or len(left) <= 1:
            break
        size = sum(len(bytes(messages[at])) for turn in left for at in turn) or 1
        over, gone = (need - room) / need * size, 0
        while len(left) > 1 and (gone == 0 or over > 0):
            over -= sum(len(bytes(messages[at])) for at in left.pop(0))
            gone += 1
        dropped = set(range(len(messages))) - {at for turn in left for at in turn} - set(kept(messages))
        replace(call, [message for at, message in enumerate(messages) if at not in dropped])
        need = await counted(call, parts)
    if len(left) < whole:
        call.defaulted.append(f"{name}=the last {len(left)} of {whole} turns")
    return need


def turns(messages: list[msgspec.Raw]) -> list[list[int]]:
    """Return the turns, oldest first, each as the places of its messages."""
    found: list[list[int]] = []
    system = set(kept(messages))
    for at, raw in enumerate(messages):
        if at in system:
            continue
        message = msgspec.json.decode(bytes(raw))
        role = message.get("role", "user" if "parts" in message else None)  # Gemini's are the user's unless they say so
        said = message.get("content", message.get("parts"))
        if not found or (role == "user" and not only_results(said)):
            found.append([])
        found[-1].append(at)
    return found


def kept(messages: list[msgspec.Raw]) -> list[int]:
    """Return the places of what the system says."""
    return [at for at, raw in enumerate(messages) if msgspec.json.decode(bytes(raw)).get("role") in KEPT]


def only_results(content: Any) -> bool:
    """Tell whether a user's message holds nothing but the results of tools, as Anthropic's and Gemini's dialects do."""
    return (
        isinstance(content, list)
        and bool(content)
        and all(part.get("type") == "tool_result" or "functionResponse" in part for part in content)
    )


def replace(call: Call, messages: list[msgspec.Raw]) -> None:
    """Put *messages* in place of the call's own; every other field stays as it came."""
    fields = msgspec.json.decode(call.body, type=dict[str, msgspec.Raw])
    fields[TURNS[call.dialect.name]] = msgspec.Raw(msgspec.json.encode(messages))
    put_body(call, msgspec.json.encode(fields))


def too_long(call: Call, need: int, largest: int) -> BadRequest:
    """Return the refusal of a prompt that no target of its route takes."""
    return BadRequest(
        f"This prompt has about {need} tokens and asks for {call.envelope.max_tokens or 0} more; the largest window of "
        f"{call.envelope.model!r} is {largest}. Shorten it, or ask for a model with a larger one.",
        code="context_length_exceeded",
        param=TURNS.get(call.dialect.name, "prompt"),
    )
