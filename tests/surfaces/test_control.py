"""The way from a worker to the control plane: what is packed for a browser is packed when it gets there."""

import gzip
from types import SimpleNamespace
from typing import Any

from headgate.surfaces.control import Guarded, RemoteControl
from headgate.transport.base import Origin

TOKEN = b"between us"
PACKED = gzip.compress(b"x" * 1000)


class Parent:
    """Answers for the parent as a client of the transport would see it: a coding that it knows is undone."""

    def __init__(self) -> None:
        self.seen: list[tuple[bytes, bytes]] = []

    async def send(self, out: Any) -> Any:
        lines = (out.head + out.extra).split(b"\r\n")[1:]
        headers = [(name, value) for name, _, value in (line.partition(b": ") for line in lines) if name]
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        async def site(scope: Any, receive: Any, send: Any) -> None:
            self.seen = scope["headers"]
            told = [(b"content-type", b"text/html"), (b"content-encoding", b"gzip")]
            await send({"type": "http.response.start", "status": 200, "headers": told})
            await send({"type": "http.response.body", "body": PACKED})

        scope = {"headers": headers, "extensions": {"headgate": None}}
        await Guarded(site, TOKEN)(scope, None, send)  # type: ignore[arg-type]
        body: bytes = sent[1]["body"]
        if (b"content-encoding", b"gzip") in sent[0]["headers"]:
            body = gzip.decompress(body)

        async def read_all(*_: Any) -> bytes:
            return body

        return SimpleNamespace(status=200, headers=sent[0]["headers"], read_all=read_all, close=lambda: None)


async def test_a_packed_answer_stays_packed_on_its_way_through_a_worker() -> None:
    parent, answers = Parent(), []

    async def body(limit: int) -> bytes:
        return b""

    link = SimpleNamespace(body=body, respond=lambda *answer: answers.append(answer))
    scope: Any = {
        "extensions": {"headgate": link},
        "headers": [(b"host", b"gate:8080"), (b"accept-encoding", b"gzip")],
        "method": "GET",
        "raw_path": b"/",
        "query_string": b"",
        "client": ("10.0.0.7", 1),
        "scheme": "http",
    }
    control = RemoteControl(Origin("127.0.0.1", 1), TOKEN, parent)  # type: ignore[arg-type]
    await control(scope, None, None)  # type: ignore[arg-type]
    [(status, head, answered)] = answers
    assert status == 200 and answered == PACKED
    assert b"content-encoding: gzip\r\n" in head and b"internal" not in head
    assert (b"host", b"gate:8080") in parent.seen
