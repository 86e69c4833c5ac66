"""Watches a relayed Converse stream: whole frames out as they came, an unfinished one held."""

from typing import Any

import msgspec

from headgate.dialects.converse_errors import read_exception
from headgate.dialects.converse_usage import Reported, reported, usage_of
from headgate.dialects.converse_words import FINISH
from headgate.dialects.event_stream import Frame, Frames
from headgate.dialects.watch import Watch, interrupted, loosely, size
from headgate.dialects.wire import ODD

REAL = frozenset({"contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"})


class _Tool(msgspec.Struct, gc=False):
    input: str | None = None


class _Reasoning(msgspec.Struct, gc=False):
    text: str | None = None


class _Delta(msgspec.Struct, gc=False):
    text: str | None = None
    toolUse: _Tool | None = None
    reasoningContent: _Reasoning | None = None


class _Payload(msgspec.Struct, gc=False):
    delta: _Delta | None = None
    stopReason: str | None = None
    usage: Reported | None = None


_payload = msgspec.json.Decoder(_Payload).decode


class FrameWatch(Watch):
    """What reading and watching a stream of frames share."""

    __slots__ = ("_frames",)

    def __init__(self) -> None:
        super().__init__()
        self._frames = Frames()

    def _event(self, frame: Frame) -> str:
        """Return the kind of a frame that is an event; set ``failure`` for one that tells an error."""
        kind = frame.text(":message-type")
        if kind in ("exception", "error"):
            self._fail(read_exception(frame))
            return ""
        name = frame.text(":event-type")
        self.events += 1
        if name in REAL:
            self.started = True
        if name == "metadata":
            self.ended = True
        return name

    def _check(self) -> None:
        """Set ``failure`` where the frames themselves are broken."""
        if self._frames.broken:
            self._fail(interrupted(f"sent {self._frames.broken}"))


class ConverseTap(FrameWatch):
    """See :class:`headgate.dialects.base.Tap`."""

    __slots__ = ()

    def feed(self, data: bytes) -> bytes:
        """Take what was read; return the whole frames that may be forwarded."""
        if self.ended or self.failure is not None:
            return b""
        kept = []
        for frame in self._frames.feed(data):
            name = self._event(frame)
            if self.failure is not None or not self._account(name, frame.payload):
                break
            kept.append(frame.raw)
            if self.ended:
                break
        if not self.ended:
            self._check()
        return b"".join(kept)

    def close(self) -> bytes:
        """The upstream has ended: set ``failure`` where it was cut."""
        self._broken_off()
        return b""

    def _account(self, name: str, payload: bytes) -> bool:
        """Read what counts of one event; false where it broke the stream."""
        try:
            said = _payload(payload)
        except ODD:
            try:
                said = _salvaged(loosely(payload))
            except ODD:
                self._skip()
                return self.failure is None
        self._broken_in_a_row = 0
        delta = said.delta
        if delta is not None:
            tool, thought = delta.toolUse, delta.reasoningContent
            text = delta.text or (tool.input if tool is not None else thought.text if thought is not None else "")
            self.text_bytes += size(text or "")
        if said.stopReason is not None:
            self.finish = FINISH.get(said.stopReason, "stop")
        usage = usage_of(said.usage) if said.usage is not None else None
        if usage is not None:
            self._count(usage)
        return True


def _salvaged(document: Any) -> _Payload:
    """Read what can be read of an event whose fields have other types than Bedrock's."""
    if not isinstance(document, dict):
        return _Payload()
    delta, reason, said = document.get("delta"), document.get("stopReason"), document.get("usage")
    text = delta.get("text") if isinstance(delta, dict) else None
    usage = reported(said)
    return _Payload(
        _Delta(text if isinstance(text, str) else None),
        reason if isinstance(reason, str) else None,
        Reported(-1, -1) if usage is None and said is not None else usage,  # said, and not to be believed
    )
