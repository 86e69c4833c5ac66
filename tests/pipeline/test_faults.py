"""Faults of providers and of callers, from both sides: what was answered, what was asked, and what is on record."""

import asyncio
import json
import logging
from time import monotonic
from types import SimpleNamespace
from typing import Any

import pytest

from headgate.dialects import anthropic_messages
from headgate.faultlab.wall import Wall
from headgate.pipeline import once
from headgate.pipeline.answer import upstream_id
from headgate.transport.client import Http1Sender
from tests.pipeline.stage import Stage
from tests.transport.authority import Authority
from tests.transport.upstream import deaf

PRICE = "price: {input: 1, output: 2}"
SHORT = "timeouts: {connect: 0.4, headers: 0.5, first_token: 0.5, idle: 0.5}"
CONFIG = f"""
providers:
  a: {{kind: openai-compatible, base_url: "WALL/v1", api_key: sk-a, {PRICE}, {SHORT}}}
  b: {{kind: openai-compatible, base_url: "WALL/v1", api_key: sk-b, {PRICE}, {SHORT}}}
  keyed: {{kind: openai-compatible, base_url: "WALL/v1", api_key: sk-d, api_keys: [sk-e], {PRICE}, {SHORT}}}
  claude: {{kind: anthropic, base_url: "WALL", api_key: sk-c, {PRICE}, {SHORT}}}
  tls: {{kind: openai-compatible, base_url: "https://127.0.0.1:PORT/v1", api_key: sk-tls-secret, {PRICE}}}
  deaf: {{kind: openai-compatible, base_url: "http://127.0.0.1:PORT/v1", api_key: sk-deaf, {PRICE}, {SHORT}}}
routes:
  trusted: {{targets: [tls/any, b/good]}}
  heard: {{targets: [deaf/any, b/good]}}
  answered: {{targets: ['a/never:headers', b/good]}}
  silent: {{targets: ['a/half_silent', b/good]}}
  trickled: {{targets: ['a/trickled_error', b/good], attempts: 2}}
  down: {{targets: ['a/flaky', 'b/flaky']}}
  slow: {{targets: ['a/s503:slow', 'b/good:slow']}}
"""


def config(port: int = 1) -> str:
    return CONFIG.replace("PORT", str(port))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.mark.parametrize("wrong", ["name", "expired", "self-signed", "unknown authority", "old protocol", "plain text"])
async def test_who_cannot_be_trusted_is_asked_once_and_never_without_tls(
    wall: Wall, authority: Authority, wrong: str, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[bytes] = []
    tries = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal tries
        tries += 1
        if wrong == "plain text":
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        seen.append(await reader.read(65536))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=authority.wrong(wrong))
    port = server.sockets[0].getsockname()[1]
    async with Stage(wall, config(port)) as stage, server:
        await stage.senders.sender.close()
        stage.senders.sender = Http1Sender(ca_file=None if wrong == "unknown authority" else str(authority.cert))
        stage.reconfigure(config(port))
        with caplog.at_level(logging.WARNING):
            alone = await stage.ask("tls/any")
            error = json.loads(alone.body_sent)["error"]
            assert (alone.status, error["type"], error["code"]) == (502, "api_error", "upstream_tls_error")
            assert len(stage.record.attempts) == 1 and stage.paid() == 0
            assert (await stage.ask("trusted")).headers["x-headgate-provider"] == "b"
            assert [a.provider for a in stage.record.attempts] == ["tls", "b"]
        told = [r.getMessage() for r in caplog.records if "needs its operator" in r.getMessage()]
        assert len(told) == 1 and "provider tls" in told[0] and "upstream_tls_error" in told[0]
        assert not any(b"sk-tls-secret" in data or b"POST" in data for data in seen)


@pytest.mark.parametrize(
    "name",
    ["x-request-id", "request-id", "x-amzn-requestid", "apim-request-id", "x-debug-trace-id", "mistral-correlation-id"],
)
def test_how_providers_name_a_call_is_known(name: str) -> None:
    inbound: Any = SimpleNamespace(headers=[(b"content-type", b"a"), (name.encode(), b"up-1")])
    assert upstream_id(inbound) == "up-1"


async def test_the_providers_own_id_of_a_call_is_told(wall: Wall) -> None:
    async with Stage(wall, config()) as stage:
        failed = await stage.ask("a/traced:one")
        assert (failed.status, failed.headers["x-headgate-upstream-request-id"]) == (400, "up-1")
        assert stage.record.attempts[0].upstream_id == "up-1"
        caller = await stage.ask("a/good:one")  # its head tells none
        assert caller.headers["x-headgate-upstream-request-id"] == json.loads(caller.body_sent)["id"]
        assert stage.record.attempts[0].upstream_id == json.loads(caller.body_sent)["id"]


async def test_a_header_that_the_provider_has_no_word_for_is_told(wall: Wall) -> None:
    given: Any = {"dialect": anthropic_messages, "max_tokens": 50, "headers": {"anthropic-beta": "one, two"}}
    async with Stage(wall, config()) as stage:
        caller = await stage.ask("a/good:beta", **given)
        assert caller.headers["x-headgate-dropped"] == "anthropic-beta" and stage.record.dropped
        await stage.ask("claude/good:beta", **given)
        assert not stage.record.dropped and b"anthropic-beta: one, two" in wall.seen("good:beta")[-1].head


async def test_who_does_not_pick_up_is_left_for_the_next(wall: Wall) -> None:
    with deaf() as port:
        async with Stage(wall, config(port)) as stage:
            caller = await stage.ask("heard")
            assert caller.headers["x-headgate-provider"] == "b" and 0.3 < caller.pieces[0][0] < 3
            assert [(a.provider, a.outcome, a.billed) for a in stage.record.attempts] == [
                ("deaf", "upstream_connect_error", "none"),
                ("b", "ok", "usage"),
            ]


async def test_a_callers_time_limit_holds_for_a_host_that_does_not_pick_up(wall: Wall) -> None:
    with deaf() as port:
        async with Stage(wall, config(port).replace("connect: 0.4", "connect: 5")) as stage:
            late = await stage.ask("deaf/any", headers={"x-headgate-timeout": "0.5"})
            error = json.loads(late.body_sent)["error"]
            assert (late.status, error["type"], error["code"]) == (504, "api_error", "deadline_exceeded")
            assert 0.4 < late.pieces[0][0] < 3


async def test_a_whole_answer_that_falls_silent_is_left_for_the_next(wall: Wall) -> None:
    async with Stage(wall, config()) as stage:
        caller = await stage.ask("silent")
        assert caller.headers["x-headgate-provider"] == "b" and caller.pieces[0][0] < 3
        first, _ = stage.record.attempts
        assert (first.outcome, first.billed) == ("upstream_timeout", "uncertain")


async def test_an_error_that_trickles_is_not_read_to_its_end(wall: Wall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(once, "ERROR_BODY", 1.5)
    async with Stage(wall, config()) as stage:
        caller = await stage.ask("trickled")
        assert caller.headers["x-headgate-provider"] == "b" and caller.pieces[0][0] < 10
        assert stage.record.attempts[0].outcome == "upstream_unavailable"


async def test_who_sends_no_headers_is_not_asked_again_and_what_it_did_is_in_doubt(wall: Wall) -> None:
    async with Stage(wall, config()) as stage:
        caller = await stage.ask("answered")
        assert caller.headers["x-headgate-provider"] == "b" and len(wall.seen("never:headers")) == 1
        first, second = stage.record.attempts
        assert (first.outcome, first.billed, first.cost_nano) == ("upstream_timeout", "uncertain", first.held_nano)
        assert stage.paid() == first.held_nano + 25_000 and second.billed == "usage"
        alone = await stage.ask("a/never:alone-headers")
        assert (alone.status, json.loads(alone.body_sent)["error"]["code"]) == (504, "upstream_timeout")
        assert len(wall.seen("never:alone-headers")) == 1


@pytest.mark.parametrize(
    ("fault", "status", "code", "tries"),
    [("no_access", 502, "upstream_model_not_found", 2), ("flagged", 400, "content_filter", 1)],
)
async def test_a_refusal_of_one_model_or_one_prompt_leaves_the_account_open(
    wall: Wall, fault: str, status: int, code: str, tries: int
) -> None:
    async with Stage(wall, config()) as stage:
        caller = await stage.ask(f"keyed/{fault}:one")
        assert (caller.status, json.loads(caller.body_sent)["error"]["code"]) == (status, code)
        assert len(wall.seen(f"{fault}:one")) == tries, "with another key a prompt is the same"
        assert (await stage.ask("keyed/good:one")).status == 200
        assert stage.parts.health.shut("keyed/good:one") is None
        assert (stage.parts.health.shut(f"keyed/{fault}:one") is None) == (fault == "flagged")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("fault", ["no_id", "good"])
async def test_a_translated_answer_has_an_id_of_its_own(wall: Wall, fault: str, stream: bool) -> None:
    """The wall gives none, or every answer the same."""
    async with Stage(wall, config()) as stage:
        ids = []
        for _ in range(2):
            caller = await stage.ask(f"a/{fault}:ids", stream=stream, dialect=anthropic_messages, max_tokens=50)
            told = caller.events[0]["message"] if stream else json.loads(caller.body_sent)
            assert told["id"] == caller.headers["x-request-id"] and told["model"] == "wall"
            ids.append(told["id"])
            assert stage.record.model_used == f"a/{fault}:ids", "it is priced as what was asked for"
        assert len(set(ids)) == 2


async def test_a_relayed_stream_without_ids_gets_ours(wall: Wall) -> None:
    async with Stage(wall, config()) as stage:
        caller = await stage.ask("a/no_id:relayed", stream=True, stream_options={"include_usage": True})
        chunks = [event for event in caller.events if isinstance(event, dict)]
        assert {chunk["id"] for chunk in chunks} == {caller.headers["x-request-id"]}
        assert caller.text == "fine" and caller.events[-1] == "[DONE]" and chunks[-1]["usage"]["total_tokens"] == 18
        relayed = await stage.ask("a/good:relayed", stream=True)
        assert {chunk["id"] for chunk in relayed.events if isinstance(chunk, dict)} == {"chatcmpl-wall"}


async def test_where_everybody_failed_calls_go_through_until_one_works(wall: Wall) -> None:
    async with Stage(wall, config()) as stage:
        wall.faults["flaky"] = "s503"
        try:
            for _ in range(12):
                caller = await stage.ask("down")
                error = json.loads(caller.body_sent)["error"]
                assert (caller.status, error["code"]) == (503, "upstream_unavailable"), "never that there is nobody"
            assert stage.parts.health.shut("a/flaky") and stage.parts.health.shut("b/flaky")
        finally:
            del wall.faults["flaky"]
        answers = [(await stage.ask("down")).status for _ in range(40)]
        assert 2 <= answers.count(200) <= 6, "one in ten goes through"
        for target in stage.parts.snapshot.table.resolve("down").targets:
            stage.parts.health.at(target).breaker.until = monotonic() - 1
        assert (await stage.ask("down")).status == 200, "whose time is over is tried"
        assert stage.parts.health.shut("a/flaky") is None or stage.parts.health.shut("b/flaky") is None


@pytest.mark.parametrize(
    ("model", "stream", "until", "billed"),
    [
        ("a/never:gone", False, "asked", "uncertain"),
        ("a/never:gone-stream", True, "asked", "uncertain"),
        ("a/endless:gone", True, "text", "estimated"),
    ],
)
async def test_a_caller_who_leaves(wall: Wall, model: str, stream: bool, until: str, billed: str) -> None:
    async with Stage(wall, config()) as stage:
        caller, task = stage.begin(model, stream=stream)
        async with asyncio.timeout(5):
            while not wall.seen(model[2:]) or (until == "text" and not caller.pieces):
                await asyncio.sleep(0.01)
        caller.leave()
        await task
        record = stage.record
        assert (record.http_status, record.code, record.attempts[0].billed) == (499, "client_closed", billed)
        assert 0 < stage.paid() <= record.held_nano and len(stage.books.records) == 1
        attempt = wall.seen(model[2:])[0]
        async with asyncio.timeout(2):
            while attempt.closed_at is None:
                await asyncio.sleep(0.01)


async def test_a_caller_who_leaves_before_anything_was_sent_has_cost_nothing(wall: Wall) -> None:
    async with Stage(wall, config()) as stage:
        caller, task = stage.begin("a/good:never-sent")
        while not stage.books.open:
            await asyncio.sleep(0)
        caller.leave()  # while the connection is being made
        await task
        assert not wall.seen("good:never-sent") and sum(stage.books.charged.values()) == 0


async def test_a_caller_who_does_not_read_holds_the_provider_back(wall: Wall) -> None:
    async with Stage(wall, config()) as stage:
        caller, task = stage.begin("a/torrent", stream=True)
        stuck: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        write = caller.write

        def slow(data: bytes) -> Any:
            write(data)
            return stuck

        caller.write = slow  # type: ignore[method-assign]
        await asyncio.sleep(0.5)
        [attempt] = wall.seen("torrent")
        sent = attempt.sent
        await asyncio.sleep(0.3)
        assert attempt.sent == sent < 32 * 1024 * 1024, "nothing more is taken from it"
        assert len(caller.body_sent) < 1024 * 1024
        caller.leave()
        await task
        assert (stage.record.http_status, stage.record.attempts[0].billed) == (499, "estimated")


async def test_nothing_is_begun_that_cannot_end_in_time(wall: Wall) -> None:
    async with Stage(wall, config()) as stage:
        known = stage.parts.health.at(stage.parts.snapshot.table.resolve("b/good:slow").targets[0]).measured
        known.samples, known.latency_ms = 50, 5000.0
        caller = await stage.ask("slow", headers={"x-headgate-timeout": "2"})
        assert caller.status == 503 and not wall.seen("good:slow"), "which takes five seconds"
        assert (await stage.ask("slow", headers={"x-headgate-timeout": "20"})).status == 200
        late = await stage.ask("a/never:deadline", headers={"x-headgate-timeout": "0.3"})
        error = json.loads(late.body_sent)["error"]
        assert (late.status, error["type"], error["code"]) == (504, "api_error", "deadline_exceeded")
        assert stage.parts.health.shut("a/never:deadline") is None, "which says nothing of the provider"


async def test_a_deadline_in_a_silent_moment_of_an_answer_is_told_as_that(wall: Wall) -> None:
    async with Stage(wall, config()) as stage:
        caller = await stage.ask("a/stall:deadline", stream=True, headers={"x-headgate-timeout": "0.4"})
        [*_, last] = [line for line in caller.body_sent.split(b"\n\n") if line.startswith(b"data: {")]
        assert json.loads(last[6:])["error"]["code"] == "deadline_exceeded"
        assert [attempt.outcome for attempt in stage.record.attempts] == ["deadline_exceeded"]
        assert 0.35 < caller.pieces[-1][0] < 3
        assert stage.parts.health.shut("a/stall:deadline") is None, "which says nothing of the provider"


def test_the_alarm_is_not_repeated() -> None:
    from headgate.core.errors import UpstreamFailed
    from headgate.pipeline.alarm import MOST, Alarms

    alarms, told = Alarms(), list[tuple[str, str]]()
    alarms.listener = lambda provider, code, _: told.append((provider, code))
    for code in ("upstream_auth_error", "upstream_auth_error", "upstream_quota_exhausted", "upstream_unavailable"):
        alarms.met("p", UpstreamFailed("no", status=502, code=code))
    assert told == [("p", "upstream_auth_error"), ("p", "upstream_quota_exhausted")]
    for number in range(MOST + 1):
        alarms.met(f"p{number}", UpstreamFailed("no", status=502, code="upstream_tls_error"))
    assert len(told) == MOST + 3
