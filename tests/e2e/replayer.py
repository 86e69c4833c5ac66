"""An upstream that answers one recorded exchange at a time, and keeps what it was asked."""

import base64
import json
from typing import Any

from tests.answering import Answer, Answering, Asked

CUT = 700  # bytes of a stream in one piece: events are cut anywhere
TOKEN = "/token"  # where accounts that sign in fetch what they are signed with
SKIPPED = frozenset({"content-length", "transfer-encoding", "content-encoding", "connection", "date"})


class Replayer(Answering):
    """``answer`` is the recorded response that every request gets until it is replaced."""

    def __init__(self) -> None:
        self.answer: dict[str, Any] = {}
        super().__init__(self._replay)

    def _replay(self, asked: Asked) -> Answer:
        if asked.path == TOKEN:
            self.asked.remove(asked)
            return 200, {"access_token": "token", "expires_in": 3600}
        whole, streamed = content(self.answer)
        headers = {"content-type": usual(whole) if streamed else "application/json"}
        headers |= {name.lower(): value for name, value in self.answer["headers"].items()}
        headers = {name: value for name, value in headers.items() if name not in SKIPPED}
        pieces = (whole[at : at + CUT] for at in range(0, len(whole), CUT))
        return self.answer["status"], pieces if streamed else whole, headers


def content(answer: dict[str, Any]) -> tuple[bytes, bool]:
    """The bytes of a recorded response, and whether they came as a stream."""
    if answer.get("text") is not None:
        return answer["text"].encode(), True
    if answer.get("body_b64") is not None:
        return base64.b64decode(answer["body_b64"]), True
    return json.dumps(answer.get("body"), ensure_ascii=False).encode(), False


def usual(stream: bytes) -> str:
    """The content type of a stream whose recording does not tell it."""
    if stream.startswith(b"\0"):
        return "application/vnd.amazon.eventstream"
    return "application/x-ndjson" if stream.startswith(b"{") else "text/event-stream"
