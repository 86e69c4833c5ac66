import json

import pytest

from headgate.core.money import Usage
from headgate.dialects.upstream import ended_with, read_error, read_stream_error, untold
from headgate.dialects.waits import MAX_WAIT


def openai(message="no", type="", code=None, param=None):
    return json.dumps({"error": {"message": message, "type": type, "param": param, "code": code}}).encode()


def anthropic(type, message="no", code=None):
    error = {"type": type, "message": message} | ({"details": {"error_code": code}} if code else {})
    return json.dumps({"type": "error", "error": error, "request_id": "req_1"}).encode()


CASES = [
    # status, body, then: status told, type, code, another try, the same target
    (400, openai("bad", "invalid_request_error", "unsupported_value", "top_p"), 400, "invalid_request_error", "unsupported_value", False, False),
    (400, openai("maximum context length is 8192", code="context_length_exceeded"), 400, "invalid_request_error", "context_length_exceeded", False, False),
    (400, anthropic("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"), 400, "invalid_request_error", "context_length_exceeded", False, False),
    (400, openai("filtered by the content management policy", code="content_filter"), 400, "invalid_request_error", "content_filter", False, False),
    (400, anthropic("invalid_request_error", "Your credit balance is too low"), 502, "api_error", "upstream_quota_exhausted", True, False),
    (400, b'{"code":"invalid-argument","error":"Incorrect API key provided: xai-abcdef123."}', 502, "api_error", "upstream_auth_error", True, False),
    (401, openai("Incorrect API key provided: sk-1234567890"), 502, "api_error", "upstream_auth_error", True, False),
    (402, anthropic("billing_error"), 502, "api_error", "upstream_quota_exhausted", True, False),
    (403, anthropic("permission_error"), 502, "api_error", "upstream_auth_error", True, False),
    (403, openai("Project `proj_1` does not have access to model `gpt-4o-mini`", "invalid_request_error", "model_not_found"), 502, "api_error", "upstream_model_not_found", True, False),
    (403, openai("The model `x` is blocked at the organization level.", "permissions_error", "model_permission_blocked_org"), 502, "api_error", "upstream_model_not_found", True, False),
    (403, b'{"message":"You don\'t have access to the model with the specified model ID."}', 502, "api_error", "upstream_model_not_found", True, False),
    (403, b'{"message":"User: arn:aws:iam::1:user/x is not authorized to perform: bedrock:InvokeModel on resource: arn:aws:bedrock:us-east-1::foundation-model/m"}', 502, "api_error", "upstream_model_not_found", True, False),
    (403, b'{"error":{"code":403,"message":"openai/gpt-5 requires moderation on OpenAI. Your input was flagged for \\"violence\\"."}}', 400, "invalid_request_error", "content_filter", False, False),
    (403, b'{"code":"The caller does not have permission to execute the specified operation","error":"Content violates usage guidelines. Team: t, API key ID: k, Model: grok-4-0709, Failed check: SAFETY_CHECK_TYPE_BIO"}', 400, "invalid_request_error", "content_filter", False, False),
    (403, openai("Your account was flagged and has been suspended for violating the content policy"), 502, "api_error", "upstream_auth_error", True, False),
    (403, openai("Country, region, or territory not supported", code="unsupported_country_region_territory"), 502, "api_error", "upstream_auth_error", True, False),
    (403, b'{"error":{"code":403,"message":"Key limit exceeded (total limit)."}}', 502, "api_error", "upstream_auth_error", True, False),
    (404, openai("no such model", code="model_not_found"), 502, "api_error", "upstream_model_not_found", True, False),
    (404, openai("The model `x` does not exist or you do not have access to it.", param="model"), 502, "api_error", "upstream_model_not_found", True, False),
    (404, anthropic("not_found_error", "model: claude-9"), 502, "api_error", "upstream_model_not_found", True, False),
    (404, b'{"error":{"code":"DeploymentNotFound","message":"It does not exist."}}', 502, "api_error", "upstream_model_not_found", True, False),
    (404, b'{"error":{"code":404,"message":"models/g-9 is not found for API version v1","status":"NOT_FOUND"}}', 502, "api_error", "upstream_model_not_found", True, False),
    (404, b'{"error":"model \\"x\\" not found, try pulling it first"}', 502, "api_error", "upstream_model_not_found", True, False),
    (404, b'{"detail":"Not Found"}', 502, "api_error", "upstream_model_not_found", True, False),
    (404, b"<html>no page</html>", 502, "api_error", "upstream_model_not_found", True, False),
    (404, openai("Item with id 'rs_1' not found. Items are not persisted.", "invalid_request_error", None, "input"), 404, "invalid_request_error", "upstream_bad_request", False, False),
    (404, openai("No file found with id 'a model'.", "invalid_request_error"), 404, "invalid_request_error", "upstream_bad_request", False, False),
    (404, anthropic("not_found_error", "File not found: file_model"), 404, "invalid_request_error", "upstream_bad_request", False, False),
    (408, b"", 504, "api_error", "upstream_timeout", True, True),
    (409, b"", 502, "api_error", "upstream_error", True, True),
    (413, anthropic("request_too_large"), 413, "invalid_request_error", "request_too_large", False, False),
    (422, b'{"detail":[{"loc":["body","messages"],"msg":"field required"}]}', 422, "invalid_request_error", "upstream_bad_request", False, False),
    (429, openai("slow down", "requests", "rate_limit_exceeded"), 429, "rate_limit_error", "upstream_rate_limited", True, True),
    (429, openai("You exceeded your current quota", "insufficient_quota", "insufficient_quota"), 502, "api_error", "upstream_quota_exhausted", True, False),
    (429, anthropic("rate_limit_error", code="workspace_spend_limit_reached"), 502, "api_error", "upstream_quota_exhausted", True, False),
    (498, b'{"error":{"message":"capacity"}}', 429, "rate_limit_error", "upstream_rate_limited", True, True),
    (500, anthropic("api_error"), 502, "api_error", "upstream_error", True, True),
    (502, b"<html>Bad gateway</html>", 503, "overloaded_error", "upstream_unavailable", True, True),
    (503, openai("overloaded", code="server_is_overloaded"), 503, "overloaded_error", "upstream_unavailable", True, True),
    (504, b"", 504, "api_error", "upstream_timeout", True, False),
    (520, b"error code: 520", 502, "api_error", "upstream_error", True, True),
    (529, anthropic("overloaded_error"), 503, "overloaded_error", "upstream_unavailable", True, True),
    (405, b"", 502, "api_error", "upstream_error", True, False),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "told", "type", "code", "retry", "same"), CASES)
def test_what_an_answer_means(status, body, told, type, code, retry, same):
    error = read_error(status, [], body)
    assert (error.status, error.type, error.code, error.retry, error.same_target) == (told, type, code, retry, same)
    assert error.upstream_status == status
    assert error.message and "<html" not in error.message


def test_the_callers_own_mistake_is_told_in_the_providers_words():
    error = read_error(400, [], openai("Invalid 'top_p': too large.", param="top_p"))
    assert (error.message, error.param, error.billed) == ("Invalid 'top_p': too large.", "top_p", "none")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
def test_no_credential_is_passed_on(status):
    secret = "sk-proj-abcdefghijklmnop1234"
    error = read_error(status, [], openai(f"Key {secret} at https://x/?key={secret} refused, Bearer {secret}"))
    assert secret not in error.message


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "x", "retry-after": "9"}, 9.0),
        ({"retry-after": "315360000"}, MAX_WAIT),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
        ({"retry-after": "Sat, 21 Nov 2026 10:00:30 GMT", "date": "Sat, 21 Nov 2026 10:00:10 GMT"}, 20.0),
        ({"retry-after": "Fri, 01 Jan 2027 00:00:01 GMT", "date": "Thu, 31 Dec 2026 23:59:59 GMT"}, 2.0),
        ({"retry-after": "Sat, 21 Nov 2026 10:00:00 GMT", "date": "Sat, 21 Nov 2026 10:00:10 GMT"}, None),
        ({"retry-after": "Sat, 21 Nov 2036 10:00:00 GMT", "date": "Sat, 21 Nov 2026 10:00:10 GMT"}, MAX_WAIT),
        ({"retry-after": "Sat, 21 Nov 2026 10:00:30 GMT"}, None),
        ({"retry-after": "Sat, 99 Nov 2026 10:00:30 GMT", "date": "Sat, 21 Nov 2026 10:00:10 GMT"}, None),
    ],
)
def test_how_long_to_wait(headers, wait):
    error = read_error(429, [(k.encode(), v.encode()) for k, v in headers.items()], openai())
    assert error.wait == wait
    assert ("retry-after" in error.headers) == (wait is not None)


def test_the_provider_may_overrule_the_status():
    assert read_error(400, [(b"x-should-retry", b"true")], openai()).same_target
    assert read_error(400, [(b"x-should-retry", b"true")], openai()).retry
    refused = read_error(500, [(b"x-should-retry", b"false")], openai())
    assert refused.retry and not refused.same_target


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        ({"code": 429, "message": "slow"}, 429, "upstream_rate_limited"),
        ({"code": "502", "message": "down"}, 503, "upstream_unavailable"),
        ({"message": "tool", "type": "invalid_request_error", "code": "tool_use_failed", "status_code": 400}, 400, "tool_use_failed"),
        ({"type": "overloaded_error", "message": "Overloaded"}, 503, "upstream_unavailable"),
        ({"type": "rate_limit_error", "message": "x"}, 429, "upstream_rate_limited"),
        ({"type": "server_error", "message": "x"}, 502, "upstream_error"),
        ({"code": 503, "status": "UNAVAILABLE"}, 503, "upstream_unavailable"),
        ({"code": "insufficient_quota", "message": "x"}, 502, "upstream_quota_exhausted"),
        ("it broke", 502, "upstream_error"),
        ({}, 502, "upstream_error"),
        (None, 502, "upstream_error"),
    ],
)  # fmt: skip
def test_an_error_inside_of_a_stream_has_its_real_status(error, status, code):
    failure = read_stream_error(error)
    assert (failure.status, failure.code) == (status, code)


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"[1]", b'"no"', b"{}", b'{"error":null}', b'{"error":[]}', b'{"error":{"message":{}}}', b"\xff\xfe",
     b'{"error":{"message":"\\ud800"}}', b"[" * 60_000, b'{"error":{"code":1e400}}', b'[{"error":{"code":400,"message":"m"}}]',
     b'{"detail":[1,{"loc":3}]}', b'{"error":{"code":true}}'],
)  # fmt: skip
def test_nonsense_is_an_error_all_the_same(body):
    for status in (400, 422, 429, 500):
        assert read_error(status, [], body).upstream_status == status


@pytest.mark.parametrize(
    "word, again", [("OTHER", True), ("MALFORMED_FUNCTION_CALL", True), ("LANGUAGE", False), ("NO_IMAGE", False)]
)
def test_an_end_that_follows_from_the_request_is_not_tried_again_there(word, again):
    failure = ended_with(word, "why", Usage(input=1))
    assert failure.message == f"The model ended its answer with {word} (why)." and failure.usage == Usage(input=1)
    assert (failure.retry, failure.same_target, failure.status) == (True, again, 502)


def test_what_a_caller_cannot_be_told_is_no_fault_of_its_provider():
    failure = untold("answered with a picture")
    assert (failure.code, failure.message) == ("upstream_answer_failed", "The model answered with a picture.")
    assert failure.retry and not failure.same_target and failure.usage is None
