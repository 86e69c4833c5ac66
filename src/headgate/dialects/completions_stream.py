"""Reads and writes Completions streams, <https://platform.openai.com/docs/api-reference/completions/create>."""

from typing import Any

from headgate.core.chat import Chunk, Counted, End, Request, Start, TextDelta
from headgate.core.money import Usage
from headgate.dialects import wire
from headgate.dialects.completions_logprobs import to_chat, to_completions
from headgate.dialects.completions_reply import finish_of
from headgate.dialects.completions_words import FINISH
from headgate.dialects.openai_reply import reasons, usage_in
from headgate.dialects.openai_stream import DONE
from headgate.dialects.openai_usage import printed
from headgate.dialects.reading import SseReader
from headgate.dialects.sse import Event

MAX_CHOICES = 2**18  # 128 answers to each of 2,048 prompts


class CompletionsReader(SseReader):
    """See :class:`headgate.dialects.base.Reader`."""

    __slots__ = ("_begun", "_finished", "_seen")

    def __init__(self) -> None:
        super().__init__()
        self._begun = False
        self._seen: set[int] = set()
        self._finished: set[int] = set()

    def _read(self, event: Event, data: bytes, chunks: list[Chunk]) -> None:
        if data.strip() == b"[DONE]":
            self.ended = True
        else:
            super()._read(event, data, chunks)

    def _understand(self, document: dict[str, Any], data: bytes, chunks: list[Chunk]) -> None:
        choices = document.get("choices")
        if not self._begun and (choices or document.get("id")):
            self._begun = True
            id_, model, created = document.get("id"), document.get("model"), document.get("created")
            start = Start(id_ if isinstance(id_, str) else "", model if isinstance(model, str) else "")
            start.created = created if isinstance(created, int) else 0
            chunks.append(start)
        for raw in choices if isinstance(choices, list) else ():
            if isinstance(raw, dict):
                self._choice(raw, chunks)
        said = document.get("usage")
        usage = usage_in(document)
        if usage is not None:
            self._count(usage)
            chunks.append(Counted(usage))
        elif said and not (isinstance(said, dict) and said.get("completion_tokens") is None):
            self.usage_flagged = True

    def _choice(self, raw: dict[str, Any], chunks: list[Chunk]) -> None:
        self.started = True
        index, text, native = raw.get("index"), raw.get("text"), raw.get("finish_reason")
        at = index if isinstance(index, int) and 0 <= index < MAX_CHOICES else 0
        self._seen.add(at)
        logprobs = to_chat(raw.get("logprobs"))
        if (isinstance(text, str) and text) or logprobs is not None:
            chunks.append(TextDelta(text if isinstance(text, str) else "", at, logprobs=logprobs))
        if not isinstance(native, str):
            return
        if native == "error":
            self._fail_with({"message": "The provider ended the answer with an error."})
            return
        stopped = raw.get("stop_reason")
        self.finish = FINISH.get(native, "stop")
        self._finished.add(at)
        chunks.append(End(FINISH.get(native, "stop"), native, stopped if isinstance(stopped, str) else None, at))

    def _whole(self) -> bool:
        return bool(self._finished) and self._seen <= self._finished


class CompletionsWriter:
    """Prints chunks for a Completions client. ``id`` and ``created`` stand in where the upstream gives none."""

    __slots__ = ("_after", "_before", "_offsets", "_usage", "_with_usage", "created", "id")

    def __init__(self, request: Request) -> None:
        self.id = ""
        self.created = 0
        self._with_usage = request.stream_usage
        self._usage: Usage | None = None
        self._offsets: dict[int, int] = {}
        """Characters of each choice so far, once log probabilities tell of them."""
        self._before = b""
        self._after = b',"usage":null}\n\n' if self._with_usage else b"}\n\n"

    def write(self, chunks: list[Chunk]) -> bytes:
        """Return the events for *chunks*."""
        out: list[bytes] = []
        for chunk in chunks:
            if isinstance(chunk, TextDelta):
                self._text(chunk, out)
            elif isinstance(chunk, Start):
                self._start(chunk.id, chunk.model, chunk.created)
            elif isinstance(chunk, End):
                choice = {"text": "", "index": chunk.choice, "logprobs": None, "finish_reason": finish_of(chunk.finish)}
                self._event(choice | reasons(chunk.finish, chunk.native, chunk.stop_sequence), out)
            elif isinstance(chunk, Counted):
                self._usage = chunk.usage
        return b"".join(out)

    def close(self) -> bytes:
        """Return the usage, where it was asked for, and the terminator."""
        if not self._with_usage or self._usage is None:
            return DONE
        self._prepare()
        return b'%b"choices":[],"usage":%b}\n\n%b' % (self._before, wire.encode(printed(self._usage)), DONE)

    def _start(self, id_: str, model: str, created: int) -> None:
        head = {"id": id_ or self.id, "object": "text_completion", "created": created or self.created, "model": model}
        self._before = b"data: %b," % wire.encode(head)[:-1]

    def _prepare(self) -> None:
        if not self._before:
            self._start("", "", 0)

    def _text(self, chunk: TextDelta, out: list[bytes]) -> None:
        choice: dict[str, Any] = {"text": chunk.text, "index": chunk.choice, "logprobs": None, "finish_reason": None}
        if chunk.kind == "thinking":
            choice["text"], choice["reasoning"] = "", chunk.text
        elif chunk.logprobs is not None:
            offset = self._offsets.get(chunk.choice, 0)
            choice["logprobs"] = to_completions(chunk.logprobs, offset)
            self._offsets[chunk.choice] = offset + len(chunk.text)
        if chunk.text or chunk.logprobs is not None:
            self._event(choice, out)

    def _event(self, choice: dict[str, Any], out: list[bytes]) -> None:
        self._prepare()
        out.append(b'%b"choices":[%b]%b' % (self._before, wire.encode(choice), self._after))
