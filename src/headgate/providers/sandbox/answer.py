"""What the sandbox says: text, tool calls or JSON, made up from the request and nothing else."""

from hashlib import blake2b
from typing import Any

import msgspec

from headgate.providers.sandbox.hints import Hints
from headgate.providers.sandbox.pieces import count, pieces
from headgate.providers.sandbox.schema import instance
from headgate.providers.sandbox.strings import Unsatisfiable
from headgate.providers.sandbox.wire import Chat, Choice, Function, Message, encode

PER_MESSAGE = 4
"""Tokens that every message costs besides its text, as chat formats do."""
MAX_CALLS = 8
QUOTE = 160
"""Characters of a prompt that an answer repeats."""
OPENINGS = (
    "You asked: “{}”",
    "Here is what the sandbox makes of “{}”.",
    "“{}” is a fair thing to ask.",
    "The sandbox has read “{}”.",
)
CLOSINGS = (
    "This answer was made up on this machine, so it cost no call to a provider; the same request always gets it again.",
    "No model was asked: name one of a configured provider to get a real answer instead of this repeatable one.",
    "It was composed without network or key, and will be the same whenever you ask again.",
)
EXACTLY = ("say ", "reply with ", "respond with ", "answer with ", "repeat ", "echo ")


class Call(msgspec.Struct):
    """A tool call."""

    id: str
    name: str
    arguments: str


class Answer(msgspec.Struct):
    """One choice: the pieces of its text, or its tool calls."""

    said: list[str]
    calls: list[Call]
    finish: str
    tokens: int
    thought: list[str] = []
    """The pieces of what was thought before; part of ``tokens``."""


class Refused(Exception):
    """The request asks for what cannot be answered; ``param`` is the field to blame."""

    def __init__(self, message: str, param: str) -> None:
        super().__init__(message)
        self.message = message
        self.param = param


def seed_of(chat: Chat) -> bytes:
    """Return 16 bytes that stand for the request: what was said to whom, and the seed if one is given."""
    told = blake2b(f"{chat.model}\0{chat.seed}".encode("utf-8", "replace"), digest_size=16)
    for message in chat.messages:
        told.update(f"\0{message.role}\0{message.text}\0{message.tool_call_id}".encode("utf-8", "replace"))
    return told.digest()


def prompt_tokens(chat: Chat) -> int:
    """Return how many tokens the prompt is, tools included."""
    total = 3
    for message in chat.messages:
        total += PER_MESSAGE + count(message.text)
        for call in message.tool_calls or ():
            total += count(call.function.name) + count(call.function.arguments)
    for tool in chat.tools or ():
        if tool.function is not None:
            total += PER_MESSAGE + count(encode(tool.function).decode())
    return total


def continued(chat: Chat) -> tuple[Chat, str]:
    """Return *chat* without a last message that begins its answer, and that beginning."""
    last = chat.messages[-1]
    if last.role != "assistant" or last.tool_calls or len(chat.messages) == 1:
        return chat, ""
    return msgspec.structs.replace(chat, messages=chat.messages[:-1]), last.text


def answer(chat: Chat, seed: bytes, index: int, literal: str | None, said: str = "") -> Answer:
    """Return choice number *index*, from where what was *said* of it leaves off.

    Raise ``Refused`` for a schema or a tool choice that cannot be met.
    """
    limit = chat.max_completion_tokens if chat.max_completion_tokens is not None else chat.max_tokens
    number = int.from_bytes(seed[:6], "big") + index
    last = chat.messages[-1]
    if literal is None:
        chosen = _tools(chat) if chat.tools and last.role == "user" and not said else []
        if chosen:
            return _cut_calls(_calls(chat, chosen, number), limit)
        literal = _json(chat, number) if chat.response_format is not None else None
    text = literal if literal is not None else _text(chat, last, number)
    return _cut_text(text.removeprefix(said), chat.stop, limit)


def _cut_text(text: str, stop: str | list[str] | None, limit: int | None) -> Answer:
    for word in [stop] if isinstance(stop, str) else stop or ():
        if word:
            text = text.partition(word)[0]
    said = pieces(text)
    if limit is not None and len(said) > limit:
        return Answer(said[:limit], [], "length", limit)
    return Answer(said, [], "stop", len(said))


def _cut_calls(calls: list[Call], limit: int | None) -> Answer:
    """A model that runs out of tokens leaves the arguments it was writing unfinished, and so does this one."""
    used = 0
    for position, call in enumerate(calls):
        used += count(call.name)
        words = pieces(call.arguments)
        if limit is not None and used + len(words) > limit:
            kept = Call(call.id, call.name, "".join(words[: max(limit - used, 0)]))
            return Answer([], [*calls[:position], kept], "length", limit)
        used += len(words)
    return Answer([], calls, "tool_calls", used)


def _text(chat: Chat, last: Message, number: int) -> str:
    """Answer in words: from the tools' results if there are any, else about the last thing the user said."""
    if last.role == "tool":
        results = []
        for message in reversed(chat.messages):
            if message.role != "tool":
                break
            results.append(_shortened(message.text))
        return "Here is what the tools returned: " + "; ".join(reversed(results)) + "."
    asked = next((m.text for m in reversed(chat.messages) if m.role == "user" and m.text), "").strip()
    if not asked:
        return "There was no text to answer. " + CLOSINGS[number % len(CLOSINGS)]
    for wish in EXACTLY:
        if asked[: len(wish)].lower() == wish:
            return asked[len(wish) :].strip().strip("\"“”'") or asked
    opening = OPENINGS[number % len(OPENINGS)].format(_shortened(asked))
    return f"{opening} {CLOSINGS[number // len(OPENINGS) % len(CLOSINGS)]}"


def _shortened(text: str) -> str:
    line = " ".join(text[: QUOTE * 2].split())
    return line if len(line) <= QUOTE else line[: QUOTE - 1].rstrip() + "…"


def _json(chat: Chat, number: int) -> str | None:
    """Answer in the form that was asked for; ``None`` where plain text is."""
    form = chat.response_format
    if form is None or form.type not in ("json_object", "json_schema"):
        return None
    hints = Hints(_asked(chat))
    if form.type == "json_object":
        return encode({"answer": _text(chat, chat.messages[-1], number), "source": "sandbox"}).decode()
    schema = form.json_schema.schema if form.json_schema is not None else None
    if schema is None:
        raise Refused("response_format has no json_schema.schema.", "response_format.json_schema.schema")
    return _made(schema, number, hints, "response_format.json_schema.schema")


def _made(schema: dict[str, Any], number: int, hints: Hints, param: str) -> str:
    try:
        return encode(instance(schema, number, hints)).decode()
    except (TypeError, ValueError, AttributeError, LookupError, ArithmeticError, RecursionError) as error:
        reason = str(error) if isinstance(error, Unsatisfiable) else "it is not a JSON schema"
        raise Refused(f"The sandbox cannot make an instance of the schema: {reason}.", param) from None


def _asked(chat: Chat) -> str:
    return next((m.text for m in reversed(chat.messages) if m.role == "user"), "")


def _tools(chat: Chat) -> list[Function]:
    """Choose what to call: what was demanded, else what the prompt names, else the tool that fits its words best."""
    offered = [tool.function for tool in chat.tools or () if tool.function is not None]
    wish = chat.tool_choice
    if isinstance(wish, Choice) and wish.function is not None:
        named = [function for function in offered if function.name == wish.function.name]
        if not named:
            raise Refused(f"tool_choice names {wish.function.name!r}, which is not among the tools.", "tool_choice")
        return named
    if wish == "none" or not offered:
        return []
    hints = Hints(_asked(chat))
    lowered = hints.text.lower()
    named = [f for f in offered if f.name.lower() in lowered or f.name.lower().replace("_", " ") in lowered]
    if len(named) > 1 and chat.parallel_tool_calls is not False:
        return named[:MAX_CALLS]
    return named[:1] or [max(offered, key=lambda function: _fit(function, hints))]


def _fit(function: Function, hints: Hints) -> int:
    """Count the prompt's words in a tool's name (they weigh more) and description."""
    name = Hints(function.name.replace("_", " ").replace("-", " ")).words
    return 3 * len(name & hints.words) + len(Hints(function.description or "").words & hints.words)


def _calls(chat: Chat, chosen: list[Function], number: int) -> list[Call]:
    """Call every chosen tool; a single one as often as the prompt names things, where it asks for several."""
    asked = _asked(chat)
    hints = Hints(asked)
    times = 1
    if len(chosen) == 1 and hints.several and chat.parallel_tool_calls is not False:
        times = min(max(len(hints.names), 1), MAX_CALLS)
    made = []
    for turn, function in enumerate(chosen * times):
        hints.turn = turn if len(chosen) == 1 else 0
        schema = {"type": "object", **(function.parameters or {})}
        arguments = _made(schema, number + turn, hints, "tools")
        made.append(Call(f"call_{(number + turn) * 0x9E3779B97F4A7C15 % 2**96:024x}", function.name, arguments))
    return made
