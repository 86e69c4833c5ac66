"""Reads and writes Chat Completions streams, <https://platform.openai.com/docs/api-reference/chat-streaming>."""

from typing import Any

from headgate.core.chat import (
    Chunk,
    CitationDelta,
    Counted,
    End,
    Image,
    PartDelta,
    Request,
    SignatureDelta,
    Start,
    TextDelta,
    Thinking,
    ToolDelta,
)
from headgate.dialects import wire
from headgate.dialects.openai_choices import ChoicesReader, ChoicesWriter
from headgate.dialects.openai_messages import detail
from headgate.dialects.openai_pieces import Pieces, annotation
from headgate.dialects.openai_reply import reasons
from headgate.dialects.openai_words import FINISH
from headgate.dialects.pictures import is_image, no_room, printed_image

_FIELD = {"text": b"content", "thinking": b"reasoning", "refusal": b"refusal"}


class ChatReader(ChoicesReader):
    """See :class:`headgate.dialects.base.Reader`."""

    __slots__ = ("_pieces",)
    most = 1024
    finishes = FINISH

    def __init__(self) -> None:
        super().__init__()
        self._pieces = Pieces()

    def _begin(self, start: Start) -> None:
        self._pieces = Pieces(start.id)

    def _say(self, raw: dict[str, Any], at: int, chunks: list[Chunk]) -> None:
        delta = raw.get("delta")
        if isinstance(delta, dict):
            chunks += self._pieces.read(delta, at, raw.get("logprobs"))


class ChatWriter(ChoicesWriter):
    """Prints chunks for a Chat Completions client."""

    __slots__ = ("_choices", "_details", "_images", "_said", "_thought")
    room = staticmethod(is_image)
    kind = "chat.completion.chunk"

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._choices: set[int] = set()
        self._thought: dict[int, list[str]] = {}
        """The reasoning of the part now open, by choice: its proof is told together with it."""
        self._details: dict[int, int] = {}
        self._images: dict[int, int] = {}
        """How many pictures each choice has."""
        self._said: dict[int, list[int]] = {}
        """Where the part of the answer's text now open begins, and where it ends so far; by choice."""

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
            elif isinstance(chunk, PartDelta):
                self._image(chunk, out)
            elif isinstance(chunk, CitationDelta):
                found = annotation(chunk.citation, *self._said.get(chunk.choice, (0, 0)))
                self._event(chunk.choice, b'{"annotations":[%b]}' % wire.encode(found), out)
        return b"".join(out)

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

    def _image(self, chunk: PartDelta, out: list[bytes]) -> None:
        if not isinstance(chunk.part, Image):
            raise no_room()
        number = self._images.get(chunk.choice, 0)
        self._images[chunk.choice] = number + 1
        self._event(chunk.choice, b'{"images":[%b]}' % wire.encode(printed_image(chunk.part, number)), out)

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
