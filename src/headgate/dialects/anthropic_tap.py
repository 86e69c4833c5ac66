"""Watches a relayed Messages stream, <https://docs.anthropic.com/en/docs/build-with-claude/streaming>."""

from typing import Any

import msgspec

from headgate.dialects.anthropic_usage import Reported, usage_of
from headgate.dialects.anthropic_words import FINISH
from headgate.dialects.sse import Event
from headgate.dialects.watch import NamedTap, size, texts

STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


class _Delta(msgspec.Struct, gc=False):
    text: str | None = None
    thinking: str | None = None
    partial_json: str | None = None
    stop_reason: str | None = None
    container: Any = None


class _Message(msgspec.Struct, gc=False):
    usage: Reported | None = None
    container: Any = None


class _Block(msgspec.Struct, gc=False):
    type: str = ""
    text: str | None = None
    thinking: str | None = None


class _Event(msgspec.Struct, gc=False):
    type: str = ""
    delta: _Delta | None = None
    content_block: _Block | None = None
    message: _Message | None = None
    usage: Reported | None = None
    error: Any = None


_event = msgspec.json.Decoder(_Event).decode
_events = msgspec.json.Decoder(list[_Event]).decode
_REAL = frozenset({"content_block_delta", "content_block_stop", "message_delta", "message_stop"})
_TEXTS = frozenset({"text", "thinking"})
"""Blocks that are empty when they begin."""


class MessagesTap(NamedTap[_Event]):
    """See :class:`headgate.dialects.base.Tap`. ``usage`` is known from the start, and whole at the end."""

    __slots__ = ("_reported", "final")

    def __init__(self) -> None:
        super().__init__(_events)
        self.final: bytes | None = None
        """Of the whole answer the container in which its tools ran, where it told of one."""
        self._reported: Reported | None = None

    def _account(self, events: list[_Event]) -> bool:
        bytes_ = 0
        begun = False
        others = []
        for event in events:
            delta = event.delta
            if event.type == "content_block_delta" and delta is not None:
                text = delta.text or delta.partial_json or delta.thinking
                if text:
                    bytes_ += len(text) if text.isascii() else size(text)
                elif not begun:
                    begun = delta.text is None and delta.thinking is None
            elif event.error is not None or event.type == "error":
                return False
            elif event.type == "message_stop" and event is not events[-1]:
                return False  # what follows the end does not go on
            else:
                others.append(event)
        for event in others:
            self._mark(event)
        if bytes_ or begun:
            self.started = True
        self.text_bytes += bytes_
        return True

    def _take(self, event: Event) -> bool:
        if event.data is None:
            return True
        said = self._decoded(event.name, event.data, _event, _salvaged)
        if said is None:
            return False
        if said.error is not None or said.type == "error":
            self._fail_with(said.error)
            return False
        if said.delta is not None:
            self.text_bytes += size(said.delta.text or said.delta.partial_json or said.delta.thinking or "")
        self._mark(said)
        return True

    def _mark(self, event: _Event) -> None:
        self.started = self.started or _says(event)
        if event.type == "message_stop":
            self.ended = True
        if event.delta is not None and event.delta.stop_reason is not None:
            self.finish = FINISH.get(event.delta.stop_reason, "stop")
        within = event.delta or event.message
        if within is not None and within.container is not None:
            self.final = msgspec.json.encode({"container": within.container})
        said = event.usage or (event.message.usage if event.message is not None else None)
        if said is not None:
            self._reported = said.after(self._reported)
            usage = usage_of(self._reported)
            if usage is not None:
                self._count(usage)

    def _completion(self) -> bytes | None:
        return STOP if self.finish is not None else None


def _says(event: _Event) -> bool:
    """Whether *event* is of the answer itself: its head is not, nor a block or a piece of text that is empty yet."""
    block, delta = event.content_block, event.delta
    if block is not None:
        return block.type not in _TEXTS or bool(block.text or block.thinking)
    if event.type not in _REAL:
        return False
    return delta is None or bool(delta.text or delta.thinking) or (delta.text is None and delta.thinking is None)


def _salvaged(document: Any) -> _Event:
    """Read what can be read of an event whose fields have other types than Anthropic's."""
    if not isinstance(document, dict):
        return _Event()
    type_, delta, message = document.get("type"), document.get("delta"), document.get("message")
    block = document.get("content_block")
    kind = block.get("type") if isinstance(block, dict) else None
    reason = delta.get("stop_reason") if isinstance(delta, dict) else None
    return _Event(
        type_ if isinstance(type_, str) else "",
        _Delta("".join(texts(delta)) or None, stop_reason=reason if isinstance(reason, str) else None),
        _Block(kind) if isinstance(kind, str) else None,
        _Message(_usage(message.get("usage"))) if isinstance(message, dict) else None,
        _usage(document.get("usage")),
        document.get("error"),
    )


def _usage(value: Any) -> Reported | None:
    try:
        return msgspec.convert(value, Reported | None, strict=False)
    except (msgspec.ValidationError, UnicodeEncodeError):  # the latter for a lone surrogate
        return Reported(-1, -1)  # said, and not to be believed
