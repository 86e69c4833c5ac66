"""What a call would be held for, as it is explained, is what it is held for when it is made."""

import asyncio
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from headgate.access.types import Budget
from headgate.core.money import usd
from headgate.dialects import anthropic_messages, openai_chat, openai_responses
from headgate.faultlab.wall import Wall
from headgate.pipeline.explain import Asked, explain
from headgate.routing.health import Health
from tests.pipeline.stage import WHO, Stage

CONFIG = """
providers:
  o: {kind: openai, base_url: "WALL/v1", api_key: sk-o, price: {input: 1, output: 2, search: 0.01}}
  c: {kind: anthropic, base_url: "WALL", api_key: sk-c, price: {input: 1, output: 2, search: 0.01}}
  free: {kind: openai, base_url: "WALL/v1", api_key: sk-f}
models:
  o/good: {context: 100000, max_output: 3000}
use_cases:
  short: {targets: [o/good], parameters: {max_tokens: 40}}
"""
ROOM = 10**12
POOR = replace(WHO, budgets=(Budget(ROOM, "day"), Budget(ROOM, "day", unit="tokens")))
URL = "https://example.com/a.png"
PICTURE = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": URL}}]}]
WORDS = [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize(
    ("model", "dialect", "body"),
    [
        ("o/good", openai_chat, {"messages": WORDS}),
        ("o/good", openai_chat, {"messages": WORDS, "max_tokens": 100, "n": 3}),
        ("o/good", openai_chat, {"messages": WORDS, "max_tokens": 9000}),
        ("o/good", openai_chat, {"messages": PICTURE}),
        ("use-case/short", openai_chat, {"messages": WORDS}),
        ("o/good", openai_responses, {"input": "hi", "tools": [{"type": "web_search"}]}),
        ("o/good", openai_responses, {"input": "hi", "tools": [{"type": "web_search"}], "max_tool_calls": 3}),
        ("o/good", openai_responses, {"input": [{"role": "user", "content": [{"type": "input_file", "file_url": URL}]}]}),
        ("c/good_claude", anthropic_messages, {"messages": WORDS, "max_tokens": 40_000, "thinking": {"type": "enabled", "budget_tokens": 31_000}}),
        ("c/good_claude", anthropic_messages, {"messages": WORDS, "max_tokens": 9, "tools": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 4}]}),
    ],
)  # fmt: skip
async def test_what_is_explained_is_what_is_held(wall: Wall, model: str, dialect: Any, body: dict[str, Any]) -> None:
    async with Stage(wall, CONFIG) as stage:
        asked = Asked(model=model, dialect=dialect.name, body=body)
        told = await asyncio.to_thread(explain, stage.parts.snapshot, Health(), asked, POOR)
        caller, task = stage.begin(model, dialect=dialect, who=POOR)
        caller.sent = msgspec.json.encode({**body, "model": model})
        await task
        held = stage.books.asked[0]
        nano = stage.record.attempts[0].held_nano
        assert nano and told.candidates[0].hold_usd == usd(nano)
        money, tokens = told.budgets
        assert money.after_usd == usd(ROOM - nano)
        assert tokens.after_tokens == ROOM - held.input_tokens - held.output_tokens


async def test_what_has_no_price_has_no_hold(wall: Wall) -> None:
    async with Stage(wall, CONFIG) as stage:
        told = await asyncio.to_thread(explain, stage.parts.snapshot, Health(), Asked(model="free/m"), POOR)
        assert told.candidates[0].hold_usd is None
        assert [room.enough for room in told.budgets] == [False, True], "no money is enough for what has no price"
