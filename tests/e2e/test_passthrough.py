"""A provider's own API through the gateway: any method and body, official SDKs, limits, grants and records."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from tests.e2e.processes import Gateway
from tests.e2e.scripted import Scripted

pytestmark = pytest.mark.xdist_group("e2e")

CONFIG = """
providers:
  up: {{kind: openai-compatible, base_url: "{url}/v1", api_key: "sk-up-secret", headers: {{x-team: "blue"}}, passthrough: open}}
  priced: {{kind: openai-compatible, base_url: "{url}/v1", api_key: "sk-priced", price: {{input: 1, output: 1, request: 0.01}}, passthrough: open}}
  claude: {{kind: anthropic, base_url: "{url}", api_key: "sk-claude-secret", passthrough: open}}
models:
  up/gpt-4o: {{price: {{input: 1.00, output: 2.00}}}}
  claude/claude-x: {{price: {{input: 3.00, output: 15.00}}}}
routes:
  gpt-4o: {{targets: [claude/claude-x]}}
guardrails:
  orion: {{kind: keywords, words: [orion], always: true, tags: [guarded]}}
  lenient: {{kind: keywords, words: [orion], always: true, tags: [lenient], fail: open}}
"""


@pytest.fixture(scope="module")
def upstream() -> Iterator[Scripted]:
    scripted = Scripted()
    yield scripted
    scripted.stop()


@pytest.fixture(scope="module")
def gateway(upstream: Scripted, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    gateway = Gateway(tmp_path_factory.mktemp("pass"), config=CONFIG.format(url=upstream.url)).start()
    yield gateway
    assert gateway.stop() == 0


def call(gateway: Gateway, method: str, path: str, *, key: str | None = None, **more: Any) -> httpx2.Response:
    headers = {"authorization": f"Bearer {key or gateway.first_key}", **more.pop("headers", {})}
    return httpx2.request(method, f"{gateway.url}/passthrough/{path}", headers=headers, timeout=20, **more)


def test_fine_tuning_by_the_official_sdk(gateway: Gateway, upstream: Scripted) -> None:
    client = openai.OpenAI(base_url=f"{gateway.url}/passthrough/up", api_key=gateway.first_key, max_retries=0)
    client.fine_tuning.jobs.create(model="gpt-4o", training_file="file-1")
    made = upstream.seen[-1]
    assert (made.method, made.target) == ("POST", "/v1/fine_tuning/jobs")
    assert made.json == {"model": "gpt-4o", "training_file": "file-1"}
    client.fine_tuning.jobs.list(limit=3, after="job 1")
    assert upstream.seen[-1].target == "/v1/fine_tuning/jobs?after=job+1&limit=3"
    client.fine_tuning.jobs.cancel("job-1")
    client.files.delete("file-1")
    assert (upstream.seen[-1].method, upstream.seen[-1].target) == ("DELETE", "/v1/files/file-1")


def test_an_upload_arrives_byte_for_byte(gateway: Gateway, upstream: Scripted) -> None:
    client = openai.OpenAI(base_url=f"{gateway.url}/passthrough/up/v1", api_key=gateway.first_key, max_retries=0)
    data = bytes(range(256)) * 8192
    client.files.create(file=("a.jsonl", data), purpose="fine-tune")
    assert data in upstream.seen[-1].body and upstream.seen[-1].target == "/v1/files"
    assert upstream.seen[-1].headers["content-type"].startswith("multipart/form-data; boundary=")


def test_what_goes_along_and_what_does_not(gateway: Gateway, upstream: Scripted) -> None:
    answer = call(
        gateway, "PATCH", "up/assistants/asst_1?a=1&b=%2F", content=b"\0\xff", key=gateway.first_key,
        headers={
            "content-type": "application/x-odd", "openai-beta": "assistants=v2", "x-custom": "kept", "cookie": "c=1",
            "x-headgate-tags": "t", "x-forwarded-for": "10.0.0.1", "connection": "x-drop", "x-drop": "1",
            "x-team": "red", "accept": "text/plain", "te": "trailers",
        },
    )  # fmt: skip
    assert answer.json() == {"method": "PATCH", "target": "/v1/assistants/asst_1?a=1&b=%2F", "size": 2}
    seen = upstream.seen[-1]
    assert seen.body == b"\0\xff"
    assert seen.headers["authorization"] == "Bearer sk-up-secret"
    assert seen.headers["content-type"] == "application/x-odd" and seen.headers["accept"] == "text/plain"
    assert (seen.headers["x-custom"], seen.headers["openai-beta"], seen.headers["x-team"]) == (
        "kept",
        "assistants=v2",
        "blue",
    )
    assert not {"cookie", "x-headgate-tags", "x-forwarded-for", "x-drop", "te"} & seen.headers.keys()
    assert gateway.first_key not in str(seen.headers)


def test_what_comes_back_and_what_does_not(gateway: Gateway) -> None:
    answer = call(gateway, "GET", "up/cookies")
    assert answer.headers["openai-version"] == "2020-10-01"
    assert answer.headers["x-headgate-upstream-request-id"] == "req_upstream"
    assert answer.headers["x-request-id"] != "req_upstream"
    assert not {"set-cookie", "x-ratelimit-remaining-requests", "x-hop"} & set(answer.headers)


def test_statuses_methods_and_redirects_pass(gateway: Gateway) -> None:
    broken = call(gateway, "POST", "up/broken", json={})
    assert (broken.status_code, broken.json()["error"]["code"]) == (503, "server_is_overloaded")
    assert gateway.trace(broken.headers["x-request-id"])["outcome"]["code"] is not None
    moved = call(gateway, "GET", "up/elsewhere", follow_redirects=False)
    assert (moved.status_code, moved.headers["location"]) == (307, "http://127.0.0.1:9/other")
    head = call(gateway, "HEAD", "up/models")
    assert (head.status_code, head.content) == (200, b"")
    assert call(gateway, "OPTIONS", "up/x").json()["method"] == "OPTIONS"
    assert call(gateway, "TRACE", "up/x").status_code == 405


def test_a_call_is_recorded_without_a_cost(gateway: Gateway) -> None:
    answer = call(gateway, "POST", "up/batches", json={"a": 1})
    trace = gateway.trace(answer.headers["x-request-id"])
    asked, route, outcome = trace["call"], trace["route"], trace["outcome"]
    assert (asked["operation"], asked["surface"], outcome["http_status"]) == ("raw", "passthrough", 200)
    assert outcome["cost_usd"] is None and route["model_used"] is None and route["provider_used"] == "up"
    assert "POST /batches" in route["reason"]
    assert outcome["bytes_out"] == len(answer.content) and trace["timing"]["latency_ms"] > 0


def test_a_stream_passes_as_it_comes(gateway: Gateway) -> None:
    answer = call(gateway, "GET", "up/events")
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.content == b"".join(b"event: tick\ndata: %d\n\n" % number for number in range(3))


def test_an_event_is_not_held_until_the_next(gateway: Gateway, upstream: Scripted) -> None:
    headers = {"authorization": f"Bearer {gateway.first_key}"}
    with httpx2.stream("GET", f"{gateway.url}/passthrough/up/paced", headers=headers, timeout=20) as answer:
        pieces = answer.iter_bytes()
        assert next(pieces) == b"data: 1\n\n"
        upstream.go.set()
        assert b"".join(pieces) == b"data: 2\n\n"


def test_who_leaves_is_not_worked_for(gateway: Gateway, upstream: Scripted) -> None:
    upstream.left.clear()
    headers = {"authorization": f"Bearer {gateway.first_key}"}
    with httpx2.stream("GET", f"{gateway.url}/passthrough/up/endless", headers=headers, timeout=20) as answer:
        assert next(answer.iter_bytes()).startswith(b"data: 0")
    assert upstream.left.wait(10)


def test_an_answer_that_is_cut_is_seen_to_be(gateway: Gateway) -> None:
    with pytest.raises(httpx2.RemoteProtocolError):
        call(gateway, "GET", "up/cut")


def test_known_paths_are_calls_like_any_other(gateway: Gateway, upstream: Scripted) -> None:
    client = openai.OpenAI(base_url=f"{gateway.url}/passthrough/up", api_key=gateway.first_key, max_retries=0)
    raw = client.chat.completions.with_raw_response.create(model="gpt-4o", messages=[{"role": "user", "content": "x"}])
    assert raw.headers["x-headgate-model"] == "up/gpt-4o"  # pinned: the route of that name is not meant
    assert upstream.seen[-1].json["model"] == "gpt-4o"
    trace = gateway.trace(raw.headers["x-request-id"])
    asked = trace["call"]
    assert (asked["operation"], asked["surface"], trace["usage"]["total"]) == ("chat", "passthrough", 12)
    assert trace["outcome"]["cost_usd"] == "0.000015"
    stream = client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "x"}], stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices) == "Hi"
    own = call(
        gateway,
        "POST",
        "up/v1/chat/completions",
        json={"model": "gpt-4o", "messages": [{"role": "user", "content": "x"}], "models": ["a"]},
    )
    assert own.status_code == 200 and upstream.seen[-1].json["models"] == ["a"]


def test_the_anthropic_sdk_at_its_own_api(gateway: Gateway, upstream: Scripted) -> None:
    client = anthropic.Anthropic(base_url=f"{gateway.url}/passthrough/claude", api_key=gateway.first_key, max_retries=0)
    said = client.messages.create(model="claude-x", max_tokens=50, messages=[{"role": "user", "content": "x"}])
    assert said.content[0].type == "text"
    assert upstream.seen[-1].headers["x-api-key"] == "sk-claude-secret"
    client.beta.files.list(betas=["files-api-2025-04-14"])
    seen = upstream.seen[-1]
    assert seen.target.startswith("/v1/files") and seen.headers["anthropic-version"]
    assert "files-api" in seen.headers["anthropic-beta"]
    with pytest.raises(anthropic.NotFoundError):
        client.with_options(base_url=f"{gateway.url}/passthrough/nobody").messages.create(
            model="claude-x", max_tokens=50, messages=[{"role": "user", "content": "x"}]
        )


PATHS = [
    "up/../admin", "up/a/../../b", "up/%2e%2e/x", "up/%2E./x", "up/a%2f..%2fb", "up/%252e%252e/x", "up//x", "up/a//b",
    "up/./x", "up/a%0d%0ab", "up/a%00", "up/a\\b", "up/%5c..%5cx", "up/a%zz", "http://evil.example/x", "/up/x", "up/a|b",
    "up%2f..%2fup/x", "up/%25252e%25252e/x", "",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_a_path_that_could_lead_elsewhere_is_refused(gateway: Gateway, upstream: Scripted, path: str) -> None:
    before = len(upstream.seen)
    request = f"GET /passthrough/{path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {gateway.first_key}\r\nconnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", gateway.port), 10) as sock:
        sock.sendall(request.encode())
        status = sock.recv(100).split(b" ")[1]
    assert status in (b"400", b"404")
    assert len(upstream.seen) == before


TWINS = ["chat/%63ompletions", "chat/completions/", "Chat/Completions", "chat%2Fcompletions", "v1/chat/completions;x=1"]


@pytest.mark.parametrize("path", TWINS)
def test_a_known_path_has_one_spelling(gateway: Gateway, upstream: Scripted, path: str) -> None:
    before = len(upstream.seen)
    answer = call(gateway, "POST", f"up/{path}", json={"model": "gpt-4o", "messages": []})
    assert answer.status_code == 404 and "is not passed on" in answer.json()["error"]["message"]
    assert len(upstream.seen) == before


def test_no_header_makes_another_method_of_it(gateway: Gateway, upstream: Scripted) -> None:
    call(gateway, "GET", "up/jobs", headers={"x-http-method-override": "POST"})
    assert "x-http-method-override" not in upstream.seen[-1].headers


def test_what_guardrails_cannot_look_into_is_refused(gateway: Gateway, upstream: Scripted) -> None:
    guarded = {"x-headgate-tags": "guarded"}
    chat = {"model": "gpt-4o", "messages": [{"role": "user", "content": "orion"}]}
    refused = call(gateway, "POST", "up/chat/completions", json=chat, headers=guarded)
    assert refused.json()["error"]["code"] == "content_policy_violation"
    before = len(upstream.seen)
    for method in ("POST", "PUT", "PATCH"):
        answer = call(gateway, method, "up/jobs", json={"text": "orion"}, headers=guarded)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "unsupported_operation")
        assert "'orion'" in answer.json()["error"]["message"]
    asked = call(gateway, "POST", "up/jobs", json={}, headers={"x-headgate-guardrails": "orion", **guarded})
    assert asked.status_code == 400 and len(upstream.seen) == before
    assert call(gateway, "GET", "up/jobs", headers=guarded).status_code == 200
    assert call(gateway, "POST", "up/jobs", json={}, headers={"x-headgate-tags": "lenient"}).status_code == 200
    assert call(gateway, "POST", "up/jobs", json={}).status_code == 200


def test_grants_decide(gateway: Gateway, upstream: Scripted) -> None:
    chat = {"model": "gpt-4o", "messages": [{"role": "user", "content": "x"}]}
    other = gateway.key("other", "--models", "claude/*")
    assert call(gateway, "GET", "up/files", key=other).status_code == 403
    assert call(gateway, "POST", "up/chat/completions", key=other, json=chat).status_code == 403
    named = gateway.key("named", "--models", "gpt-4o")  # a route that leads elsewhere
    assert call(gateway, "POST", "up/chat/completions", key=named, json=chat).status_code == 403
    one = gateway.key("one", "--models", "up/gpt-4o")
    assert call(gateway, "POST", "up/chat/completions", key=one, json=chat).status_code == 200
    assert call(gateway, "POST", "up/chat/completions", key=one, json={**chat, "model": "gpt-5"}).status_code == 403
    assert call(gateway, "GET", "up/files", key=one).status_code == 403
    whole = gateway.key("whole", "--models", "up/*")
    assert call(gateway, "GET", "up/files", key=whole).status_code == 200
    assert call(gateway, "GET", "up/files", key="hg_wrong").status_code == 401
    assert call(gateway, "GET", "nobody/files").status_code == 404


def test_a_budget_needs_a_price(gateway: Gateway) -> None:
    key = gateway.key("poor", "--budget", "0.015", "--window", "total")
    unknown = call(gateway, "POST", "up/fine_tuning/jobs", key=key, json={})
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (400, "price_unknown")
    assert "price: {request: ...}" in unknown.json()["error"]["message"]
    assert call(gateway, "GET", "up/fine_tuning/jobs", key=key).status_code == 200
    assert call(gateway, "POST", "priced/broken", key=key, json={}).headers["x-headgate-cost"] == "0"
    first = call(gateway, "POST", "priced/jobs", key=key, json={})
    assert (first.status_code, first.headers["x-headgate-cost"]) == (200, "0.01")
    assert gateway.trace(first.headers["x-request-id"])["outcome"]["cost_usd"] == "0.01"
    second = call(gateway, "POST", "priced/jobs", key=key, json={})
    assert (second.status_code, second.json()["error"]["code"]) == (429, "insufficient_quota")


def test_a_key_reads_its_own_records_alone(gateway: Gateway) -> None:
    answer = call(gateway, "GET", "up/files")
    stranger = gateway.key("stranger")
    gateway.trace(answer.headers["x-request-id"])
    url = f"{gateway.url}/api/v1/traces/{answer.headers['x-request-id']}"
    assert httpx2.get(url, headers={"authorization": f"Bearer {stranger}"}, timeout=20).status_code in (403, 404)


def test_the_sandbox_has_no_api_of_its_own(gateway: Gateway) -> None:
    assert call(gateway, "GET", "sandbox/files").status_code == 404
    said = call(
        gateway,
        "POST",
        "sandbox/chat/completions",
        json={"model": "chat", "messages": [{"role": "user", "content": "x"}]},
    )
    assert said.status_code == 200


def test_limits_hold(gateway: Gateway) -> None:
    key = gateway.key("slow", "--rpm", "1")
    assert call(gateway, "GET", "up/files", key=key).status_code == 200
    limited = call(gateway, "GET", "up/files", key=key)
    assert limited.status_code == 429 and "retry-after" in limited.headers


def test_a_body_over_the_limit_is_refused(gateway: Gateway, upstream: Scripted) -> None:
    before = len(upstream.seen)
    assert call(gateway, "POST", "up/files", content=b"x" * 20_000_001).status_code == 413
    assert len(upstream.seen) == before


def test_no_secret_of_the_provider_comes_out(gateway: Gateway, tmp_path: Path) -> None:
    answer = call(gateway, "GET", "up/headers")
    assert "sk-up-secret" not in answer.text + str(answer.headers) + gateway.printed
