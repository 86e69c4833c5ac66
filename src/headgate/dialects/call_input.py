"""The arguments of a call where a format has an object for them: what is none stands in one of ours."""

from typing import Any

import msgspec

from headgate.core.chat import ToolCall
from headgate.dialects import wire
from headgate.dialects.fields import starts, text

INVALID = "__invalid_json__"
"""The one name in the arguments of a call that a model wrote as something else than a JSON object."""
WRAPPED = "wrapped"
"""How such arguments came, under ``input`` in the form of a call that a client sends back."""


def as_object(said: str) -> Any:
    """Return JSON text as a value to print if it is an object; ``None`` for anything else."""
    try:
        raw = said.encode()
        wire.members(raw)
    except (ValueError, RecursionError):  # msgspec's errors are of the first kind
        return None
    return wire.Raw(raw)


def input_of(arguments: str) -> Any:
    """Return arguments as an object to print: clients look for their names, and fail at anything else."""
    if not arguments.strip():
        return {}
    found = as_object(arguments)
    return {INVALID: arguments} if found is None else found


def arguments_of(given: msgspec.Raw) -> str:
    """Return the arguments of a call as the model wrote them, which may have been no JSON object."""
    said = unwrapped(given)
    return wire.one_line(given) if said is None else said


def unwrapped(given: msgspec.Raw) -> str | None:
    """Return what a model wrote that is no JSON object, if *given* is what it stands in."""
    if starts(given, b"{") and INVALID.encode() in bytes(given):
        try:
            members = wire.members(given)
            if list(members) == [INVALID] and starts(members[INVALID], b'"'):
                return text(members[INVALID], INVALID)
        except msgspec.MsgspecError:
            pass
    return None


def as_sent(part: ToolCall) -> Any:
    """Return the object of ours in which a client sent a call's arguments back; ``None`` where they came in none."""
    form = part.extra.form if part.extra is not None else {}
    return {INVALID: part.arguments} if form.get("input") == WRAPPED else None
