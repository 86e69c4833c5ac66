"""Cohere's embeddings and reranking, and the form of reranking that many servers share."""

import json
from typing import Any

import pytest

from headgate.core.errors import BadRequest, UpstreamFailed
from headgate.core.money import Usage
from headgate.core.tasks import give_back
from headgate.dialects import embeddings, rerank
from headgate.dialects.base import Abilities
from headgate.dialects.cohere_embed import CohereEmbed
from headgate.dialects.cohere_rerank import CohereRerank
from tests.dialects import recorded

embed, own = CohereEmbed(), CohereRerank()
TO = Abilities("m2", "co/m2")


def rows(api: str) -> list[dict[str, Any]]:
    return [row for row in recorded.every("cohere") if row["api"] == api]


def compact(document: Any) -> bytes:
    return json.dumps(document).encode()


@pytest.mark.parametrize("api", ["embeddings", "rerank"])
def test_recorded_exchanges_come_back_as_they_were(api):
    for row in rows(api):
        body, answer = row["request"]["body"], row["response"]["body"]
        dialects: tuple[Any, ...] = (embed,) if api == "embeddings" else (rerank, own)
        for dialect in dialects:
            raw, to = compact(body), Abilities(body["model"], "x")
            assert dialect.envelope(raw).model == body["model"]
            said = dialect.write_request(dialect.read_request(raw), to, drop=False)
            kept = body if dialect is not own else {k: v for k, v in body.items() if v is not None}
            assert json.loads(said.body) == kept and said.dropped == said.defaulted == []
            assert json.loads(dialect.write_reply(dialect.read_reply(compact(answer)))) == answer
            billed = answer["meta"]["billed_units"]
            usage = Usage(billed.get("input_tokens", 0), searches=billed.get("search_units", 0))
            assert dialect.sniff(compact(answer)).usage == usage
    assert len(rows(api)) == {"embeddings": 2, "rerank": 5}[api]


def test_embeddings_for_a_client_of_openais():
    asked: Any = embeddings.read_request(
        b'{"model":"m","input":"a","encoding_format":"base64","dimensions":8,"user":"u"}'
    )
    said = embed.write_request(asked, TO, drop=False)
    assert json.loads(said.body) == {
        "model": "m2", "texts": ["a"], "input_type": "search_document", "embedding_types": ["float"], "output_dimension": 8,
    }  # fmt: skip
    assert (said.defaulted, said.dropped) == (["input_type=search_document"], ["user"])
    query: Any = embeddings.read_request(b'{"model":"m","input":["a"],"input_type":"search_query"}')
    said = embed.write_request(query, TO, drop=False)
    assert json.loads(said.body)["input_type"] == "search_query" and said.defaulted == []
    tokens: Any = embeddings.read_request(b'{"model":"m","input":[1,2]}')
    with pytest.raises(BadRequest) as caught:
        embed.write_request(tokens, TO, drop=True)
    assert caught.value.param == "input"
    reply: Any = embed.read_reply(
        b'{"id":"i","embeddings":{"float":[[0.5,-2]]},"meta":{"billed_units":{"input_tokens":3}}}'
    )
    reply.encoding = "base64"
    shown = json.loads(embeddings.write_reply(reply))
    assert shown["data"][0]["embedding"] == "AAAAPwAAAMA=" and shown["usage"] == {"prompt_tokens": 3, "total_tokens": 3}


@pytest.mark.parametrize(
    "fields",
    [
        {"embedding_types": ["base64"]},
        {"embedding_types": ["int8", "float"], "truncate": "END"},
        {"input_type": "image", "texts": None, "images": ["data:image/png;base64,AA=="]},
    ],
)
def test_its_own_requests_for_embeddings_come_back_as_they_were(fields):
    body = {k: v for k, v in {"model": "m", "texts": ["a"], "input_type": "clustering", **fields}.items() if v}
    said = embed.write_request(embed.read_request(compact(body)), Abilities("m", "x"), drop=False)
    assert json.loads(said.body) == body


def test_base64_is_read_and_printed():
    body = b'{"id":"i","embeddings":{"base64":["AAAAPwAAAMA="]},"meta":{}}'
    reply: Any = embed.read_reply(body)
    assert reply.vectors == [[0.5, -2.0]]
    assert json.loads(embed.write_reply(reply)) == json.loads(body)
    for bad in (b"{}", b'{"embeddings":{"base64":["A"]}}', b'{"embeddings":{"float":[["x"]]}}', b'{"embeddings":[5]}'):
        with pytest.raises(UpstreamFailed):
            embed.read_reply(bad)
    with pytest.raises(UpstreamFailed):
        embed.sniff(b"{}")


@pytest.mark.parametrize(
    "fields", [{"texts": None}, {"input_type": None}, {"texts": []}, {"texts": [5]}, {"model": ""}]
)
def test_what_is_wrong_in_a_request_for_embeddings_is_named(fields):
    body = {"model": "m", "texts": ["a"], "input_type": "clustering", **fields}
    with pytest.raises(BadRequest) as caught:
        embed.envelope(compact({k: v for k, v in body.items() if v is not None}))
    assert (caught.value.param or "").split("[")[0] in fields


def ranking(**fields: Any) -> bytes:
    return compact({"model": "p/m", "query": "q", "documents": ["a", {"text": "b"}, {"t": 1}], **fields})


def test_reranking_at_cohere_takes_texts_and_gives_documents_back():
    request: Any = rerank.read_request(
        ranking(top_n=2, return_documents=True, user="u", priority=3, max_tokens_per_doc=9)
    )
    said = own.write_request(request, TO, drop=False)
    assert json.loads(said.body) == {
        "model": "m2", "query": "q", "documents": ["a", "b", '{"t":1}'], "top_n": 2, "max_tokens_per_doc": 9, "priority": 3,
    }  # fmt: skip
    assert said.dropped == ["user"]
    reply: Any = own.read_reply(
        b'{"id":"i","results":[{"index":1,"relevance_score":0.9},{"index":0,"relevance_score":1}],'
        b'"meta":{"billed_units":{"search_units":1}}}'
    )
    give_back(request, reply)
    shown = json.loads(rerank.write_reply(reply))
    assert [one["document"] for one in shown["results"]] == [{"text": "b"}, {"text": "a"}]
    with pytest.raises(BadRequest) as caught:
        own.write_request(rerank.read_request(ranking(rank_fields=["t"])), TO, drop=False)
    assert caught.value.param == "rank_fields"
    with pytest.raises(BadRequest) as caught:
        own.write_request(rerank.read_request(ranking(documents=[{}])), TO, drop=False)
    assert caught.value.param == "documents[0]"


@pytest.mark.parametrize(
    ("answer", "usage"),
    [
        ({"results": [{"index": 0, "relevance_score": 1, "document": {"text": "a"}}], "usage": {"total_tokens": 9}}, Usage(9)),
        ({"model": "m", "results": [{"index": 2, "relevance_score": 0.5, "document": "a"}], "usage": {"prompt_tokens": 4, "total_tokens": 4}}, Usage(4)),
        ({"results": [{"index": 0, "score": 0.25}]}, Usage()),
        ({"results": [], "usage": {"total_tokens": -5}}, Usage()),
    ],
)  # fmt: skip
def test_other_servers_are_read_by_the_same_dialect(answer, usage):
    reply: Any = rerank.read_reply(compact(answer))
    assert [one.index for one in reply.results] == [one["index"] for one in answer["results"]]
    assert rerank.sniff(compact(answer)).usage == usage
    shown = json.loads(rerank.write_reply(reply))
    assert all(isinstance(one.get("document", {}), dict) and "relevance_score" in one for one in shown["results"])


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b'{"results":{}}', b'{"results":[5]}', b'{"results":[{"index":"0","relevance_score":1}]}',
     b'{"results":[{"index":0,"relevance_score":true}]}', b'{"results":[{"index":-1,"relevance_score":1}]}', b'{"error":"x"}'],
)  # fmt: skip
def test_what_is_no_ranking_is_no_reply(body):
    with pytest.raises(UpstreamFailed):
        rerank.sniff(body)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"query": ""}, "query"),
        ({"query": None}, "query"),
        ({"documents": []}, "documents"),
        ({"documents": "a"}, "documents"),
        ({"documents": ["a", 5]}, "documents[1]"),
        ({"documents": ["a"] * 10_001}, "documents"),
        ({"top_n": 0}, "top_n"),
        ({"stream": True}, "stream"),
        ({"model": ""}, "model"),
    ],
)
def test_what_is_wrong_in_a_request_to_rerank_is_named(fields, param):
    with pytest.raises(BadRequest) as caught:
        rerank.envelope(ranking(**fields))
    assert caught.value.param == param


def test_a_request_to_rerank_is_relayed_as_it_came():
    body = ranking(return_documents=True, own_field=1)
    envelope = rerank.envelope(body)
    assert envelope.patched("p/m", include_usage=True, max_tokens=5) is body
    assert json.loads(envelope.patched("m")) == {**json.loads(body), "model": "m"}
    assert envelope.unknown_fields() == ["own_field"]
