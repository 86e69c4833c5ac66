"""Watches a relayed Completions stream."""

from typing import Any

import msgspec

from headgate.dialects.chunk_tap import DONE, ChunkTap
from headgate.dialects.completions_words import FINISH
from headgate.dialects.openai_usage import Reported, salvaged_usage, usage_of
from headgate.dialects.watch import size


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


class CompletionsTap(ChunkTap[_Chunk]):
    """See :class:`headgate.dialects.base.Tap`."""

    __slots__ = ("_finished", "_seen")

    def __init__(self, hide_usage: bool) -> None:
        super().__init__(hide_usage, _chunk, _chunks, _salvaged)
        self._seen: set[int] = set()
        self._finished: set[int] = set()

    def _account(self, chunks: list[_Chunk]) -> int | None:
        if any(map(_is_error, chunks)):
            return None
        for chunk in chunks:
            for choice in chunk.choices or ():
                self._seen.add(choice.index)
                if choice.text:
                    self.text_bytes += size(choice.text)
                if choice.finish_reason is not None:
                    self.finish = FINISH.get(choice.finish_reason, "stop")
                    self._finished.add(choice.index)
            usage = usage_of(chunk.usage) if chunk.usage is not None else None
            if usage is not None:
                self._count(usage)
        return sum(chunk.usage is not None for chunk in chunks)

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
    return _Chunk(found, salvaged_usage(document.get("usage")), document.get("error"))
