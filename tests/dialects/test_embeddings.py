"""OpenAI's embeddings through the neutral form, and what was recorded of them."""

import json
import math
import struct
from base64 import b64encode
from typing import Any

import pytest

from headgate.core.chat import Extra
from headgate.core.errors import BadRequest, UpstreamFailed
from headgate.core.tasks import EmbedReply, EmbedRequest
from headgate.dialects import embeddings
from headgate.dialects.base import Abilities
from headgate.dialects.openai_embeddings import (
    packed,
    read_reply,
    read_request,
    unpacked,
    write_reply,
    write_request,
)
from tests.dialects.recorded import every

TO = Abilities("embed-3", "openai/embed-3")


def asked(**fields: Any) -> EmbedRequest:
    return read_request(json.dumps({"model": "m", **fields}).encode())


@pytest.mark.parametrize(
    ("value", "texts", "tokens", "single"),
    [
        ("one", ["one"], [], True),
        (["one"], ["one"], [], False),
        (["one", "zwei \ud83d\ude00"], ["one", "zwei 😀"], [], False),
        ([1, 2, 3], [], [[1, 2, 3]], True),
        ([[1, 2], [3]], [], [[1, 2], [3]], False),
    ],
)
def test_every_form_of_input_is_read_and_written_alike(
    value: Any, texts: list[str], tokens: list[list[int]], single: bool
) -> None:
    request = asked(input=value, dimensions=256, encoding_format="base64", user="u", extra_field={"a": 1})
    assert (request.texts, request.tokens, request.single) == (texts, tokens, single)
    assert (request.dimensions, request.encoding, request.user) == (256, "base64", "u")
    written = write_request(request, TO, drop=False)
    assert json.loads(written.body) == {
        "model": "embed-3", "input": json.loads(json.dumps(value)), "dimensions": 256,
        "encoding_format": "base64", "user": "u", "extra_field": {"a": 1},
    }  # fmt: skip
    assert written.dropped == []


@pytest.mark.parametrize("value", [[], "", [1, "x"], {"a": 1}, None, [[]]])
def test_what_is_no_input_is_refused(value: Any) -> None:
    with pytest.raises(BadRequest) as caught:
        asked(input=value)
    assert (caught.value.param or "").startswith("input")


def test_what_the_vectors_are_for_is_read_where_a_caller_says_it() -> None:
    assert asked(input="x", input_type="search_query").use == "query"
    odd = asked(input="x", input_type="poetry")
    assert odd.use is None
    assert json.loads(write_request(odd, TO, drop=False).body)["input_type"] == "poetry"


def test_hints_of_others_are_left_out_and_told() -> None:
    request = EmbedRequest(
        model="m", texts=["x"], use="query", title="T", extra=Extra("gemini", {}, {"use": "taskType"})
    )
    written = write_request(request, TO, drop=False)
    assert json.loads(written.body) == {"model": "embed-3", "input": ["x"]}
    assert written.dropped == ["taskType", "title"]


def test_a_field_that_only_another_dialect_has_is_refused_by_name() -> None:
    request = EmbedRequest(model="m", texts=["x"], extra=Extra("cohere-embed", {"images": ["data:"]}))
    with pytest.raises(BadRequest) as caught:
        write_request(request, TO, drop=False)
    assert caught.value.param == "images"
    assert write_request(request, TO, drop=True).dropped == ["images"]


def test_vectors_are_printed_as_the_caller_wants_them() -> None:
    vectors = [[0.1, -2.5, 3.0], [1.0, 2.0, 3.0]]
    plain = json.loads(write_reply(EmbedReply(model="m", vectors=vectors)))
    assert [one["embedding"] for one in plain["data"]] == vectors
    assert [one["index"] for one in plain["data"]] == [0, 1]
    coded = json.loads(write_reply(EmbedReply(model="m", vectors=vectors, encoding="base64")))
    assert coded["data"][0]["embedding"] == b64encode(struct.pack("<3f", *vectors[0])).decode()
    assert read_reply(json.dumps(coded).encode()).vectors[1] == vectors[1]


def test_numbers_past_a_float_are_infinite_not_an_error() -> None:
    assert unpacked(packed([1e300]))[0] == math.inf


def test_a_reply_is_put_in_the_order_of_its_inputs() -> None:
    data = [{"index": 1, "embedding": [2.0]}, {"index": 0, "embedding": [1.0]}]
    assert read_reply(json.dumps({"data": data}).encode()).vectors == [[1.0], [2.0]]


@pytest.mark.parametrize(
    "reply",
    [b"[]", b"{}", b'{"data": [5]}', b'{"data": [{"embedding": "%%%"}]}', b'{"data": [{"embedding": ["x"]}]}'],
)
def test_what_is_no_reply_is_refused(reply: bytes) -> None:
    with pytest.raises(UpstreamFailed) as caught:
        read_reply(reply)
    assert caught.value.code == "upstream_invalid_response"


@pytest.mark.parametrize(("provider", "count"), [("openai", 29), ("azure", 2), ("mistral", 6)])
def test_recorded_exchanges_are_read_and_written_alike(provider: str, count: int) -> None:
    rows = [row for row in every(provider) if row["api"] == "embeddings"]
    replies = 0
    for row in rows:
        given = {"model": "deployment", **row["request"]["body"]}  # Azure's path names it
        sent = json.dumps(given).encode()
        if row["response"]["status"] == 400:  # what the provider refuses is refused before it is asked
            with pytest.raises(BadRequest):
                embeddings.envelope(sent)
            continue
        envelope = embeddings.envelope(sent)
        assert envelope.patched(envelope.model) == sent
        written = write_request(read_request(sent), Abilities(envelope.model, "x"), drop=False)
        assert json.loads(written.body) == {k: v for k, v in given.items() if v is not None}
        answer = row["response"].get("body")
        if row["response"]["status"] != 200 or not isinstance(answer, dict):
            continue
        replies += 1
        raw = json.dumps(answer).encode()
        reply = read_reply(raw)
        assert reply.usage is not None and reply.usage == embeddings.sniff(raw).usage
        assert reply.usage.input == answer["usage"]["prompt_tokens"]
        reply.encoding = "base64" if isinstance(answer["data"][0]["embedding"], str) else "float"
        assert_alike(json.loads(write_reply(reply)), answer)
    print(f"\n{provider}: {len(rows)} exchanges of embeddings replayed, {replies} replies read and written")
    assert len(rows) == count


def assert_alike(made: dict[str, Any], recorded: dict[str, Any]) -> None:
    assert made["data"] == recorded["data"]
    assert made["model"] == recorded["model"]
    assert set(made["usage"].items()) <= set({k: v for k, v in recorded["usage"].items() if isinstance(v, int)}.items())
