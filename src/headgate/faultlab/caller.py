"""One call as an application makes it, and everything that the application saw."""

import http.client
import json
import time
from typing import Any, Literal

import msgspec

from headgate.core.secret import Secret

PATIENCE = 700.0  # seconds; longer than any time limit of a gateway


class Seen(msgspec.Struct, kw_only=True):
    """What a caller saw of one answer."""

    status: int = 0
    """HTTP status; 0 where no answer came."""
    code: str = ""
    """The error's code, of the answer or of the event that ended its stream."""
    text: str = ""
    end: Literal["whole", "done", "error", "cut"] = "cut"
    """A whole answer; a stream with its terminator; one that ends in an error event; one that just stops."""
    seconds: float = 0.0
    headers: dict[str, str] = {}
    usage: dict[str, Any] | None = None

    @property
    def provider(self) -> str:
        """The provider that answered."""
        return self.headers.get("x-headgate-provider", "")

    @property
    def good(self) -> bool:
        """It is a complete answer."""
        return self.status == 200 and self.end in ("whole", "done")

    def __str__(self) -> str:
        if self.good:
            tries = self.headers.get("x-headgate-attempts", "1")
            return f"an answer from {self.headers.get('x-headgate-model', '?')}, try {tries}, {self.seconds:.1f} s"
        if self.status == 200:
            how = f"an error event, {self.code}" if self.end == "error" else "a stream that just stops"
            return f"{len(self.text)} characters, then {how}, {self.seconds:.1f} s"
        return f"{self.status} {self.code}, {self.seconds:.1f} s"


def ask(port: int, key: Secret, model: str, *, stream: bool = False, **more: Any) -> Seen:
    """Ask the gateway on *port* of this machine for a chat completion, as OpenAI's clients do; never raises."""
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}], "stream": stream, "max_tokens": 50, **more}
    if stream:
        body["stream_options"] = {"include_usage": True}
    seen, began = Seen(), time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        head = {"authorization": f"Bearer {key.reveal()}", "content-type": "application/json"}
        connection.request("POST", "/v1/chat/completions", json.dumps(body), head)
        answer = connection.getresponse()
        seen.status = answer.status
        seen.headers = {name.lower(): value for name, value in answer.getheaders()}
        read(seen, answer.read())
    except (OSError, http.client.HTTPException) as error:
        seen.code = seen.code or type(error).__name__
    finally:
        connection.close()
    seen.seconds = time.monotonic() - began
    return seen


def read(seen: Seen, body: bytes) -> None:
    """Take from *body* what a client would."""
    if not seen.headers.get("content-type", "").startswith("text/event-stream"):
        document = json.loads(body)
        seen.end, seen.usage = "whole", document.get("usage")
        if "error" in document:
            seen.code = document["error"]["code"]
        elif document.get("choices"):
            seen.text = document["choices"][0]["message"]["content"]
        return
    for line in body.decode().splitlines():
        if line == "data: [DONE]":
            seen.end = "done"
        elif line.startswith("data: "):
            event = json.loads(line[6:])
            if "error" in event:
                seen.end, seen.code = "error", event["error"]["code"]
            seen.usage = event.get("usage") or seen.usage
            seen.text += "".join(choice["delta"].get("content") or "" for choice in event.get("choices", ()))
