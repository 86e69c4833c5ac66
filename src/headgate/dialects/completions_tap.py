"""Watches a relayed Completions stream."""

from typing import Any

import msgspec

from headgate.dialects.completions_words import FINISH
from headgate.dialects.openai_stream import DONE
from headgate.dialects.openai_usage import Reported, usage_of
from headgate.dialects.sse import Event
from headgate.dialects.watch import SseTap, loosely, size

_ODD = (msgspec.MsgspecError, UnicodeDecodeError)


class _Choice(msgspec.Struct, gc=False):
    text: str | None = None
    finish_reason: str | None = None
    index: int = 0


class _Chunk(msgspec.Struct, gc=False):
    choices: list[_Choice] | None = None
    usage: Reported | None = None
    error: Any = None


_chunk = msgspec.json.Decoder(_Chunk).decode
_chunks = msgspec.json.Decoder(list[_Chunk]).decode


class CompletionsTap(SseTap):
    """See :class:`headgate.dialects.base.Tap`."""

    __slots__ = ("_finished", "_hide_usage", "_seen")

    def __init__(self, hide_usage: bool) -> None:
        super().__init__()
        self._hide_usage = hide_usage
        self._seen: set[int] = set()
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
            chunks = _chunks(b"[%b]" % b",".join(parts))
        except _ODD:
            return None
        if len(chunks) != len(parts) or any(map(_is_error, chunks)):
            return None
        self._broken_in_a_row = 0
        kept = [part for part, chunk in zip(parts, chunks, strict=True) if self._account(chunk)]
        if len(kept) != len(parts):
            data = b"".join([b"data: %b\n\n" % part for part in kept]) + (DONE if done else b"")
        self.ended = done
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
        if _is_error(chunk):
            self.events += 1
            self._fail_with(chunk.error or {"message": "The provider ended the answer with an error."})
            return False
        return self._account(chunk)

    def _account(self, chunk: _Chunk) -> bool:
        """Count one chunk; tell whether it may be forwarded."""
        self.events += 1
        for choice in chunk.choices or ():
            self.started = True
            self._seen.add(choice.index)
            if choice.text:
                self.text_bytes += size(choice.text)
            if choice.finish_reason is not None:
                self.finish = FINISH.get(choice.finish_reason, "stop")
                self._finished.add(choice.index)
        usage = usage_of(chunk.usage) if chunk.usage is not None else None
        if usage is not None:
            self._count(usage)
        return not (self._hide_usage and chunk.usage is not None and not chunk.choices)

    def _completion(self) -> bytes | None:
        return DONE if self._finished and self._seen <= self._finished else None


def _is_error(chunk: _Chunk) -> bool:
    return chunk.error is not None or any(choice.finish_reason == "error" for choice in chunk.choices or ())


def _salvaged(document: Any) -> _Chunk:
    """Read what can be read of a chunk whose fields have other types than OpenAI's."""
    if not isinstance(document, dict):
        return _Chunk()
    choices = document.get("choices")
    found = []
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict):
            text, finish, index = choice.get("text"), choice.get("finish_reason"), choice.get("index")
            found.append(
                _Choice(
                    text if isinstance(text, str) else None,
                    finish if isinstance(finish, str) else None,
                    index if isinstance(index, int) else 0,
                )
            )
    try:
        usage = msgspec.convert(document.get("usage"), Reported | None, strict=False)
    except (msgspec.ValidationError, UnicodeEncodeError):  # the latter for a lone surrogate
        usage = Reported(prompt_tokens=-1, completion_tokens=-1)  # said, and not to be believed
    return _Chunk(found, usage, document.get("error"))
