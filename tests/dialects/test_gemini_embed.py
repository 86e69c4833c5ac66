"""Embeddings in Gemini's form, in Vertex's, and for OpenAI's callers."""

import json
from typing import Any

import pytest

from headgate.core.errors import BadRequest, UpstreamFailed
from headgate.core.money import Usage
from headgate.core.tasks import EmbedReply, EmbedRequest
from headgate.dialects import embed_content, embeddings, gemini_embeddings
from headgate.dialects.base import Abilities
from headgate.dialects.gemini_embed import VertexEmbeddings

TO = Abilities(model="gemini-embedding-001", name="google/gemini-embedding-001", kind="gemini")
GPT = Abilities(model="text-embedding-3-small", name="o/text-embedding-3-small", kind="openai")
vertex: Any = VertexEmbeddings()
batch: Any = gemini_embeddings
single: Any = embed_content
openai: Any = embeddings


def one(text: str = "a", **fields: Any) -> dict[str, Any]:
    return {"content": {"parts": [{"text": text}]}, **fields}


def body(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def test_one_text_and_a_batch_are_read() -> None:
    request: EmbedRequest = single.read_request(body(**one("ab", taskType="RETRIEVAL_QUERY", outputDimensionality=8)))
    assert (request.texts, request.single, request.use, request.dimensions) == (["ab"], True, "query", 8)
    asked = [one("a", model="models/x", task_type="CLUSTERING"), one("b", model="models/x", taskType="CLUSTERING")]
    request = batch.read_request(body(requests=asked))
    assert (request.texts, request.single, request.use) == (["a", "b"], False, "clustering")


def test_the_path_names_the_model_and_so_does_every_text() -> None:
    raw = body(requests=[one("a", model="models/x"), one("b")])
    envelope = batch.envelope_at(raw, "google/m", stream=False)
    assert envelope.model == "google/m" and envelope.stream is False
    assert [each["model"] for each in json.loads(envelope.patched("m"))["requests"]] == ["models/m", "models/m"]
    envelope = single.envelope_at(body(**one(), model="models/x"), "google/m", stream=False)
    assert json.loads(envelope.patched("m"))["model"] == "models/m"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"requests": []}, "requests"),
        ({"requests": [{}] * 3000}, "requests"),
        ({"x": 1}, "content"),
    ],
)
def test_what_the_format_forbids_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as refused:
        batch.envelope_at(body(**fields), "m", stream=False)
    assert refused.value.param == param


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"content": {"parts": [{"inlineData": {"mimeType": "image/png", "data": "AA=="}}]}}, "content.parts[0]"),
        ({"requests": [one(), {"content": 5}]}, "requests[1].content"),
        ({"requests": [one(title="a"), one(title="b")]}, "requests"),
        ({"content": {"parts": [{"text": "a"}]}, "outputDimensionality": 0}, "outputDimensionality"),
    ],
)
def test_what_no_other_provider_takes_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as refused:
        batch.read_request(body(**fields))
    assert refused.value.param == param


def test_openais_request_becomes_a_batch() -> None:
    request = openai.read_request(body(model="x", input=["a", "b"], dimensions=8, user="u", input_type="query"))
    written = batch.write_request(request, TO, drop=False)
    asked = {"model": "models/gemini-embedding-001", "taskType": "RETRIEVAL_QUERY", "outputDimensionality": 8}
    assert json.loads(written.body) == {
        "requests": [{**asked, "content": {"parts": [{"text": text}]}} for text in ("a", "b")]
    }
    assert written.dropped == ["user"]
    written = vertex.write_request(request, TO, drop=False)
    assert json.loads(written.body) == {
        "instances": [{"content": text, "task_type": "RETRIEVAL_QUERY"} for text in ("a", "b")],
        "parameters": {"outputDimensionality": 8},
    }


@pytest.mark.parametrize("dialect", [batch, vertex], ids=lambda dialect: dialect.name)
def test_tokens_are_refused(dialect: Any) -> None:
    for value in ([1, 2], [[1], [2]]):
        with pytest.raises(BadRequest) as refused:
            dialect.write_request(openai.read_request(body(model="x", input=value)), TO, drop=True)
        assert refused.value.param == "input"


def test_geminis_request_becomes_openais() -> None:
    asked = [one("a", taskType="SEMANTIC_SIMILARITY", outputDimensionality=8), one("b")]
    asked[1] |= {"taskType": "SEMANTIC_SIMILARITY", "outputDimensionality": 8}
    request = batch.read_request(body(requests=asked))
    with pytest.raises(BadRequest) as refused:
        openai.write_request(request, GPT, drop=False)
    assert refused.value.param == "taskType"
    written = openai.write_request(request, GPT, drop=True)
    assert json.loads(written.body) == {"model": GPT.model, "input": ["a", "b"], "dimensions": 8}
    assert written.dropped == ["taskType"]


def test_replies_are_read_and_written() -> None:
    raw = body(embeddings=[{"values": [0.5, 1]}, {"values": [2]}], usageMetadata={"promptTokenCount": 3})
    reply: EmbedReply = batch.read_reply(raw)
    assert (reply.vectors, reply.usage) == ([[0.5, 1], [2]], Usage(3))
    assert batch.sniff(raw).usage == Usage(3)
    assert json.loads(batch.write_reply(reply))["embeddings"] == [{"values": [0.5, 1]}, {"values": [2]}]
    assert json.loads(single.write_reply(reply))["embedding"] == {"values": [0.5, 1]}
    assert single.read_reply(body(embedding={"values": [7]})).vectors == [[7]]
    assert batch.sniff(body(embedding={"values": [7]})).usage is None
    predictions = [{"embeddings": {"values": [1.0], "statistics": {"token_count": 4, "truncated": False}}}] * 2
    reply = vertex.read_reply(body(predictions=predictions))
    assert (reply.vectors, reply.usage) == ([[1.0], [1.0]], Usage(8)) and vertex.sniff(
        body(predictions=predictions)
    ).usage == Usage(8)


@pytest.mark.parametrize(
    "raw",
    [
        b"x",
        b"[]",
        b"{}",
        b'{"embeddings":5}',
        b'{"embeddings":[{"values":["a"]}]}',
        b'{"embedding":{}}',
        b'{"predictions":[5]}',
    ],
)
def test_what_is_no_reply(raw: bytes) -> None:
    for dialect in (batch, vertex):
        with pytest.raises(UpstreamFailed) as failed:
            dialect.read_reply(raw)
        assert failed.value.code == "upstream_invalid_response"
