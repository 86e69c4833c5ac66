"""Tools that providers run: searches are held for and charged, others are refused where a budget applies."""

from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from msgspec.structs import replace

from headgate.access.types import Budget
from headgate.dialects import anthropic_messages, gemini, openai_chat, openai_responses
from headgate.faultlab.attempt import Attempt
from headgate.faultlab.faults import FAULTS
from headgate.faultlab.wall import Wall
from headgate.pipeline.hosted import hosted
from tests.pipeline.stage import WHO, Stage

CONFIG = """
providers:
  o: {kind: openai, base_url: "WALL/v1", api_key: sk-o, price: {input: 1, output: 2, search: 0.01}}
  c: {kind: anthropic, base_url: "WALL", api_key: sk-c, price: {input: 1, output: 2, search: 0.01}}
  none: {kind: openai, base_url: "WALL/v1", api_key: sk-n, price: {input: 1, output: 2}}
routes:
  either: {targets: ['none/searched', 'o/searched']}
"""
POOR = replace(WHO, budgets=(Budget(10**12, "day"),))
SEARCH = {"type": "web_search"}
ANSWER: dict[str, Any] = {
    "id": "resp_1", "object": "response", "status": "completed", "model": "m", "created_at": 1,
    "output": [
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "a"}},
        {"type": "web_search_call", "id": "ws_2", "status": "completed", "action": {"type": "open_page", "url": "b"}},
        {"type": "web_search_call", "id": "ws_3", "status": "completed"},
    ],
    "usage": {"input_tokens": 1000, "output_tokens": 1000, "total_tokens": 2000},
}  # fmt: skip


@pytest.fixture(autouse=True)
def searched(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fault(a: Attempt) -> None:
        await a.whole(200, ANSWER)

    monkeypatch.setitem(FAULTS, "searched", fault)


@pytest.mark.parametrize(
    ("more", "held"),
    [({}, 10), ({"max_tool_calls": 3}, 3), ({"tools": [{"type": "web_search_preview_2025_03_11"}]}, 10)],
)
async def test_searches_are_held_for_and_charged(wall: Wall, more: dict[str, Any], held: int) -> None:
    async with Stage(wall, CONFIG) as stage:
        fields: dict[str, Any] = {"input": "hi", "messages": ..., "tools": [SEARCH], **more}
        caller = await stage.ask("o/searched", dialect=openai_responses, who=POOR, **fields)
        assert caller.status == 200
        most = stage.books.asked[-1].most
        assert most is not None and most.searches == held
        assert stage.record.usage.searches == 2
        assert stage.paid() == 1000 * 1000 + 1000 * 2000 + 2 * 10_000_000


async def test_who_sells_searches_is_asked(wall: Wall) -> None:
    async with Stage(wall, CONFIG) as stage:
        await stage.ask("either", dialect=openai_responses, who=POOR, input="hi", messages=..., tools=[SEARCH])
        assert stage.record.provider_used == "o"
        await stage.ask("either", dialect=openai_responses, who=WHO, input="hi", messages=..., tools=[SEARCH])
        assert stage.record.provider_used == "none", "nothing is refused where no budget applies"


@pytest.mark.parametrize(
    ("model", "dialect", "tool", "param"),
    [
        ("none/m", openai_responses, SEARCH, "tools[1].type"),
        ("o/m", openai_responses, {"type": "code_interpreter", "container": {"type": "auto"}}, "tools[1].type"),
        ("o/m", openai_responses, {"type": "file_search", "vector_store_ids": ["vs_1"]}, "tools[1].type"),
        ("o/m", openai_responses, {"type": "image_generation"}, "tools[1].type"),
        ("o/m", openai_responses, {"type": "shell", "environment": {"type": "container_auto"}}, "tools[1].type"),
        ("c/m", anthropic_messages, {"type": "code_execution_20250825", "name": "code_execution"}, "tools[1].type"),
    ],
)
async def test_what_has_no_price_is_refused_under_a_budget(
    wall: Wall, model: str, dialect: Any, tool: dict[str, Any], param: str
) -> None:
    asked: dict[str, Any] = {"tools": [{"type": "function", "name": "f", "parameters": {}}, tool]}
    if dialect is openai_responses:
        asked |= {"input": "hi", "messages": ...}
    if dialect is anthropic_messages:
        asked["max_tokens"] = 5
    async with Stage(wall, CONFIG) as stage:
        before = len(wall.attempts)
        caller, task = stage.begin(model, dialect=dialect, who=POOR, **asked)
        await task
        assert caller.status == 400 and len(wall.attempts) == before
        assert stage.record.code == "price_unknown" and param in caller.body_sent.decode()


@pytest.mark.parametrize(
    "tool",
    [
        {"type": "shell", "environment": {"type": "local"}},
        {"type": "function", "name": "web_search", "description": "code_interpreter", "parameters": {}},
        {"type": "computer_use_preview"},
        {"type": "mcp", "server_label": "x"},
    ],
)
async def test_what_costs_its_tokens_alone_is_served(wall: Wall, tool: dict[str, Any]) -> None:
    async with Stage(wall, CONFIG) as stage:
        await stage.ask("o/searched", dialect=openai_responses, who=POOR, input="hi", messages=..., tools=[tool])
        assert stage.record.error_message is None and stage.books.asked[-1].most is None


def test_gemini_names_its_tools_by_fields() -> None:
    tools = [{"functionDeclarations": []}, {"googleSearch": {}}, {"codeExecution": {}}, {"code_execution": {}}]
    body = {"contents": [{"parts": [{"text": "hi"}]}], "tools": [*tools, {"googleMaps": {}}]}
    envelope = gemini.envelope_at(msgspec.json.encode(body), "m", stream=False)
    found = [(at, kind) for at, kind, _ in hosted(cast(Any, SimpleNamespace(envelope=envelope)))]
    assert found == [("tools[1].googleSearch", "googleSearch"), ("tools[4].googleMaps", "googleMaps")]


async def test_an_escaped_name_is_the_same_name(wall: Wall) -> None:
    async with Stage(wall, CONFIG) as stage:
        caller, task = stage.begin("o/m", dialect=openai_responses, who=POOR, input="hi", messages=..., tools=["@"])
        caller.sent = caller.sent.replace(b'"@"', b'{"type":"code\\u005finterpreter"}')
        await task
        assert stage.record.code == "price_unknown"


async def test_a_model_that_always_searches_is_charged_for_one(wall: Wall) -> None:
    async with Stage(wall, CONFIG) as stage:
        wall.faults["gpt-4o-search-preview"] = "good"
        price = "{price: {input: 1, output: 2, search: 0.01}}"
        stage.reconfigure(CONFIG + f"models:\n  o/gpt-4o-search-preview: {price}\n")
        for stream in (False, True):
            await stage.ask("o/gpt-4o-search-preview", dialect=openai_chat, who=POOR, stream=stream)
            assert stage.books.asked[-1].most is not None and stage.record.usage.searches == 1
            assert stage.paid() > 10_000_000
