"""Watches a relayed Chat Completions stream. The hottest code of the project: it runs for every event of a stream."""

from typing import Any

import msgspec

from headgate.dialects.chunk_tap import DONE, ChunkTap
from headgate.dialects.openai_usage import Reported, salvaged_usage, usage_of
from headgate.dialects.openai_words import FINISH
from headgate.dialects.watch import size, texts


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


class ChatTap(ChunkTap[_Chunk]):
    """See :class:`headgate.dialects.base.Tap`."""

    __slots__ = ("_finished", "_width")

    def __init__(self, hide_usage: bool) -> None:
        super().__init__(hide_usage, _chunk, _chunks, _salvaged)
        self._width = 1
        """Choices seen."""
        self._finished: set[int] = set()

    def _account(self, chunks: list[_Chunk]) -> int | None:
        generated = finished = counted = 0
        width = self._width
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
        self.text_bytes += generated
        self._width = width
        if finished or counted:
            self._mark(chunks)
        return counted

    def _mark(self, chunks: list[_Chunk]) -> None:
        """Take in how the answer ends and what it used."""
        for chunk in chunks:
            for choice in chunk.choices or ():
                if choice.finish_reason is not None:
                    self.finish = FINISH.get(choice.finish_reason, "stop")
                    self._finished.add(choice.index)
            said = chunk.usage or (chunk.x_groq.usage if chunk.x_groq is not None else None)
            usage = usage_of(said) if said is not None else None
            if usage is not None:
                self._count(usage)

    def _completion(self) -> bytes | None:
        return DONE if len(self._finished) >= self._width else None


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
    return _Chunk(found, salvaged_usage(document.get("usage")), document.get("error"))
