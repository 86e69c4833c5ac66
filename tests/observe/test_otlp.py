"""Traces: what an OTLP receiver and Langfuse get, decoded by hand from the bytes."""

import struct
from typing import Any

import msgspec
import pytest

from headgate.base import Ways
from headgate.core.money import Usage
from headgate.core.record import Attempt
from headgate.observe.config import LangfuseConfig, ObserveConfig, OtlpConfig, langfuse_of, otlp_of
from headgate.observe.otlp import Sampling
from headgate.observe.plans import plans
from headgate.observe.protobuf import request
from headgate.observe.spans import Account, spans_of
from tests.observe.sinks import Server, raw, record

ACCOUNTS = {"local": Account("openai-compatible", "10.0.0.9", 8000), "away": Account("bedrock")}
PARENT = "00f067aa0ba902b7"


def fields(data: bytes) -> list[tuple[int, Any]]:
    """The fields of a message: numbers as they are, blocks as bytes."""
    found: list[tuple[int, Any]] = []
    at = 0

    def varint() -> int:
        nonlocal at
        number = shift = 0
        while True:
            byte = data[at]
            at += 1
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return number

    while at < len(data):
        tag = varint()
        if tag & 7 == 0:
            found.append((tag >> 3, varint()))
        else:
            size = {1: 8, 5: 4}.get(tag & 7) or varint() if tag & 7 != 2 else varint()
            found.append((tag >> 3, data[at : at + size]))
            at += size
    assert at == len(data)
    return found


def one(data: bytes, field: int) -> Any:
    return next((value for number, value in fields(data) if number == field), None)


def value(data: bytes) -> Any:
    ((number, found),) = fields(data)
    match number:
        case 1:
            return found.decode()
        case 2:
            return bool(found)
        case 3:
            return found
        case 4:
            return struct.unpack("<d", found)[0]
    return [value(each) for _, each in fields(found)]


def attributes(data: bytes, field: int) -> dict[str, Any]:
    pairs = [(one(pair, 1).decode(), value(one(pair, 2))) for number, pair in fields(data) if number == field]
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def spans(body: bytes) -> list[tuple[bytes, dict[str, Any]]]:
    """The spans of a request, each with its attributes."""
    (resource_spans,) = [value for _, value in fields(body)]
    assert attributes(one(resource_spans, 1), 1)["service.name"] == "headgate"
    scope = one(resource_spans, 2)
    assert one(one(scope, 1), 1) == b"headgate"
    return [(span, attributes(span, 9)) for number, span in fields(scope) if number == 2]


async def posted(
    config: ObserveConfig, environ: dict[str, str], *batch: bytes
) -> list[tuple[str, dict[str, str], Any]]:
    """What a server gets of *batch*."""
    with Server() as server:
        environ = {name: text.replace("SERVER", server.url) for name, text in environ.items()}
        _, make = next(iter(plans(config, environ, Ways, lambda: ACCOUNTS).values()))
        sink = make()
        await sink.send(batch)
        await sink.close()
        return [(asked.path, asked.headers, spans(asked.body)) for asked in server.asked]


async def test_who_says_what_an_attempt_costs():
    failed, answered = record().attempts
    told = raw(attempts=(failed, msgspec.structs.replace(answered, cost_source="stated", stated_nano=1500)))
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": "SERVER"}
    ((_, _, found),) = await posted(ObserveConfig(), environ, told)
    assert [about.get("headgate.cost_source") for _, about in found] == [None, None, "stated"]


async def test_a_failover_is_a_server_span_with_two_client_spans():
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": "SERVER", "OTEL_EXPORTER_OTLP_HEADERS": "x-key=a%20b, other=1"}
    ((path, headers, found),) = await posted(ObserveConfig(), environ, raw(parent_id=PARENT, dropped=("logit_bias",)))
    assert path == "/v1/traces"
    assert headers["content-type"] == "application/x-protobuf"
    assert (headers["x-key"], headers["other"]) == ("a b", "1")
    (server, about), (failed, why), (good, used) = found
    for span, _ in found:
        assert one(span, 1).hex() == "4bf92f3577b34da6a3ce929d0e0e4736"
        assert len(one(span, 2)) == 8
    assert one(server, 4).hex() == PARENT
    assert one(failed, 4) == one(good, 4) == one(server, 2)
    assert [one(span, 6) for span, _ in found] == [2, 3, 3]
    assert [one(span, 5) for span, _ in found] == [b"chat fast", b"chat small", b"chat big"]
    at = 1_700_000_000_000_000_000
    times = [tuple(struct.unpack("<Q", one(span, n))[0] - at for n in (7, 8)) for span, _ in found]
    assert times == [(0, 123_000_000), (1_000_000, 21_000_000), (22_000_000, 122_500_000)]
    assert one(server, 15) is None
    assert (one(one(failed, 15), 2), one(one(failed, 15), 3)) == (b"overloaded", 2)
    assert about["headgate.route"] == "fast"
    assert about["headgate.reason"] == "priority"
    assert about["headgate.cost_usd"] == 0.0000015
    assert [about[f"headgate.{n}"] for n in ("key", "tenant", "team", "app")] == ["k1", "t1", "team", "app"]
    assert about["headgate.dropped"] == ["logit_bias"]
    assert about["gen_ai.conversation.id"] == "s1"
    assert not any(name.startswith("gen_ai.usage") for name in (*about, *why))
    assert why["error.type"] == "upstream_error"
    assert why["gen_ai.provider.name"] == "aws.bedrock"
    assert (
        used
        | {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai-compatible",
            "gen_ai.request.model": "big",
            "gen_ai.response.model": "big",
            "gen_ai.response.id": "chatcmpl-1",
            "gen_ai.response.finish_reasons": ["stop"],
            "gen_ai.usage.input_tokens": 10,
            "gen_ai.usage.output_tokens": 20,
            "gen_ai.usage.cache_read.input_tokens": 4,
            "gen_ai.usage.reasoning.output_tokens": 5,
            "gen_ai.request.stream": True,
            "gen_ai.response.time_to_first_chunk": 0.018,
            "server.address": "10.0.0.9",
            "server.port": 8000,
            "http.response.status_code": 200,
        }
        == used
    )
    assert "error.type" not in used


async def test_langfuse_gets_who_what_and_how_much():
    environ = {"LANGFUSE_HOST": "SERVER/", "LANGFUSE_PUBLIC_KEY": "pk", "LANGFUSE_SECRET_KEY": "sk"}
    ((path, headers, found),) = await posted(ObserveConfig(), environ, raw())
    assert path == "/api/public/otel/v1/traces"
    assert headers["authorization"] == "Basic cGs6c2s="
    (_, trace), (_, failed), (_, good) = found
    assert (trace["user.id"], trace["session.id"], trace["langfuse.trace.tags"]) == ("u1", "s1", ["red", "blue"])
    told = {name: trace[f"langfuse.trace.metadata.{name}"] for name in ("model_requested", "model_routed")}
    assert told == {"model_requested": "fast", "model_routed": "local/big"}
    assert trace["langfuse.trace.metadata.routing_reason"] == "priority"
    assert failed["langfuse.observation.level"] == "ERROR"
    assert good["langfuse.observation.type"] == "generation"
    assert msgspec.json.decode(good["langfuse.observation.cost_details"]) == {"total": 0.0000015}
    tokens = msgspec.json.decode(good["langfuse.observation.usage_details"])
    assert tokens == {"input": 6, "input_cached_tokens": 4, "output": 15, "output_reasoning_tokens": 5, "total": 30}
    start = msgspec.json.decode(good["langfuse.observation.completion_start_time"])
    assert start == "2023-11-14T22:13:20.040000+00:00"


SDK = frozenset(
    {
        "langfuse.trace.name", "user.id", "session.id", "langfuse.trace.tags", "langfuse.trace.metadata",
        "langfuse.observation.type", "langfuse.observation.level", "langfuse.observation.status_message",
        "langfuse.observation.completion_start_time", "langfuse.observation.model.name",
        "langfuse.observation.usage_details", "langfuse.observation.cost_details", "langfuse.internal.as_root",
    }
)  # fmt: skip
"""Of those that Langfuse's own SDK for Python writes (``langfuse/_client/attributes.py``, version 3): what is sent."""
CODED = ("usage_details", "cost_details", "completion_start_time")
"""What that SDK writes as JSON in a string."""


async def test_langfuse_gets_what_its_own_sdk_would_send():
    environ = {"LANGFUSE_HOST": "SERVER/", "LANGFUSE_PUBLIC_KEY": "pk", "LANGFUSE_SECRET_KEY": "sk"}
    ((_, headers, found),) = await posted(
        ObserveConfig(), environ, raw(), raw(status="failure", code="x", end_user="u")
    )
    assert headers["content-type"] == "application/x-protobuf"
    named = {name: value for _, about in found for name, value in about.items()}
    ours = {name for name in named if name.startswith(("langfuse.", "user.", "session."))}
    told = {name for name in ours if name.startswith("langfuse.trace.metadata.")}
    assert ours - told == SDK - {"langfuse.trace.metadata"} and told
    assert all(isinstance(named[name], str) for name in told)
    for name in CODED:
        msgspec.json.decode(named[f"langfuse.observation.{name}"])
    for _, about in found:
        assert about["langfuse.observation.type"] in ("span", "generation")
        assert about.get("langfuse.observation.level", "ERROR") == "ERROR"


async def test_every_name_is_one_of_the_semantic_conventions():
    pytest.importorskip("opentelemetry.semconv")
    from opentelemetry.semconv._incubating.attributes import (
        enduser_attributes,
        error_attributes,
        gen_ai_attributes,
        http_attributes,
        server_attributes,
    )

    modules = (enduser_attributes, error_attributes, gen_ai_attributes, http_attributes, server_attributes)
    known = {value for module in modules for value in vars(module).values() if isinstance(value, str)}
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": "SERVER"}
    asked = {"temperature": 1, "top_p": 0.5, "top_k": 5, "seed": 7, "max_tokens": 9, "n": 2}
    ((_, _, found),) = await posted(ObserveConfig(), environ, raw(parameters=asked, stream=True))
    names = {name for _, about in found for name in about if not name.startswith("headgate.")}
    assert len(names) > 15 and names <= known, sorted(names - known)


async def test_a_refused_call_is_one_span_and_no_secret_is_in_it():
    refused = raw(
        status="failure", code="upstream_error", http_status=502, attempts=(), usage=Usage(), provider_used=None,
        model_used=None, cost_nano=None, billed="none", error_message="wrong key sk-abcdefghijklmnop",
    )  # fmt: skip
    ((_, _, found),) = await posted(
        ObserveConfig(otlp=OtlpConfig(sample=0)), {"OTEL_EXPORTER_OTLP_ENDPOINT": "SERVER"}, refused
    )
    ((span, about),) = found
    assert one(one(span, 15), 2) == b"wrong key ***"
    assert about["error.type"] == "upstream_error"


@pytest.mark.parametrize(
    "environ",
    [
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "SERVER"},
        {"LANGFUSE_HOST": "SERVER", "LANGFUSE_PUBLIC_KEY": "p", "LANGFUSE_SECRET_KEY": "s"},
    ],
    ids=["otlp", "langfuse"],
)
async def test_no_credential_is_in_a_span_wherever_a_caller_put_it(environ):
    canary = "sk-canary1234567890abcdef"
    fields = {"tags": (canary,), "end_user": canary, "session": canary, "model_requested": canary, "dropped": (canary,)}
    ((_, _, found),) = await posted(ObserveConfig(), environ, raw(**fields))
    assert "canary" not in repr(found)
    assert found[0][1]["headgate.tags"] == ["***"]


async def test_what_is_not_sampled_is_not_sent_and_what_cannot_be_read_is_left_out():
    config = ObserveConfig(otlp=OtlpConfig(sample=0))
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": "SERVER"}
    assert await posted(config, environ, raw(status="success")) == []
    ((_, _, found),) = await posted(config, environ, b'{"half', raw(status="success", total_ms=11_000.0))
    assert len(found) == 3


def test_sampling_keeps_about_its_share_of_traces():
    sampled = Sampling(0.25, 10)
    kept = sum(sampled(record(status="success", trace_id=f"{n:032x}")) for n in range(2000))
    assert 400 < kept < 600
    assert all(Sampling(1.0, 10)(record(status="success", trace_id=f"{n:032x}")) for n in range(100))


def test_ids_are_the_same_when_sent_twice_and_no_two_are_alike():
    once, twice = spans_of(record(), {}), spans_of(record(), {})
    assert once == twice
    assert len({span.span_id for span in once}) == 3


def test_wrong_types_and_half_pairs_are_written():
    call = record(
        attempts=(Attempt(provider="p", model="a\ud800b", started_ms=-1.0, outcome="open"),),
        parameters={"temperature": "hot", "max_tokens": 5, "seed": -1, "top_p": True},
    )
    found = spans(request({"service.name": "headgate"}, ("headgate", "1"), spans_of(call, {})))
    asked = found[1][1]
    assert {n: v for n, v in asked.items() if n.startswith("gen_ai.request")} == {
        "gen_ai.request.model": "a?b",
        "gen_ai.request.stream": True,
        "gen_ai.request.max_tokens": 5,
        "gen_ai.request.seed": 2**64 - 1,
    }


@pytest.mark.parametrize(
    ("config", "environ", "url"),
    [
        (OtlpConfig(), {}, None),
        (OtlpConfig(endpoint="http://c:4318"), {}, "http://c:4318/v1/traces"),
        (OtlpConfig(endpoint="http://c/v1/traces"), {}, "http://c/v1/traces"),
        (OtlpConfig(), {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://e/x/"}, "http://e/x/v1/traces"),
        (OtlpConfig(), {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://e/t"}, "http://e/t"),
        (OtlpConfig(), {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://e", "OTEL_SDK_DISABLED": "true"}, None),
    ],
)
def test_where_traces_go(config, environ, url):
    found = otlp_of(config, environ)
    assert (found and found[0]) == url


def test_langfuse_needs_its_keys():
    assert langfuse_of(LangfuseConfig(host="https://l"), {}) is None
