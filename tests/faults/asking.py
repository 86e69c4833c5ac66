"""How the tests of bad requests ask, and what every refusal must look like."""

import json
import socket
import time
from pathlib import Path
from typing import Any

import httpx2

from headgate.faultlab.wall import Wall
from tests.e2e.processes import Gateway

CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
SURFACES = (CHAT, MESSAGES)
NATIVE = {CHAT: "wall/good", MESSAGES: "claude/good_claude"}
"""A model whose provider speaks the surface's own dialect."""
FOREIGN = {CHAT: "claude/good_claude", MESSAGES: "wall/good"}

ANY: Any = object()
"""Stands for a ``param`` that the test looks at itself."""

ANTHROPIC_TYPES = {
    400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error",
    408: "timeout_error", 413: "request_too_large", 415: "invalid_request_error", 429: "rate_limit_error",
    414: "api_error", 431: "api_error", 503: "overloaded_error",
}  # fmt: skip
OPENAI_TYPES = {403: "permission_error", 429: "rate_limit_error", 503: "api_error"}


def document(surface: str, **changes: Any) -> dict[str, Any]:
    """A good request, with *changes*; a change to ``...`` takes the field out."""
    messages = [{"role": "user", "content": "hi"}]
    body = {"model": NATIVE[surface.partition("?")[0]], "max_tokens": 5, "messages": messages, **changes}
    return {name: value for name, value in body.items() if value is not ...}


def body_of(surface: str, **changes: Any) -> bytes:
    return json.dumps(document(surface, **changes)).encode()


def spliced(surface: str, more: bytes) -> bytes:
    """A good request with *more* JSON text in front of its other fields."""
    return b"{" + more + b", " + body_of(surface)[1:]


class Asker:
    """Asks one gateway, each time on a connection of its own, and remembers whom it was refused to."""

    def __init__(self, gateway: Gateway, wall: Wall, key: str) -> None:
        self.gateway, self.wall, self.key = gateway, wall, key
        self.refused: dict[str, httpx2.Response] = {}
        self.client = httpx2.Client(timeout=30, limits=httpx2.Limits(max_keepalive_connections=0))
        self.pids = pids(gateway)

    def post(self, path: str, body: bytes, key: str | None = None, **headers: str) -> httpx2.Response:
        sent = {"content-type": "application/json", "authorization": f"Bearer {key or self.key}"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post(self.gateway.url + path, content=body, headers={k: v for k, v in sent.items() if v})

    def refuse(
        self, path: str, body: bytes, status: int, code: str | None, param: Any = None, *, type: str = "",
        key: str | None = None, **headers: str,
    ) -> dict[str, Any]:  # fmt: skip
        """Ask for what must be refused so; return the error."""
        before = len(self.wall.attempts)
        answer = self.post(path, body, key, **headers)
        error = judge(answer, path, status, code, param, type=type)
        assert len(self.wall.attempts) == before, "nothing leaves"
        if key is None and status != 401:
            self.refused[answer.headers["x-request-id"]] = answer
        return error

    def manage(self, method: str, path: str, **body: Any) -> Any:
        """Ask the management API as its admin."""
        headers = {"authorization": f"Bearer {self.gateway.admin_key}"}
        answer = self.client.request(method, f"{self.gateway.url}/api/v1{path}", json=body or None, headers=headers)
        assert answer.is_success, answer.text
        return answer.json()

    def new_key(self, name: str, **grant: Any) -> Any:
        """Make a key: ``id``, ``key`` and the rest of what is told of it."""
        return self.manage("POST", "/config/virtual-keys", name=name, **grant)

    def alive(self) -> None:
        """The process lives, and the next request on a fresh connection works."""
        assert self.client.get(f"{self.gateway.url}/health").status_code == 200
        assert pids(self.gateway) == self.pids
        assert self.post(CHAT, body_of(CHAT)).status_code == 200

    def raw(self, data: bytes, patience: float = 5.0) -> bytes:
        """Send *data* as it is, with ``KEY`` replaced; return all that came back until the gateway closed."""
        with socket.create_connection(("127.0.0.1", self.gateway.port), patience) as sock:
            try:
                sock.sendall(data.replace(b"KEY", self.key.encode()))
            except ConnectionError:
                pass  # it has said what it has to say
            return all_of(sock)

    def rows(self, key: str | None = None, **where: str) -> list[dict[str, Any]]:
        answer = self.client.get(
            f"{self.gateway.url}/api/v1/logs",
            params={"limit": "1000", **where},
            headers={"authorization": f"Bearer {key or self.key}"},
        )
        found: list[dict[str, Any]] = answer.json()["data"]
        return found

    def told_once(self) -> None:
        """Every refused call whose caller is known has one row, and has cost nothing."""
        assert self.refused
        until = time.monotonic() + 5
        while True:
            rows = self.rows(status="failure")
            count = {id: sum(row["id"] == id for row in rows) for id in self.refused}
            if set(count.values()) == {1} or time.monotonic() > until:
                break
            time.sleep(0.1)
        assert {id: n for id, n in count.items() if n != 1} == {}
        for row in rows:
            answer = self.refused.get(row["id"])
            if answer is not None:
                assert row["http_status"] == answer.status_code
                assert row["code"] == answer.json()["error"]["code"]
                assert row["billed"] == "none" and row["cost_usd"] in (None, "0")
                assert row["input_tokens"] == row["output_tokens"] == 0


def judge(
    answer: httpx2.Response, path: str, status: int, code: str | None, param: Any = None, *, type: str = ""
) -> dict[str, Any]:
    """Hold an error against its caller's own shape; return it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert len(answer.headers["x-request-id"]) == 36
    told = answer.json()
    error: dict[str, Any] = told["error"]
    assert set(error) == {"message", "type", "param", "code"} and error["message"]
    if path.startswith(MESSAGES):
        assert told == {"type": "error", "error": error, "request_id": answer.headers["x-request-id"]}
        assert error["type"] == ANTHROPIC_TYPES[status]
    else:
        assert set(told) == {"error"}
        assert error["type"] == (type or OPENAI_TYPES.get(status, "invalid_request_error"))
    assert code is None or error["code"] == code, error
    assert param is ANY or error["param"] == param, error
    return error


def all_of(sock: socket.socket) -> bytes:
    parts = []
    try:
        while part := sock.recv(65536):
            parts.append(part)
    except ConnectionError:
        pass
    return b"".join(parts)


def parsed(answer: bytes) -> httpx2.Response:
    """The one HTTP response that *answer* is."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    assert int(headers["content-length"]) == len(body), "one answer, and nothing after it"
    return httpx2.Response(int(first.split(" ")[1]), headers=headers, content=body)


def pids(gateway: Gateway) -> set[int]:
    """The gateway's process and its workers."""
    assert gateway.process is not None and gateway.process.poll() is None
    parent = gateway.process.pid
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return {parent, *map(int, children)}


def resident(gateway: Gateway) -> int:
    """Bytes of memory of all its processes."""
    pages = (int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids(gateway))
    return sum(pages) * 4096
