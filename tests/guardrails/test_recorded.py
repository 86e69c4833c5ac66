"""What real providers and their callers said: every text of it is looked at, but for what is known to be none.

What stands here is the whole list of what is not. A place that is new, such as another kind of block, fails.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from headgate.dialects.text import Path, Piece
from headgate.dialects.walkers import WALKERS
from tests.dialects.recorded import every

APIS = {
    "chat": "openai-chat",
    "messages": "anthropic-messages",
    "responses": "openai-responses",
    "completions": "openai-completions",
    "embeddings": "openai-embeddings",
    "generateContent": "gemini",
}
SOURCES = ("openai", "azure", "groq", "mistral", "deepseek", "together", "anthropic", "gemini")
NAMES = frozenset((
    # kinds and states
    "type", "role", "object", "status", "phase", "mode", "effort", "summary", "context", "outcome", "language",
    "finish_reason", "finishReason", "finishMessage", "stop_reason", "service_tier", "serviceTier", "modality",
    "inference_geo", "severity", "format", "mimeType", "media_type", "truncation", "verbosity", "reasoning_effort",
    "prompt_cache_retention", "payer", "search_context_size", "thinking_level", "encoding_format", "voice", "country",
    "modalities", "code", "param",
    # references
    "id", "call_id", "tool_call_id", "tool_use_id", "previous_response_id", "item_id", "responseId", "model",
    "modelVersion", "system_fingerprint", "name", "$ref", "required",
    # data, links, signatures, padding
    "data", "url", "fileUri", "signature", "thoughtSignature", "encrypted_content", "embedding", "obfuscation", "p",
    "tokens",
))  # fmt: skip
"""Under what names there is no text. ``tokens``: log probabilities, which go where a text changes."""
NOWHERE = re.compile(r"(response\.)?(tool_choice|function_call|stop|error)(\.|\Z)")
"""Choices of tools, what ends an answer, and errors, of which callers get the gateway's own."""
REPEATED = re.compile(r"(response\.)?(tools|text)\.")
"""What answers of Responses repeat of the request's settings."""


def strings(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, list | dict):
        for name, one in enumerate(value) if isinstance(value, list) else value.items():
            yield from strings(one, (*path, name))


def missed(document: Any, walk: Callable[[Any], Iterable[Piece]], *, answer: bool) -> set[str]:
    """The places of a document that hold texts which are not looked at and should be."""
    if not isinstance(document, dict):
        return set()
    seen = {piece.path for piece in walk(document)}
    found = set()
    for path, text in strings(document):
        names = [part for part in path if isinstance(part, str)]
        place = ".".join(names)
        known = names[-1] in NAMES or NOWHERE.match(place) or (answer and REPEATED.match(place))
        if text and path not in seen and not known:
            found.add(place)
    return found


@pytest.mark.parametrize("source", SOURCES)
def test_every_text_is_looked_at(source: str) -> None:
    found: set[tuple[str, str, str]] = set()
    for row in every(source):
        walker = WALKERS.get(APIS.get(row["api"], "gemini" if source == "gemini" else ""))
        if walker is None:
            continue
        told = row["response"]
        events = [json.loads(line[6:]) for line in (told.get("text") or "").splitlines() if line[:7] == "data: {"]
        found |= {
            (row["api"], "asked", one) for one in missed(row["request"].get("body"), walker.request, answer=False)
        }
        if told["status"] == 200:
            found |= {(row["api"], "told", one) for one in missed(told.get("body"), walker.reply, answer=True)}
            for event in events:
                walk = lambda document: walker.event(document).pieces  # noqa: E731, B023
                found |= {(row["api"], "event", one) for one in missed(event, walk, answer=True)}
    assert not found
