"""Upstreams that behave as providers of OpenAI's family do: they answer what was recorded, and refuse as those do."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tests.dialects import recorded


class Asked(NamedTuple):
    """One request as it came. Names of headers are in lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: Any


class Answer(NamedTuple):
    """What is answered: a document, or a stream's bytes."""

    body: Any
    status: int = 200


class Double:
    """A server on loopback that answers by a function, and keeps what it was asked."""

    def __init__(self, answer: Callable[[Asked], Answer]) -> None:
        self.asked: list[Asked] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers.get("content-length") or 0))
                kind = self.headers.get("content-type") or ""
                body = json.loads(raw) if raw and "json" in kind else raw.decode()
                at, headers = urlsplit(self.path), {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(self.command, at.path, at.query, headers, body)
                owner.asked.append(asked)
                found = answer(asked)
                streamed = isinstance(found.body, bytes)
                data = found.body if streamed else json.dumps(found.body).encode()
                self.send_response(found.status)
                self.send_header("content-type", "text/event-stream" if streamed else "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST

            def log_message(self, format: str, *args: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def last(self) -> Asked:
        """The latest request."""
        return self.asked[-1]

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def replayed(provider: str, *, stream: bool, api: str = "chat") -> Answer:
    """Return the first good answer that was recorded, whole or as a stream, in words alone."""
    for row in recorded.every(provider):
        response = row["response"]
        fits = row["api"] == api and response["status"] == 200 and bool(response.get("text")) == stream
        if fits and "tool_calls" not in (response.get("text") or ""):
            return Answer(response["text"].encode() if stream else response["body"])
    raise AssertionError(f"nothing was recorded of {provider}")


def events(*documents: Any) -> bytes:
    """Return a stream of *documents* with OpenAI's terminator."""
    return b"".join(b"data: %b\n\n" % json.dumps(one).encode() for one in documents) + b"data: [DONE]\n\n"


def said(body: Any) -> str:
    """The text of the last message of the user."""
    content = next(m["content"] for m in reversed(body["messages"]) if m["role"] == "user")
    return content if isinstance(content, str) else " ".join(part.get("text", "") for part in content)
