"""Watches a relayed Chat Completions stream. The hottest code of the project: it runs for every event of a stream."""

from typing import Any

import msgspec

from headgate.dialects.openai_usage import Reported, usage_of
from headgate.dialects.openai_words import FINISH
from headgate.dialects.sse import Event
from headgate.dialects.watch import SseTap, loosely, size, texts

DONE = b"data: [DONE]\n\n"
_ODD = (msgspec.MsgspecError, UnicodeDecodeError)


class _Function(msgspec.Struct, gc=False):
    arguments: str | None = None


class _ToolCall(msgspec.Struct, gc=False):
    function: _Function | None = None


class _Delta(msgspec.Struct, gc=False):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[_ToolCall] | None = None
    function_call: _Function | None = None


class _Choice(msgspec.Struct, gc=False):
    delta: _Delta | None = None
    finish_reason: str | None = None
    index: int = 0


class _Groq(msgspec.Struct, gc=False):
    usage: Reported | None = None


class _Chunk(msgspec.Struct, gc=False):
    choices: list[_Choice] | None = None
    usage: Reported | None = None
    error: Any = None
    x_groq: _Groq | None = None


_chunk = msgspec.json.Decoder(_Chunk).decode
_chunks = msgspec.json.Decoder(list[_Chunk]).decode


class ChatTap(SseTap):
    """See :class:`headgate.dialects.base.Tap`."""

    __slots__ = ("_finished", "_hide_usage", "_width")

    def __init__(self, hide_usage: bool) -> None:
        super().__init__()
        self._hide_usage = hide_usage
        self._width = 1
        """Choices seen."""
        self._finished: set[int] = set()

    def _quickly(self, data: bytes) -> bytes | None:
        if data[:6] != b"data: ":
            return None
        parts = data[6:-2].split(b"\n\ndata: ")
        done = parts[-1] == b"[DONE]"
        if data.count(b"\n") != 2 * len(parts):
            return None
        if done:
            parts.pop()
        try:
            chunks = [_chunk(parts[0])] if len(parts) == 1 else _chunks(b"[%b]" % b",".join(parts))
        except _ODD:
            return None
        if len(chunks) != len(parts):
            return None
        tally = _tally(chunks)
        if tally is None:
            return None
        generated, finished, counted, width = tally
        self._broken_in_a_row = 0
        self.events += len(chunks)
        self.text_bytes += generated
        if width > self._width:
            self._width = width
        if finished or not self.started:
            for chunk in chunks:
                self._choices(chunk)
        if counted:
            for chunk in chunks:
                self._usage(chunk)
            if self._hide_usage:
                kept = [part for part, chunk in zip(parts, chunks, strict=True) if chunk.choices or chunk.usage is None]
                if len(kept) != len(parts):
                    data = b"".join([b"data: %b\n\n" % part for part in kept]) + (DONE if done else b"")
        if done:
            self.ended = True
        return data

    def _take(self, event: Event) -> bool:
        data = event.data
        if data is None:
            return True
        if data.strip() == b"[DONE]":
            self.ended = True
            return True
        try:
            chunk = _chunk(data)
        except _ODD:
            try:
                chunk = _salvaged(loosely(data))
            except msgspec.DecodeError:
                if event.name == "error":
                    self._fail_with(data.decode("utf-8", "replace"))
                else:
                    self._skip()
                return False
        self._broken_in_a_row = 0
        self.events += 1
        if chunk.error is not None:
            self._fail_with(chunk.error)
            return False
        for choice in chunk.choices or ():
            self._width = max(self._width, choice.index + 1)
            if choice.delta is not None:
                self.text_bytes += size(choice.delta.content or "") or _other(choice.delta)
            if choice.finish_reason == "error":
                self._fail_with({"message": "The provider ended the answer with an error."})
                return False
        self._choices(chunk)
        self._usage(chunk)
        return not (self._hide_usage and chunk.usage is not None and not chunk.choices)

    def _choices(self, chunk: _Chunk) -> None:
        for choice in chunk.choices or ():
            self.started = True
            if choice.finish_reason is not None:
                self.finish = FINISH.get(choice.finish_reason, "stop")
                self._finished.add(choice.index)

    def _usage(self, chunk: _Chunk) -> None:
        said = chunk.usage or (chunk.x_groq.usage if chunk.x_groq is not None else None)
        usage = usage_of(said) if said is not None else None
        if usage is not None:
            self._count(usage)

    def _completion(self) -> bytes | None:
        return DONE if len(self._finished) >= self._width else None


def _tally(chunks: list[_Chunk]) -> tuple[int, int, int, int] | None:
    """Count bytes generated, choices ended, usages told and choices there are; ``None`` if there is an error."""
    generated = finished = counted = 0
    width = 1
    for chunk in chunks:
        choices = chunk.choices
        if choices:
            for choice in choices:
                delta = choice.delta
                if delta is not None:
                    text = delta.content
                    generated += (len(text) if text.isascii() else size(text)) if text else _other(delta)
                if choice.finish_reason is not None:
                    if choice.finish_reason == "error":
                        return None
                    finished += 1
                if choice.index >= width:
                    width = choice.index + 1
        if chunk.usage is not None or chunk.x_groq is not None:
            counted += 1
        if chunk.error is not None:
            return None
    return generated, finished, counted, width


def _other(delta: _Delta) -> int:
    """Bytes of what was generated beside an answer's text."""
    total = 0
    for text in (delta.reasoning_content or delta.reasoning, delta.refusal):
        if text:
            total += size(text)
    for call in delta.tool_calls or ():
        if call.function is not None and call.function.arguments:
            total += size(call.function.arguments)
    if delta.function_call is not None and delta.function_call.arguments:
        total += size(delta.function_call.arguments)
    return total


def _salvaged(document: Any) -> _Chunk:
    """Read what can be read of a chunk whose fields have other types than OpenAI's."""
    if isinstance(document, list) and document and isinstance(document[0], dict):
        document = document[0]  # Gemini wraps errors so
    if not isinstance(document, dict):
        return _Chunk()
    choices = document.get("choices")
    found = []
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict):
            finish, index = choice.get("finish_reason"), choice.get("index")
            found.append(
                _Choice(
                    _Delta(content="".join(texts(choice.get("delta")))),
                    finish if isinstance(finish, str) else None,
                    index if isinstance(index, int) and 0 <= index < 1024 else 0,
                )
            )
    try:
        usage = msgspec.convert(document.get("usage"), Reported | None, strict=False)
    except (msgspec.ValidationError, UnicodeEncodeError):  # the latter for a lone surrogate
        usage = Reported(prompt_tokens=-1, completion_tokens=-1)  # said, and not to be believed
    return _Chunk(found, usage, document.get("error"))
