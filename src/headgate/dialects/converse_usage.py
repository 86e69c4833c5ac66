"""Usage as Bedrock reports it: the prompt without what came from, or went into, the cache."""

import msgspec

from headgate.core.money import Usage


class Kept(msgspec.Struct, gc=False):
    """Tokens written to the cache, by the time they are kept."""

    ttl: str = ""
    inputTokens: int = 0


class Reported(msgspec.Struct, gc=False):
    """A ``usage`` object."""

    inputTokens: int | None = None
    outputTokens: int | None = None
    cacheReadInputTokens: int | None = None
    cacheWriteInputTokens: int | None = None
    cacheDetails: list[Kept] | None = None


def usage_of(said: Reported) -> Usage | None:
    """Return the usage in our own arithmetic; ``None`` where it is incomplete."""
    if said.inputTokens is None or said.outputTokens is None:
        return None
    read, write = said.cacheReadInputTokens or 0, said.cacheWriteInputTokens or 0
    if min(said.inputTokens, said.outputTokens, read, write) < 0:
        return Usage(-1)  # not to be believed, whatever the sum is
    long = min(sum(kept.inputTokens for kept in said.cacheDetails or () if kept.ttl == "1h"), write)
    return Usage(said.inputTokens + read + write, said.outputTokens, read, write, cache_write_1h=long)


def reported(value: object) -> Reported | None:
    """Read a decoded ``usage`` object; ``None`` for what is none."""
    try:
        return msgspec.convert(value, Reported | None, strict=False)
    except (msgspec.ValidationError, UnicodeEncodeError):  # the latter for a lone surrogate
        return None


def printed(usage: Usage) -> dict[str, int]:
    """Return the ``usage`` object for a Converse client."""
    said = {
        "inputTokens": max(usage.input - usage.cached - usage.cache_write, 0),
        "outputTokens": usage.output,
        "totalTokens": usage.total,
    }
    if usage.cached or usage.cache_write:
        said |= {"cacheReadInputTokens": usage.cached, "cacheWriteInputTokens": usage.cache_write}
    return said
