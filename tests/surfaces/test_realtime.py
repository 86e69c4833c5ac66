"""``/v1/realtime`` through a running gateway, against a scripted upstream."""

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import ServerConnection, serve

from tests.e2e.processes import Gateway

USAGE = {
    "input_tokens": 100,
    "output_tokens": 50,
    "total_tokens": 150,
    "input_token_details": {"cached_tokens": 10, "audio_tokens": 60, "cached_tokens_details": {"audio_tokens": 5}},
    "output_token_details": {"audio_tokens": 40},
}


class Upstream:
    """Answers ``response.create`` with a response; anything else comes back as it went."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.closed = 0
        self._server = serve(self._talk, "127.0.0.1", 0, compression=None, process_request=self._look)
        self.port = self._server.socket.getsockname()[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _look(self, connection: ServerConnection, request: Any) -> Any:
        self.requests.append(request)
        if "model=closed" in request.path:
            return connection.respond(403, '{"error": {"message": "not for you", "code": "no_access"}}')
        return None

    def _talk(self, socket: ServerConnection) -> None:
        try:
            socket.send(json.dumps({"type": "session.created"}))
            for message in socket:
                if isinstance(message, str) and json.loads(message)["type"] == "response.create":
                    socket.send(json.dumps({"type": "response.created", "response": {"id": "resp_1"}}))
                    if "stall" in message:
                        continue
                    if "odd" in message:
                        socket.send(json.dumps({"type": "response.done", "response": "over"}))
                        continue
                    done = {"id": "resp_1", "status": "completed", "usage": USAGE}
                    socket.send(json.dumps({"type": "response.done", "response": done}))
                else:
                    socket.send(message)
        finally:
            self.closed += 1

    def stop(self) -> None:
        self._server.shutdown()


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    upstream = Upstream()
    yield upstream
    upstream.stop()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[Gateway]:
    config = f"""
providers:
  live:
    kind: openai-compatible
    base_url: http://127.0.0.1:{upstream.port}/v1
    api_key: sk-upstream
    price: {{input: 1, output: 2, audio_input: 10, audio_output: 20}}
models:
  live/voice: {{context: 1000, max_output: 1000}}
guardrails:
  watched: {{kind: pii, types: [email], on: [input], action: block, always: true, tags: [watched]}}
"""
    gateway = Gateway(tmp_path_factory.mktemp("realtime"), config=config).start()
    yield gateway
    gateway.kill()


def opened(gateway: Gateway, model: str = "live/voice", key: str | None = None) -> ClientConnection:
    url = f"ws://127.0.0.1:{gateway.port}/v1/realtime?model={model}"
    headers = {"authorization": f"Bearer {key or gateway.first_key}", "openai-beta": "realtime=v1"}
    return connect(url, additional_headers=headers, compression=None)


def heard(socket: ClientConnection) -> Any:
    return json.loads(socket.recv(timeout=10))


def respond(socket: ClientConnection, **more: Any) -> None:
    socket.send(json.dumps({"type": "response.create", **more}))


def logged(gateway: Gateway, at_least: int) -> list[dict[str, Any]]:
    headers = {"authorization": f"Bearer {gateway.admin_key}"}
    until = time.monotonic() + 10
    while True:
        found = httpx2.get(f"{gateway.url}/api/v1/logs?limit=200", headers=headers).json()["data"]
        mine = [one for one in found if one["surface"] == "realtime"]
        if len(mine) >= at_least or time.monotonic() > until:
            return mine
        time.sleep(0.05)


def named(gateway: Gateway, key_id: str, at_least: int) -> list[dict[str, Any]]:
    """The records of one key."""
    until = time.monotonic() + 10
    while len(found := [one for one in logged(gateway, 0) if one["key_id"] == key_id]) < at_least:
        assert time.monotonic() < until, found
        time.sleep(0.05)
    return found


def test_messages_pass_both_ways_and_each_response_is_accounted(gateway: Gateway, upstream: Upstream) -> None:
    before = len(logged(gateway, 0))
    with opened(gateway) as socket:
        assert heard(socket)["type"] == "session.created"
        socket.send(json.dumps({"type": "input_audio_buffer.append", "audio": "AAAA"}))
        assert heard(socket)["audio"] == "AAAA"
        for _ in range(2):
            respond(socket)
            assert heard(socket)["type"] == "response.created"
            assert heard(socket)["response"]["usage"] == USAGE
    records = logged(gateway, before + 2)[:2]
    for one in records:
        assert one["model_used"] == "live/voice" and one["input_tokens"] == 100 and one["output_tokens"] == 50
        assert one["cost_usd"] == "0.00146"  # 40 + 60 * 10 + 10 * 2 + 40 * 20 millionths of a dollar
    request = upstream.requests[-1]
    assert request.path == "/v1/realtime?model=voice"
    assert request.headers["authorization"] == "Bearer sk-upstream" and request.headers["openai-beta"] == "realtime=v1"


def test_a_caller_who_leaves_closes_the_upstream_and_owes_the_whole_hold(gateway: Gateway, upstream: Upstream) -> None:
    before, closed = len(logged(gateway, 0)), upstream.closed
    with opened(gateway) as socket:
        heard(socket)
        respond(socket, stall=True)
        assert heard(socket)["type"] == "response.created"
    records = logged(gateway, before + 1)
    assert len(records) == before + 1 and records[0]["billed"] == "uncertain"
    until = time.monotonic() + 10
    while upstream.closed == closed and time.monotonic() < until:
        time.sleep(0.02)
    assert upstream.closed == closed + 1


def test_an_idle_session_costs_nothing(gateway: Gateway) -> None:
    before = len(logged(gateway, 0))
    with opened(gateway) as socket:
        heard(socket)
    time.sleep(0.5)
    assert len(logged(gateway, before)) == before


def test_a_budget_is_never_passed(gateway: Gateway) -> None:
    # A response's worst case is 1000 tokens of sound in and 1000 out: 0.03 USD. The third one does not fit into 0.032.
    key = gateway.key("small", "--budget", "0.032", "--window", "total")
    with opened(gateway, key=key) as socket:
        heard(socket)
        with pytest.raises(ConnectionClosed) as closed:
            for _ in range(10):
                respond(socket)
                kinds = [heard(socket)["type"], heard(socket)["type"]]
                assert kinds == ["response.created", "response.done"] or "error" in kinds
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1008


@pytest.mark.parametrize(("model", "status"), [("no/such", 404), ("", 400), ("live/closed", 502)])
def test_what_cannot_be_opened_is_refused_before_the_switch(gateway: Gateway, model: str, status: int) -> None:
    with pytest.raises(InvalidStatus) as refused:
        opened(gateway, model)
    assert refused.value.response.status_code == status, refused.value.response.body


def test_without_a_key_no_session_is_opened(gateway: Gateway, upstream: Upstream) -> None:
    before = len(upstream.requests)
    with pytest.raises(InvalidStatus) as refused:
        opened(gateway, key="hg_wrong")
    assert refused.value.response.status_code == 401 and len(upstream.requests) == before


def answered(socket: ClientConnection) -> int:
    """Ask for responses until the socket is closed; return how many were done."""
    done = 0
    try:
        for _ in range(20):
            respond(socket)
            while (event := heard(socket))["type"] != "response.done":
                if event["type"] == "error":
                    return done
            done += 1
    except ConnectionClosed:
        pass
    return done


def closing(socket: ClientConnection) -> tuple[int, str]:
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            socket.recv(timeout=10)
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code, closed.value.rcvd.reason


def test_each_response_is_a_request_of_its_limits(gateway: Gateway) -> None:
    made = gateway.cli("keys", "create", "--name", "slow", "--rpm", "2")
    with opened(gateway, key=made["key"]) as socket:
        heard(socket)
        assert answered(socket) == 2
        assert closing(socket) == (1008, "rate_limit_exceeded")
    records = named(gateway, made["id"], 3)
    assert [one["code"] for one in records] == ["rate_limit_exceeded", None, None]


def test_one_at_a_time_is_one_response_after_the_other(gateway: Gateway) -> None:
    with opened(gateway, key=gateway.key("single", "--concurrency", "1")) as socket:
        heard(socket)
        for _ in range(3):
            respond(socket)
            assert [heard(socket)["type"], heard(socket)["type"]] == ["response.created", "response.done"]


def test_a_revoked_key_begins_no_response(gateway: Gateway, upstream: Upstream) -> None:
    made = gateway.cli("keys", "create", "--name", "gone")
    with opened(gateway, key=made["key"]) as socket:
        heard(socket)
        respond(socket)
        assert [heard(socket)["type"], heard(socket)["type"]] == ["response.created", "response.done"]
        gateway.cli("keys", "revoke", made["id"])
        time.sleep(1.2)
        respond(socket)
        assert heard(socket)["error"]["code"] == "invalid_api_key"
        assert closing(socket) == (1008, "invalid_api_key")


def test_a_guardrail_that_cannot_look_into_it_refuses_a_session(gateway: Gateway) -> None:
    made = gateway.cli("keys", "create", "--name", "watched", "--tags", "watched")
    with pytest.raises(InvalidStatus) as refused:
        opened(gateway, key=made["key"])
    answer = refused.value.response
    assert answer.status_code == 403 and b"'watched'" in (answer.body or b"")
    (record,) = named(gateway, made["id"], 1)
    assert record["code"] == "permission_denied" and record["id"] == answer.headers["x-request-id"]


def test_what_is_refused_at_its_beginning_is_on_record(gateway: Gateway) -> None:
    made = gateway.cli("keys", "create", "--name", "curious")
    with pytest.raises(InvalidStatus) as refused:
        opened(gateway, "live/closed", key=made["key"])
    (record,) = named(gateway, made["id"], 1)
    assert record["id"] == refused.value.response.headers["x-request-id"]
    assert (record["status"], record["http_status"]) == ("failure", 502)


def test_what_is_on_record_is_not_counted_as_nobodys(gateway: Gateway) -> None:
    def nobodys(code: str) -> bool:
        return f'headgate_refused_total{{code="{code}"}}' in httpx2.get(f"{gateway.url}/metrics").text

    gone = gateway.key("told", "--models", "live/other")
    with pytest.raises(InvalidStatus) as refused:
        opened(gateway, key=gone)
    assert refused.value.response.status_code == 403
    with pytest.raises(InvalidStatus):
        opened(gateway, key="hg_unknown")
    until = time.monotonic() + 10
    while not nobodys("invalid_api_key"):
        assert time.monotonic() < until
        time.sleep(0.1)
    assert not nobodys("permission_denied")


def test_a_response_whose_end_cannot_be_read_owes_the_whole_hold(gateway: Gateway) -> None:
    made = gateway.cli("keys", "create", "--name", "odd")
    with opened(gateway, key=made["key"]) as socket:
        heard(socket)
        respond(socket, odd=True)
        assert [heard(socket)["type"], heard(socket)["type"]] == ["response.created", "response.done"]
        assert named(gateway, made["id"], 1)[0]["billed"] == "uncertain"
