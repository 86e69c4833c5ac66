"""A judge says which answer is best: of several at once, and of a call and its copy."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import msgspec
import pytest

from headgate.config.known import known
from headgate.config.load import loads
from headgate.config.types import ConfigError
from headgate.core.ids import span_id
from headgate.core.record import Record
from headgate.faultlab.wall import Wall
from headgate.guardrails.types import Unavailable
from headgate.pipeline.judge import read
from tests.pipeline.stage import WHO, Stage

WORDS = {"plain": "I do not know.", "wise": "Forty-two, as is well known.", "mute": "Who am I to judge?"}
CONFIG = """
providers:
  up: {kind: openai-compatible, base_url: "WALL/v1", api_key: sk-a, price: {input: 1, output: 2}}
guardrails:
  back: {kind: pii, types: [email], action: mask, reversible: true}
  policy: {kind: judge, model: up/judge, policy: No advice., fail: open}
routes:
  masked: {targets: [up/echo, up/plain], guardrails: [back], fan_out: {answer: best, judge: up/judge}}
  mirrored: {targets: [up/echo], guardrails: [back], shadow: {target: up/plain, share: 1, judge: up/judge}}
  guarded: {targets: [up/echo], guardrails: [policy, back]}
  best: {targets: [up/plain, up/wise], fan_out: {answer: best, judge: up/judge}}
  unsaid:
    targets: [{model: up/plain, quality: 0.9}, {model: up/wise, quality: 0.1}]
    fan_out: {answer: best, judge: up/mute}
  copied: {targets: [up/plain], shadow: {target: up/wise, share: 1, judge: up/judge}}
  alike: {targets: [up/plain], shadow: {target: up/plain2, share: 1, judge: up/judge}}
"""


class Upstream:
    """Models that say one thing each, and one that prefers what begins with a number."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.shown: list[str] = []

    def says(self, body: dict[str, Any]) -> str:
        if body["model"] == "echo":
            return str(body["messages"][-1]["content"])
        if body["model"] != "judge":
            return WORDS[body["model"].rstrip("2")]
        shown = body["messages"][1]["content"]
        self.shown.append(shown)
        answers = re.findall(r"<answer (\d)>\n(.*?)\n</answer", shown)
        return json.dumps({"best": next((int(n) for n, text in answers if text.startswith("Forty")), 0)})


@asynccontextmanager
async def upstream() -> AsyncIterator[Upstream]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        size = re.search(rb"content-length: (\d+)", head.lower())
        body = json.loads(await reader.readexactly(int(size[1]) if size else 0))
        text = up.says(body)
        usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
        whole: dict[str, Any] = {"id": "x", "object": "chat.completion", "created": 1, "model": body["model"]}
        message = {"role": "assistant", "content": text}
        if body.get("stream"):
            chunk = {**whole, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": message}]}
            last = {**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": usage}
            sent = "".join(f"data: {json.dumps(one)}\n\n" for one in (chunk, last)) + "data: [DONE]\n\n"
            kind = "text/event-stream"
        else:
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            sent, kind = json.dumps({**whole, "choices": [choice], "usage": usage}), "application/json"
        data = sent.encode()
        line = f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {len(data)}\r\nconnection: close\r\n\r\n"
        writer.write(line.encode() + data)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    up = Upstream(server.sockets[0].getsockname()[1])
    async with server:
        yield up


@asynccontextmanager
async def staged() -> AsyncIterator[tuple[Stage, Upstream]]:
    async with upstream() as up, Stage(cast(Wall, up), CONFIG) as stage:
        yield stage, up


async def records(stage: Stage, count: int) -> list[Record]:
    async with asyncio.timeout(10):
        while len(stage.books.records) < count:
            await asyncio.sleep(0.02)
    return stage.books.records


async def test_the_answer_that_the_judge_prefers_is_given() -> None:
    async with staged() as (stage, up):
        for _ in range(4):
            assert (await stage.ask("best")).text == WORDS["wise"]
        judged, call = stage.books.records[-2:]
        assert call.model_used == "up/wise" and "up/judge preferred up/wise" in (call.routing_reason or "")
        assert (judged.surface, judged.trace_id, judged.key_id) == ("judge", call.trace_id, call.key_id)
        assert (judged.part_of, judged.parent_id, call.part_of) == (call.id, span_id(call.id, 0).hex(), None)
        assert judged.cost_nano == 20_000 and sum(a.cost_nano or 0 for a in call.attempts) == 40_000
        assert all("<request>\n" in shown for shown in up.shown)


async def test_where_the_judge_does_not_say_the_stated_quality_decides() -> None:
    async with staged() as (stage, _):
        assert (await stage.ask("unsaid")).text == WORDS["plain"]
        assert "not judged" in (stage.books.records[-1].routing_reason or "")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_a_copy_is_compared_with_its_call(stream: bool) -> None:
    async with staged() as (stage, _):
        assert (await stage.ask("copied", stream=stream)).text == WORDS["plain"]
        call, copy, judged = await records(stage, 3)
        assert copy.shadow_of == call.id and copy.compared is None
        assert (judged.surface, judged.shadow_of, judged.compared) == ("judge", call.id, "better")
        assert judged.route == call.route and copy.id in (judged.routing_reason or "")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("route", ["masked", "mirrored"])
async def test_a_judge_sees_no_more_than_the_models_it_judges(route: str, stream: bool) -> None:
    """What was masked for them is put back for the caller alone."""
    asked = "Write to bob@corp.example, not to abob@corp.example."
    async with staged() as (stage, up):
        if stream and route == "masked":
            return  # compares whole answers
        caller = await stage.ask(route, stream=stream, messages=[{"role": "user", "content": asked}])
        await records(stage, 2 if route == "masked" else 3)
        (shown,) = up.shown
        assert "corp.example" not in shown and shown.count("Write to <EMAIL_") == 2, shown
        if route == "mirrored":
            assert caller.text == asked


async def test_neither_may_be_better() -> None:
    async with staged() as (stage, _):
        await stage.ask("alike")
        assert (await records(stage, 3))[-1].compared == "equal"


def test_what_a_judge_says() -> None:
    assert [read(f"Well: {{'x': 1}} {{\"best\": {n}}}", 2) for n in (0, 1, 2)] == [0, 1, 2]
    for said in ("The first.", '{"best": 3}', '{"best": -1}', '{"best": "both"}'):
        with pytest.raises(Unavailable):
            read(said, 2)


@pytest.mark.parametrize(
    ("route", "said"),
    [
        ("{targets: [up/a, up/b], fan_out: {answer: all, judge: up/c}}", "compares whole answers"),
        ("{targets: [up/a, up/b], fan_out: {answer: best, judge: upp/c}}", "upp"),
        (
            "{targets: [{model: up/a, tags: [x]}], strategy: [{kind: compliance, require: [x]}],"
            " shadow: {target: up/a, judge: up/c}}",
            "nothing of them else",
        ),
    ],
)
def test_a_judge_that_cannot_be_is_refused(route: str, said: str) -> None:
    text = f'providers:\n  up: {{kind: openai-compatible, base_url: "http://127.0.0.1:1/v1"}}\nroutes:\n  r: {route}\n'
    with pytest.raises(ConfigError) as refused:
        loads(text.encode(), {}, known({}))
    assert said in str(refused.value) and "headgate.yaml:4:" in str(refused.value)


async def test_a_judge_has_no_deployments_but_those_that_the_caller_may_use() -> None:
    """Of its route one is granted and another is not."""
    text = CONFIG.replace(
        "up/wise], fan_out: {answer: best, judge: up/judge}", "up/wise], fan_out: {answer: best, judge: j}"
    )
    text += "  j: {targets: [up/judge, up/mute]}\n"
    async with upstream() as up, Stage(cast(Wall, up), text) as stage:
        given = frozenset({"up/plain", "up/wise", "up/mute"})
        assert (await stage.ask("best", who=msgspec.structs.replace(WHO, models=given))).status == 200
        judged = stage.books.records[0]
        assert (judged.surface, judged.model_used) == ("judge", "up/mute") and not up.shown


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_a_guardrail_s_judge_sees_no_more_than_the_model(stream: bool) -> None:
    async with staged() as (stage, up):
        said = "Write to jane@corp.example."
        caller = await stage.ask("guarded", stream=stream, messages=[{"role": "user", "content": said}])
        assert caller.text == said, "its caller has it back"
        request, answer = up.shown
        assert "jane@" not in request + answer and "<EMAIL_" in request and "<EMAIL_" in answer
