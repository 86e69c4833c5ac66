"""Inflate a request body sent as gzip or zlib, never past its limit."""

import asyncio
import zlib

from headgate.core.errors import BadRequest, TooLarge

_INLINE = 32 * 1024
"""Bodies up to this many compressed bytes are inflated on the loop, in steps that stay under a millisecond or two."""

_INLINE_OUT = 1024 * 1024
_MAX_MEMBERS = 64


async def inflate(data: bytes, limit: int) -> bytes:
    """Return what *data* holds. Raise ``TooLarge`` past *limit* bytes, ``BadRequest`` (``invalid_encoding``)."""
    if len(data) <= _INLINE:
        try:
            return inflate_now(data, min(limit, _INLINE_OUT))
        except TooLarge:
            if limit <= _INLINE_OUT:
                raise
    return await asyncio.to_thread(inflate_now, data, limit)


def inflate_now(data: bytes, limit: int) -> bytes:
    """Do as :func:`inflate`, at once."""
    out: list[bytes] = []
    room = limit
    for _ in range(_MAX_MEMBERS):
        # Both wrappers, told apart by their first bytes: clients that say deflate mean zlib.
        machine = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
        try:
            out.append(machine.decompress(data, room + 1))
        except zlib.error:
            raise _bad("is corrupt") from None
        room -= len(out[-1])
        if room < 0:
            raise TooLarge(f"The request body is larger than {limit} bytes when inflated.")
        if not machine.eof:
            raise _bad("is cut off")
        data = machine.unused_data
        if not data:
            return b"".join(out)
    raise _bad("has too many parts")


def _bad(why: str) -> BadRequest:
    return BadRequest(f"The compressed request body {why}.", code="invalid_encoding")
