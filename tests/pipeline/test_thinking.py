"""A call that asks for thinking is waited for as one to a model that always thinks."""

import asyncio
import json
from time import process_time
from types import SimpleNamespace
from typing import Any

import pytest

from headgate.dialects import anthropic_messages, gemini, openai_chat, openai_responses
from headgate.faultlab.attempt import Attempt
from headgate.faultlab.faults import FAULTS
from headgate.faultlab.streams import begin
from headgate.faultlab.wall import Wall
from headgate.pipeline import once, relay
from headgate.pipeline.thinking import thinks
from tests.pipeline.stage import Stage

CHAT: dict[str, Any] = {"messages": [{"role": "user", "content": "reasoning_effort"}]}
MESSAGES = {**CHAT, "max_tokens": 9}
CONTENTS = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}


@pytest.mark.parametrize(
    ("dialect", "fields", "asked"),
    [
        (openai_chat, CHAT, False),
        (openai_chat, {**CHAT, "reasoning_effort": "high"}, True),
        (openai_chat, {**CHAT, "reasoning_effort": "none"}, False),
        (openai_chat, {**CHAT, "reasoning_effort": None}, False),
        (openai_chat, {**CHAT, "reasoning": {"enabled": False}}, False),
        (openai_chat, {**CHAT, "enable_thinking": True}, True),
        (openai_chat, {**CHAT, "chat_template_kwargs": {"enable_thinking": True}}, True),
        (openai_chat, {**CHAT, "chat_template_kwargs": {"enable_thinking": False}}, False),
        (openai_chat, {**CHAT, "chat_template_kwargs": {"x": 1}}, False),
        (openai_responses, {"input": "hi", "reasoning": {"effort": "low"}}, True),
        (openai_responses, {"input": "hi", "reasoning": {"effort": "none"}}, False),
        (anthropic_messages, MESSAGES, False),
        (anthropic_messages, {**MESSAGES, "thinking": {"type": "enabled", "budget_tokens": 2000}}, True),
        (anthropic_messages, {**MESSAGES, "thinking": {"type": "adaptive"}}, True),
        (anthropic_messages, {**MESSAGES, "thinking": {"type": "disabled"}}, False),
        (anthropic_messages, {**MESSAGES, "output_config": {"effort": "high"}}, True),
        (anthropic_messages, {**MESSAGES, "output_config": {"format": {"type": "json_schema"}}}, False),
        (gemini, {**CONTENTS, "generationConfig": {"thinkingConfig": {"thinkingBudget": 1024}}}, True),
        (gemini, {**CONTENTS, "generationConfig": {"thinkingConfig": {"thinkingLevel": "high"}}}, True),
        (gemini, {**CONTENTS, "generationConfig": {"thinkingConfig": {"thinkingBudget": 0}}}, False),
        (gemini, {**CONTENTS, "generationConfig": {"maxOutputTokens": 5}}, False),
    ],
)
def test_what_asks_for_thinking(dialect: Any, fields: dict[str, Any], asked: bool) -> None:
    if dialect is gemini:
        envelope = gemini.envelope_at(json.dumps(fields).encode(), "m", stream=False)
    else:
        envelope = dialect.envelope(json.dumps({"model": "m", **fields}).encode())
    call: Any = SimpleNamespace(operation="chat", envelope=envelope)
    assert thinks(call) is asked


@pytest.mark.parametrize("word", ["thinking", "effort", "reasoning", "e", " "])
def test_a_long_word_takes_no_longer_than_it_is(word: str) -> None:
    fields = {**CHAT, "chat_template_kwargs": {"x": word * (250_000 // len(word))}}
    call: Any = SimpleNamespace(
        operation="chat", envelope=openai_chat.envelope(json.dumps({"model": "m", **fields}).encode())
    )
    began = process_time()
    assert not thinks(call)
    assert process_time() - began < 0.5, "it takes some milliseconds"


CONFIG = """
providers:
  a: {kind: openai-compatible, base_url: "WALL/v1", api_key: sk-a}
  b: {kind: openai-compatible, base_url: "WALL/v1", api_key: sk-b}
routes:
  slow: {targets: [a/slow, b/good]}
  halting: {targets: [a/halting, b/good]}
"""


async def test_who_thinks_is_waited_for(wall: Wall, monkeypatch: pytest.MonkeyPatch) -> None:
    async def slow(a: Attempt) -> None:
        await a.head_of_stream()
        await asyncio.sleep(1)
        await a.text("fine")
        await a.end()

    monkeypatch.setitem(FAULTS, "slow", slow)
    monkeypatch.setattr(once, "FIRST_TOKEN", 0.3)
    async with Stage(wall, CONFIG) as stage:
        assert (await stage.ask("slow", stream=True)).headers["x-headgate-provider"] == "b"
        assert (await stage.ask("slow", stream=True, reasoning_effort="low")).headers["x-headgate-provider"] == "a"


async def test_who_thinks_may_pause_between_its_words(wall: Wall, monkeypatch: pytest.MonkeyPatch) -> None:
    async def halting(a: Attempt) -> None:
        await begin(a)
        await asyncio.sleep(1)
        await a.end()

    monkeypatch.setitem(FAULTS, "halting", halting)
    monkeypatch.setattr(relay, "IDLE", 0.3)
    async with Stage(wall, CONFIG) as stage:
        assert "error" in (await stage.ask("halting", stream=True)).events[-1]
        assert (await stage.ask("halting", stream=True, reasoning_effort="low")).events[-1] == "[DONE]"
