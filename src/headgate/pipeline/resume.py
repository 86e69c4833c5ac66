"""Go on with an answer that broke off: another target gets what was said as the beginning of its own answer.

Only for routes that ask for it, and targets that are known to go on from a beginning (``prefill`` of their profile).
The answer is read and printed even in the caller's own dialect, so that both parts are one stream.
"""

from time import monotonic
from typing import Any

import msgspec

from headgate.core.call import Call
from headgate.core.chat import Chunk, Counted, End, Message, PartDelta, Request, Start, Text, TextDelta, ToolDelta
from headgate.core.errors import UpstreamFailed
from headgate.core.money import Usage, together
from headgate.core.record import Attempt
from headgate.dialects.base import Reader
from headgate.pipeline.overlap import Overlap
from headgate.providers.base import Target
from headgate.routing.health import Health

GOES_ON = frozenset(("message", "prefix", "continue"))
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Resume:
    """What has been told of one answer so far, and by whom."""

    __slots__ = (
        "_begun",
        "_overlap",
        "_said",
        "count",
        "cut",
        "first",
        "over",
        "sent",
        "shaper",
        "stuck",
        "used",
        "writer",
    )

    def __init__(self) -> None:
        self.count = 0
        """How often it was gone on with."""
        self.cut: UpstreamFailed | None = None
        """What it first broke off with."""
        self.first: Attempt | None = None
        """Who began."""
        self.sent = 0
        """Bytes of the answer that the last request began with."""
        self.begin(None, None)

    def begin(self, writer: Any, shaper: Any) -> None:
        """Begin anew: the caller has not been told anything yet."""
        self.writer, self.shaper = writer, shaper
        self.used: list[Usage] = []
        """What each part has used."""
        self.stuck = False
        """Something is under way that nobody else can go on with: a call of a tool, thoughts, a second choice."""
        self.over = False
        """All of it has been said."""
        self._said: list[str] = []
        self._begun = False
        self._overlap: Overlap | None = None

    @property
    def text(self) -> str:
        """What has been said."""
        return "".join(self._said)

    @property
    def begun(self) -> int:
        """Bytes of what whoever goes on with it is told of it."""
        return 0 if self.cut is None else len(self.text.encode())

    def broken(self, cut: UpstreamFailed, attempt: Attempt) -> bool:
        """Take note that the answer broke off in *attempt*; return whether it can be gone on with."""
        self.cut = self.cut or cut
        self.first = self.first or attempt
        self._overlap = None
        return not self.stuck and not self.over

    def following(self, call: Call, health: Health, plan: tuple[Target, ...], index: int) -> int:
        """Return the place in *plan* of who goes on with it, after *index*; raise what it broke off with for nobody.

        Targets that were not asked yet come first; one that was is asked once more.
        """
        now, asked = monotonic(), [(a.provider, a.model) for a in call.attempts]
        assert self.cut is not None
        most: int = call.route.config.attempts
        if self.stuck or self.over or len(asked) >= most or now >= call.deadline:
            raise self.cut
        places: list[int] = [*range(index + 1, len(plan)), *range(index + 1)]
        for place in places:
            target = plan[place]
            times = asked.count((target.provider.name, target.model))
            if (
                (not self._said or target.abilities.profile.prefill in GOES_ON)
                and times < 2
                and health.shut(target.name) is None
                and (not times or health.at(target).budget.allows(now))
            ):
                return place
        raise self.cut

    def request(self, asked: Request) -> Request:
        """Return what is asked of who goes on: the answer so far is its beginning, and no more is thought about it."""
        text = self.text
        sent = text.rstrip()  # vendors refuse an answer that begins with one that ends in blanks
        self._overlap = Overlap(sent, text[len(sent) :]) if text else None
        self.count, self.sent = self.count + 1, len(sent.encode())
        messages = [*asked.messages, Message("assistant", [Text(sent)])] if sent else asked.messages
        left = asked.max_tokens
        if left is not None:
            left = max(left - sum([usage.output for usage in self.used]), 1)
        quiet: dict[str, Any] = {"thinking": None, "effort": None, "thinking_budget": None}
        return msgspec.structs.replace(asked, messages=messages, max_tokens=left, **quiet)

    def add(self, usage: Usage) -> Usage:
        """Count what a part has used; return what all have."""
        self.used.append(usage)
        return together(self.used)

    def take(self, chunks: list[Chunk]) -> list[Chunk]:
        """Return what of *chunks* the caller is to be told: nothing that it has been told before."""
        out: list[Chunk] = []
        for chunk in chunks:
            if isinstance(chunk, TextDelta) and chunk.kind == "text" and not chunk.choice:
                self._text(chunk, out)
            elif isinstance(chunk, Start):
                if not self._begun:
                    out.append(chunk)
                self._begun = True
            elif isinstance(chunk, Counted):
                out.append(Counted(together([*self.used, chunk.usage])))
            elif not (isinstance(chunk, TextDelta) and chunk.kind == "thinking" and self._said):
                self._other(chunk, out)
        return out

    def _text(self, chunk: TextDelta, out: list[Chunk]) -> None:
        if self._overlap is not None:
            chunk.text, chunk.new = self._overlap.feed(chunk.text), False
        if chunk.text or chunk.logprobs is not None:
            self._say(chunk, out)

    def _other(self, chunk: Chunk, out: list[Chunk]) -> None:
        if self._overlap is not None:
            if rest := self._overlap.close():
                self._say(TextDelta(rest), out)
            self._overlap = None
        if isinstance(chunk, End):
            self.over = True
        elif isinstance(chunk, ToolDelta | TextDelta | PartDelta):
            self.stuck = True
        out.append(chunk)

    def _say(self, chunk: TextDelta, out: list[Chunk]) -> None:
        self._said.append(chunk.text)
        self.stuck = False  # what was thought before is done with
        out.append(chunk)


class Continued:
    """A reader whose chunks are told to a caller who may have heard a part of the answer."""

    __slots__ = ("_reader", "_resume")

    def __init__(self, reader: Reader, resume: Resume) -> None:
        self._reader = reader
        self._resume = resume

    def feed(self, data: bytes) -> list[Chunk]:
        """See :class:`headgate.dialects.base.Reader`."""
        return self._resume.take(self._reader.feed(data))

    def close(self) -> list[Chunk]:
        """See :class:`headgate.dialects.base.Reader`."""
        return self._resume.take(self._reader.close())

    def __getattr__(self, name: str):  # type: ignore[no-untyped-def]  # what was seen is the reader's to tell
        return getattr(self._reader, name)


def resumable(call: Call) -> bool:
    """Whether *call* is a stream that may be gone on with."""
    return call.streaming and call.operation == "chat" and call.envelope.n == 1


def marked(body: bytes, how: str) -> bytes:
    """Say in *body* that its last message is to be gone on with, for servers that must be told (``prefill``)."""
    if how == "message":
        return body
    fields: dict[str, Any] = _fields.decode(body)
    if how == "prefix" and "messages" in fields:
        messages = msgspec.json.decode(bytes(fields["messages"]), type=list[msgspec.Raw])
        last = _fields.decode(bytes(messages[-1]))
        messages[-1] = msgspec.Raw(msgspec.json.encode({**last, "prefix": True}))
        fields["messages"] = messages
    elif how == "continue":
        fields |= {"continue_final_message": True, "add_generation_prompt": False}
    return msgspec.json.encode(fields)
