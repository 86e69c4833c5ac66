"""``/v1/stream`` through a running gateway, by an independent WebSocket client."""

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.e2e.processes import Gateway
from tests.e2e.scripted import Scripted

MODEL = "sandbox/chat"
CONFIG = """
providers:
  slow: {kind: vllm, base_url: UPSTREAM/v1, api_key: sk-upstream}
guardrails:
  hide: {kind: pii, on: [output], action: mask}
  stop: {kind: secrets, on: [output], action: block}
  refuse: {kind: keywords, words: [project orion], on: [input], action: block}
routes:
  late: {targets: [sandbox/chat], ping: 0.1}
  guarded: {targets: [sandbox/chat], guardrails: [hide, stop, refuse]}
"""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    upstream = Scripted()
    gateway = Gateway(tmp_path_factory.mktemp("socket"), config=CONFIG.replace("UPSTREAM", upstream.url)).start()
    yield gateway
    gateway.kill()
    upstream.stop()


def opened(gateway: Gateway, **more: Any) -> ClientConnection:
    headers = {"authorization": f"Bearer {gateway.first_key}", **more}
    return connect(f"ws://127.0.0.1:{gateway.port}/v1/stream", additional_headers=headers, compression=None)


def asked(text: str, **more: Any) -> str:
    return json.dumps({"model": MODEL, "messages": [{"role": "user", "content": text}], **more})


def answer(socket: ClientConnection) -> list[dict[str, Any]]:
    events = []
    while (message := socket.recv(timeout=10)) != "[DONE]":
        events.append(json.loads(message))
    return events


def whole(socket: ClientConnection) -> str:
    text: str = json.loads(socket.recv(timeout=10))["choices"][0]["message"]["content"]
    return text


def answer_or_error(socket: ClientConnection) -> list[dict[str, Any]]:
    """Return what comes until the stream ends or is refused."""
    events: list[dict[str, Any]] = []
    while not events or "error" not in events[-1]:
        message = socket.recv(timeout=10)
        if message == "[DONE]":
            break
        events.append(json.loads(message))
    return events


def said(events: list[dict[str, Any]]) -> str:
    return "".join(c["delta"].get("content") or "" for e in events for c in e.get("choices", ()))


def test_several_requests_in_turn_give_what_a_stream_over_http_gives(gateway: Gateway) -> None:
    with opened(gateway) as socket:
        for text in ("first", "second"):
            socket.send(asked(text, seed=7))
            over_socket = said(answer(socket))
            reply = httpx2.post(
                f"{gateway.url}/v1/chat/completions",
                headers={"authorization": f"Bearer {gateway.first_key}", "content-type": "application/json"},
                content=asked(text, seed=7),
            ).json()
            assert over_socket and over_socket == reply["choices"][0]["message"]["content"]


def test_the_next_request_may_come_while_the_connection_of_the_one_before_is_let_end(gateway: Gateway) -> None:
    with opened(gateway) as socket:
        for _ in range(3):
            socket.send(asked("hello", model="slow/slow-end"))
            assert said(answer(socket)) == "Hi"


@pytest.mark.parametrize("stream", [True, False])
def test_what_was_left_out_is_told_before_the_answer(gateway: Gateway, stream: bool) -> None:
    with opened(gateway) as socket:
        socket.send(asked("hello", model="slow/m", user="ann", stream=stream))
        told = json.loads(socket.recv(timeout=10))["headgate"]
        assert (told["dropped"], told["defaulted"]) == (["user"], [])
        assert (said(answer(socket)) if stream else whole(socket)) == "Hi"
        assert gateway.trace(told["id"])["id"] == told["id"]


def test_a_whole_answer_is_one_message(gateway: Gateway) -> None:
    with opened(gateway) as socket:
        socket.send(asked("hello", stream=False))
        assert json.loads(socket.recv(timeout=10))["object"] == "chat.completion"


def test_a_request_that_waits_long_is_told_that_something_goes_on(gateway: Gateway) -> None:
    with opened(gateway) as socket:
        socket.send(asked("hello", model="late", metadata={"sandbox_latency_ms": "350"}))
        told = answer(socket)
        pings = told.count({"type": "ping"})
        assert 1 <= pings <= 3 and told[:pings] == [{"type": "ping"}] * pings and said(told)


def test_the_cost_comes_as_a_message_where_asked_for(gateway: Gateway) -> None:
    with opened(gateway, **{"x-headgate-stream-info": "1"}) as socket:
        socket.send(asked("hello"))
        answer(socket)
        assert json.loads(socket.recv(timeout=10))["headgate"]["usage"]["total"] > 0


@pytest.mark.parametrize("stream", [True, False])
def test_guardrails_look_at_what_is_asked_and_answered(gateway: Gateway, stream: bool) -> None:
    with opened(gateway) as socket:
        socket.send(asked("What of Project Orion?", model="guarded", stream=stream))
        error = json.loads(socket.recv(timeout=10))["error"]
        assert (error["code"], "orion" in json.dumps(error).lower()) == ("content_policy_violation", False)
        text = "Write to ann@example.com or call her"
        socket.send(asked(text, model="guarded", stream=stream))
        told = said(answer(socket)) if stream else whole(socket)
        assert "ann@" not in told and text.replace("ann@example.com", "<EMAIL>") in told  # it quotes what it is asked
        socket.send(asked("The key is sk-proj-" + "A1b2" * 10, model="guarded", stream=stream))
        seen = answer_or_error(socket)
        assert "A1b2A1b2" not in json.dumps(seen) and seen[-1]["error"]["code"] == "content_policy_violation"


@pytest.mark.parametrize(
    ("message", "code", "param"),
    [
        ("{", "invalid_json", None),
        (json.dumps({"model": MODEL}), "missing_required_parameter", "messages"),
        (json.dumps({"model": "no/such", "messages": [{"role": "user", "content": "x"}]}), "model_not_found", "model"),
    ],
)
def test_bad_input_is_an_error_message_and_the_socket_lives(
    gateway: Gateway, message: str, code: str, param: str | None
) -> None:
    with opened(gateway) as socket:
        socket.send(message)
        error = json.loads(socket.recv(timeout=10))["error"]
        assert (error["code"], error["param"]) == (code, param)
        socket.send(asked("still there?"))
        assert said(answer(socket))


def test_a_request_is_cancelled_by_a_message_and_accounted(gateway: Gateway) -> None:
    with opened(gateway) as socket:
        socket.send(asked("a long one", metadata={"sandbox_latency_ms": 20_000}))
        socket.send(asked("meanwhile"))
        assert json.loads(socket.recv(timeout=10))["error"]["code"] == "conflict"
        socket.send('{"type": "cancel"}')
        assert json.loads(socket.recv(timeout=10)) == {"type": "cancelled"}
        socket.send(asked("and on"))
        assert said(answer(socket))
    wait_for(gateway, "client_closed")


def test_closing_the_socket_ends_its_request(gateway: Gateway) -> None:
    before = count(gateway, "client_closed")
    with opened(gateway) as socket:
        socket.send(asked("a long one", metadata={"sandbox_latency_ms": 20_000}))
        time.sleep(0.3)
    wait_for(gateway, "client_closed", before + 1)


def test_a_key_may_come_as_a_subprotocol(gateway: Gateway) -> None:
    protocols: Any = ["headgate", f"openai-insecure-api-key.{gateway.first_key}"]
    url = f"ws://127.0.0.1:{gateway.port}/v1/stream"
    with connect(url, subprotocols=protocols, compression=None) as socket:
        assert socket.subprotocol == "headgate"
        socket.send(asked("hello"))
        assert said(answer(socket))


def test_without_a_key_no_socket_is_opened(gateway: Gateway) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connect(f"ws://127.0.0.1:{gateway.port}/v1/stream", compression=None)
    assert refused.value.response.status_code == 401


def test_a_plain_request_is_told_to_open_a_socket(gateway: Gateway) -> None:
    reply = httpx2.get(f"{gateway.url}/v1/stream", headers={"authorization": f"Bearer {gateway.first_key}"})
    assert reply.status_code == 426 and reply.json()["error"]["code"] == "upgrade_required"


def test_a_message_too_long_closes_the_socket(gateway: Gateway) -> None:
    with opened(gateway) as socket, pytest.raises(ConnectionClosed) as closed:
        socket.send("x" * 21_000_000)
        socket.recv(timeout=10)
    assert closed.value.rcvd is None or closed.value.rcvd.code == 1009


def count(gateway: Gateway, code: str) -> int:
    headers = {"authorization": f"Bearer {gateway.admin_key}"}
    logs = httpx2.get(f"{gateway.url}/api/v1/logs?limit=200", headers=headers).json()
    return sum(one.get("code") == code for one in logs["data"])


def wait_for(gateway: Gateway, code: str, at_least: int = 1) -> None:
    until = time.monotonic() + 10
    while count(gateway, code) < at_least:
        assert time.monotonic() < until, f"no call ended with {code}"
        time.sleep(0.05)
