"""What every dialect has, and the small ones whole."""

import json
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from headgate.core.errors import (
    BadRequest,
    BudgetSpent,
    Forbidden,
    HeadgateError,
    ModelNotFound,
    NotAuthenticated,
    RateLimited,
    TooLarge,
    Unavailable,
    UpstreamFailed,
)
from headgate.core.money import Usage
from headgate.dialects import DIALECTS, anthropic_messages, count_tokens, embeddings, openai_chat

ERRORS: list[HeadgateError] = [
    BadRequest("no", code="invalid_json", param="a.b"),
    NotAuthenticated(),
    Forbidden("no"),
    ModelNotFound("no", param="model"),
    TooLarge("no"),
    RateLimited("no"),
    BudgetSpent("no"),
    Unavailable("no"),
    UpstreamFailed("no", status=502, code="upstream_error"),
    UpstreamFailed("no", status=504, code="upstream_timeout"),
    UpstreamFailed("no \ud800", status=422, code="x"),
]


def test_every_dialect_is_listed_under_its_name():
    assert {"openai-chat", "anthropic-messages", "anthropic-count-tokens", "openai-embeddings"} <= set(DIALECTS)
    assert all(one.name == name for name, one in DIALECTS.items())
    checked: list[Any] = [openai_chat, anthropic_messages, count_tokens, embeddings]
    assert [one.path for one in checked] == [
        "/chat/completions",
        "/v1/messages",
        "/v1/messages/count_tokens",
        "/embeddings",
    ]


@pytest.mark.parametrize("error", ERRORS, ids=lambda e: e.code)
def test_errors_in_openais_form(error):
    for dialect in (openai_chat, embeddings):
        assert json.loads(dialect.write_error(error, "req")) == {
            "error": {"message": error.message, "type": error.type, "param": error.param, "code": error.code}
        }
    stream = openai_chat.write_stream_error(error, "req")
    assert stream == b"data: " + openai_chat.write_error(error, "req") + b"\n\n"


@pytest.mark.parametrize("error", ERRORS, ids=lambda e: e.code)
def test_errors_in_anthropics_form(error):
    types = {400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error",
             413: "request_too_large", 422: "invalid_request_error", 429: "rate_limit_error", 503: "overloaded_error",
             504: "timeout_error"}  # fmt: skip
    body = json.loads(anthropic_messages.write_error(error, "req"))
    assert (body["type"], body["request_id"]) == ("error", "req")
    assert body["error"] == {
        "type": types.get(error.status, "api_error"),
        "message": error.message,
        "code": error.code,
        "param": error.param,
    }
    stream = anthropic_messages.write_stream_error(error, "req")
    assert stream == b"event: error\ndata: " + anthropic_messages.write_error(error, "req") + b"\n\n"


def test_a_stream_error_is_an_error_to_a_tap():
    error = UpstreamFailed("cut", status=502, code="upstream_stream_interrupted")
    for dialect in (openai_chat, anthropic_messages):
        tap = dialect.tap(hide_usage=False)
        assert tap.feed(dialect.write_stream_error(error, "req")) == b""
        assert tap.failure is not None and not tap.ended


@pytest.mark.parametrize(
    ("error", "ours", "theirs"),
    [
        (BadRequest("no"), openai.BadRequestError, anthropic.BadRequestError),
        (NotAuthenticated(), openai.AuthenticationError, anthropic.AuthenticationError),
        (Forbidden("no"), openai.PermissionDeniedError, anthropic.PermissionDeniedError),
        (ModelNotFound("no"), openai.NotFoundError, anthropic.NotFoundError),
        (RateLimited("no"), openai.RateLimitError, anthropic.RateLimitError),
    ],
)
def test_the_sdks_raise_their_own_errors(error, ours, theirs):
    def answer(dialect):
        return lambda request: httpx2.Response(
            error.status, content=dialect.write_error(error, "req"), headers={"content-type": "application/json"}
        )

    message = {"role": "user", "content": "x"}
    with httpx2.Client(transport=httpx2.MockTransport(answer(openai_chat))) as http:
        client = openai.OpenAI(api_key="x", base_url="http://test", max_retries=0, http_client=http)
        with pytest.raises(ours) as caught:
            client.chat.completions.create(model="m", messages=[message])  # type: ignore[list-item]
        assert (caught.value.code, caught.value.status_code) == (error.code, error.status)
    with httpx2.Client(transport=httpx2.MockTransport(answer(anthropic_messages))) as http:
        other = anthropic.Anthropic(api_key="x", base_url="http://test", max_retries=0, http_client=http)
        with pytest.raises(theirs) as raised:
            other.messages.create(model="m", max_tokens=1, messages=[message])  # type: ignore[list-item]
        assert raised.value.body["error"]["code"] == error.code


def embed(**fields):
    return json.dumps({"model": "p/m", "input": "x", **fields}).encode()


@pytest.mark.parametrize(
    "value", ["x", ["x", ""], [1, 2], [[1], [2, 3]], ["x"] * 2048, " [ 1"], ids=lambda v: type(v).__name__
)
def test_embeddings_take_every_form_of_input(value):
    envelope = embeddings.envelope(embed(input=value, dimensions=8, encoding_format="base64", user="u"))
    assert (envelope.model, envelope.user, envelope.stream, envelope.max_tokens) == ("p/m", "u", False, None)
    assert json.loads(envelope.patched("m", include_usage=True, max_tokens=5)) == {
        **json.loads(embed(input=value, dimensions=8, encoding_format="base64", user="u")),
        "model": "m",
    }
    assert envelope.patched("p/m") is envelope.body


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": ""}, "model"),
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": None}, "input"),
        ({"input": 5}, "input"),
        ({"input": {}}, "input"),
        ({"input": ["x", 5]}, "input[1]"),
        ({"input": [1, "x"]}, "input[1]"),
        ({"input": [-1]}, "input[0]"),
        ({"input": [1.5]}, "input[0]"),
        ({"input": [[]]}, "input[0]"),
        ({"input": [[1], "x"]}, "input[1]"),
        ({"input": ["x"] * 2049}, "input"),
        ({"input": [[1]] * 2049}, "input"),
        ({"encoding_format": "int8"}, "encoding_format"),
        ({"dimensions": 0}, "dimensions"),
        ({"user": 5}, "user"),
        ({"api_key": "x"}, "api_key"),
    ],
)
def test_what_is_wrong_in_a_request_for_embeddings_is_named(fields, param):
    with pytest.raises(BadRequest) as caught:
        embeddings.envelope(embed(**fields))
    assert caught.value.param == param


def test_embeddings_need_a_model_and_an_input():
    for name in ("model", "input"):
        body = json.dumps({k: v for k, v in json.loads(embed()).items() if k != name}).encode()
        with pytest.raises(BadRequest) as caught:
            embeddings.envelope(body)
        assert (caught.value.param, caught.value.code) == (name, "missing_required_parameter")


def test_usage_of_embeddings():
    reply = {"object": "list", "model": "e", "data": [{"embedding": [0.1], "index": 0}]}
    usage = {"prompt_tokens": 5, "total_tokens": 5}
    assert embeddings.sniff(json.dumps({**reply, "usage": usage}).encode()).usage == Usage(5)
    assert embeddings.sniff(json.dumps(reply).encode()).usage is None
    assert (
        embeddings.sniff(json.dumps({**reply, "usage": {"prompt_tokens": -5, "total_tokens": -5}}).encode()).usage
        is None
    )
    for body in (b"{}", b"", b"<html>"):
        with pytest.raises(UpstreamFailed) as caught:
            embeddings.sniff(body)
        assert caught.value.code == "upstream_invalid_response"
    with pytest.raises(UpstreamFailed) as caught:
        embeddings.sniff(b'{"error":{"message":"x","code":429}}')
    assert caught.value.status == 429


def test_counting_tokens():
    body = b'{"model":"p/m","messages":[{"role":"user","content":"x"}]}'
    assert count_tokens.envelope(body).max_tokens is None
    assert count_tokens.envelope(body).patched("m") == body.replace(b"p/m", b"m")
    assert count_tokens.read_request(body).messages[0].role == "user"
    assert count_tokens.sniff(b'{"input_tokens":5}').usage == Usage()
    with pytest.raises(UpstreamFailed):
        count_tokens.sniff(b"{}")
    assert count_tokens.write_count(5) == b'{"input_tokens":5}'
