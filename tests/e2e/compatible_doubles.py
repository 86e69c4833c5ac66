"""Upstreams that behave as providers of OpenAI's family do: they answer what was recorded, and refuse as those do."""

import json
from typing import Any

from tests.answering import Answer
from tests.dialects import recorded


def streamed(data: bytes) -> Answer:
    """Answer with a stream's bytes."""
    return 200, data, {"content-type": "text/event-stream"}


def replayed(provider: str, *, stream: bool, api: str = "chat") -> Answer:
    """Return the first good answer that was recorded, whole or as a stream, in words alone."""
    for row in recorded.every(provider):
        response = row["response"]
        fits = row["api"] == api and response["status"] == 200 and bool(response.get("text")) == stream
        if fits and "tool_calls" not in (response.get("text") or ""):
            return streamed(response["text"].encode()) if stream else (200, response["body"])
    raise AssertionError(f"nothing was recorded of {provider}")


def events(*documents: Any) -> bytes:
    """Return a stream of *documents* with OpenAI's terminator."""
    return b"".join(b"data: %b\n\n" % json.dumps(one).encode() for one in documents) + b"data: [DONE]\n\n"


def said(body: Any) -> str:
    """The text of the last message of the user."""
    content = next(m["content"] for m in reversed(body["messages"]) if m["role"] == "user")
    return content if isinstance(content, str) else " ".join(part.get("text", "") for part in content)
