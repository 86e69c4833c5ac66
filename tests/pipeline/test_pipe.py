"""When an answer has begun: until then another target may be asked, and what came is held."""

import json

import pytest

from headgate.dialects import anthropic_messages
from headgate.faultlab.wall import Wall
from tests.pipeline.stage import Stage

CONFIG = """
providers:
  a: {kind: openai-compatible, base_url: "WALL/v1", api_key: sk-a, timeouts: {first_token: 0.5}}
  b: {kind: openai-compatible, base_url: "WALL/v1", api_key: sk-b}
routes:
  error: {targets: [a/role_then_error, b/good]}
  silence: {targets: [a/role_then_silence, b/good]}
  hedged: {targets: [a/role_then_silence, b/good], hedge: {after: 0.2}}
"""


@pytest.mark.parametrize("dialect", [None, anthropic_messages], ids=["relayed", "translated"])
@pytest.mark.parametrize("route", ["error", "silence", "hedged"])
async def test_whose_turn_it_is_is_no_answer_yet(wall: Wall, route: str, dialect: object) -> None:
    given = {} if dialect is None else {"dialect": dialect, "max_tokens": 50}
    async with Stage(wall, CONFIG) as stage:
        caller = await stage.ask(route, stream=True, **given)
        assert caller.status == 200 and caller.headers["x-headgate-provider"] == "b"
        assert b"slow down" not in caller.body_sent and b"fi" in caller.body_sent


async def test_what_was_held_passes_on_byte_for_byte(wall: Wall) -> None:
    async with Stage(wall, CONFIG) as stage:
        caller = await stage.ask("b/good", stream=True)
        first = next(line for line in caller.body_sent.split(b"\n\n") if line)
        assert json.loads(first[6:])["choices"][0]["delta"] == {"role": "assistant", "content": ""}
        assert caller.text == "fine" and caller.events[-1] == "[DONE]"


async def test_with_nobody_left_the_error_is_the_answer(wall: Wall) -> None:
    async with Stage(wall, CONFIG) as stage:
        caller = await stage.ask("a/role_then_error", stream=True, headers={"x-headgate-timeout": "1"})
        assert caller.status == 429 and json.loads(caller.body_sent)["error"]["code"] == "upstream_rate_limited"
