"""Usage as Anthropic reports it: the prompt without what came from, or went into, the cache."""

import msgspec

from headgate.core.money import Usage


class OutputDetails(msgspec.Struct, gc=False):
    """Shares of the answer's tokens."""

    thinking_tokens: int | None = None


class CacheCreation(msgspec.Struct, gc=False):
    """What was written to the cache, by the time it is kept."""

    ephemeral_5m_input_tokens: int | None = None
    ephemeral_1h_input_tokens: int | None = None


class ServerTools(msgspec.Struct, gc=False):
    """Calls of the provider's own tools that are charged."""

    web_search_requests: int | None = None


class Reported(msgspec.Struct, gc=False):
    """A ``usage`` object. In a stream it comes in parts, each cumulative; what a part leaves out stands as it was."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    output_tokens_details: OutputDetails | None = None
    cache_creation: CacheCreation | None = None
    server_tool_use: ServerTools | None = None

    def after(self, earlier: "Reported | None") -> "Reported":
        """Return this part completed by an *earlier* one."""
        if earlier is None:
            return self
        return Reported(
            earlier.input_tokens if self.input_tokens is None else self.input_tokens,
            earlier.output_tokens if self.output_tokens is None else self.output_tokens,
            earlier.cache_read_input_tokens if self.cache_read_input_tokens is None else self.cache_read_input_tokens,
            earlier.cache_creation_input_tokens
            if self.cache_creation_input_tokens is None
            else self.cache_creation_input_tokens,
            earlier.output_tokens_details if self.output_tokens_details is None else self.output_tokens_details,
            earlier.cache_creation if self.cache_creation is None else self.cache_creation,
            earlier.server_tool_use if self.server_tool_use is None else self.server_tool_use,
        )


def usage_of(said: Reported) -> Usage | None:
    """Return the usage in our own arithmetic; ``None`` where it is incomplete."""
    if said.input_tokens is None or said.output_tokens is None:
        return None
    read, write = said.cache_read_input_tokens or 0, said.cache_creation_input_tokens or 0
    details = said.output_tokens_details
    thought = details.thinking_tokens or 0 if details is not None else 0
    if min(said.input_tokens, read, write) < 0:
        return Usage(-1)  # not to be believed, whatever the sum is
    kept = said.cache_creation.ephemeral_1h_input_tokens or 0 if said.cache_creation is not None else 0
    searches = said.server_tool_use.web_search_requests or 0 if said.server_tool_use is not None else 0
    return Usage(
        said.input_tokens + read + write,
        said.output_tokens,
        read,
        write,
        thought,
        cache_write_1h=kept,
        searches=searches,
    )


def printed(usage: Usage) -> dict[str, object]:
    """Return the ``usage`` object for a Messages client."""
    said: dict[str, object] = {
        "input_tokens": max(usage.input - usage.cached - usage.cache_write, 0),
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cached,
        "output_tokens": usage.output,
    }
    if usage.reasoning:
        said["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    if usage.cache_write_1h:
        short = usage.cache_write - usage.cache_write_1h
        said["cache_creation"] = {
            "ephemeral_5m_input_tokens": short,
            "ephemeral_1h_input_tokens": usage.cache_write_1h,
        }
    if usage.searches:
        said["server_tool_use"] = {"web_search_requests": usage.searches}
    return said
