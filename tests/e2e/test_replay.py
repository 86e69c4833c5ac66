"""Every recorded exchange through the running gateway, in its own dialect: what comes out is what went in.

The caller sends what was recorded, a replayer answers what was recorded; the upstream must have been asked the same
and the caller must have been answered the same, event by event where it is a stream.
"""

import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import httpx2
import pytest

from headgate.dialects.sse import Parser
from tests.dialects.recorded import FOLDER
from tests.e2e.processes import Gateway
from tests.e2e.replayer import Replayer, content

CONFIG = """
providers:
  openai: {{kind: openai, base_url: "{base}/v1", api_key: k, price: {{input: 1, output: 1}}, passthrough: open}}
  azure: {{kind: azure, base_url: "{base}", api_key: k, api_version: "2024-06-01", passthrough: open}}
  anthropic: {{kind: anthropic, base_url: "{base}", api_key: k, passthrough: open}}
  gemini: {{kind: gemini, base_url: "{base}", api_key: k, passthrough: open}}
  vertex: {{kind: vertex, base_url: "{base}", project: p, region: us-central1, token_url: "{base}/token", passthrough: open}}
  bedrock: {{kind: bedrock, base_url: "{base}", region: us-east-1, api_key: k, passthrough: open}}
  cohere: {{kind: cohere, base_url: "{base}", api_key: k, passthrough: open}}
  ollama: {{kind: ollama, base_url: "{base}", passthrough: open}}
  groq: {{kind: groq, base_url: "{base}/openai/v1", api_key: k, passthrough: open}}
  mistral: {{kind: mistral, base_url: "{base}/v1", api_key: k, passthrough: open}}
  deepseek: {{kind: deepseek, base_url: "{base}/beta", api_key: k, passthrough: open}}
  together: {{kind: together, base_url: "{base}/v1", api_key: k, passthrough: open}}
"""
DOORS = {
    "chat": "/v1/chat/completions",
    "completions": "/v1/completions",
    "embeddings": "/v1/embeddings",
    "responses": "/v1/responses",
    "images": "/v1/images/generations",
    "messages": "/v1/messages",
}
PROVIDERS = tuple(sorted(["openai", "azure", "anthropic", "gemini", "vertex", "bedrock", "cohere", "ollama", "groq",
                          "mistral", "deepseek", "together"]))  # fmt: skip
OWN_API = ("bedrock", "cohere", "mistral", "ollama")
"""Providers whose own form is no surface of the gateway: they are reached below ``/passthrough``."""
PASSED = frozenset({"anthropic-version", "anthropic-beta", "openai-beta"})

NOT_REPLAYED = {
    "b8772da957f83e75": "a refusal inside of a stream that began with 200: the caller is told it as an error",
}
"""Recorded exchanges that cannot be replayed, by id, and why."""


@pytest.fixture(scope="module")
def replayer() -> Iterator[Replayer]:
    with Replayer() as replayer:
        yield replayer


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, replayer: Replayer) -> Iterator[Gateway]:
    if not FOLDER.is_dir():
        pytest.skip("the recorded exchanges are not here")
    config = CONFIG.format(base=replayer.url)
    gateway = Gateway(tmp_path_factory.mktemp("replay"), config=config).start()
    admin = {"authorization": f"Bearer {gateway.admin_key}"}
    for name in PROVIDERS:  # a recorded refusal must not bench its account for what follows
        health = {"name": name, "state": "closed"}
        httpx2.post(f"{gateway.url}/api/v1/providers/health", json=health, headers=admin).raise_for_status()
    yield gateway
    gateway.kill()


def rows(provider: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (Path(FOLDER) / f"{provider}.jsonl").read_text().splitlines()]


def address(row: dict[str, Any]) -> tuple[str, Any]:
    """Where a caller of the gateway sends a recorded request, and its body."""
    request, provider, api = row["request"], row["provider"], row["api"]
    body = request["body"]
    if provider in OWN_API:
        return f"/passthrough/{provider}{request['path']}", body
    if api.startswith("generate_content"):
        model, verb = unquote(request["path"].rpartition("/models/")[2]).rsplit(":", 1)
        query = "?alt=sse" if api.endswith("stream") and "alt" in request.get("query", {}) else ""
        return f"/v1beta/models/{quote(f'{provider}/{model}')}:{verb}{query}", body
    model = request["path"].split("/deployments/")[1].split("/")[0] if provider == "azure" else body["model"]
    return DOORS[api], {**body, "model": f"{provider}/{model}"}


def ask(gateway: Gateway, connection: http.client.HTTPConnection, row: dict[str, Any]) -> tuple[int, bytes]:
    path, body = address(row)
    headers = {"authorization": f"Bearer {gateway.first_key}", "content-type": "application/json"}
    headers |= {name: value for name, value in row["request"]["headers"].items() if name in PASSED}
    connection.request("POST", path, json.dumps(body, ensure_ascii=False).encode(), headers)
    reply = connection.getresponse()
    return reply.status, reply.read()


def events(data: bytes, kind: str) -> list[Any]:
    """A stream's events: names and documents; frames and lines as they are."""
    if "event-stream" in kind and "amazon" not in kind:
        found = [(e.name, e.data) for e in Parser().feed(data) if e.data is not None]
        return [(name, json.loads(said) if said[:1] in b"{[" and said != b"[DONE]" else said) for name, said in found]
    if kind.startswith("application/x-ndjson"):
        return [json.loads(line) for line in data.splitlines() if line]
    return [data]


def stripped(body: Any, row: dict[str, Any]) -> Any:
    """A request without what the gateway itself may set: the model's name, and that usage is wanted in a stream."""
    if not isinstance(body, dict):
        return body
    kept = {name: value for name, value in body.items() if name != "model"}
    asked = row["request"]["body"].get("stream_options")
    if row["api"] in ("chat", "completions") and kept.get("stream") and asked != kept.get("stream_options"):
        options = {name: value for name, value in kept["stream_options"].items() if name != "include_usage"}
        kept["stream_options"] = options
        if not options and asked is None:
            del kept["stream_options"]
    return kept


def replayable(row: dict[str, Any]) -> bool:
    response = row["response"]
    known = row["api"] in DOORS or row["provider"] in (*OWN_API, "gemini", "vertex")
    told = any(response.get(name) is not None for name in ("body", "text", "body_b64"))
    return known and told and isinstance(row["request"].get("body"), dict) and row["id"] not in NOT_REPLAYED


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_was_recorded_passes_unchanged(
    gateway: Gateway, replayer: Replayer, provider: str, record_property: Callable[[str, object], None]
) -> None:
    same, failed, wrong = 0, 0, []
    with closing(http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=30)) as connection:
        for row in rows(provider):
            if not replayable(row):
                continue
            replayer.answer = row["response"]
            before = len(replayer.asked)
            status, got = ask(gateway, connection, row)
            if row["response"]["status"] != 200:
                assert status >= 400, row["id"]
                failed += 1
            elif problem := difference(row, status, got, replayer.asked[before:]):
                wrong.append(f"{row['id']} {row['api']}: {problem}")
            else:
                same += 1
    assert not wrong, f"{len(wrong)} of {len(wrong) + same} differ:\n" + "\n".join(wrong[:15])
    record_property("replayed", (provider, same, failed))


def difference(row: dict[str, Any], status: int, got: bytes, asked: list[Any]) -> str:
    if status != 200:
        return f"status {status}: {got[:300]!r}"
    if len(asked) != 1:
        return f"the upstream was asked {len(asked)} times"
    if stripped(asked[0].json, row) != {n: v for n, v in row["request"]["body"].items() if n != "model"}:
        return f"the upstream was asked {asked[0].body[:300]!r}, not {json.dumps(row['request']['body'])[:300]}"
    sent, streamed = content(row["response"])
    kind = next((v for n, v in row["response"]["headers"].items() if n.lower() == "content-type"), "")
    if streamed:
        here, there = events(got, kind), events(sent, kind)
        at = next((i for i, (a, b) in enumerate(zip(here, there, strict=False)) if a != b), min(len(here), len(there)))
        return "" if here == there else f"event {at} of {len(there)}: {here[at : at + 1]} for {there[at : at + 1]}"
    return "" if json.loads(got) == json.loads(sent) else f"answered {got[:300]!r} for {sent[:300]!r}"
