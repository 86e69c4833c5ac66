"""Usage as the Responses API tells it: the prompt includes what was cached, the answer includes its reasoning."""

from typing import Any

import msgspec

from headgate.core.money import Usage
from headgate.dialects.openai_usage import Details, OutputDetails
from headgate.dialects.watch import believable

SEARCH = "web_search_call"


class Reported(msgspec.Struct, gc=False):
    """A ``usage`` object."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: Details | None = None
    output_tokens_details: OutputDetails | None = None


class Action(msgspec.Struct, gc=False):
    """What a hosted tool was called for."""

    type: str | None = None


class Item(msgspec.Struct, gc=False):
    """An item of the output, as far as it tells of the price."""

    type: str | None = None
    action: Action | None = None


def searches_of(output: list[Item]) -> int:
    """Return how many searches are charged: to open a page that was found, or to look into it, costs nothing.

    <https://platform.openai.com/docs/guides/tools-web-search>
    """
    return sum([one.type == SEARCH and (one.action is None or one.action.type == "search") for one in output])


def usage_of(said: Reported, output: list[Item]) -> Usage | None:
    """Return the usage in our own arithmetic, searches in *output* included; ``None`` where it is incomplete."""
    if said.input_tokens is None or said.output_tokens is None:
        return None
    details, spent = said.input_tokens_details, said.output_tokens_details
    return Usage(
        said.input_tokens,
        said.output_tokens,
        (details.cached_tokens or 0) if details is not None else 0,
        (details.cache_write_tokens or 0) if details is not None else 0,
        (spent.reasoning_tokens or 0) if spent is not None else 0,
        audio_input=(details.audio_tokens or 0) if details is not None else 0,
        audio_output=(spent.audio_tokens or 0) if spent is not None else 0,
        searches=searches_of(output),
    )


def usage_in(response: dict[str, Any]) -> Usage | None:
    """Read the usage of a decoded response; ``None`` where there is none, or none that is to be believed."""
    said, output = response.get("usage"), response.get("output")
    if not isinstance(said, dict):
        return None
    items = [_item(one) for one in output if isinstance(one, dict)] if isinstance(output, list) else []
    try:
        usage = usage_of(msgspec.convert(said, Reported, strict=False), items)
    except (msgspec.ValidationError, UnicodeEncodeError):  # the latter for a lone surrogate
        return None
    return usage if usage is not None and believable(usage) else None


def _item(said: dict[str, Any]) -> Item:
    kind, action = said.get("type"), said.get("action")
    told = action.get("type") if isinstance(action, dict) else None
    return Item(kind if isinstance(kind, str) else None, Action(told) if isinstance(told, str) else None)


def printed(usage: Usage) -> dict[str, object]:
    """Return the ``usage`` object for a client."""
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.cache_write},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.total,
    }
