"""The translation contract: what becomes of every field of every source at every target, as one table of data.

A target is a dialect that requests are written in; its column is the module of its name here. A source is a dialect
that requests are read from; what it calls the neutral fields, and which fields it has, stands in its words.
"""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any, Literal, NamedTuple, Protocol


class Rule(NamedTuple):
    """What becomes of one field.

    ``same`` and ``map`` carry it (``to`` names the target's own field), ``default`` supplies what the target needs and
    the source lacks, ``refuse`` answers 400 or leaves it out by permission, ``ignore`` leaves a hint out and says so,
    ``silent`` leaves out what says nothing. A value in ``defaults`` is the source's own default: it means nothing, and
    passes without a word. ``fix`` tells the caller what to do instead.
    """

    act: Literal["same", "map", "default", "refuse", "ignore", "silent"]
    defaults: tuple[Any, ...] = ()
    fix: str = ""
    to: str = ""
    when: str = ""
    """On what it depends, where it does (for the reference page): ``by model``, ``above 1 refused`` ..."""


SAME = Rule("same")
REFUSE = Rule("refuse")
IGNORE = Rule("ignore")
SILENT = Rule("silent")
Rules = Mapping[str, Rule]
CLOSED = "objects that say nothing of other properties are closed, and that is told; open ones are refused"


def to(field: str, when: str = "") -> Rule:
    """The rule of a field that is carried under another name."""
    return Rule("map", to=field, when=when)


class Words(Protocol):
    """What is to be known of a source."""

    NAME: str
    FIELDS: frozenset[str]
    """Every top-level field that its requests can have."""
    SPELLINGS: Mapping[str, str]
    """Neutral field -> the path of it in the source, where that differs; of a row of parts, below the part."""
    ABROAD: Rules
    """What becomes of its own fields in every other dialect, unless that one's ``OWN`` says else; may be missing."""
    ALIASES: frozenset[str]
    """Second names of fields that the neutral form has; may be missing."""
    LACKS: frozenset[str]
    """Neutral fields that it lacks although it has a field of that name; may be missing."""

    # Functions may stand beside them, where its objects do not stand where those of Anthropic's do:
    # message_path(request: Request, index: int) -> str; part_path(at: str, message: Message, index: int) -> str;
    # result_path(path: str, index: int) -> str, for the parts of a tool's result.


class Column(Protocol):
    """What is to be known of a target."""

    NEUTRAL: Rules
    """By field of :class:`headgate.core.chat.Request`, and ``parts.image_url``-like names for parts of messages."""
    OWN: Mapping[str, Rules]
    """By source, then by its own field: top-level names bare, others below ``messages.``, ``tools.``, ``part.``, and
    ``part=`` with the type of a part that was kept whole because the neutral form has none like it.

    Only what differs from the source's ``ABROAD``; what stands in neither is refused.
    """


ROWS = (
    *("messages.name", "messages.system_midway"),
    *(
        "parts.image_url",
        "parts.image",
        "parts.detail",
        "parts.audio",
        "parts.file",
        "parts.file_url",
        "parts.file_id",
        "parts.name",
    ),
    *("parts.tool_call", "parts.tool_result", "parts.tool_result_image", "parts.is_error"),
    *("parts.thinking", "parts.refusal", "parts.citations", "parts.cache"),
    *("tools.strict", "tools.custom", "tools.cache"),
    *("tool_choice.required", "tool_choice.named", "tool_choice.none", "tool_choice.allowed"),
    *("format.json_object", "format.json_schema"),
)
"""What a column's ``NEUTRAL`` has beside the fields of a request."""

SOURCES: Mapping[str, str] = {
    "openai-chat": "openai_words",
    "openai-responses": "responses_words",
    "openai-completions": "completions_words",
    "anthropic-messages": "anthropic_words",
    "gemini": "gemini_words",
    "bedrock-converse": "converse_words",
    "cohere-chat": "cohere_words",
    "ollama-chat": "ollama_words",
}
"""Dialect -> the module of its words, below ``headgate.dialects``. Every one of them is a target too."""

TARGETS: tuple[str, ...] = tuple(SOURCES)


@cache
def words(source: str) -> Words:
    """Return the words of a source."""
    module: Any = import_module(f"headgate.dialects.{SOURCES[source]}")
    return module  # type: ignore[no-any-return]  # a module is checked against the protocol by the tests


@cache
def own_rules(source: str, target: str) -> Rules:
    """Return what becomes of the fields that only *source* has in a request that is written for *target*."""
    return {**getattr(words(source), "ABROAD", {}), **column(target).OWN.get(source, {})}


@cache
def column(target: str) -> Column:
    """Return the rules of a target."""
    module: Any = import_module(f"headgate.dialects.contract.{target.replace('-', '_')}")
    return module  # type: ignore[no-any-return]
