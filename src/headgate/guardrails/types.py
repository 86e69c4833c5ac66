"""What a guardrail is: it sees pieces of text with their places, and answers what is to become of them."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

import msgspec

Place = Literal["system", "user", "assistant", "tool_result", "tool_argument", "document", "output", "thinking"]
"""Where a piece of text stands. ``assistant`` is an earlier answer that was sent back, ``output`` the new one;
``document`` is a passage or file that was put into the prompt."""
Side = Literal["input", "output"]
Act = Literal["allow", "flag", "mask", "block"]
Action = Literal["block", "mask", "flag", "reask", "reroute"]
Streaming = Literal["pattern", "window", "whole"]
MOST_KEPT = 1024
"""Settings whose compiled form is kept, of a kind: of what was made by API, or was but tried, the latest."""


class Span(msgspec.Struct, frozen=True):
    """One piece of text. ``json`` tells that it is JSON itself, as a tool's arguments are."""

    text: str
    place: Place = "user"
    json: bool = False


class Finding(msgspec.Struct, frozen=True):
    """What was found, where: characters ``start`` to ``end`` of the span number ``span``. Never the text itself."""

    span: int
    start: int
    end: int
    type: str
    score: float = 1.0


class Verdict(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a guardrail answers. ``reason`` is for people and never repeats the text."""

    act: Act = "allow"
    findings: tuple[Finding, ...] = ()
    reason: str = ""
    score: float | None = None


ALLOW = Verdict()


class Unavailable(Exception):
    """A guardrail could not do its work: what becomes of the call then is its ``fail`` setting's to say."""


class Posted(msgspec.Struct, frozen=True):
    """What a service answered."""

    status: int
    body: bytes


Post = Callable[[str, Mapping[str, str], bytes, float], Awaitable[Posted]]
"""``post(url, headers, body, seconds)``; raises :class:`Unavailable`."""
Ask = Callable[[str, str, str], Awaitable[str]]
"""``ask(model, system, text)``: the answer of a model that is called as part of the same exchange."""


Follow = Callable[[str, int], int]
"""``follow(text, at)``: what of *text*, the end of one that grows, is held. It begins at the character *at* of it."""


class Means(msgspec.Struct, frozen=True):
    """What a guardrail may use to reach the world; each is absent where it is not to be had."""

    post: Post | None = None
    ask: Ask | None = None
    ask_given: Ask | None = None
    """What a tenant's own guardrail asks by: no models but those that the tenant was given."""


NONE = Means()


class Guards(msgspec.Struct, frozen=True):
    """What guardrails need of the installation."""

    secret: bytes = bytes(32)
    """What the keys of tenants' placeholders are derived from."""
    sender: Any = None
    """What services are reached by (``transport.base.Sender``)."""

    def post(self) -> Post | None:
        """Return what posts to a service."""
        if self.sender is None:
            return None
        from headgate.guardrails.reach import poster  # here, because few installations have such a guardrail

        return poster(self.sender)


class Guardrail(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """One check. Its settings are its fields: they are the configuration too."""

    streaming: ClassVar[Streaming] = "window"
    """How it looks at an answer that is still coming. ``pattern``: :meth:`held` tells what may still become a match.
    ``window``: it looks at the last ``window`` characters at a time. ``whole``: at the whole answer alone."""
    escapes: ClassVar[bool] = False
    """It reads the escapes of texts that are JSON itself, as all do that look for patterns, or judges their form. For
    others they are read before."""
    reads: ClassVar[frozenset[str]] = frozenset(
        ("system", "user", "assistant", "tool_result", "tool_argument", "document", "output", "thinking")
    )
    """The places it looks at unless told otherwise."""
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {
        "timeout": (0.001, 60),
        "window": (16, 65_536),
        "threshold": (0, 1),
    }
    """Least and largest value of fields that are numbers; one that is not listed is at least 0."""
    long: ClassVar[int] = 8192
    """Characters from which on :meth:`check` is given a thread of its own."""
    near: ClassVar[int] = 96
    """Characters before a match that may decide whether it is one."""

    on: list[Side] = msgspec.field(default_factory=lambda: ["input", "output"])
    """What it looks at: requests, answers, or both."""
    action: Action = "block"
    """What becomes of a call in which it finds something. ``mask`` puts a placeholder in the text; ``flag`` only
    records; ``reask`` has the model answer again; ``reroute`` sends the call to ``to``."""
    always: bool = False
    """Look at every call, whatever its route."""
    keys: list[str] = []
    """Look only at the calls of these keys (ids)."""
    tags: list[str] = []
    """Look only at calls with one of these tags, the key's own among them."""
    to: str | None = None
    """For ``reroute``: the route that takes the call."""
    places: list[Place] = []
    """The only places it looks at; empty means those that its kind looks at by itself."""
    fail: Literal["closed", "open"] = "closed"
    """What becomes of a call when it cannot be run in time: refused, or let through and recorded as ``not_run``."""
    timeout: float = 2.0
    """Seconds it may take."""
    shadow: bool = False
    """Record what it would have done, and do nothing."""
    window: int = 1200
    """On streams: characters that are held back until they have been looked at together."""

    def check(self, spans: Sequence[Span], means: Means) -> Verdict | Awaitable[Verdict]:
        """Return what is to become of *spans*, or an awaitable of it. Raise :class:`Unavailable` where it cannot tell.

        One that computes answers at once: it runs on the event loop, for at most some milliseconds.
        """
        raise NotImplementedError

    def find(self, text: str, start: int = 0, json: bool = False) -> list[tuple[int, int, str]]:
        """For ``pattern``: return what begins in *text* at *start* or later: start, end, type; in order and apart.

        Whether something is a match may depend on the ``near`` characters before it and on one after it, no more.
        """
        raise NotImplementedError

    def held(self, text: str, json: bool = False) -> int:
        """For ``pattern``: return from where the end of *text* may still become a match; ``len(text)`` if none may.

        Nothing that comes later changes what was found before that place.
        """
        return len(text)

    def follow(self, json: bool = False) -> Follow:
        """For ``pattern``: return what tells of one growing text what :meth:`held` does, and may remember what it read.

        It is given the end of the text so far, and where in the whole of it that end begins, a place that never lies
        beyond what it has answered; its answers may hold more than need be.
        """
        return lambda text, at: self.held(text, json)

    def passes(self, text: str) -> int:
        """For ``pattern``: return :meth:`held` of a *text* in which plainly nothing is; -1 where it is to be looked at.

        It is asked first, of every piece of a stream, and need not know more than what most pieces are.
        """
        return -1

    def looks_at(self, place: Place) -> bool:
        """Whether text in this *place* is its business."""
        return place in (self.places or self.reads)

    def sees_masked(self) -> bool:
        """Whether it is shown requests as models see them, with what other guardrails mask masked.

        So is what asks a model, or looks for nothing that may be masked; findings need not say where then.
        """
        return False

    def faults(self) -> Iterator[tuple[str, str]]:
        """Yield each setting that makes no sense, and why; its type and range were looked at."""
        if self.action == "reroute" and "input" in self.on and self.to is None:
            yield "action", "to send a request elsewhere, say where `to`"
        if self.action == "reask" and "input" in self.on:
            yield "action", "only an answer can be asked for again: set `on: [output]`"
        if not self.on:
            yield "on", "must be `[input]`, `[output]` or both"

    def excess(self) -> Iterator[tuple[str, str]]:
        """Yield each setting that is too much for a guardrail made by API, and why. It has no :meth:`faults`."""
        yield from ()

    def verdict(self, findings: Sequence[Finding], reason: str = "", score: float | None = None) -> Verdict:
        """Return what these *findings* come to under ``action``."""
        if not findings and not reason:
            return ALLOW
        act: Act = "mask" if self.action == "mask" else "flag" if self.action == "flag" else "block"
        return Verdict(act, tuple(findings), reason or told(findings), score)


def told(findings: Sequence[Finding]) -> str:
    """Return findings in words: ``2 email, 1 card``."""
    counts: dict[str, int] = {}
    for finding in findings:
        counts[finding.type] = counts.get(finding.type, 0) + 1
    return ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
