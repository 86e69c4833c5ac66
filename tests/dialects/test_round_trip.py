"""Recorded requests of every chat provider, in every other dialect and back: the same, but for what was told."""

import json
from typing import Any

import pytest

from headgate.core.chat import (
    Audio,
    File,
    Image,
    Message,
    Part,
    Refusal,
    Request,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
)
from headgate.core.errors import BadRequest
from headgate.dialects.base import Written
from headgate.dialects.contract import SOURCES, column
from headgate.dialects.fit import means_nothing
from tests.dialects import recorded
from tests.dialects.contract import read, write

PROVIDERS = {
    **dict.fromkeys(recorded.CHAT, ("openai-chat", ("chat",))),
    "openai-responses": ("openai-responses", ("responses",)),
    "anthropic": ("anthropic-messages", ("messages",)),
    "gemini": ("gemini", ("generate_content", "generate_content_stream")),
    "vertex": ("gemini", ("generate_content", "generate_content_stream")),
    "bedrock": ("bedrock-converse", ("converse", "converse_stream")),
    "cohere": ("cohere-chat", ("chat_v2",)),
    "ollama": ("ollama-chat", ("ollama_chat",)),
}
TARGETS = [name for name in SOURCES if name != "openai-completions"]  # there a conversation becomes one text
PLAIN = ("max_tokens", "temperature", "top_p", "top_k", "seed", "n", "stop", "user", "frequency_penalty", "logprobs")
NOTHING: dict[str, Any] = {"temperature": 1, "top_p": 1, "n": 1, "frequency_penalty": 0, "logprobs": False}
"""Values that are everywhere the default, and need not be sent."""


def requests(provider: str) -> list[tuple[dict[str, Any], Request]]:
    """Return the recorded requests of a provider, as they came and as they are read."""
    source, apis = PROVIDERS[provider]
    found = []
    for row in recorded.every(provider.partition("-")[0]):
        body = row["request"].get("body")
        if row["api"] in apis and isinstance(body, dict):
            try:
                found.append((body, read(source, body)))
            except BadRequest:  # some were recorded for their refusal
                continue
    return found


def neutral(request: Request, ids: dict[str, int]) -> list[tuple[Any, ...]]:
    """Return what a conversation says, in order: neighbouring texts of one speaker as one, ids by first appearance."""
    said: list[tuple[Any, ...]] = []
    for message in request.messages:
        for part in message.parts:
            for one in _said(message, part, ids):
                last = said[-1] if said else None
                if last is not None and last[:2] == one[:2] and one[0] in ("text", "result"):
                    said[-1] = (*last[:2], last[2] + one[2])
                else:
                    said.append(one)
    return [one for one in said if one[2:] != ("",)]


def _said(message: Message, part: Part, ids: dict[str, int]) -> list[tuple[Any, ...]]:
    role = {"developer": "system", "tool": "user"}.get(message.role, message.role)
    if isinstance(part, Text | Refusal):
        return [("text", role, "".join(part.text.split()))]
    if isinstance(part, ToolCall):
        return [("call", ids.setdefault(part.id, len(ids)), part.name, json.loads(part.arguments or "{}"))]
    if isinstance(part, ToolResult):
        number = ids.setdefault(part.call_id, len(ids))
        inner = [_said(message, one, ids) for one in part.parts]
        return [("result", number, one[2]) if one[0] == "text" else one for group in inner for one in group]
    if isinstance(part, Image | File | Audio):
        return [("media", role, part.data or getattr(part, "url", None) or getattr(part, "file_id", None))]
    assert isinstance(part, Thinking)
    return []


def shape(tool: Tool) -> tuple[Any, ...]:
    schema = tool.parameters or {}
    return tool.name, tool.description or "", schema.get("properties") or {}, sorted(schema.get("required") or ())


def carried(source: str, target: str, before: Request, after: Request, written: Written) -> list[str]:
    """Name the neutral fields that should have been carried, and are others now."""
    changed = []
    rules = column(target).NEUTRAL
    told = " ".join([*written.dropped, *written.defaulted])
    for name in PLAIN:
        one, other = getattr(before, name), getattr(after, name)
        rule = rules[name]
        if one is None or one == other or rule.act not in ("same", "map", "default") or NOTHING.get(name) == one:
            continue
        if not means_nothing(one, rule.defaults) and name.partition("_")[0] not in told:
            changed.append(f"{name}: {one!r} is {other!r}")
    return changed


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_there_and_back(provider, target):
    source = PROVIDERS[provider][0]
    if source == target:
        return
    for body, before in requests(provider):
        try:
            written = write(target, before, drop=True)
        except BadRequest as error:  # arguments that are no JSON
            assert error.code == "invalid_value"
            continue
        after = read(target, json.loads(written.body))
        assert carried(source, target, before, after, written) == [], body
        one, other = neutral(before, {}), neutral(after, {})
        turned = any(one.endswith(".role=user") for one in written.defaulted)  # a system message alone
        if not written.dropped and not turned:
            assert other == one, body
            if "tool_choice" not in str(written.defaulted):
                kept = [shape(tool) for tool in after.tools or ()]
                narrowed = before.tool_choice is not None and (
                    before.tool_choice.allowed or before.tool_choice.mode == "none"
                )
                assert narrowed or kept == [shape(tool) for tool in before.tools or ()], body
        back = write(source, after, drop=True)
        again = neutral(read(source, json.loads(back.body)), {})
        if not back.dropped:
            assert again == other, body
