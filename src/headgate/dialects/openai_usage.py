"""Usage as OpenAI and those who copy it report it: each of them with an arithmetic of its own."""

from typing import Any

import msgspec

from headgate.core.money import Usage
from headgate.dialects.watch import believable


class Details(msgspec.Struct, gc=False):
    """Shares of the prompt's tokens."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    audio_tokens: int | None = None


class OutputDetails(msgspec.Struct, gc=False):
    """Shares of the answer's tokens."""

    reasoning_tokens: int | None = None
    audio_tokens: int | None = None


class Reported(msgspec.Struct, gc=False):
    """A ``usage`` object. Beside OpenAI's own fields: DeepSeek's cache hits, Mistral's and Together's cached tokens."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: Details | None = None
    completion_tokens_details: OutputDetails | None = None
    prompt_cache_hit_tokens: int | None = None
    num_cached_tokens: int | None = None
    cached_tokens: int | None = None


def usage_of(said: Reported) -> Usage | None:
    """Return the usage in our own arithmetic; ``None`` where it is incomplete."""
    prompt, completion = said.prompt_tokens, said.completion_tokens
    if prompt is None:
        return None
    if completion is None:
        if said.total_tokens != prompt:
            return None
        completion = 0  # embeddings
    cached = write = reasoning = heard = spoken = 0
    details = said.prompt_tokens_details
    if details is not None:
        cached, write = details.cached_tokens or 0, details.cache_write_tokens or 0
        heard = details.audio_tokens or 0
    cached = cached or said.prompt_cache_hit_tokens or said.num_cached_tokens or said.cached_tokens or 0
    output = said.completion_tokens_details
    if output is not None:
        reasoning, spoken = output.reasoning_tokens or 0, output.audio_tokens or 0
        if reasoning and said.total_tokens == prompt + completion + reasoning:
            completion += reasoning  # xAI leaves reasoning out of the completion, and puts it into the total
    return Usage(prompt, completion, cached, write, reasoning, audio_input=heard, audio_output=spoken)


def salvaged_usage(said: Any) -> Reported | None:
    """Read what can be read of a usage whose fields may have other types."""
    try:
        return msgspec.convert(said, Reported | None, strict=False)
    except (msgspec.ValidationError, UnicodeEncodeError):  # the latter for a lone surrogate
        return Reported(prompt_tokens=-1, completion_tokens=-1)  # said, and not to be believed


def printed(usage: Usage) -> dict[str, object]:
    """Return the ``usage`` object for a chat client."""
    prompt = {"cached_tokens": usage.cached, "cache_write_tokens": usage.cache_write}
    completion = {"reasoning_tokens": usage.reasoning}
    if usage.audio_input:
        prompt["audio_tokens"] = usage.audio_input
    if usage.audio_output:
        completion["audio_tokens"] = usage.audio_output
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.total,
        "prompt_tokens_details": prompt,
        "completion_tokens_details": completion,
    }


def usage_in(found: dict[str, Any]) -> Usage | None:
    """Read the usage of a decoded reply or chunk, wherever it stands; ``None`` where it is not to be believed."""
    groq = found.get("x_groq")
    said = found.get("usage") or (groq.get("usage") if isinstance(groq, dict) else None)
    if not isinstance(said, dict):
        return None
    try:
        usage = usage_of(msgspec.convert(said, Reported, strict=False))
    except (msgspec.ValidationError, UnicodeEncodeError):  # the latter for a lone surrogate
        return None
    return usage if usage is not None and believable(usage) else None
