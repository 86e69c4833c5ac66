"""Give an answer that was kept: to its caller like any other, settled as a call that cost nothing."""

import asyncio
from collections.abc import Iterator

from headgate.cache.shelf import Cache
from headgate.cache.types import Entry
from headgate.core.call import Call
from headgate.core.money import usd
from headgate.pipeline.answer import STREAM, cost_of, dispatched, limit_lines, stream_info
from headgate.pipeline.masked import restored, restoring
from headgate.pipeline.parts import Parts
from headgate.pipeline.relay import paced
from headgate.pipeline.reprint import Told
from headgate.pipeline.settle import finish

LONGEST = 30.0
"""Seconds between two pieces of a stream that is given with the pauses it came with."""


async def replay(call: Call, parts: Parts, cache: Cache, entry: Entry, told: Told) -> None:
    """Answer *call* with *told*, which is *entry* in the form that it asks for; ``call.cached`` says what it is."""
    call.finish = entry.finish
    call.tape = None
    if call.streaming:
        await _stream(call, parts, cache, entry, told.body)
    else:
        _whole(call, parts, entry, told.body)
    if call.keeper is not None and told.final is not None:
        call.keeper.put(call, restored(call.guard, told.final))


def _whole(call: Call, parts: Parts, entry: Entry, body: bytes) -> None:
    body = restored(call.guard, body)
    call.bytes_out = len(body)
    finish(call, parts)
    cost = f"x-headgate-cost: {usd(cost_of(call.attempts) or 0)}\r\n"
    call.link.respond(200, _head(call, entry, call.dialect.reply_type or "application/json", cost), body)


async def _stream(call: Call, parts: Parts, cache: Cache, entry: Entry, body: bytes) -> None:
    link, passing = call.link, restoring(call.guard, call)
    if call.pings is not None:
        call.pings.stop(call)
    if not link.mode:
        link.start(200, _head(call, entry, call.dialect.stream_type, STREAM))
    pieces = list(_pieces(cache, entry, body))
    last = b""
    for number, (wait, piece) in enumerate(pieces, 1):
        if wait:
            await asyncio.sleep(wait)
        final = number == len(pieces)
        out = await passing.pass_on(piece, final=final) if passing is not None else piece
        call.bytes_out += len(out)
        if final:
            last = out
        elif out:
            await _written(call, out)
    finish(call, parts)  # what a caller has seen is on record
    await _written(call, last + stream_info(call) if call.options.stream_info else last)
    link.end()
    link.on_close = None


async def _written(call: Call, out: bytes) -> None:
    if call.options.pace is not None:
        await paced(call, out)
    elif (blocked := call.link.write(out)) is not None:
        await blocked


def _pieces(cache: Cache, entry: Entry, body: bytes) -> Iterator[tuple[float, bytes]]:
    """Yield the pieces of a stream, each with the seconds to wait before it."""
    if cache.config.timing == "instant" or body is not entry.body or not entry.frames:
        yield 0.0, body
        return
    start, before = 0, entry.frames[0][0]
    for at, size in entry.frames:
        yield min((at - before) / 1000, LONGEST), body[start : start + size]
        start, before = start + size, at


def _head(call: Call, entry: Entry, kind: str, more: str) -> bytes:
    cached = call.cached
    assert cached is not None
    lines = (
        f"x-request-id: {call.id}\r\nx-headgate-model: {entry.model}\r\nx-headgate-provider: {entry.provider}\r\n"
        f"x-headgate-attempts: {dispatched(call)}\r\ncontent-type: {kind}\r\n{limit_lines(call)}{more}"
        f"x-headgate-cache: {cached.header}\r\nage: {int(cached.age_ms // 1000)}\r\n"
    )
    if cached.similarity is not None:
        bound = f"; bound={cached.bound:g}" if cached.bound is not None else ""
        lines += f"x-headgate-cache-match: semantic; similarity={cached.similarity:.4f}{bound}\r\n"
    if call.guard is not None:
        lines += call.guard.line()
    return lines.encode("ascii", "backslashreplace")
