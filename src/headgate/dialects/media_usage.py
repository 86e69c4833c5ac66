"""What pictures and sound used: as OpenAI reports it, and as far as it can be told where nothing is reported."""

import re

import msgspec

from headgate.core.money import Usage
from headgate.dialects.watch import believable

BYTES_PER_TOKEN = 4
"""Of text, in the mean."""
TOKENS_PER_SECOND = 10
"""Of sound heard, in OpenAI's models; what they say aloud is twice as many."""
CHARACTER_MS = 65
"""Milliseconds that a character of text takes to be said."""
PCM = 48
"""Bytes of a millisecond of uncompressed speech: 24,000 samples of 16 bits a second."""
COMPRESSED = 8
"""Bytes of a millisecond of sound at 64 kbit/s."""
_STAMP = re.compile(rb"--> *(?:(\d+):)?(\d+):(\d+)[.,](\d{3})")


class _Shares(msgspec.Struct, gc=False):
    audio_tokens: int | None = None
    image_tokens: int | None = None
    cached_tokens: int | None = None


class Reported(msgspec.Struct, gc=False):
    """A ``usage`` object: of tokens (both names that are in use), or of a duration."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    seconds: float | None = None
    input_tokens_details: _Shares | None = None
    input_token_details: _Shares | None = None
    output_tokens_details: _Shares | None = None


def usage_of(said: Reported | None) -> Usage | None:
    """Return the usage in our own arithmetic; ``None`` where there is none, or none that can be believed."""
    if said is None:
        return None
    taken = said.input_tokens if said.input_tokens is not None else said.prompt_tokens
    if taken is None:
        if said.seconds is None or not 0 <= said.seconds < 10**9:
            return None
        return Usage(milliseconds=round(said.seconds * 1000))
    made = said.output_tokens if said.output_tokens is not None else said.completion_tokens
    heard = said.input_tokens_details or said.input_token_details or _Shares()
    told = said.output_tokens_details or _Shares()
    usage = Usage(
        input=taken,
        output=made or 0,
        cached=heard.cached_tokens or 0,
        audio_input=heard.audio_tokens or 0,
        image_input=heard.image_tokens or 0,
        audio_output=told.audio_tokens or 0,
        image_output=told.image_tokens or 0,
    )
    return usage if believable(usage) else None


def duration(sound: memoryview) -> int:
    """Return how many milliseconds a file lasts: exactly for a WAV file, else by a usual rate."""
    head = bytes(sound[:44])
    if head[:4] == b"RIFF" and head[8:16] == b"WAVEfmt ":
        rate = int.from_bytes(head[28:32], "little")
        if rate:
            return (len(sound) - 44) * 1000 // rate
    return len(sound) // COMPRESSED


def last_stamp(subtitles: bytes) -> int | None:
    """Return the millisecond at which SRT or WebVTT subtitles end."""
    found = _STAMP.findall(subtitles)
    if not found:
        return None
    hours, minutes, seconds, milliseconds = (int(part or 0) for part in found[-1])
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + milliseconds
