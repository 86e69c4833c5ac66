"""A provider's account that keeps files, batches and responses, and gives each to whoever asks: in OpenAI's form."""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


class Account:
    """The server. ``asked`` is every request line that came."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []
        self.made = 0
        self.lists_as = "application/json"
        self.lock = threading.Lock()
        account = self

        class Handler(_Handler):
            owner = account

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def file(self, content: bytes) -> str:
        with self.lock:
            self.made += 1
            id_ = f"file-Xq{self.made:06d}"
            self.files[id_] = content
        return id_


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: Account

    def log_message(self, *args: Any) -> None:
        pass

    def tell(self, status: int, body: Any, kind: str = "application/json") -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self) -> None:
        owner, asked = self.owner, urlsplit(self.path)
        sent = self.rfile.read(int(self.headers.get("content-length") or 0))
        owner.asked.append(f"{self.command} {self.path}")
        path, query = asked.path.removeprefix("/v1"), {k: v[-1] for k, v in parse_qs(asked.query).items()}
        if (self.command, path) == ("POST", "/files"):
            return self.tell(200, self.shown(owner.file(sent)))
        if (self.command, path) == ("GET", "/files"):
            return self.listed(query)
        if (self.command, path) == ("POST", "/batches"):
            id_ = f"batch_Zz{len(owner.batches)}"
            owner.batches[id_] = {"id": id_, "object": "batch", "output_file_id": owner.file(b'{"done": 1}\n')}
            return self.tell(200, {**owner.batches[id_], "output_file_id": None})
        if path == "/messages":
            return self.ran(json.loads(sent))
        if path in ("/chat/completions", "/responses"):
            return self.answered(path, json.loads(sent))
        found = re.fullmatch(r"/(files|batches|responses)/([^/]+)(/content)?", path)
        held: Any = (owner.files if found[1] == "files" else owner.batches) if found else {}
        if found is None or found[2] not in held:
            return self.tell(404, {"error": {"message": f"No such object: {path}", "type": "invalid_request_error"}})
        if self.command == "DELETE":
            del held[found[2]]
            return self.tell(200, {"id": found[2], "deleted": True})
        if found[3]:
            return self.tell(200, held[found[2]], "application/octet-stream")
        self.tell(200, self.shown(found[2]) if found[1] == "files" else held[found[2]])

    do_POST = do_DELETE = do_GET

    def shown(self, id_: str) -> dict[str, Any]:
        return {"id": id_, "object": "file", "bytes": len(self.owner.files[id_]), "filename": "a"}

    def listed(self, query: dict[str, str]) -> None:
        ids = list(self.owner.files)
        if "after" in query:
            ids = ids[ids.index(query["after"]) + 1 :]
        limit = int(query.get("limit", "20"))
        shown = ids[:limit]
        ends = {"first_id": shown[0], "last_id": shown[-1]} if shown else {"first_id": None, "last_id": None}
        data = [self.shown(one) for one in shown]
        self.tell(200, {"object": "list", "data": data, "has_more": len(ids) > limit, **ends}, self.owner.lists_as)

    def ran(self, sent: Any) -> None:
        box = {"id": f"container_0{len(self.owner.asked)}", "expires_at": "2027-01-01T00:00:00Z"}
        usage = {"input_tokens": 9, "output_tokens": 3}
        told = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": usage}
        if not sent.get("stream"):
            content = [{"type": "text", "text": "Hi"}]
            return self.tell(200, {**told, "content": content, "stop_reason": "end_turn", "container": box})
        events: list[dict[str, Any]] = [
            {"type": "message_start", "message": told},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn", "container": box}, "usage": usage},
            {"type": "message_stop"},
        ]
        stream = "".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in events)
        self.tell(200, stream.encode(), "text/event-stream")

    def answered(self, path: str, sent: Any) -> None:
        usage = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
        if path == "/chat/completions":
            message = {"role": "assistant", "content": "Hi"}
            choices = [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}]
            return self.tell(
                200,
                {
                    "id": "c",
                    "object": "chat.completion",
                    "created": 1,
                    "model": "m",
                    "choices": choices,
                    "usage": usage,
                },
            )
        id_ = f"resp_Aa{len(self.owner.asked)}"
        self.owner.batches[id_] = {"id": id_}
        part = {"type": "output_text", "text": "Hi", "annotations": []}
        item = {"type": "message", "id": f"msg_{id_}", "status": "completed", "role": "assistant", "content": [part]}
        self.tell(
            200,
            {
                "id": id_, "object": "response", "created_at": 1, "status": "completed", "model": "m", "output": [item],
                "usage": {"input_tokens": 9, "output_tokens": 3, "total_tokens": 12},
            },
        )  # fmt: skip
