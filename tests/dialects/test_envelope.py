import json

import pytest

from headgate.core.errors import BadRequest
from headgate.dialects.envelope import chat_envelope, messages_envelope
from tests.dialects import recorded

MESSAGES = [{"role": "user", "content": "hi"}]


def chat(**fields):
    return json.dumps({"model": "p/m", "messages": MESSAGES, **fields}).encode()


def messages(**fields):
    return json.dumps({"model": "p/m", "max_tokens": 5, "messages": MESSAGES, **fields}).encode()


def without(body, name):
    return json.dumps({k: v for k, v in json.loads(body).items() if k != name}).encode()


def refusal(read, body):
    with pytest.raises(BadRequest) as caught:
        read(body)
    assert (caught.value.status, caught.value.type) == (400, "invalid_request_error")
    return caught.value


def test_what_the_gateway_reads():
    envelope = chat_envelope(chat(stream=True, max_tokens=7, n=2, user="u", stream_options={"include_usage": True}))
    assert (envelope.model, envelope.stream, envelope.max_tokens, envelope.n) == ("p/m", True, 7, 2)
    assert (envelope.include_usage, envelope.user) == (True, "u")
    plain = chat_envelope(chat(stream=None, max_tokens=None, n=None, tools=None, stream_options=None))
    assert (plain.stream, plain.max_tokens, plain.n, plain.include_usage) == (False, None, 1, False)
    assert chat_envelope(chat(max_completion_tokens=9)).max_tokens == 9
    assert chat_envelope(chat(max_completion_tokens=9, max_tokens=4)).max_tokens == 4
    assert chat_envelope(chat(safety_identifier="s")).user == "s"
    other = messages_envelope(messages(stream=True, metadata={"user_id": "u"}))
    assert (other.stream, other.max_tokens, other.user, other.n) == (True, 5, "u", 1)


BAD = [
    ("messages", [], "messages", "empty_array"),
    ("messages", {}, "messages", "invalid_type"),
    ("messages", "hi", "messages", "invalid_type"),
    ("messages", None, "messages", "invalid_type"),
    ("messages", [3], "messages[0]", "invalid_type"),
    ("messages", [*MESSAGES, {"role": "robot", "content": "x"}], "messages[1].role", "invalid_value"),
    ("messages", [{"content": "x"}], "messages[0].role", "missing_required_parameter"),
    ("messages", [*MESSAGES, {"role": "user", "content": None}], "messages[1].content", "invalid_type"),
    ("messages", [{"role": "user"}], "messages[0].content", "invalid_type"),
    ("model", "", "model", "empty_string"),
    ("model", 3, "model", "invalid_type"),
    ("stream", "yes", "stream", "invalid_type"),
    ("max_tokens", 0, "max_tokens", "below_min_value"),
    ("max_tokens", -1, "max_tokens", "below_min_value"),
    ("max_tokens", 10**12, "max_tokens", "above_max_value"),
    ("max_tokens", 10**40, "max_tokens", "above_max_value"),
    ("max_tokens", 1.5, "max_tokens", "invalid_type"),
    ("max_tokens", "5", "max_tokens", "invalid_type"),
    ("tools", [{}, 1], "tools[1]", "invalid_type"),
    ("tools", {}, "tools", "invalid_type"),
]


@pytest.mark.parametrize(("field", "value", "param", "code"), BAD)
def test_what_is_wrong_is_named(field, value, param, code):
    for read, body in ((chat_envelope, chat(**{field: value})), (messages_envelope, messages(**{field: value}))):
        error = refusal(read, body)
        assert (error.param, error.code) == (param, code)
        assert param in error.message


@pytest.mark.parametrize(
    ("field", "value", "param"),
    [
        ("max_completion_tokens", 0, "max_completion_tokens"),
        ("n", 0, "n"),
        ("n", 10_000, "n"),
        ("stream_options", {"include_usage": 1}, "stream_options.include_usage"),
        ("user", 7, "user"),
    ],
)
def test_what_is_wrong_in_a_chat_request_is_named(field, value, param):
    assert refusal(chat_envelope, chat(**{field: value})).param == param


def test_what_is_missing_is_named():
    for field in ("model", "messages"):
        assert refusal(chat_envelope, without(chat(), field)).param == field
    for field in ("model", "messages", "max_tokens"):
        error = refusal(messages_envelope, without(messages(), field))
        assert (error.param, error.code) == (field, "missing_required_parameter")
    body = without(messages(), "max_tokens")
    assert messages_envelope(body, counting=True).max_tokens is None


def test_too_many_messages():
    body = b'{"model":"m","messages":[%b]}' % b",".join([b'{"role":"user","content":"x"}'] * 100_001)
    error = refusal(chat_envelope, body)
    assert (error.param, error.code) == ("messages", "array_above_max_length")


def test_an_assistant_may_say_nothing_but_calls():
    chat_envelope(chat(messages=[*MESSAGES, {"role": "assistant", "content": None, "tool_calls": [{}]}]))
    chat_envelope(chat(messages=[*MESSAGES, {"role": "assistant", "tool_calls": [{}]}]))


def test_the_guard_stands_before():
    assert refusal(chat_envelope, b'{"model":').code == "invalid_json"
    assert refusal(chat_envelope, chat(api_base="x")).code == "parameter_not_allowed"
    assert refusal(messages_envelope, b'{"model":"a","model":"b"}').code == "duplicate_key"


def test_nothing_changes_where_nothing_differs():
    for envelope in (chat_envelope(chat(stream=True)), messages_envelope(messages())):
        assert envelope.patched("p/m") is envelope.body
    asked = chat_envelope(chat(stream=True, stream_options={"include_usage": True}))
    assert asked.patched("p/m", include_usage=True) is asked.body
    whole = chat_envelope(chat())
    assert whole.patched("p/m", include_usage=True) is whole.body


def test_only_what_differs_changes():
    body = (
        b'{ "temperature" : 0.10000000000000000001, "messages": [ {"role":"user", "content":"\\u00e9 \\ud800"} ],\n'
        b'"model":"p/m", "seed": 12345678901234567890123, "x": {"model": "p/m"} }'
    )
    out = chat_envelope(body).patched("other")
    assert out == (
        b'{"temperature":0.10000000000000000001,"messages":[ {"role":"user", "content":"\\u00e9 \\ud800"} ],'
        b'"model":"other","seed":12345678901234567890123,"x":{"model": "p/m"}}'
    )


def test_usage_is_asked_for_beside_other_options():
    for given, expected in (
        ({}, {"include_usage": True}),
        ({"stream_options": None}, {"include_usage": True}),
        ({"stream_options": {"include_usage": None}}, {"include_usage": True}),
        (
            {"stream_options": {"include_obfuscation": False, "include_usage": False}},
            {"include_obfuscation": False, "include_usage": True},
        ),
    ):
        out = json.loads(chat_envelope(chat(stream=True, **given)).patched("p/m", include_usage=True))
        assert out["stream_options"] == expected
    assert "stream_options" not in json.loads(chat_envelope(chat()).patched("x", include_usage=True))


def test_the_limit_is_lowered_where_it_was_given():
    for given in ({}, {"max_tokens": 9}, {"max_completion_tokens": 9}, {"max_tokens": 9, "max_completion_tokens": 8}):
        out = json.loads(chat_envelope(chat(**given)).patched("p/m", max_tokens=3))
        assert {k: v for k, v in out.items() if k.startswith("max")} == dict.fromkeys(given or {"max_tokens": 1}, 3)
    assert json.loads(messages_envelope(messages()).patched("m", max_tokens=3))["max_tokens"] == 3


def test_fields_nobody_defined_are_named():
    assert chat_envelope(chat(top_k=1, seed=2)).unknown_fields() == ["top_k"]
    assert messages_envelope(messages(top_k=1, seed=2)).unknown_fields() == ["seed"]


@pytest.mark.parametrize("name", [*recorded.CHAT, "anthropic"])
def test_recorded_requests_keep_every_value(name):
    read = messages_envelope if name == "anthropic" else chat_envelope
    for request in recorded.requests(name):
        if any(m.get("content") is None and m["role"] == "user" for m in request["messages"]):
            continue
        body = json.dumps(request, ensure_ascii=False).encode()
        assert json.loads(read(body).patched("other")) == {**request, "model": "other"}
