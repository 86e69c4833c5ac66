"""Signs of life while nobody has answered: they are no content, and what fails after them is an event."""

import asyncio

import pytest

from headgate.dialects import anthropic_messages, gemini, openai_chat, openai_responses
from headgate.faultlab.wall import Wall
from tests.pipeline.stage import Stage

CONFIG = """
providers:
  a: {kind: openai-compatible, base_url: "WALL/v1", api_key: sk-a, price: {input: 1, output: 2}, timeouts: {first_token: 0.6, headers: 0.6}}
  b: {kind: openai-compatible, base_url: "WALL/v1", api_key: sk-b, price: {input: 1, output: 2}}
routes:
  slow: {targets: ['a/silent:ping', 'b/late:ping'], ping: 0.2}
  down: {targets: ['a/silent:ping-down'], ping: 0.2}
  whole: {targets: ['b/late:whole'], ping: 0.2}
  quiet: {targets: ['b/late:quiet'], ping: 0}
  prompt: {targets: ['b/good:prompt'], ping: 0.2}
"""


async def test_pings_go_out_while_targets_are_tried_and_the_answer_follows(wall: Wall) -> None:
    async with Stage(wall, CONFIG) as stage:
        caller = await stage.ask("slow", stream=True, headers={"x-headgate-stream-info": "1"})
        assert caller.status == 200 and caller.pieces[0][1] == openai_chat.ping
        assert 0.1 < caller.pieces[0][0] < 0.6, "before the first target's time is over"
        assert len([1 for _, data in caller.pieces if data == openai_chat.ping]) >= 4
        assert caller.text == "fine" and caller.events[-1] == "[DONE]"
        assert "x-headgate-model" not in caller.headers and caller.headers["x-headgate-attempts"] == "1"
        assert b'"model":"b/late:ping"' in caller.body_sent and b'"attempts":2' in caller.body_sent
        assert stage.record.status == "fallback" and len(stage.record.attempts) == 2
        assert caller.body_sent.rindex(openai_chat.ping) < caller.body_sent.index(b"data: "), "none once it has begun"


@pytest.mark.parametrize("dialect", [openai_chat, openai_responses, anthropic_messages], ids=lambda one: str(one.name))
async def test_what_fails_after_a_ping_is_an_error_event(wall: Wall, dialect: object) -> None:
    body = {"messages": ..., "input": "hi"} if dialect is openai_responses else {"max_tokens": 50}
    async with Stage(wall, CONFIG) as stage:
        caller = await stage.ask("down", stream=True, dialect=dialect, **body)
        assert caller.status == 200 and caller.body_sent.startswith(dialect.ping)  # type: ignore[attr-defined]
        assert b"error" in caller.body_sent and b"upstream_timeout" in caller.body_sent
        assert b"[DONE]" not in caller.body_sent and b"message_stop" not in caller.body_sent
        assert (stage.record.status, stage.record.code) == ("failure", "upstream_timeout")


async def test_no_ping_where_it_is_off_or_nothing_is_late_or_the_dialect_has_none(wall: Wall) -> None:
    async with Stage(wall, CONFIG) as stage:
        for model in ("quiet", "prompt"):
            caller = await stage.ask(model, stream=True)
            assert openai_chat.ping not in caller.body_sent and caller.headers["x-headgate-provider"] == "b"
        assert openai_chat.ping not in (await stage.ask("whole")).body_sent, "a whole answer has nothing to say before"
        assert not hasattr(gemini, "ping")


async def test_a_caller_who_leaves_while_it_is_pinged_is_on_record(wall: Wall) -> None:
    async with Stage(wall, CONFIG) as stage:
        caller, task = stage.begin("down", stream=True)
        while not caller.pieces:
            await asyncio.sleep(0.02)
        caller.leave()
        await task
        assert stage.record.code == "client_closed"
        assert wall.seen("silent:ping-down")
