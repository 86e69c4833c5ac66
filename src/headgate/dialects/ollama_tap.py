"""Watches a relayed stream of Ollama's own API: a JSON document a line."""

from typing import Any

from headgate.dialects.ollama_lines import Lines
from headgate.dialects.ollama_reply import finish_of
from headgate.dialects.ollama_usage import usage_in
from headgate.dialects.sse import LIMIT
from headgate.dialects.watch import Watch, interrupted, loosely, size, texts
from headgate.dialects.wire import ODD


class LineWatch(Watch):
    """What a tap and a reader of such a stream share: each line seen once, as a document."""

    __slots__ = ("_called", "_lines")

    def __init__(self) -> None:
        super().__init__()
        self._lines = Lines()
        self._called = False
        """A tool was called: the last line does not tell."""

    def _documents(self, data: bytes) -> list[tuple[bytes, dict[str, Any]]]:
        """Take what was read; return each line that is complete and good, with what it says, up to the end."""
        found: list[tuple[bytes, dict[str, Any]]] = []
        for line in self._lines.feed(data):
            if self.ended or self.failure is not None:
                return found
            if line.strip() and (document := self._see(line)) is not None:
                found.append((line, document))
        if self._lines.overflow and not self.ended:
            self._fail(interrupted(f"sent a line of over {LIMIT // 2**20} MiB"))
        return found

    def _see(self, line: bytes) -> dict[str, Any] | None:
        try:
            document = loosely(line)
        except ODD:
            self._skip()
            return None
        self._broken_in_a_row = 0
        self.events += 1
        if not isinstance(document, dict):
            return None
        if document.get("error") is not None:
            self._fail_with(document["error"])
            return None
        message = document.get("message")
        if isinstance(message, dict):
            self.started = self.started or any(value for name, value in message.items() if name != "role")
            self.text_bytes += sum(map(size, texts(message)))
            self._called = self._called or bool(message.get("tool_calls"))
        if document.get("done") is True:
            self._end(document)
        return document

    def _end(self, document: dict[str, Any]) -> None:
        self.started = self.ended = True
        native = document.get("done_reason")
        self.finish = finish_of(native if isinstance(native, str) else None, self._called)
        usage, flagged = usage_in(document)
        if usage is not None:
            self._count(usage)
        self.usage_flagged = self.usage_flagged or flagged


class OllamaTap(LineWatch):
    """See :class:`headgate.dialects.base.Tap`."""

    __slots__ = ()

    def feed(self, data: bytes) -> bytes:
        """Take what was read; return the whole lines that may be forwarded."""
        if self.ended or self.failure is not None:
            return b""
        return b"".join([line for line, _ in self._documents(data)])

    def close(self) -> bytes:
        """The upstream has ended: the last line may lack its end; without the last line the answer is cut."""
        out = self.feed(b"\n") if self._lines.pending else b""
        self._broken_off()
        return out
