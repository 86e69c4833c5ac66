"""A provider's account that keeps files, batches and responses, and gives each to whoever asks: in OpenAI's form."""

import json
import re
import threading
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.answering import Answer, Answering, Asked
from tests.e2e.scripted import CHAT


class Account(Answering):
    """The server."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.made = 0
        self.lists_as = "application/json"
        self.lock = threading.Lock()
        super().__init__(self._answer)

    def file(self, content: bytes) -> str:
        with self.lock:
            self.made += 1
            id_ = f"file-Xq{self.made:06d}"
            self.files[id_] = content
        return id_

    def _answer(self, asked: Asked) -> Answer:
        whole = urlsplit(asked.path)
        path, query = whole.path.removeprefix("/v1"), {k: v[-1] for k, v in parse_qs(whole.query).items()}
        if (asked.method, path) == ("POST", "/files"):
            return 200, self.shown(self.file(asked.body))
        if (asked.method, path) == ("GET", "/files"):
            return self.listed(query)
        if (asked.method, path) == ("POST", "/batches"):
            id_ = f"batch_Zz{len(self.batches)}"
            self.batches[id_] = {"id": id_, "object": "batch", "output_file_id": self.file(b'{"done": 1}\n')}
            return 200, {**self.batches[id_], "output_file_id": None}
        if path == "/messages":
            return self.ran(asked.json)
        if path in ("/chat/completions", "/responses"):
            return self.answered(path)
        found = re.fullmatch(r"/(files|batches|responses)/([^/]+)(/content)?", path)
        held: Any = (self.files if found[1] == "files" else self.batches) if found else {}
        if found is None or found[2] not in held:
            return 404, {"error": {"message": f"No such object: {path}", "type": "invalid_request_error"}}
        if asked.method == "DELETE":
            del held[found[2]]
            return 200, {"id": found[2], "deleted": True}
        if found[3]:
            return 200, held[found[2]], {"content-type": "application/octet-stream"}
        return 200, self.shown(found[2]) if found[1] == "files" else held[found[2]]

    def shown(self, id_: str) -> dict[str, Any]:
        return {"id": id_, "object": "file", "bytes": len(self.files[id_]), "filename": "a"}

    def listed(self, query: dict[str, str]) -> Answer:
        ids = list(self.files)
        if "after" in query:
            ids = ids[ids.index(query["after"]) + 1 :]
        limit = int(query.get("limit", "20"))
        shown = ids[:limit]
        ends = {"first_id": shown[0], "last_id": shown[-1]} if shown else {"first_id": None, "last_id": None}
        data = [self.shown(one) for one in shown]
        page = {"object": "list", "data": data, "has_more": len(ids) > limit, **ends}
        return 200, page, {"content-type": self.lists_as}

    def ran(self, sent: Any) -> Answer:
        box = {"id": f"container_0{len(self.asked)}", "expires_at": "2027-01-01T00:00:00Z"}
        usage = {"input_tokens": 9, "output_tokens": 3}
        told = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": usage}
        if not sent.get("stream"):
            content = [{"type": "text", "text": "Hi"}]
            return 200, {**told, "content": content, "stop_reason": "end_turn", "container": box}
        events: list[dict[str, Any]] = [
            {"type": "message_start", "message": told},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn", "container": box}, "usage": usage},
            {"type": "message_stop"},
        ]
        stream = "".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in events)
        return 200, stream.encode(), {"content-type": "text/event-stream"}

    def answered(self, path: str) -> Answer:
        if path == "/chat/completions":
            return 200, CHAT
        id_ = f"resp_Aa{len(self.asked)}"
        self.batches[id_] = {"id": id_}
        part = {"type": "output_text", "text": "Hi", "annotations": []}
        item = {"type": "message", "id": f"msg_{id_}", "status": "completed", "role": "assistant", "content": [part]}
        usage = {"input_tokens": 9, "output_tokens": 3, "total_tokens": 12}
        whole = {"id": id_, "object": "response", "created_at": 1, "status": "completed", "model": "m"}
        return 200, {**whole, "output": [item], "usage": usage}
