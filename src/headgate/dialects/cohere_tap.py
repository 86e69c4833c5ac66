"""Watches a relayed stream of Cohere's Chat API."""

from typing import Any

import msgspec

from headgate.dialects.cohere_errors import failed
from headgate.dialects.cohere_usage import usage_in
from headgate.dialects.cohere_words import FAILED, FINISH
from headgate.dialects.sse import Event
from headgate.dialects.watch import SseTap, loosely, size, texts

DONE = b"data: [DONE]\n\n"
"""What follows the last event."""
_SAID = frozenset({"content-delta", "tool-plan-delta", "tool-call-start", "tool-call-delta"})


class CohereTap(SseTap):
    """See :class:`headgate.dialects.base.Tap`. Only the passthrough relays such streams, so events go one by one."""

    __slots__ = ()

    def feed(self, data: bytes) -> bytes:
        """Take what was read; return the whole events that may be forwarded, the terminator after the last."""
        over = self.ended
        out = super().feed(data)
        return out + DONE if self.ended and not over else out

    def _quickly(self, data: bytes) -> bytes | None:
        return None

    def _take(self, event: Event) -> bool:
        if event.data is None:
            return True
        if event.data.strip() == b"[DONE]":  # before the end it ends nothing
            return False
        try:
            document = loosely(event.data)
        except msgspec.DecodeError:
            self._unreadable(event.name, event.data)
            return False
        self._broken_in_a_row = 0
        self.events += 1
        return self._see(document, event.name) if isinstance(document, dict) else True

    def _see(self, document: dict[str, Any], name: str) -> bool:
        kind, delta = document.get("type"), document.get("delta")
        if document.get("error") is not None or name == "error":
            self._fail_with(document.get("error"))
            return False
        if kind is None and isinstance(document.get("message"), str):  # an error as a whole answer has it
            self._fail_with(document)
            return False
        if isinstance(kind, str) and kind in _SAID:
            self.started = True
            message = delta.get("message") if isinstance(delta, dict) else None
            plan = message.get("tool_plan") if isinstance(message, dict) else None
            self.text_bytes += sum(map(size, texts(message) + texts(plan)))
        elif kind == "message-end":
            return self._end(delta if isinstance(delta, dict) else {})
        return True

    def _end(self, delta: dict[str, Any]) -> bool:
        self.started = True
        reason, said = delta.get("finish_reason"), delta.get("usage")
        usage = usage_in(said)
        if usage is not None:
            self._count(usage)
        elif said is not None:
            self.usage_flagged = True
        if reason in FAILED:
            self._fail(failed(delta.get("error"), str(reason), self.usage))
            return False
        self.finish = FINISH.get(reason, "stop") if isinstance(reason, str) else "stop"
        self.ended = True
        return True

    def _completion(self) -> bytes | None:
        return None
