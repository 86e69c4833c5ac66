"""Rehearsing a bad day: latency, rates, errors, silence, cut streams; and the other operations."""

import asyncio
import json
import math
import struct
import time
from base64 import b64decode
from collections.abc import Callable
from typing import Any

import pytest

from headgate.core.errors import UpstreamFailed
from headgate.providers.base import Provider, Target, Timeouts
from headgate.providers.sandbox.sender import MODELS
from headgate.transport.base import Inbound
from tests.providers.sandbox.conftest import Ask, events, user

Make = Callable[..., Target]


async def open_stream(sandbox: Provider, at: Target, **metadata: Any) -> Inbound:
    body = {"model": "chat", "messages": user("Hello"), "stream": True, "metadata": metadata}
    return await sandbox.sender.send(sandbox.outbound("chat", at, json.dumps(body).encode()))


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 529])
@pytest.mark.parametrize("as_text", [True, False])
async def test_an_error_can_be_asked_for(ask: Ask, status: int, as_text: bool) -> None:
    found, reply = await ask(metadata={"sandbox_error": str(status) if as_text else status})
    assert found == status
    assert reply["error"]["message"]
    assert set(reply["error"]) == {"message", "type", "param", "code"}


async def test_a_rate_limit_says_when_to_come_back(sandbox: Provider, target: Make) -> None:
    inbound = await open_stream(sandbox, target(sandbox), sandbox_error="429")
    assert (inbound.status, inbound.header(b"retry-after")) == (429, b"1")


async def test_latency_comes_before_the_headers(ask: Ask) -> None:
    began = time.monotonic()
    await ask(metadata={"sandbox_latency_ms": "60"})
    assert 0.055 < time.monotonic() - began < 5


async def test_no_latency_is_asked_for_by_default(ask: Ask) -> None:
    began = time.monotonic()
    await ask()
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("metadata", [{"sandbox_error": "timeout"}, {"sandbox_latency_ms": 5000}])
async def test_silence_ends_with_the_callers_patience(
    sandbox: Provider, target: Make, metadata: dict[str, Any]
) -> None:
    at = target(sandbox, timeouts=Timeouts(headers=0.03))
    began = time.monotonic()
    with pytest.raises(UpstreamFailed) as failed:
        await open_stream(sandbox, at, **metadata)
    assert 0.025 < time.monotonic() - began < 5
    assert (failed.value.code, failed.value.status, failed.value.billed) == ("upstream_timeout", 504, "uncertain")


async def test_tokens_come_at_the_rate_that_was_asked_for(sandbox: Provider, target: Make) -> None:
    inbound = await open_stream(sandbox, target(sandbox), sandbox_tokens_per_second=200, sandbox_text="a b c d e f g h")
    began, reads = time.monotonic(), []
    while data := await inbound.read(5.0):
        reads.append(events(data))
    assert all(len(made) == 1 for made in reads)
    assert len(reads) == 1 + 8 + 1 + 1
    assert 0.045 < time.monotonic() - began < 5


async def test_a_whole_answer_takes_as_long_as_its_tokens(ask: Ask) -> None:
    began = time.monotonic()
    await ask(metadata={"sandbox_tokens_per_second": 200, "sandbox_text": "a b c d e f g h"})
    assert 0.035 < time.monotonic() - began < 5


async def test_a_rate_too_slow_for_the_caller_is_a_timeout(sandbox: Provider, target: Make) -> None:
    inbound = await open_stream(sandbox, target(sandbox), sandbox_tokens_per_second=1)
    assert await inbound.read(0.02)
    with pytest.raises(UpstreamFailed, match="sent no data"):
        await inbound.read(0.02)


async def test_a_stream_can_be_cut_without_its_terminator(sandbox: Provider, target: Make) -> None:
    inbound = await open_stream(sandbox, target(sandbox), sandbox_truncate="4")
    data = await inbound.read_all(1.0, 10**6)
    assert len(events(data)) == 4
    assert b"[DONE]" not in data
    assert await inbound.read(1.0) == b""


async def test_a_whole_answer_can_be_cut(sandbox: Provider, target: Make) -> None:
    body = {"model": "chat", "messages": user("Hello"), "metadata": {"sandbox_truncate": 1}}
    inbound = await sandbox.sender.send(sandbox.outbound("chat", target(sandbox), json.dumps(body).encode()))
    with pytest.raises(json.JSONDecodeError):
        json.loads(await inbound.read_all(1.0, 10**6))


async def test_a_stream_can_fall_silent(sandbox: Provider, target: Make) -> None:
    inbound = await open_stream(sandbox, target(sandbox), sandbox_stall=3)
    assert len(events(await inbound.read(1.0))) == 3
    with pytest.raises(UpstreamFailed) as failed:
        await inbound.read(0.02)
    assert failed.value.code == "upstream_timeout"


async def test_a_literal_answer(ask: Ask) -> None:
    _, reply = await ask(
        metadata={"sandbox_text": "exactly\nthis"}, tools=[{"type": "function", "function": {"name": "t"}}]
    )
    assert reply["choices"][0]["message"]["content"] == "exactly\nthis"


@pytest.mark.parametrize(
    ("metadata", "param"),
    [
        ({"sandbox_error": "418"}, "metadata.sandbox_error"),
        ({"sandbox_error": "soon"}, "metadata.sandbox_error"),
        ({"sandbox_latency_ms": "much"}, "metadata.sandbox_latency_ms"),
        ({"sandbox_latency_ms": -1}, "metadata.sandbox_latency_ms"),
        ({"sandbox_latency_ms": "nan"}, "metadata.sandbox_latency_ms"),
        ({"sandbox_latency_ms": 10**9}, "metadata.sandbox_latency_ms"),
        ({"sandbox_tokens_per_second": True}, "metadata.sandbox_tokens_per_second"),
        ({"sandbox_truncate": []}, "metadata.sandbox_truncate"),
        ({"sandbox_text": 5}, "metadata.sandbox_text"),
        ({"sandbox_text": "x" * 65_537}, "metadata.sandbox_text"),
        ({"sandbox_eror": "429"}, "metadata.sandbox_eror"),
    ],
)
async def test_a_wish_that_makes_no_sense_is_refused(ask: Ask, metadata: dict[str, Any], param: str) -> None:
    status, reply = await ask(metadata=metadata)
    assert (status, reply["error"]["param"]) == (400, param)


async def test_other_metadata_is_the_callers_own(ask: Ask) -> None:
    assert (await ask(metadata={"team": "red"}))[1] == (await ask())[1]


async def test_a_closed_stream_says_nothing_more(sandbox: Provider, target: Make) -> None:
    inbound = await open_stream(sandbox, target(sandbox), sandbox_stall=3)
    await inbound.read(1.0)
    inbound.close()
    inbound.close()
    assert await inbound.read(0.01) == b""


async def test_reading_everything_has_a_limit(sandbox: Provider, target: Make) -> None:
    inbound = await open_stream(sandbox, target(sandbox))
    with pytest.raises(UpstreamFailed, match="longer than 100 bytes"):
        await inbound.read_all(1.0, 100)


async def test_a_long_stream_lets_others_run(sandbox: Provider, target: Make) -> None:
    inbound = await open_stream(sandbox, target(sandbox), sandbox_text="word " * 2000)
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    await inbound.read_all(1.0, 10**7)
    task.cancel()
    assert turns > 20


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"model": 1}', b"null"])
async def test_what_is_no_request_is_400(sandbox: Provider, target: Make, body: bytes) -> None:
    for operation in ("chat", "embeddings"):
        inbound = await sandbox.sender.send(sandbox.outbound(operation, target(sandbox), body))
        assert inbound.status == 400
        assert json.loads(await inbound.read_all(1.0, 10**6))["error"]["message"]


def norm(values: list[float]) -> float:
    return math.sqrt(sum(value * value for value in values))


def near(one: list[float], two: list[float]) -> float:
    return sum(a * b for a, b in zip(one, two, strict=True))


async def test_embeddings_are_unit_vectors_and_repeatable(ask: Ask) -> None:
    status, reply = await ask("embeddings", model="embed", input=["red apples", "", "数字", "red apples"])
    assert status == 200
    assert [item["index"] for item in reply["data"]] == [0, 1, 2, 3]
    vectors = [item["embedding"] for item in reply["data"]]
    assert all(len(v) == 384 and abs(norm(v) - 1) < 1e-9 for v in vectors)
    assert vectors[0] == vectors[3] != vectors[1]
    assert (await ask("embeddings", model="embed", input="red apples"))[1]["data"][0]["embedding"] == vectors[0]
    assert reply["usage"]["prompt_tokens"] == reply["usage"]["total_tokens"] > 0


async def test_texts_that_share_words_are_near(ask: Ask) -> None:
    texts = ["How do I reset my password?", "reset a password: how?", "Bake bread at 220 degrees."]
    _, reply = await ask("embeddings", model="embed", input=texts)
    question, same, other = (item["embedding"] for item in reply["data"])
    assert near(question, same) > 0.5 > 0.3 > near(question, other)


async def test_base64_is_the_same_vector(ask: Ask) -> None:
    body = {"model": "embed", "input": "red apples", "dimensions": 5}
    _, plain = await ask("embeddings", **body)
    _, coded = await ask("embeddings", encoding_format="base64", **body)
    values = struct.unpack("<5f", b64decode(coded["data"][0]["embedding"]))
    assert values == pytest.approx(plain["data"][0]["embedding"], abs=1e-6)


@pytest.mark.parametrize("given", [[1, 2, 3], [[1, 2], [3]]])
async def test_tokens_may_be_embedded(ask: Ask, given: list[Any]) -> None:
    status, reply = await ask("embeddings", model="embed", input=given)
    assert (status, len(reply["data"])) == (200, 1 if given == [1, 2, 3] else 2)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"input": []}, "input"),
        ({"input": ["x"] * 2049}, "input"),
        ({"input": 5}, "input"),
        ({"input": "x", "dimensions": 0}, "dimensions"),
        ({"input": "x", "dimensions": 4097}, "dimensions"),
        ({"input": "x", "encoding_format": "hex"}, "encoding_format"),
    ],
)
async def test_a_bad_embeddings_request_is_400(ask: Ask, body: dict[str, Any], param: str) -> None:
    status, reply = await ask("embeddings", **{"model": "embed", **body})
    assert (status, reply["error"]["param"]) == (400, param)


async def test_embeddings_can_fail_on_demand(ask: Ask) -> None:
    assert (await ask("embeddings", model="embed", input="x", metadata={"sandbox_error": "503"}))[0] == 503


async def test_the_models_are_listed(ask: Ask) -> None:
    _, reply = await ask("models")
    assert [model["id"] for model in reply["data"]] == list(MODELS)


async def test_it_sends_nothing_and_signs_nothing(sandbox: Provider, target: Make) -> None:
    out = sandbox.outbound("chat", target(sandbox), b"{}")
    assert out.origin.host.endswith(".invalid")  # a name that by RFC 2606 never resolves
    assert sandbox.forward == frozenset()
