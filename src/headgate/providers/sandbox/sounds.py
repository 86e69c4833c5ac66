"""Speech without a model: a real WAV file with a tone for every character, and the text beside them.

The text stands in the file as its comment, so that the sandbox can write down again what it said.
"""

from array import array
from collections.abc import Iterator
from functools import cache
from math import pi, sin
from struct import pack, unpack_from
from sys import byteorder

RATE = 24_000
SAMPLES = RATE * 65 // 1000
"""Of one character."""
MAX_TEXT = 4096
TONES = 24
COMMENT = b"ICMT"


@cache
def tone(number: int) -> bytes:
    """Return the samples of one of ``TONES`` notes, soft at both ends."""
    pitch = 220.0 * 2 ** (number / 12)
    made = array("h", [_sample(pitch, at) for at in range(SAMPLES)])
    if byteorder == "big":
        made.byteswap()
    return made.tobytes()


def _sample(pitch: float, at: int) -> int:
    fade = min(at, SAMPLES - at, 240) / 240
    return round(9000 * fade * sin(2 * pi * pitch * at / RATE))


def spoken(text: str) -> Iterator[bytes]:
    """Yield the sound of *text*, character by character."""
    silence = bytes(SAMPLES * 2)
    for letter in text:
        yield silence if letter.isspace() else tone(ord(letter) % TONES)


def wav(text: str) -> Iterator[bytes]:
    """Yield a WAV file of *text*: header, samples, comment."""
    size = len(text) * SAMPLES * 2
    said = text.encode("utf-8", "replace")
    padded = said + b"\0" * (2 - len(said) % 2)
    comment = b"LIST" + pack("<I", 12 + len(padded)) + b"INFO" + COMMENT + pack("<I", len(padded)) + padded
    yield (
        b"RIFF"
        + pack("<I", 36 + size + len(comment))
        + b"WAVEfmt "
        + pack("<IHHIIHH", 16, 1, 1, RATE, RATE * 2, 2, 16)
        + b"data"
        + pack("<I", size)
    )
    yield from spoken(text)
    yield comment


def heard(sound: memoryview) -> tuple[str | None, float]:
    """Return what a file says about itself, if anything, and how many seconds it lasts."""
    if bytes(sound[:4]) != b"RIFF" or bytes(sound[8:12]) != b"WAVE":
        return None, len(sound) / 8000
    at, rate, seconds, text = 12, 0, 0.0, None
    while at + 8 <= len(sound):
        kind, size = bytes(sound[at : at + 4]), unpack_from("<I", sound, at + 4)[0]
        start, at = at + 8, at + 8 + size + size % 2
        if kind == b"fmt " and size >= 16 and start + 16 <= len(sound):
            rate = unpack_from("<I", sound, start + 8)[0]
        elif kind == b"data" and rate:
            seconds = min(size, len(sound) - start) / rate
        elif kind == b"LIST" and bytes(sound[start + 4 : start + 8]) == COMMENT:
            text = bytes(sound[start + 12 : start + size]).rstrip(b"\0").decode("utf-8", "replace")
    return text, seconds
