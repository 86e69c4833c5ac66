"""The task surfaces through a running gateway."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from headgate.dialects.sse import Event
from headgate.surfaces.code import Rewriter, Source, Task, prompt
from headgate.surfaces.fences import Fences
from tests.e2e.processes import Gateway

CODE = "Take this:\n\n```python path=add.py\ndef  add( a,b ):\r\n    return a+b  \n```\n\nand run it."


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    gateway = Gateway(tmp_path_factory.mktemp("tasks")).start()
    yield gateway
    gateway.kill()


def post(gateway: Gateway, path: str, body: Any, key: str | None = None) -> httpx2.Response:
    headers = {"authorization": f"Bearer {key or gateway.first_key}", "content-type": "application/json"}
    return httpx2.post(gateway.url + path, headers=headers, content=json.dumps(body), timeout=30)


def events(text: str) -> list[tuple[str, Any]]:
    found = []
    for block in text.strip().split("\n\n"):
        name, data = block.split("\n", 1)
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


@pytest.mark.parametrize("path", ["/ai/chat/completions", "/api/v1/chat/completions"])
def test_chat_has_other_names(gateway: Gateway, path: str) -> None:
    body = {"model": "sandbox/chat", "messages": [{"role": "user", "content": "hello"}]}
    assert post(gateway, path, body).json()["choices"][0]["message"]["content"]


def test_embeddings_and_models_have_other_names(gateway: Gateway) -> None:
    assert post(gateway, "/ai/embeddings", {"model": "sandbox/embed", "input": "x"}).json()["data"]
    reply = httpx2.get(f"{gateway.url}/ai/models", headers={"authorization": f"Bearer {gateway.first_key}"})
    assert "sandbox/chat" in [model["id"] for model in reply.json()["data"]]


def task(**more: Any) -> dict[str, Any]:
    return {"task": "add two numbers", "model": "sandbox/chat", "language": "python", **more}


def test_code_is_told_from_prose(gateway: Gateway) -> None:
    reply = post(gateway, "/ai/code/generate", task())
    assert reply.status_code == 200, reply.text
    document = reply.json()
    assert document["object"] == "code.generation" and document["model"] == "sandbox/chat"
    assert document["usage"]["total_tokens"] > 0 and document["id"] == reply.headers["x-request-id"]
    assert isinstance(document["blocks"], list) and isinstance(document["text"], str)


def test_a_stream_ends_with_the_whole(gateway: Gateway) -> None:
    reply = post(gateway, "/ai/code/generate", task(stream=True))
    assert reply.headers["content-type"].startswith("text/event-stream")
    found = events(reply.text)
    name, whole = found[-1]
    assert name == "done" and whole["usage"]["total_tokens"] > 0 and whole["finish_reason"] == "stop"
    said = "".join(data["delta"] for name, data in found[:-1] if name == "text")
    assert said.strip() == whole["text"]


def chunk(text: str) -> Event:
    data = json.dumps({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}).encode()
    return Event("", data, b"")


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_chunks_become_events_of_prose_and_code(size: int) -> None:
    fences = Fences()
    rewriter = Rewriter(fences)
    out = b"".join(rewriter(chunk(CODE[at : at + size])) for at in range(0, len(CODE), size))
    out += b"".join(map(rewriter.piece, fences.close()))
    found = events(out.decode())
    assert "".join(data["delta"] for name, data in found if name == "text") == "Take this:\n\n\nand run it."
    code = [data for name, data in found if name == "code"]
    assert {(data["index"], data["language"], data["path"]) for data in code} == {(0, "python", "add.py")}
    assert "".join(data["delta"] for data in code) == "def  add( a,b ):\r\n    return a+b  \n"


def test_an_error_in_the_stream_is_told_and_ends_it() -> None:
    rewriter = Rewriter(Fences())
    out = rewriter(Event("", b'{"error": {"message": "x"}}', b""))
    assert out.startswith(b"event: error\n") and rewriter.failed


def test_a_fence_is_longer_than_any_in_the_file_it_holds() -> None:
    asked = Task(task="t", files=[Source("a.md", "````\nx\n````")])
    assert "`````\n````\nx" in prompt(asked)["messages"][1]["content"]


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({}, 400, "task"),
        ({"task": ""}, 400, "task"),
        ({"task": "x", "nonsense": 1}, 400, None),
        ({"task": "x", "files": [{"path": ""}]}, 400, "files[0].path"),
        ({"task": "x", "model": "no/such"}, 404, "model"),
    ],
)
def test_a_bad_task_is_refused_by_name(gateway: Gateway, body: dict[str, Any], status: int, param: str | None) -> None:
    reply = post(gateway, "/ai/code/generate", body)
    assert reply.status_code == status and (param is None or reply.json()["error"]["param"] == param), reply.text


@pytest.mark.parametrize("path", ["/ai/code/generate", "/api/v1/gateway/llm/invoke"])
def test_strangers_are_turned_away(gateway: Gateway, path: str) -> None:
    assert post(gateway, path, {}, key="hg_wrong").status_code == 401


def test_invoke(gateway: Gateway) -> None:
    body = {"model": "sandbox/chat", "system": "Be brief.", "prompt": "hello", "parameters": {"seed": 3}}
    reply = post(gateway, "/api/v1/gateway/llm/invoke", body).json()
    assert reply["content"] and reply["provider"] == "sandbox" and reply["attempts"] == 1
    assert reply["usage"]["total"] == reply["usage"]["input"] + reply["usage"]["output"]
    assert float(reply["cost"]) > 0


def test_invoke_takes_messages_and_streams_chunks(gateway: Gateway) -> None:
    messages = [{"role": "user", "content": "hello"}]
    reply = post(gateway, "/api/v1/gateway/llm/invoke", {"model": "sandbox/chat", "messages": messages, "stream": True})
    assert reply.text.rstrip().endswith("data: [DONE]") and "chat.completion.chunk" in reply.text


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "prompt"),
        ({"prompt": "x", "messages": []}, "prompt"),
        ({"prompt": "x", "model": "a/b", "use_case": "chat"}, "use_case"),
        ({"messages": [{"role": "user", "content": "x"}], "system": "s"}, "system"),
        ({"prompt": "x", "parameters": {"stream": True}}, "parameters.stream"),
        ({"prompt": "x", "model": "sandbox/chat", "parameters": {"temperature": "hot"}}, None),
    ],
)
def test_a_bad_invocation_is_refused_by_name(gateway: Gateway, body: dict[str, Any], param: str | None) -> None:
    reply = post(gateway, "/api/v1/gateway/llm/invoke", body)
    assert reply.status_code in ((400,) if param else (200, 400)), reply.text
    if param:
        assert reply.json()["error"]["param"] == param
