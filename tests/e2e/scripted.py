"""An upstream that keeps account of every request, and answers some paths in a way of their own."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

USAGE = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
CHAT = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4o",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "logprobs": None, "finish_reason": "stop"}
    ],
    "usage": USAGE,
}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-x",
    "content": [{"type": "text", "text": "Hi"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 9, "output_tokens": 3},
}
VECTORS = [[0.25, -0.5, 1.0], [1.5, 2.0, -3.0]]
"""What any text is embedded as; 32-bit floats hold them exactly."""
SOUND = bytes(range(256)) * 4096


class Seen:
    """One request."""

    def __init__(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        self.method, self.target, self.body = handler.command, handler.path, body
        self.headers = {name.lower(): value for name, value in handler.headers.items()}

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Scripted:
    """The upstream; ``seen`` is what came, oldest first."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.left = threading.Event()
        """Somebody who had been sent a stream without an end has gone."""
        self.go = threading.Event()
        """A stream that waits may go on."""
        scripted = self

        class Handler(_Handler):
            owner = scripted

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: Scripted

    def log_message(self, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        size = int(self.headers.get("content-length") or 0)
        seen = Seen(self, self.rfile.read(size))
        self.owner.seen.append(seen)
        path = self.path.partition("?")[0]
        special = getattr(self, "at_" + path.rpartition("/")[2].rpartition(":")[2], None)
        if special is not None:
            special(seen)
        else:
            self.whole(200, {"method": seen.method, "target": seen.target, "size": len(seen.body)})

    do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = do_GET

    def whole(self, status: int, body: Any, kind: str = "application/json", **headers: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"content-type": kind, "content-length": str(len(data)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def begin(self, kind: str) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()

    def piece(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        self.wfile.flush()

    def at_completions(self, seen: Seen) -> None:
        if not seen.json.get("stream"):
            return self.whole(200, CHAT | {"model": seen.json["model"]})
        self.begin("text/event-stream")
        delta = {"role": "assistant", "content": "Hi"}
        chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o"}
        for more in (
            {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
            {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
            {"choices": [], "usage": USAGE},
        ):
            self.piece(b"data: %b\n\n" % json.dumps(chunk | more).encode())
        self.piece(b"data: [DONE]\n\n")
        if seen.json["model"] == "slow-end":
            time.sleep(0.2)
        self.piece(b"")

    def at_messages(self, seen: Seen) -> None:
        self.whole(200, MESSAGE)

    def at_events(self, seen: Seen) -> None:
        self.begin("text/event-stream")
        for number in range(3):
            self.piece(b"event: tick\ndata: %d\n\n" % number)
        self.piece(b"")

    def at_paced(self, seen: Seen) -> None:
        self.begin("text/event-stream")
        self.piece(b"data: 1\n\n")
        self.piece(b"data: 2\n\n" if self.owner.go.wait(10) else b"data: late\n\n")
        self.piece(b"")

    def at_endless(self, seen: Seen) -> None:
        self.begin("text/event-stream")
        try:
            for number in range(2000):
                self.piece(b"data: %d\n\n" % number)
                time.sleep(0.02)
        except OSError:
            self.owner.left.set()
        self.close_connection = True

    def at_cut(self, seen: Seen) -> None:
        self.begin("application/octet-stream")
        self.piece(b"half of it")
        self.close_connection = True

    def at_elsewhere(self, seen: Seen) -> None:
        self.whole(307, b"", location="http://127.0.0.1:9/other")

    def at_cookies(self, seen: Seen) -> None:
        self.whole(
            200, {}, set_cookie="session=1", x_ratelimit_remaining_requests="5", openai_version="2020-10-01",
            x_request_id="req_upstream", connection="x-hop", x_hop="1",
        )  # fmt: skip

    def at_broken(self, seen: Seen) -> None:
        self.whole(503, {"error": {"message": "overloaded", "type": "server_error", "code": "server_is_overloaded"}})

    def at_speech(self, seen: Seen) -> None:
        if seen.json["input"] == "cut me":
            return self.at_cut(seen)
        self.begin("audio/mpeg")
        for at in range(0, len(SOUND), 65536):
            self.piece(SOUND[at : at + 65536])
        self.piece(b"")

    def at_transcriptions(self, seen: Seen) -> None:
        if b'name="stream"\r\n\r\ntrue' not in seen.body:
            return self.whole(200, {"text": "Hi", "usage": {"type": "duration", "seconds": 7}})
        self.begin("text/event-stream")
        self.piece(b'data: {"type":"transcript.text.delta","delta":"Hi"}\n\n')
        usage = {"type": "tokens", "input_tokens": 70, "output_tokens": 2, "total_tokens": 72}
        done = {"type": "transcript.text.done", "text": "Hi", "usage": usage}
        self.piece(b"data: %b\n\n" % json.dumps(done).encode())
        self.piece(b"")

    def at_generations(self, seen: Seen) -> None:
        usage = {"input_tokens": 10, "output_tokens": 272, "total_tokens": 282}
        self.whole(200, {"created": 1, "data": [{"b64_json": "iVBORw0KGgo="}], "usage": usage})

    def at_moderations(self, seen: Seen) -> None:
        self.whole(200, {"id": "modr-1", "model": "omni-moderation-latest", "results": [{"flagged": True}]})

    def at_embeddings(self, seen: Seen) -> None:
        data = [{"object": "embedding", "index": n, "embedding": one} for n, one in enumerate(VECTORS)]
        self.whole(
            200, {"object": "list", "data": data, "model": "m", "usage": {"prompt_tokens": 4, "total_tokens": 4}}
        )

    def at_batchEmbedContents(self, seen: Seen) -> None:
        self.whole(200, {"embeddings": [{"values": one} for one in VECTORS]})

    def at_embed(self, seen: Seen) -> None:
        if self.path.startswith("/api/"):
            return self.whole(200, {"model": "m", "embeddings": VECTORS, "prompt_eval_count": 4})
        meta = {"api_version": {"version": "2"}, "billed_units": {"input_tokens": 4}}
        self.whole(200, {"id": "e", "embeddings": {"float": VECTORS}, "texts": [], "meta": meta})
