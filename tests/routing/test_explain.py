"""What would become of a request of any chat surface, without anybody being called."""

from typing import Any

import pytest

from headgate.cli.compiled import NoSenders
from headgate.config.compile import compile_config
from headgate.config.load import loads
from headgate.core.errors import BadRequest
from headgate.pipeline.explain import CHAT, Asked, explain, spoken
from headgate.routing.health import Health
from tests.routing.test_choose import KNOWN, WHO

CONFIG = """
providers:
  a: {kind: openai-compatible, base_url: "http://h/v1", price: {input: 5, output: 5}}
  b: {kind: openai-compatible, base_url: "http://h/v1", price: {input: 1, output: 1}}
models:
  a/m: {capabilities: [tools, vision]}
  b/m: {capabilities: []}
routes:
  r: {targets: [b/m, a/m], strategy: [{kind: capability}]}
  hard: {targets: [a/m, b/m], strategy: [{kind: complexity, small: [b], large: [a]}]}
"""
HARD = "Prove that the series converges. Compare two approaches step by step, and justify each in depth."
PICTURE = "iVBORw0KGgo="
NEEDS: dict[str, dict[str, Any]] = {
    "openai-chat": {
        "messages": [{"role": "user", "content": HARD}],
        "tools": [{"type": "function", "function": {"name": "f"}}],
    },
    "openai-responses": {"input": HARD, "tools": [{"type": "function", "name": "f", "parameters": {}}]},
    "anthropic-messages": {
        "max_tokens": 50,
        "messages": [{"role": "user", "content": HARD}],
        "tools": [{"name": "f", "input_schema": {"type": "object"}}],
    },
    "gemini": {
        "contents": [
            {"role": "user", "parts": [{"text": HARD}, {"inlineData": {"mimeType": "image/png", "data": PICTURE}}]}
        ]
    },
}


def explained(model: str = "r", **asked: Any) -> Any:
    compiled = compile_config(loads(CONFIG.encode(), {}, KNOWN), {}, NoSenders())
    return explain(compiled.snapshot, Health(), Asked(model=model, **asked), WHO)


def acts(told: Any) -> dict[str, str]:
    return {one.target: one.act for one in told.candidates}


@pytest.mark.parametrize("dialect", list(NEEDS))
def test_what_a_request_needs_is_seen_in_every_dialect(dialect: str) -> None:
    assert spoken(NEEDS[dialect]) == dialect
    assert acts(explained(body=NEEDS[dialect])) == {"a/m": "chosen", "b/m": "removed"}
    assert acts(explained(body=NEEDS[dialect], dialect=dialect)) == {"a/m": "chosen", "b/m": "removed"}
    assert explained("hard", body=NEEDS[dialect]).candidates[0].target == "a/m"


def test_every_chat_dialect_is_told_by_its_fields() -> None:
    assert {spoken(body) for body in NEEDS.values()} | {spoken({"prompt": "x"})} == set(CHAT)
    assert spoken({"system": "x", "messages": []}) == "anthropic-messages"
    assert spoken({}) == "openai-chat"


def test_a_callers_own_list_is_explained() -> None:
    told = explained("b/x", body={"models": ["a/x"], "headgate": {"strategy": "priority", "tags": ["t"]}})
    assert (told.kind, told.strategies) == ("list", ["priority"])
    assert [one.target for one in told.candidates] == ["b/x", "a/x"]


def test_what_is_no_request_is_refused_as_its_surface_would() -> None:
    with pytest.raises(BadRequest):
        explained(body={"max_tokens": "many"})
