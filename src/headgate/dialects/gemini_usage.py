"""Usage as Gemini reports it: thoughts beside the candidates, the prompts of its own tools beside the prompt."""

import re
from typing import Any

import msgspec

from headgate.core.money import Usage

GENERATION = re.compile(r"gemini-(\d+)(?:\.(\d+))?")
"""Where a model's name tells its generation."""


class Modality(msgspec.Struct, gc=False):
    """The share of one kind of content."""

    modality: str | int = ""
    tokenCount: int = 0


class Reported(msgspec.Struct, gc=False):
    """A ``usageMetadata`` object. In a stream every event may carry one, each cumulative."""

    promptTokenCount: int | None = None
    candidatesTokenCount: int | None = None
    thoughtsTokenCount: int | None = None
    toolUsePromptTokenCount: int | None = None
    cachedContentTokenCount: int | None = None
    promptTokensDetails: list[Modality] | None = None
    cacheTokensDetails: list[Modality] | None = None
    candidatesTokensDetails: list[Modality] | None = None


def usage_of(said: Reported) -> Usage | None:
    """Return the usage in our own arithmetic; ``None`` where nothing is told."""
    prompt, generated, thought = said.promptTokenCount, said.candidatesTokenCount or 0, said.thoughtsTokenCount or 0
    if prompt is None and not generated and not thought:
        return None
    tools = said.toolUsePromptTokenCount or 0
    if min(prompt or 0, generated, thought, tools) < 0:
        return Usage(-1)  # not to be believed, whatever the sums are
    usage = Usage((prompt or 0) + tools, generated + thought, said.cachedContentTokenCount or 0, reasoning=thought)
    if said.promptTokensDetails:
        usage.audio_input = _share(said.promptTokensDetails, "AUDIO", 4)
        usage.image_input = _share(said.promptTokensDetails, "IMAGE", 2)
    if said.cacheTokensDetails:
        usage.audio_cached = _share(said.cacheTokensDetails, "AUDIO", 4)
    if said.candidatesTokensDetails:
        usage.audio_output = _share(said.candidatesTokensDetails, "AUDIO", 4)
        usage.image_output = _share(said.candidatesTokensDetails, "IMAGE", 2)
    return usage


class Grounding(msgspec.Struct, gc=False):
    """Of the sources of an answer only what was searched for."""

    webSearchQueries: list[str] | None = None


def searches_of(queries: int, model: str | None) -> int:
    """Return how many searches are charged: from the third generation on each query, before it one for the answer.

    <https://ai.google.dev/gemini-api/docs/pricing>
    """
    found = GENERATION.search(model or "")
    return queries if found is None or int(found[1]) >= 3 else min(queries, 1)


def _share(details: list[Modality], kind: str, number: int) -> int:
    return max(sum(one.tokenCount for one in details if one.modality in (kind, number)), 0)


def reported(said: Any) -> Reported | None:
    """Read a decoded ``usageMetadata`` object; ``None`` for what is none."""
    try:
        return msgspec.convert(said, Reported | None, strict=False)
    except (msgspec.ValidationError, UnicodeEncodeError):  # the latter for a lone surrogate
        return None


def printed(usage: Usage) -> dict[str, int]:
    """Return the ``usageMetadata`` object for a Gemini client."""
    said = {
        "promptTokenCount": usage.input,
        "candidatesTokenCount": max(usage.output - usage.reasoning, 0),
        "totalTokenCount": usage.total,
    }
    if usage.cached:
        said["cachedContentTokenCount"] = usage.cached
    if usage.reasoning:
        said["thoughtsTokenCount"] = min(usage.reasoning, usage.output)
    return said
