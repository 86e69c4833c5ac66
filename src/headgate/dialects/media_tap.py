"""Watches relayed streams of pictures, speech and transcripts: each event says its type, the last one the usage."""

from typing import Any

import msgspec

from headgate.dialects.media_usage import Reported, usage_of
from headgate.dialects.sse import Event
from headgate.dialects.watch import SseTap, Watch, loosely, size

COMPLETE = frozenset(
    {"image_generation.completed", "image_edit.completed", "speech.audio.done", "transcript.text.done"}
)


class _Event(msgspec.Struct, gc=False):
    type: str = ""
    usage: Reported | None = None
    delta: str | None = None
    error: Any = None


_event = msgspec.json.Decoder(_Event).decode


class MediaTap(SseTap):
    """See :class:`headgate.dialects.base.Tap`. The stream may end with ``[DONE]``, or just end."""

    __slots__ = ("_complete",)

    def __init__(self) -> None:
        super().__init__()
        self._complete = False

    def _quickly(self, data: bytes) -> bytes | None:
        return None  # few and large events: each is looked at alone

    def _take(self, event: Event) -> bool:
        data = event.data
        if data is None:
            return True
        if data.strip() == b"[DONE]":
            self.ended = True
            return True
        seen = self._decoded(event.name, data, _event, _salvaged)
        if seen is None:
            return False
        if seen.error is not None or event.name == "error" or seen.type == "error":
            self._fail_with(seen.error if seen.error is not None else loosely(data))
            return False
        self.started = True
        self.text_bytes += size(seen.delta or "")
        if seen.type in COMPLETE:
            self._complete = True
            self.finish = "stop"
        usage = usage_of(seen.usage)
        if usage is not None:
            self._count(usage)
        return True

    def _completion(self) -> bytes | None:
        return b"" if self._complete else None


def _salvaged(document: Any) -> _Event:
    inner = document if isinstance(document, dict) else {}
    return _Event(str(inner.get("type")), error=inner.get("error"))


class BytesTap(Watch):
    """Watches an answer of any bytes, which is complete when its transfer is."""

    def feed(self, data: bytes) -> bytes:
        """Pass them on."""
        self.started = True
        self.text_bytes += len(data)
        return data

    def close(self) -> bytes:
        """The transfer has ended well: the transport says so where it did not."""
        self.started = self.ended = True
        return b""
