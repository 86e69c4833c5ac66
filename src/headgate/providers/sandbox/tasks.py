"""The sandbox's operations besides chat and vectors: each request read, rehearsed and answered."""

from collections.abc import Iterator
from typing import Any

from headgate.dialects.wire import typed
from headgate.providers.sandbox import media, wire
from headgate.providers.sandbox.behaviour import NORMAL, behaviour
from headgate.providers.sandbox.sender import JSON, SSE, Answered, misbehave, whole
from headgate.transport.base import Inbound, Outbound

CONTENT_TYPE = b"content-type"


async def perform(out: Outbound, path: bytes, now: int) -> Inbound:
    """Answer *out*, a request to *path*, at *now* seconds since 1970; raise as :mod:`media`."""
    if b"/audio/tr" in path:
        task = "translate" if path.endswith(b"/translations") else "transcribe"
        return _answered(out, *media.transcribed(out.body, _content_type(out), task))
    decoder: Any = DECODERS[path.removeprefix(b"/v1")]
    asked = typed(decoder, out.body)
    how = behaviour(asked.metadata)
    if how is not NORMAL and (failed := await misbehave(out, how)) is not None:
        return failed
    if isinstance(asked, wire.Judge):
        return whole(out, 200, media.judged(asked))
    if isinstance(asked, wire.Rank):
        return whole(out, 200, media.ranked(asked))
    if isinstance(asked, wire.Speak):
        return _answered(out, *media.said(asked))
    return _answered(out, (SSE if asked.stream else JSON)[1], media.drawn(asked, now))


DECODERS = {
    b"/moderations": wire.judge,
    b"/rerank": wire.rank,
    b"/images/generations": wire.draw,
    b"/audio/speech": wire.speak,
}


def _answered(out: Outbound, kind: bytes, made: Iterator[bytes]) -> Inbound:
    return Answered(out.origin, 200, [(CONTENT_TYPE, kind)], made, NORMAL)


def _content_type(out: Outbound) -> bytes:
    lines = (line.partition(b": ") for line in out.extra.split(b"\r\n"))
    return next((value for name, _, value in lines if name == CONTENT_TYPE), b"")
