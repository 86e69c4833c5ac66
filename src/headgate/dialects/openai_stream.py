"""Reads and writes Chat Completions streams, <https://platform.openai.com/docs/api-reference/chat-streaming>."""

from typing import Any

from headgate.core.chat import (
    Chunk,
    CitationDelta,
    Counted,
    End,
    Request,
    SignatureDelta,
    Start,
    TextDelta,
    Thinking,
    ToolDelta,
)
from headgate.core.money import Usage
from headgate.dialects import wire
from headgate.dialects.openai_messages import detail
from headgate.dialects.openai_pieces import Pieces, annotation
from headgate.dialects.openai_reply import reasons, usage_in
from headgate.dialects.openai_usage import printed
from headgate.dialects.openai_words import FINISH
from headgate.dialects.reading import SseReader
from headgate.dialects.sse import Event

DONE = b"data: [DONE]\n\n"
_FIELD = {"text": b"content", "thinking": b"reasoning", "refusal": b"refusal"}


class ChatReader(SseReader):
    """See :class:`headgate.dialects.base.Reader`."""

    __slots__ = ("_begun", "_finished", "_pieces", "_seen")

    def __init__(self) -> None:
        super().__init__()
        self._begun = False
        self._pieces = Pieces()
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
            self._begin(document, chunks)
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

    def _begin(self, document: dict[str, Any], chunks: list[Chunk]) -> None:
        self._begun = True
        id_, model, created = document.get("id"), document.get("model"), document.get("created")
        start = Start(
            id_ if isinstance(id_, str) else "",
            model if isinstance(model, str) else "",
            created if isinstance(created, int) else 0,
        )
        self._pieces = Pieces(start.id)
        chunks.append(start)

    def _choice(self, raw: dict[str, Any], chunks: list[Chunk]) -> None:
        self.started = True
        index, delta, native = raw.get("index"), raw.get("delta"), raw.get("finish_reason")
        at = index if isinstance(index, int) and 0 <= index < 1024 else 0
        self._seen.add(at)
        if isinstance(delta, dict):
            chunks += self._pieces.read(delta, at, raw.get("logprobs"))
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


class ChatWriter:
    """Prints chunks for a Chat Completions client. ``id`` and ``created`` stand in where the upstream gives none."""

    __slots__ = (
        "_after",
        "_before",
        "_choices",
        "_details",
        "_said",
        "_thought",
        "_usage",
        "_with_usage",
        "created",
        "id",
    )

    def __init__(self, request: Request) -> None:
        self.id = ""
        self.created = 0
        self._with_usage = request.stream_usage
        self._usage: Usage | None = None
        self._choices: set[int] = set()
        self._thought: dict[int, list[str]] = {}
        """The reasoning of the part now open, by choice: its proof is told together with it."""
        self._details: dict[int, int] = {}
        self._said: dict[int, list[int]] = {}
        """Where the part of the answer's text now open begins, and where it ends so far; by choice."""
        self._before = b""
        self._after = b',"usage":null}\n\n' if self._with_usage else b"}\n\n"

    def write(self, chunks: list[Chunk]) -> bytes:
        """Return the events for *chunks*."""
        out: list[bytes] = []
        for chunk in chunks:
            if isinstance(chunk, TextDelta):
                self._text(chunk, out)
            elif isinstance(chunk, ToolDelta):
                self._event(chunk.choice, b'{"tool_calls":[%b]}' % _tool(chunk), out)
            elif isinstance(chunk, Start):
                self._start(chunk.id, chunk.model, chunk.created)
                self._open(0, out)
            elif isinstance(chunk, End):
                self._end(chunk, out)
            elif isinstance(chunk, Counted):
                self._usage = chunk.usage
            elif isinstance(chunk, SignatureDelta):
                self._proof(chunk, out)
            elif isinstance(chunk, CitationDelta):
                found = annotation(chunk.citation, *self._said.get(chunk.choice, (0, 0)))
                self._event(chunk.choice, b'{"annotations":[%b]}' % wire.encode(found), out)
        return b"".join(out)

    def close(self) -> bytes:
        """Return the usage, where it was asked for, and the terminator."""
        if not self._with_usage or self._usage is None:
            return DONE
        self._prepare()
        return b'%b"choices":[],"usage":%b}\n\n%b' % (self._before, wire.encode(printed(self._usage)), DONE)

    def _start(self, id_: str, model: str, created: int) -> None:
        head = {
            "id": id_ or self.id,
            "object": "chat.completion.chunk",
            "created": created or self.created,
            "model": model,
        }
        self._before = b"data: %b," % wire.encode(head)[:-1]

    def _prepare(self) -> None:
        if not self._before:
            self._start("", "", 0)

    def _open(self, choice: int, out: list[bytes]) -> None:
        if choice not in self._choices:
            self._choices.add(choice)
            self._event(choice, b'{"role":"assistant","content":""}', out)

    def _event(self, choice: int, delta: bytes, out: list[bytes], logprobs: bytes = b"null") -> None:
        self._prepare()
        self._open(choice, out)
        out.append(
            b'%b"choices":[{"index":%d,"delta":%b,"logprobs":%b,"finish_reason":null}]%b'
            % (self._before, choice, delta, logprobs, self._after)
        )

    def _text(self, chunk: TextDelta, out: list[bytes]) -> None:
        if chunk.kind == "thinking":
            thought = self._thought.setdefault(chunk.choice, [])
            if chunk.new:
                thought.clear()
            thought.append(chunk.text)
        elif chunk.kind == "text":
            said = self._said.get(chunk.choice)
            if said is None:
                said = self._said[chunk.choice] = [0, 0]
            if chunk.new:
                said[0] = said[1]
            said[1] += len(chunk.text)
        if chunk.text or chunk.logprobs is not None:
            delta = b'{"%b":%b}' % (_FIELD[chunk.kind], wire.encode(chunk.text))
            self._event(chunk.choice, delta, out, wire.encode(chunk.logprobs))

    def _proof(self, chunk: SignatureDelta, out: list[bytes]) -> None:
        whole = chunk.of is None and (chunk.redacted is None or chunk.id is not None)
        text = "".join(self._thought.pop(chunk.choice, ())) if whole else ""
        number = self._details.get(chunk.choice, 0)
        self._details[chunk.choice] = number + 1
        part = Thinking(text, chunk.signature, chunk.redacted, chunk.source, None, chunk.of, chunk.id)
        self._event(chunk.choice, b'{"reasoning_details":[%b]}' % wire.encode(detail(part, number)), out)

    def _end(self, chunk: End, out: list[bytes]) -> None:
        self._prepare()
        self._open(chunk.choice, out)
        choice = {"index": chunk.choice, "delta": {}, "logprobs": None, "finish_reason": chunk.finish}
        choice.update(reasons(chunk.finish, chunk.native, chunk.stop_sequence))
        out.append(b'%b"choices":[%b]%b' % (self._before, wire.encode(choice), self._after))


def _tool(chunk: ToolDelta) -> bytes:
    call: dict[str, Any] = {"index": chunk.index}
    if chunk.id is not None or chunk.name is not None:
        call |= {"id": chunk.id or "", "type": "function"}
        call["function"] = {"name": chunk.name or "", "arguments": chunk.arguments}
    else:
        call["function"] = {"arguments": chunk.arguments}
    return wire.encode(call)
