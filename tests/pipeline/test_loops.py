"""A conversation amid its tool calls stays with who answered it: over workers, failures and changes of configuration."""

from pathlib import Path
from typing import Any

import pytest

from headgate.faultlab.attempt import Attempt
from headgate.faultlab.faults import FAULTS
from headgate.faultlab.wall import Wall
from headgate.routing.conversations import Conversations
from tests.pipeline.stage import Stage

CONFIG = """
providers:
  a: {kind: openai-compatible, base_url: "WALL/v1", api_key: sk-a}
  b: {kind: openai-compatible, base_url: "WALL/v1", api_key: sk-b}
routes:
  agent:
    targets: [a/good:1, a/good:2, b/good:3, b/good:4]
    strategy: [{kind: complexity, small: ['a/good:1', 'a/good:2'], large: [b]}, {kind: sticky, by: session}]
  turns: {targets: [a/good, b/good], strategy: [{kind: round_robin}, {kind: sticky}]}
  moved: {targets: [a/down, b/good], strategy: [{kind: priority}, {kind: sticky}]}
"""
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]


def turns(number: int, *, result: bool) -> list[dict[str, Any]]:
    called = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    first = {"role": "user", "content": f"hello {number}"}
    if not result:
        return [first]
    return [
        first,
        {"role": "assistant", "content": None, "tool_calls": [called]},
        {"role": "tool", "tool_call_id": "c1", "content": "4"},
    ]


async def model(stage: Stage, route: str, number: int, *, result: bool) -> str:
    session = {"x-headgate-session": f"s{number}"}
    caller = await stage.ask(route, tools=TOOLS, messages=turns(number, result=result), headers=session)
    return caller.headers["x-headgate-model"]


async def test_two_workers_that_share_nothing_decide_alike(wall: Wall) -> None:
    async with Stage(wall, CONFIG) as one, Stage(wall, CONFIG) as other:
        for number in range(20):
            assert await model(one, "agent", number, result=False) == await model(other, "agent", number, result=True)


async def test_workers_of_a_machine_know_who_answered(wall: Wall, tmp_path: Path) -> None:
    async with Stage(wall, CONFIG) as one, Stage(wall, CONFIG) as other:
        one.parts.conversations, other.parts.conversations = (Conversations(tmp_path / "c") for _ in range(2))
        for number in range(20):
            assert await model(one, "turns", number, result=False) == await model(other, "turns", number, result=True)


async def test_who_answered_counts_and_not_who_was_chosen(wall: Wall, monkeypatch: pytest.MonkeyPatch) -> None:
    down = [True]

    async def commit(a: Attempt) -> None:
        await FAULTS["s401" if down else "good"](a)

    monkeypatch.setitem(FAULTS, "down", commit)
    async with Stage(wall, CONFIG) as stage:
        assert await model(stage, "moved", 1, result=False) == "b/good"
        down.clear()
        stage.reconfigure(CONFIG)
        stage.parts.health.set_by_hand({"a": "closed"})
        assert await model(stage, "moved", 1, result=True) == "b/good"
        assert await model(stage, "moved", 2, result=False) == "a/down", "which works again"
