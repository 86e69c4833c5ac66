"""Usage as Cohere reports it: what is billed, and, in other numbers, what the model has read and written."""

from typing import Any

import msgspec

from headgate.core.money import Usage
from headgate.dialects.watch import believable


class Tokens(msgspec.Struct, gc=False):
    """Counts of one kind; the API tells whole numbers as floats at times."""

    input_tokens: float | None = None
    output_tokens: float | None = None
    search_units: float | None = None


class Reported(msgspec.Struct, gc=False):
    """A ``usage`` object of a chat reply, or the ``meta`` object of an embedding or reranking."""

    billed_units: Tokens | None = None
    tokens: Tokens | None = None
    cached_tokens: float | None = None


def usage_of(said: Reported) -> Usage | None:
    """Return the usage in our own arithmetic: what is billed. ``None`` where nothing is told, or nobody can believe it.

    The model reads more than is billed: the provider's own preamble stands before the prompt. ``cached_tokens`` counts
    that too, so only what goes beyond it is a share of the billed prompt.
    """
    billed, read = said.billed_units, said.tokens
    if billed is None or (billed.input_tokens is None and billed.output_tokens is None and billed.search_units is None):
        billed = read
    if billed is None:
        return None
    prompt, cached = billed.input_tokens or 0, said.cached_tokens or 0
    if cached and read is not None and read.input_tokens is not None:
        cached -= max(read.input_tokens - prompt, 0)
    counts = (prompt, billed.output_tokens or 0, min(max(cached, 0), prompt), billed.search_units or 0)
    if not all(0 <= count < float("inf") for count in counts):
        return Usage(-1)  # said, and not to be believed
    return Usage(int(counts[0]), int(counts[1]), int(counts[2]), searches=int(counts[3]))


def usage_in(said: Any) -> Usage | None:
    """Read a decoded ``usage`` or ``meta`` object; ``None`` for what is none, or is not to be believed."""
    if not isinstance(said, dict):
        return None
    try:
        usage = usage_of(msgspec.convert(said, Reported, strict=False))
    except (msgspec.ValidationError, UnicodeEncodeError):  # the latter for a lone surrogate
        return None
    return usage if usage is not None and believable(usage) else None


def printed(usage: Usage) -> dict[str, Any]:
    """Return the ``usage`` object for a client of this API."""
    counts = {"input_tokens": usage.input, "output_tokens": usage.output}
    said: dict[str, Any] = {"billed_units": counts, "tokens": dict(counts)}
    if usage.cached:
        said["cached_tokens"] = usage.cached
    return said
