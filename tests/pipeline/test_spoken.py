"""Which dialect a target is asked in: the caller's own where it can be, else what the model's profile says."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from headgate.dialects import anthropic_messages, openai_chat, openai_completions, openai_responses
from headgate.dialects.base import PLAIN, Abilities, Profile
from headgate.pipeline.once import spoken_for

OFFERED = (openai_chat, openai_responses, openai_completions)
TOOLS = [{"type": "function", "function": {"name": "f"}}]
BRIDGED = Profile(tools_by="openai-responses")


def chosen(dialect: Any, profile: Profile, **fields: Any) -> Any:
    hello: Any = [{"role": "user", "content": "x"}]
    asked: dict[str, Any] = {"input": "x"} if dialect is openai_responses else {"messages": hello}
    if dialect is anthropic_messages:
        asked["max_tokens"] = 5
    envelope = dialect.envelope(json.dumps({"model": "m", **asked, **fields}).encode())
    call: Any = SimpleNamespace(operation="chat", dialect=dialect, envelope=envelope, pinned="")
    provider = SimpleNamespace(dialects=lambda operation: OFFERED)
    target: Any = SimpleNamespace(provider=provider, abilities=Abilities("m", "p/m", profile=profile))
    return spoken_for(call, target)


@pytest.mark.parametrize(
    ("dialect", "profile", "fields", "expected"),
    [
        (openai_chat, PLAIN, {"tools": TOOLS}, openai_chat),
        (openai_responses, PLAIN, {}, openai_responses),
        (anthropic_messages, PLAIN, {}, openai_chat),
        (openai_chat, BRIDGED, {}, openai_chat),
        (openai_chat, BRIDGED, {"tools": TOOLS}, openai_responses),
        (openai_chat, BRIDGED, {"tools": TOOLS, "reasoning_effort": "none"}, openai_chat),
        (anthropic_messages, BRIDGED, {"tools": [{"name": "f", "input_schema": {}}]}, openai_responses),
        (openai_responses, BRIDGED, {"tools": [{"type": "function", "name": "f"}]}, openai_responses),
        (openai_chat, Profile(speaks=("openai-responses",)), {}, openai_responses),
        (openai_responses, Profile(speaks=("openai-chat",)), {}, openai_chat),
    ],
)
def test_the_profile_has_the_last_word(dialect, profile, fields, expected):
    assert chosen(dialect, profile, **fields) is expected
