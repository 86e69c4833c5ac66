"""Every request that is wrong, at both doors of the running gateway: what its caller is told, and that nothing else happens."""

import gzip
import json
import zlib
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from headgate.faultlab.wall import Wall
from tests.e2e.processes import Gateway
from tests.faults.asking import (
    ANY,
    CHAT,
    FOREIGN,
    MESSAGES,
    NATIVE,
    SURFACES,
    Asker,
    body_of,
    document,
    judge,
    parsed,
    resident,
    spliced,
)  # fmt: skip

pytestmark = pytest.mark.xdist_group("faults")
both = pytest.mark.parametrize("path", SURFACES, ids=["chat", "messages"])


@pytest.fixture(scope="module")
def asker(gateway: Gateway, wall: Wall) -> Asker:
    return Asker(gateway, wall, gateway.key("bad requests"))


@pytest.fixture(autouse=True)
def alive(asker: Asker) -> Iterator[None]:
    yield
    asker.alive()


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


def deep(depth: int) -> bytes:
    """A field *x* such that the whole body is *depth* deep."""
    return b'"x": ' + nested(depth - 1)


NOT_JSON: dict[str, bytes] = {
    "empty": b"", "space": b"  \n", "word": b"nonsense", "array": b"[1]", "string": b'"x"', "null": b"null",
    "truncated": b'{"model": "wall/good", "messages": [{"role": "us', "open": b"{", "single quotes": b"{'model': 1}",
    "trailing comma": b'{"model": "wall/good",}', "two documents": b"{} {}", "comment": b"{} // x", "form": b"model=x",
    "control character": b'{"model": "a\nb"}', "bad escape": b'{"model": "\\x41"}', "bare key": b"{model: 1}",
}  # fmt: skip


@both
@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON.keys())
def test_no_json(asker: Asker, path: str, body: bytes) -> None:
    error = asker.refuse(path, body, 400, "invalid_json")
    assert "byte" in error["message"] or "JSON object" in error["message"]


@both
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "latin-1"])
def test_another_encoding(asker: Asker, path: str, encoding: str) -> None:
    text = json.dumps(document(path, messages=[{"role": "user", "content": "hé"}]), ensure_ascii=False)
    asker.refuse(path, text.encode(encoding), 400, "invalid_encoding")


@both
@pytest.mark.parametrize(
    ("escaped", "stored"), [("\\ud800", "\ufffd"), ("\\u0000", "\ufffd"), ("\\udfff\\ud800", "\ufffd\ufffd")]
)
def test_odd_characters_are_served_forwarded_as_given_and_stored_replaced(
    asker: Asker, path: str, escaped: str, stored: str
) -> None:
    who = f'"metadata": {{"user_id": "u{escaped}"}}' if path == MESSAGES else f'"user": "u{escaped}"'
    body = f'{{"model": "{NATIVE[path]}", "max_tokens": 5, "messages": [{{"role": "user", "content": "a{escaped}b"}}], {who}}}'
    answer = asker.post(path, body.encode())
    assert answer.status_code == 200, answer.text
    raw = asker.wall.attempts[-1].raw.decode()
    assert f'"a{escaped}b"' in raw and f'"u{escaped}"' in raw
    trace = asker.gateway.trace(answer.headers["x-request-id"])
    assert f'"u{stored}"' in json.dumps(trace, ensure_ascii=False), trace


@both
@pytest.mark.parametrize("escaped", ["\\ud800", "\\u0000", "\\u001b[31m"])
def test_odd_characters_in_the_model_name(asker: Asker, path: str, escaped: str) -> None:
    body = body_of(path, model="X").replace(b'"X"', f'"no-{escaped}"'.encode())
    asker.refuse(path, body, 404, "model_not_found", "model")


@pytest.mark.parametrize("escaped", ["\\ud800", "\\u0000"])
def test_odd_characters_across_dialects(asker: Asker, escaped: str) -> None:
    for path in SURFACES:
        body = body_of(path, model=FOREIGN[path]).replace(b'"hi"', f'"a{escaped}b"'.encode())
        assert asker.post(path, body).status_code == 200
        assert f"a{escaped}b" in asker.wall.attempts[-1].raw.decode()


@both
@pytest.mark.parametrize("depth", [65, 100_000])
def test_too_deep(asker: Asker, path: str, depth: int) -> None:
    asker.refuse(path, spliced(path, deep(depth)), 400, "json_too_deep")
    asker.refuse(path, spliced(path, b'"metadata": {"x": ' + nested(depth - 2) + b"}"), 400, "json_too_deep")


def test_ten_million_deep(asker: Asker) -> None:
    asker.refuse(CHAT, spliced(CHAT, b'"x": ' + b"[" * 10_000_000), 400, "json_too_deep")
    asker.refuse(MESSAGES, b'{"x":' * 3_000_000, 400, "json_too_deep")


@both
def test_deep_enough(asker: Asker, path: str) -> None:
    assert asker.post(path, spliced(path, deep(64))).status_code == 200


@both
@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "9" * 5000, "1e999", "-1E+400", "1." + "0" * 2000])
@pytest.mark.parametrize("where", ["temperature", "max_tokens", "x"])
def test_no_number(asker: Asker, path: str, number: str, where: str) -> None:
    body = body_of(path, max_tokens=...)[:-1] + f', "{where}": {number if where != "x" else f"[[{number}]]"}}}'.encode()
    asker.refuse(path, body, 400, "invalid_number")


@both
@pytest.mark.parametrize(
    "more", [b'"model": "wall/other"', b'"mod\\u0065l": "wall/other"', b'"messages": []', b'"max_tokens": 1']
)
def test_a_key_twice(asker: Asker, path: str, more: bytes) -> None:
    param = json.loads(b"{" + more + b"}")
    asker.refuse(path, spliced(path, more), 400, "duplicate_key", next(iter(param)))


def head(path: str, *lines: bytes, method: bytes = b"POST", host: bytes = b"Host: a\r\n") -> bytes:
    more = b"".join(line + b"\r\n" for line in lines)
    return (
        method + b" " + path.encode() + b" HTTP/1.1\r\n" + host
        + b"Authorization: Bearer KEY\r\nContent-Type: application/json\r\n" + more + b"\r\n"
    )  # fmt: skip


@both
def test_a_length_that_is_too_large(asker: Asker, path: str) -> None:
    before = resident(asker.gateway)
    for _ in range(10):
        answer = parsed(asker.raw(head(path, b"Content-Length: 20000001") + b"{"))
        judge(answer, path, 413, "request_too_large")
        assert answer.headers["connection"] == "close"
    assert resident(asker.gateway) - before < 1_000_000


@both
def test_a_body_that_grows_too_large(asker: Asker, path: str) -> None:
    before = len(asker.wall.attempts)
    piece = b"f4240\r\n" + b" " * 1_000_000 + b"\r\n"
    answer = parsed(asker.raw(head(path, b"Transfer-Encoding: chunked") + piece * 20 + b"1\r\n \r\n" + piece))
    judge(answer, path, 413, "request_too_large")
    assert answer.headers["connection"] == "close"
    assert len(asker.wall.attempts) == before


def test_a_body_that_is_just_not_too_large(asker: Asker) -> None:
    body = body_of(CHAT)
    assert asker.post(CHAT, body + b" " * (20_000_000 - len(body))).status_code == 200


CODED = b"Transfer-Encoding: chunked"
FRAMING: dict[str, tuple[list[bytes], bytes]] = {
    "length and coding": ([b"Content-Length: 5", CODED], b"0\r\n\r\n"),
    "coding and length": ([CODED, b"Content-Length: 5"], b"0\r\n\r\n"),
    "two lengths": ([b"Content-Length: 5", b"Content-Length: 6"], b"hello"),
    "two equal lengths": ([b"Content-Length: 5", b"Content-Length: 5"], b"hello"),
    "negative": ([b"Content-Length: -5"], b"hello"),
    "plus": ([b"Content-Length: +5"], b"hello"),
    "chunk size": ([CODED], b"5x\r\nhello\r\n0\r\n\r\n"),
    "bare LF in a chunk": ([CODED], b"5\nhello\n0\n\n"),
    "bare LF in the head": ([b"X: a\nContent-Length: 5"], b"hello"),
    "fold": ([b"X: a\r\n b", b"Content-Length: 5"], b"hello"),
    "CR in a value": ([b"X: a\rb", b"Content-Length: 5"], b"hello"),
    "NUL in a value": ([b"X: a\0b", b"Content-Length: 5"], b"hello"),
    "NUL in an option": ([b"X-Headgate-User: a\0b", b"Content-Length: 5"], b"hello"),
    "no colon": ([b"X", b"Content-Length: 5"], b"hello"),
}


@both
@pytest.mark.parametrize(("lines", "body"), FRAMING.values(), ids=FRAMING.keys())
def test_what_could_be_cut_in_two_ways(asker: Asker, path: str, lines: list[bytes], body: bytes) -> None:
    before = len(asker.wall.attempts)
    good = body_of(CHAT)
    smuggled = head(CHAT, b"Content-Length: %d" % len(good)) + good
    answer = parsed(asker.raw(head(path, *lines) + body + smuggled))
    judge(answer, path, 400, None)
    assert answer.headers["connection"] == "close"
    assert len(asker.wall.attempts) == before


@both
def test_headers_that_are_not_the_callers_to_send_stop_here(asker: Asker, path: str) -> None:
    body = body_of(path)
    lines = [
        b"Connection: close, X-Hop", b"X-Hop: canary", b"Keep-Alive: canary", b"TE: trailers", b"Proxy-Authorization: canary",
        b"Cookie: canary=1", b"X-Forwarded-For: 6.6.6.6", b"X-Real-IP: 6.6.6.6", b"Forwarded: for=6.6.6.6",
        b"X_Api_Key: canary", b"x_headgate_user: canary", b"Authorization_: canary", b"Upgrade: canary",
        b"X-Internal: canary", b"Content-Length: %d" % len(body),
    ]  # fmt: skip
    assert parsed(asker.raw(head(path, *lines) + body)).status_code == 200
    sent = asker.wall.attempts[-1].head.lower()
    for sign in (b"canary", b"6.6.6.6", b"trailers", b"x-hop", b"x_", asker.key.encode().lower()):
        assert sign not in sent, sent
    assert "canary" not in asker.gateway.printed


@both
@pytest.mark.parametrize("name", ["internal-token", "internal-peer", "nonsense"])
def test_an_option_that_does_not_exist(asker: Asker, path: str, name: str) -> None:
    asker.refuse(path, body_of(path), 400, "unknown_option", f"x-headgate-{name}", **{f"x-headgate-{name}": "x"})


@both
def test_an_option_that_is_wrong(asker: Asker, path: str) -> None:
    option = "x-headgate-timeout"
    asker.refuse(path, body_of(path), 400, "invalid_option", option, **{option: "soon"})


@both
def test_heads_that_are_too_large(asker: Asker, path: str) -> None:
    for data, status, code in (
        (head(path, b"X: " + b"a" * 66_000), 431, "headers_too_large"),
        (head(path, *(b"X-%d: a" % n for n in range(101))), 431, "headers_too_large"),
        (head(path, *(b"X: a" for _ in range(101))), 431, "headers_too_large"),
        (head(path + "?" + "a" * 8200), 414, "target_too_long"),
    ):
        answer = parsed(asker.raw(data))
        judge(answer, path, status, code)
        assert answer.headers["connection"] == "close"


@pytest.mark.parametrize(
    "target",
    [
        "/v1/nothing-here", "/nothing-here", "//", "//v1/chat/completions", "/v1//chat/completions", "/v1/chat/completions/",
        "/V1/chat/completions", "/v1/Chat/Completions", "/v1/%2e%2e/admin", "/v1/../v1/chat/completions", "/v1/messages/",
        "/v1/./messages", "/v1/chat%2fcompletions", "/v1/chat/completions;x", "/v1/chat/completion%73", "/v1/messages/../keys",
        "/api/v1", "/api/v1/", "/api/v1/logs/", "/api/v1//logs", "/api/v1/%6cogs", "/api/v1/config/virtual%2dkeys", "/api/v1/traces%2fx", "/api/v1/../v1/logs", "/API/v1/logs",
        "/metrics/", "/%6detrics", "/docs/", "/health/", "/api/v1/nothing", "/openapi.json/", "/v1/messages/count_tokens/",
        "/health/../api/v1/keys", "/health/%2e%2e/api/v1/keys", "/v1/models%00", "/v1/messages%0d%0ax:y",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", [b"GET", b"POST"])
def test_nothing_has_a_second_name(asker: Asker, target: str, method: bytes) -> None:
    before = len(asker.wall.attempts)
    body = body_of(CHAT)
    found = parsed(
        asker.raw(head(target, b"Connection: close", b"Content-Length: %d" % len(body), method=method) + body)
    )
    judge(found, target, 404, "not_found", type="not_found_error")
    assert len(asker.wall.attempts) == before
    assert "nothing-here" not in httpx2.get(f"{asker.gateway.url}/metrics", timeout=20).text


@pytest.mark.parametrize(
    ("path", "allow"),
    [(CHAT, "POST"), (MESSAGES, "POST"), ("/v1/embeddings", "POST"), ("/v1/messages/count_tokens", "POST"),
     ("/health", "GET"), ("/v1/models", "GET"), ("/metrics", "GET"), ("/docs", "GET"), ("/openapi.json", "GET"),
     ("/api/v1/logs", "GET")],
)  # fmt: skip
def test_wrong_method(asker: Asker, path: str, allow: str) -> None:
    answer = httpx2.request(
        "DELETE", asker.gateway.url + path, headers={"authorization": f"Bearer {asker.key}"}, timeout=20
    )
    assert answer.status_code == 405, answer.text
    assert allow in answer.headers["allow"]
    assert answer.json()["error"]["code"] == "method_not_allowed"


@both
@pytest.mark.parametrize(
    "host",
    [b"", b"Host: a\r\nHost: a\r\n", b"Host: a\r\nHost: b\r\n", b"Host: x/../key/list?\r\n", b"Host: a b\r\n",
     b"Host: a@b\r\n", b"Host: \r\n", b"Host: a#\r\n", b"Host: a:b\r\n"],
)  # fmt: skip
def test_host(asker: Asker, path: str, host: bytes) -> None:
    body = body_of(path)
    answer = parsed(asker.raw(head(path, b"Content-Length: %d" % len(body), host=host) + body))
    judge(answer, path, 400, "invalid_host")
    assert answer.headers["connection"] == "close"


@both
@pytest.mark.parametrize(
    "media", ["", "text/plain", "application/xml", "application/x-www-form-urlencoded", "application/jsonx", "json",
              "multipart/form-data; boundary=" + "b" * 71],
)  # fmt: skip
def test_media_type(asker: Asker, path: str, media: str) -> None:
    asker.refuse(path, body_of(path), 415, "unsupported_media_type", "content-type", content_type=media)


@both
def test_media_type_with_words_after_it(asker: Asker, path: str) -> None:
    for media in ("application/json; charset=utf-8", "Application/JSON", "application/json;charset=UTF-8"):
        assert asker.post(path, body_of(path), content_type=media).status_code == 200


@both
def test_compressed(asker: Asker, path: str) -> None:
    assert asker.post(path, gzip.compress(body_of(path)), content_encoding="gzip").status_code == 200
    assert asker.post(path, zlib.compress(body_of(path)), content_encoding="deflate").status_code == 200
    asker.refuse(path, gzip.compress(body_of(path))[:-9], 400, "invalid_encoding", content_encoding="gzip")
    asker.refuse(path, b"no gzip", 400, "invalid_encoding", content_encoding="gzip")


@both
def test_unknown_coding(asker: Asker, path: str) -> None:
    answer = asker.post(path, body_of(path), content_encoding="br")
    judge(answer, path, 415, "unsupported_media_type", "content-encoding")


@pytest.fixture(scope="module")
def bomb() -> bytes:
    """A gigabyte of spaces in a megabyte."""
    machine = zlib.compressobj(1, wbits=31)
    piece = b" " * 10_000_000
    return b"".join([machine.compress(piece) for _ in range(100)]) + machine.flush()


@both
def test_gzip_bomb(asker: Asker, bomb: bytes, path: str) -> None:
    asker.refuse(path, bomb, 413, "request_too_large", content_encoding="gzip")


@both
@pytest.mark.parametrize(
    ("messages", "param"),
    [
        ([], "messages"), ({}, "messages"), ("hi", "messages"), (5, "messages"), (None, "messages"), (..., "messages"),
        ([5], "messages[0]"), ([None], "messages[0]"), ([[]], "messages[0]"),
        ([{"content": "x"}], "messages[0].role"),
        ([{"role": "user", "content": "x"}, {"role": "wizard", "content": "x"}], "messages[1].role"),
        ([{"role": 5, "content": "x"}], "messages[0].role"), ([{"role": None, "content": "x"}], "messages[0].role"),
        ([{"role": "user", "content": None}], "messages[0].content"), ([{"role": "user"}], "messages[0].content"),
        ([{"role": "user", "content": "x"}] * 2 + [{"role": "user", "content": None}], "messages[2].content"),
    ],
    ids=str,
)  # fmt: skip
def test_messages(asker: Asker, path: str, messages: Any, param: str) -> None:
    asker.refuse(path, body_of(path, messages=messages), 400, None, param)


@both
@pytest.mark.parametrize("content", [5, True, {"type": "text"}, [5], [{"text": "x"}]], ids=str)
def test_content_that_must_be_read(asker: Asker, path: str, content: Any) -> None:
    error = asker.refuse(
        path, body_of(path, model=FOREIGN[path], messages=[{"role": "user", "content": content}]), 400, None, ANY
    )
    assert error["param"].startswith("messages[0].content")


@both
def test_too_many_messages(asker: Asker, path: str) -> None:
    body = body_of(path, messages=[{"role": "user", "content": "x"}] * 100_001)
    asker.refuse(path, body, 400, "array_above_max_length", "messages")


@both
@pytest.mark.parametrize("model", [..., None, 5, "", [], {}], ids=str)
def test_model(asker: Asker, path: str, model: Any) -> None:
    asker.refuse(path, body_of(path, model=model), 400, None, "model")


@both
@pytest.mark.parametrize("stream", [False, True])
def test_an_unknown_field_goes_to_who_speaks_the_same_dialect_alone(asker: Asker, path: str, stream: bool) -> None:
    field = {"brand_new": {"a": [1, None]}}
    if not (stream and path == MESSAGES):
        assert asker.post(path, body_of(path, stream=stream, **field)).status_code == 200
        assert asker.wall.attempts[-1].body["brand_new"] == field["brand_new"]
    asker.refuse(
        path, body_of(path, model=FOREIGN[path], stream=stream, **field), 400, "unknown_parameter", "brand_new"
    )
    asker.refuse(path, body_of(path, model="strict", stream=stream, **field), 400, "unknown_parameter", "brand_new")


@both
def test_a_field_that_changes_the_price(asker: Asker, path: str) -> None:
    key = asker.new_key("budget", budgets=[{"usd": "5", "window": "day"}])["key"]
    asker.refuse(path, body_of(path, service_tier="priority"), 400, "price_unknown", "service_tier", key=key)
    assert asker.post(path, body_of(path), key=key).status_code == 200


HOSTS = ["api_base", "base_url", "api_key", "model_list", "extra_headers"]


@both
@pytest.mark.parametrize("name", HOSTS)
def test_callers_choose_neither_hosts_nor_credentials(asker: Asker, path: str, name: str) -> None:
    tool = {"type": "function", "function": {"name": "f"}} if path == CHAT else {"name": "f", "input_schema": {}}
    for stream in (False, True):
        asker.refuse(path, body_of(path, stream=stream, **{name: "http://x"}), 400, "parameter_not_allowed", name)
        asker.refuse(path, body_of(path, metadata={name: "x"}), 400, "parameter_not_allowed", f"metadata.{name}")
        asker.refuse(
            path, body_of(path, tools=[tool, {**tool, name: 1}]), 400, "parameter_not_allowed", f"tools[1].{name}"
        )
        asker.refuse(path, body_of(path, **{name: None}), 400, "parameter_not_allowed", name)
    if name == "api_key":  # a credential in an address is none
        judge(asker.post(f"{path}?{name}=x", body_of(path)), path, 401, "invalid_api_key")
    else:
        asker.refuse(f"{path}?{name}=http://x", body_of(path), 400, "parameter_not_allowed", name)
        asker.refuse(
            f"{path}?beta=true&{name[:-1]}%{ord(name[-1]):x}=", body_of(path), 400, "parameter_not_allowed", name
        )


@both
def test_what_only_looks_like_a_host_is_served(asker: Asker, path: str) -> None:
    schema = {"type": "object", "properties": {"base_url": {"type": "string"}, "api_key": {"type": "string"}}}
    function = {"type": "function", "function": {"name": "f", "parameters": schema}}
    tool = function if path == CHAT else {"name": "f", "input_schema": schema}
    said = [{"role": "user", "content": 'Why is {"base_url": 1, "api_key": 2} refused?'}]
    assert asker.post(path + "?beta=true", body_of(path, tools=[tool], messages=said)).status_code == 200


@both
@pytest.mark.parametrize(
    "model", ["nothing", "nobody/anything", "gpt-99", "a" * 5000, "../etc/passwd", "wall", "x' OR 1=1"]
)
@pytest.mark.parametrize("stream", [False, True])
def test_unknown_model(asker: Asker, path: str, model: str, stream: bool) -> None:
    def words(name: str) -> str:
        error = asker.refuse(path, body_of(path, model=name, stream=stream), 404, "model_not_found", "model")
        said: str = error["message"]
        return said.replace(repr(name[:200]), "X")

    assert words(model) == words("other")
    assert len(words(model)) < 300


def calling(arguments: str) -> list[dict[str, Any]]:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": arguments}}
    return [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "done"},
    ]


@pytest.mark.parametrize("arguments", ["{", "not json", '{"a": }', "[1]", '"x"', "{} {}"])
@pytest.mark.parametrize("model", ["claude/good_claude", "claude-then-good"])
def test_tool_arguments_that_are_no_json(asker: Asker, arguments: str, model: str) -> None:
    body = body_of(CHAT, model=model, messages=calling(arguments))
    asker.refuse(CHAT, body, 400, "invalid_value", "messages[1].tool_calls[0].function.arguments")
    same = body_of(CHAT, messages=calling(arguments))
    assert asker.post(CHAT, same).status_code == 200, "as text to who speaks the same dialect"
    good = asker.post(CHAT, body_of(CHAT, model=model, messages=calling("{}")))
    assert good.status_code == 200 and good.headers["x-headgate-provider"] == "claude", "nothing is benched"


@both
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_tokens", 0), ("max_tokens", -1), ("max_tokens", 10**12), ("max_tokens", 10**30), ("max_tokens", "5"),
        ("max_tokens", 1.5), ("max_tokens", True), ("max_tokens", []), ("stream", "yes"), ("stream", 1), ("stream", {}),
    ],
    ids=str,
)  # fmt: skip
def test_values(asker: Asker, path: str, field: str, value: Any) -> None:
    asker.refuse(path, body_of(path, **{field: value}), 400, None, field)


@pytest.mark.parametrize(
    ("field", "value"),
    [("n", 10_000), ("n", 0), ("n", -1), ("n", "2"), ("max_completion_tokens", 0), ("max_completion_tokens", 10**12),
     ("stream_options", "x"), ("user", 5), ("tools", "x")],
    ids=str,
)  # fmt: skip
def test_values_of_chat(asker: Asker, field: str, value: Any) -> None:
    asker.refuse(CHAT, body_of(CHAT, **{field: value}), 400, None, field)


def test_values_of_messages(asker: Asker) -> None:
    asker.refuse(MESSAGES, body_of(MESSAGES, max_tokens=...), 400, "missing_required_parameter", "max_tokens")
    asker.refuse(MESSAGES, body_of(MESSAGES, metadata={"user_id": 5}), 400, "invalid_type", "metadata.user_id")


@both
def test_a_legal_limit_is_served(asker: Asker, path: str) -> None:
    assert asker.post(path, body_of(path, max_tokens=10**9)).status_code == 200


@both
@pytest.mark.parametrize(
    "changes", [{"messages": []}, {"max_tokens": 0}, {"base_url": "x"}, {"model": "nothing"}], ids=str
)
def test_a_refused_stream_is_answered_whole(asker: Asker, path: str, changes: dict[str, Any]) -> None:
    answer = asker.post(path, body_of(path, stream=True, **changes))
    assert answer.status_code in (400, 404)
    assert answer.headers["content-type"] == "application/json"
    assert "error" in answer.json()


def test_a_connection_is_good_after_an_error(asker: Asker) -> None:
    with httpx2.Client(base_url=asker.gateway.url, headers={"authorization": f"Bearer {asker.key}"}) as client:
        for path in SURFACES:
            for _ in range(3):
                assert client.post(path, json={}).status_code == 400
                assert client.post(path, json=document(path)).status_code == 200


def test_the_control_plane_refuses_as_well(asker: Asker) -> None:
    headers = {"authorization": f"Bearer {asker.gateway.admin_key}", "content-type": "application/json"}
    url = f"{asker.gateway.url}/api/v1/config/virtual-keys"
    for body, status in [
        (b"", 400),
        (b"{", 400),
        (b'{"name": NaN}', 400),
        (b"\xff", 400),
        (b"[" * 100_000, 400),
        (b"{}", 400),
    ]:
        answer = httpx2.post(url, content=body, headers=headers, timeout=20)
        assert answer.status_code == status, (body[:20], answer.text)
        assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    assert httpx2.post(url, content=b" " * 20_000_001, headers=headers, timeout=20).status_code == 413
    assert (
        httpx2.post(
            url, content=gzip.compress(b" " * 30_000_000), headers={**headers, "content-encoding": "gzip"}, timeout=20
        ).status_code
        == 413
    )


@pytest.mark.parametrize(
    "target",
    [
        "/v1/models/%ff", "/v1/models/%00", "/api/v1/logs?limit=99999999999999999999", "/api/v1/logs?since=9999-99-99",
        "/api/v1/logs?min_cost=NaN", "/api/v1/logs?min_cost=1e999", "/api/v1/logs?after=1.x", "/api/v1/logs?nonsense=1",
        "/api/v1/traces/%00", "/api/v1/traces/%ff", "/api/v1/usage?by=x", "/api/v1/usage?since=-1", "/api/v1/config?x=%ff",
    ],
)  # fmt: skip
def test_pages_refuse_as_well(asker: Asker, target: str) -> None:
    answer = asker.client.get(
        asker.gateway.url + target, headers={"authorization": f"Bearer {asker.gateway.admin_key}"}
    )
    assert answer.status_code in (400, 404), answer.text
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    assert answer.json()["error"]["type"] in ("invalid_request_error", "not_found_error")


def test_every_refused_call_has_one_row_and_has_cost_nothing(asker: Asker) -> None:
    asker.told_once()
    assert '"level": "error"' not in asker.gateway.printed, "nothing of all this is a fault of ours"
    assert "Traceback" not in asker.gateway.printed
