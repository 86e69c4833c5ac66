"""A service that is asked which deployment is best: it gets the conversation, has little time, and may fail."""

import asyncio
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from headgate.config import ConfigError
from headgate.config.compile import compile_config
from headgate.config.load import loads
from headgate.core.record import Choice
from headgate.pipeline.explain import Asked, explain
from headgate.pipeline.steps import authorize, plan, resolve
from headgate.routing.conversations import Conversations
from headgate.routing.health import Health
from headgate.routing.retold import remade, verdicts
from headgate.transport.client import Http1Sender
from headgate.transport.pool import Bounds
from tests.routing.test_choose import KNOWN, WHO, NoBooks, asking

CONFIG = """
providers:
  judge: {kind: openai-compatible, base_url: "http://127.0.0.1:%d/v2", api_key: sk-judge}
  one: {kind: openai-compatible, base_url: "http://h/v1"}
  two: {kind: openai-compatible, base_url: "http://h/v1"}
routes:
  r:
    targets: [one/m, two/m]
    strategy:
      - kind: remote
        provider: judge
        timeout: 0.5
        tradeoff: cost
        called: {one/m: openai/gpt-4o, two/m: anthropic/claude}
      - {kind: priority}
  own: {targets: [one/m, two/m], strategy: [{kind: remote, provider: judge, api: targets, path: /rank, keep: 0}]}
  behind: {targets: [one/x], fallback: r}
"""


class Double:
    """Answers as it is told, and keeps what it was asked."""

    def __init__(self) -> None:
        self.answer: Any = {"providers": [{"provider": "anthropic", "model": "claude"}], "session_id": "s-1"}
        self.status = 200
        self.wait = 0.0
        self.asked: list[tuple[str, dict[str, str], Any]] = []
        self.writers: list[asyncio.StreamWriter] = []

    async def close(self) -> None:
        for writer in self.writers:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                headers = {
                    name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)
                }
                body = msgspec.json.decode(await reader.readexactly(int(headers["content-length"])))
                self.asked.append((head[0], headers, body))
                await asyncio.sleep(self.wait)
                data = msgspec.json.encode(self.answer)
                writer.write(b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n%b" % (self.status, len(data), data))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass


@pytest.fixture
async def judge():
    double = Double()
    server = await asyncio.start_server(double.serve, "127.0.0.1", 0)
    sender = Http1Sender(Bounds(connections=4, waiting=4, idle=4))
    port = server.sockets[0].getsockname()[1]
    senders: Any = SimpleNamespace(get=lambda **_: sender)
    compiled = compile_config(loads((CONFIG % port).encode(), {}, KNOWN), {}, senders)
    parts = SimpleNamespace(snapshot=compiled.snapshot, health=Health(), books=NoBooks(), conversations=Conversations())
    yield double, parts
    await sender.close()
    server.close()
    await double.close()


async def planned(parts: Any, model: str = "r", said: str = "hi", **more: Any) -> tuple[list[str], Any]:
    call = asking(
        model, messages=[{"role": "system", "content": "be brief"}, {"role": "user", "content": said}], **more
    )
    resolve(call, parts)
    authorize(call, parts)
    waiting = plan(call, parts)
    if waiting is not None:
        await waiting
    return [target.name for target in call.plan], call


async def test_not_diamond_is_asked_in_its_words_and_followed(judge):
    double, parts = judge
    names, call = await planned(parts)
    assert names == ["two/m", "one/m"]
    [(line, headers, body)] = double.asked
    assert line == "POST /v2/modelRouter/modelSelect HTTP/1.1"
    assert headers["authorization"] == "Bearer sk-judge"
    assert body == {
        "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}],
        "llm_providers": [{"provider": "openai", "model": "gpt-4o"}, {"provider": "anthropic", "model": "claude"}],
        "tradeoff": "cost",
    }
    kept = msgspec.json.decode(msgspec.json.encode(call.choice), type=Choice)
    assert remade(kept) == names
    assert kept.seen["advice"] == {"remote": {"names": ["two/m"], "reason": "session s-1"}}
    assert verdicts(kept)[0].rule == "remote"


async def test_the_same_conversation_is_asked_about_once(judge):
    double, parts = judge
    for _ in range(3):
        await planned(parts)
    await planned(parts, said="something else")
    assert len(double.asked) == 2


async def test_a_service_of_ones_own_gets_our_names(judge):
    double, parts = judge
    double.answer = {"targets": ["two/m", "who/knows"], "reason": "it is late"}
    names, call = await planned(parts, "own")
    assert names == ["two/m", "one/m"]
    line, _, body = double.asked[0]
    assert (line.split()[1], body["targets"], body["model"]) == ("/v2/rank", ["one/m", "two/m"], "own")
    assert call.choice.seen["advice"]["remote"].reason == "it is late"


@pytest.mark.parametrize(
    "fault", [{"wait": 5.0}, {"status": 500}, {"status": 401}, {"answer": {"providers": 7}}, {"answer": []}]
)
async def test_without_an_answer_the_rest_of_the_order_stands(judge, fault):
    double, parts = judge
    for name, value in fault.items():
        setattr(double, name, value)
    async with asyncio.timeout(5):
        names, call = await planned(parts)
    assert names == ["one/m", "two/m"]
    assert call.choice is not None and "advice" not in call.choice.seen


async def test_a_service_that_keeps_failing_is_left_alone(judge):
    double, parts = judge
    double.status = 503
    for number in range(12):
        assert (await planned(parts, "own", f"call {number}"))[0] == ["one/m", "two/m"]
    assert len(double.asked) == 5


async def test_a_fallbacks_service_is_asked_too_and_other_operations_ask_nobody(judge):
    double, parts = judge
    assert (await planned(parts, "behind"))[0] == ["one/x", "two/m", "one/m"]
    assert len(double.asked) == 1


async def test_an_explanation_asks_nobody(judge):
    double, parts = judge
    told = explain(parts.snapshot, parts.health, Asked(model="r"), WHO)
    assert [one.target for one in told.candidates] == ["one/m", "two/m"]
    assert double.asked == []


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("provider: nobody", "strategy[0].provider: no provider `nobody`"),
        ("provider: judge, path: 'http://elsewhere'", "path: must be a path"),
        ("provider: judge, called: {one/m: gpt}", "called: must give `one/m` as `provider/model`"),
        ("provider: judge, timeout: 60", "timeout: must be from 0.01 to 10"),
    ],
)
def test_what_makes_no_sense_is_refused(settings, said):
    text = CONFIG.partition("routes:")[0] % 1
    with pytest.raises(ConfigError) as error:
        loads(
            f"{text}routes: {{r: {{targets: [one/m], strategy: [{{kind: remote, {settings}}}]}}}}".encode(), {}, KNOWN
        )
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ({}, True),
        ({"catalogue": {"one/m", "two/m"}}, False),
        ({"allotted": {"one/m", "two/m", "judge/*"}}, True),
        ({"providers": {"one", "two"}}, False),
    ],
)
async def test_a_tenant_s_own_route_asks_no_account_that_the_tenant_was_not_given(judge, given, asked):
    double, parts = judge
    fields: dict[str, Any] = {field: frozenset(names) for field, names in given.items()}
    who = msgspec.structs.replace(WHO, **fields)
    for own in (False, True):
        double.asked.clear()
        call = asking("r", messages=[{"role": "user", "content": f"{own}"}])
        call.who = who
        resolve(call, parts)
        call.route = msgspec.structs.replace(call.route, own=own)
        call.plan = call.route.targets
        waiting = plan(call, parts)
        assert waiting is not None
        await waiting
        assert bool(double.asked) is (asked or not own) and call.plan
