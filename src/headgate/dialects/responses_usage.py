"""Usage as the Responses API tells it: the prompt includes what was cached, the answer includes its reasoning."""

from typing import Any

import msgspec

from headgate.core.money import Usage
from headgate.dialects.openai_usage import Details, OutputDetails
from headgate.dialects.watch import believable


class Reported(msgspec.Struct, gc=False):
    """A ``usage`` object."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: Details | None = None
    output_tokens_details: OutputDetails | None = None


def usage_of(said: Reported) -> Usage | None:
    """Return the usage in our own arithmetic; ``None`` where it is incomplete."""
    if said.input_tokens is None or said.output_tokens is None:
        return None
    details, output = said.input_tokens_details, said.output_tokens_details
    return Usage(
        said.input_tokens,
        said.output_tokens,
        (details.cached_tokens or 0) if details is not None else 0,
        (details.cache_write_tokens or 0) if details is not None else 0,
        (output.reasoning_tokens or 0) if output is not None else 0,
        audio_input=(details.audio_tokens or 0) if details is not None else 0,
        audio_output=(output.audio_tokens or 0) if output is not None else 0,
    )


def usage_in(said: Any) -> Usage | None:
    """Read a decoded ``usage`` object; ``None`` where there is none, or none that is to be believed."""
    if not isinstance(said, dict):
        return None
    try:
        usage = usage_of(msgspec.convert(said, Reported, strict=False))
    except (msgspec.ValidationError, UnicodeEncodeError):  # the latter for a lone surrogate
        return None
    return usage if usage is not None and believable(usage) else None


def printed(usage: Usage) -> dict[str, object]:
    """Return the ``usage`` object for a client."""
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.cache_write},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.total,
    }
