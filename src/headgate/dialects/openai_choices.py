"""What streams and replies of OpenAI's two generations share: choices, each with its own end, and usage at the last."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import msgspec

from headgate.core.chat import Chunk, Counted, End, Finish, Reply, Request, Start
from headgate.core.errors import UpstreamFailed
from headgate.core.money import Usage
from headgate.dialects import wire
from headgate.dialects.base import Sniff
from headgate.dialects.openai_usage import Reported, printed, usage_in, usage_of
from headgate.dialects.reading import SseReader
from headgate.dialects.sse import Event
from headgate.dialects.upstream import ended_with, read_stream_error
from headgate.dialects.watch import believable
from headgate.dialects.wire import ODD

DONE = b"data: [DONE]\n\n"


class ChoicesReader(SseReader):
    """Reads a stream of choices; what each says is the heir's to read."""

    __slots__ = ("_begun", "_finished", "_seen")
    most: ClassVar[int]
    """Choices that an answer can have."""
    finishes: ClassVar[Mapping[str, Finish]]
    """The provider's word for why an answer ended -> ours."""

    def __init__(self) -> None:
        super().__init__()
        self._begun = False
        self._seen: set[int] = set()
        self._finished: set[int] = set()

    def _begin(self, start: Start) -> None:
        """The answer begins."""

    def _say(self, raw: dict[str, Any], at: int, chunks: list[Chunk]) -> None:
        """Read what a choice says."""
        raise NotImplementedError

    def _read(self, event: Event, data: bytes, chunks: list[Chunk]) -> None:
        if data.strip() != b"[DONE]":
            super()._read(event, data, chunks)
        elif self._ending is not None:
            self._fail(self._ending)
        elif not self.events:
            self._fail(
                UpstreamFailed(
                    "The provider's stream ended before it began.",
                    status=502,
                    code="upstream_invalid_response",
                    same_target=True,
                    billed="uncertain",
                )
            )
        else:
            self.ended = True

    def _understand(self, document: dict[str, Any], data: bytes, chunks: list[Chunk]) -> None:
        choices = document.get("choices")
        if not self._begun and (choices or document.get("id")):
            self._begun = True
            start = Start(*spoken(document))
            self._begin(start)
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
        self._fail_once_counted()

    def _choice(self, raw: dict[str, Any], chunks: list[Chunk]) -> None:
        index, native = raw.get("index"), raw.get("finish_reason")
        at = index if isinstance(index, int) and 0 <= index < self.most else 0
        self._seen.add(at)
        self._say(raw, at, chunks)
        if not isinstance(native, str):
            return
        if native == "error":
            self._ending = ended_with(native)
            return
        stopped = raw.get("stop_reason")
        finish = self.finish = self.finishes.get(native, "stop")
        self._finished.add(at)
        chunks.append(End(finish, native, stopped if isinstance(stopped, str) else None, at))

    def _whole(self) -> bool:
        return bool(self._finished) and self._seen <= self._finished


class ChoicesWriter:
    """The frame of a stream of choices. ``id`` and ``created`` stand in where the upstream gives none."""

    __slots__ = ("_after", "_before", "_usage", "_with_usage", "created", "id")
    kind: ClassVar[str]
    """The ``object`` of every event."""

    def __init__(self, request: Request) -> None:
        self.id = ""
        self.created = 0
        self._with_usage = request.stream_usage
        self._usage: Usage | None = None
        self._before = b""
        self._after = b',"usage":null}\n\n' if self._with_usage else b"}\n\n"

    def close(self) -> bytes:
        """Return the usage, where it was asked for, and the terminator."""
        if not self._with_usage or self._usage is None:
            return DONE
        self._prepare()
        return b'%b"choices":[],"usage":%b}\n\n%b' % (self._before, wire.encode(printed(self._usage)), DONE)

    def _start(self, id_: str, model: str, created: int) -> None:
        head = {"id": id_ or self.id, "object": self.kind, "created": created or self.created, "model": model}
        self._before = b"data: %b," % wire.encode(head)[:-1]

    def _prepare(self) -> None:
        if not self._before:
            self._start("", "", 0)


class _SniffedChoice(msgspec.Struct, gc=False):
    finish_reason: str | None = None


class _Sniffed(msgspec.Struct, gc=False):
    choices: list[_SniffedChoice]
    usage: Reported | None = None
    model: str | None = None
    id: str | None = None
    error: Any = None


_sniff = msgspec.json.Decoder(_Sniffed).decode


def sniffed(body: bytes, finishes: Mapping[str, Finish], read_reply: Callable[[bytes], Reply]) -> Sniff:
    """Read usage, finish, model and id of a reply, by *read_reply* where it is an odd one; raise ``UpstreamFailed``."""
    try:
        seen = _sniff(body)
        usage = usage_of(seen.usage) if seen.usage is not None else None
    except ODD:
        reply = read_reply(body)
        first = reply.choices[0].finish if reply.choices else None
        return Sniff(reply.usage, first, reply.model or None, reply.id or None)
    if seen.error is not None:
        raise read_stream_error(seen.error)
    finish = seen.choices[0].finish_reason if seen.choices else None
    usage = usage if usage is None or believable(usage) else None
    worked([one.finish_reason for one in seen.choices], usage)
    return Sniff(
        usage,
        None if finish is None else finishes.get(finish, "stop"),
        seen.model,
        seen.id,
    )


def worked(reasons: list[str | None], usage: Usage | None = None) -> None:
    """Raise ``AnswerFailed`` where each choice of a reply, by the *reasons* why they ended, is a failure."""
    if reasons and reasons.count("error") == len(reasons):
        raise ended_with("error", usage=usage)


def spoken(found: dict[str, Any]) -> tuple[str, str, int]:
    """Return id, model and time of a decoded reply, as far as it gives them."""
    id_, model, created = found.get("id"), found.get("model"), found.get("created")
    return (
        id_ if isinstance(id_, str) else "",
        model if isinstance(model, str) else "",
        created if isinstance(created, int) else 0,
    )
