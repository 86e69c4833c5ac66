"""Watches a relayed stream of a response."""

from typing import Any

import msgspec

from headgate.dialects import wire
from headgate.dialects.responses_reply import Sniffed
from headgate.dialects.responses_usage import usage_in, usage_of
from headgate.dialects.sse import Event
from headgate.dialects.watch import NamedTap, loosely, size, texts
from headgate.dialects.wire import ODD

_DELTAS = frozenset(
    {
        "response.output_text.delta",
        "response.function_call_arguments.delta",
        "response.reasoning_summary_text.delta",
        "response.reasoning_text.delta",
        "response.refusal.delta",
        "response.custom_tool_call_input.delta",
    }
)
_ENDS = frozenset({"response.completed", "response.incomplete"})
_WAITS = frozenset({"response.created", "response.queued", "response.in_progress", "keepalive"})
"""Events that say nothing of the answer yet."""
_PLACES = frozenset({"response.content_part.added", "response.reasoning_summary_part.added"})
"""Events of what is yet to be filled."""


class _Item(msgspec.Struct, gc=False):
    type: str = ""


class _Event(msgspec.Struct, gc=False):
    type: str = ""
    delta: str | None = None
    item: _Item | None = None
    response: msgspec.Raw = wire.NULL
    error: Any = None


_event = msgspec.json.Decoder(_Event).decode
_events = msgspec.json.Decoder(list[_Event]).decode
_response = msgspec.json.Decoder(Sniffed).decode


class ResponsesTap(NamedTap[_Event]):
    """See :class:`headgate.dialects.base.Tap`."""

    __slots__ = ("final",)

    def __init__(self) -> None:
        super().__init__(_events)
        self.final: bytes | None = None
        """The whole response, once the stream has told it."""

    def _account(self, events: list[_Event]) -> bool:
        generated = 0
        for event in events:
            if event.type in _DELTAS:
                text = event.delta
                if text:
                    generated += len(text) if text.isascii() else size(text)
            elif event.error is not None or event.type == "error":
                return False
            elif event.response != wire.NULL and event.type not in _WAITS:
                return False  # an end, good or bad
        self.text_bytes += generated
        if not self.started:
            self.started = any(map(_says, events))
        return True

    def _take(self, event: Event) -> bool:
        if event.data is None:
            return True
        said = self._decoded(event.name, event.data, _event, _salvaged)
        if said is None:
            return False
        if said.error is not None or said.type == "error" or event.name == "error":
            self._fail_with(said.error or _document(msgspec.Raw(event.data)))
            return False
        if said.type == "response.failed":
            error = _document(said.response).get("error")
            self._fail_with(error or {"message": "The provider ended the answer with an error."})
            return False
        if said.type in _DELTAS and said.delta:
            self.text_bytes += size(said.delta)
        if said.type in _ENDS:
            self._end(said)
        self.started = self.started or _says(said)
        return True

    def _end(self, event: _Event) -> None:
        self.ended = True
        if event.response == wire.NULL:
            return
        self.final = bytes(event.response)
        try:
            seen = _response(self.final)
            self.finish = seen.finish
            usage = usage_of(seen.usage, seen.output) if seen.usage is not None else None
        except ODD:
            self.finish, usage = "stop", usage_in(_document(event.response))
        if usage is not None:
            self._count(usage)

    def _completion(self) -> bytes | None:
        return None  # its last event tells how it ended, and there is no other sign


def _says(event: _Event) -> bool:
    """Whether *event* is of the answer itself: text, a call, thoughts, its end; an empty message is not."""
    if event.type in _WAITS or event.type in _PLACES:
        return False
    return event.item is None or event.item.type != "message" or event.type != "response.output_item.added"


def _document(response: msgspec.Raw) -> dict[str, Any]:
    """Decode a response of which a field has another type than OpenAI's."""
    try:
        found = loosely(bytes(response))
    except msgspec.DecodeError:
        return {}  # a number that nothing can hold
    return found if isinstance(found, dict) else {}


def _salvaged(document: Any) -> _Event:
    """Read what can be read of an event whose fields have other types than OpenAI's."""
    if not isinstance(document, dict):
        return _Event()
    type_, delta, response = document.get("type"), document.get("delta"), document.get("response")
    return _Event(
        type_ if isinstance(type_, str) else "",
        "".join(texts(delta)) or None,
        _Item("message") if type_ == "response.output_item.added" else None,
        msgspec.Raw(wire.encode(response)),
        document.get("error"),
    )
