"""Pictures without a model: real PNG files of coloured squares, chosen by the prompt.

The format is <https://www.w3.org/TR/png-3/>.
"""

import re
from hashlib import shake_128
from struct import pack
from zlib import compress, crc32

SIGNATURE = b"\x89PNG\r\n\x1a\n"
SIZE = re.compile(r"([1-9]\d{0,3})x([1-9]\d{0,3})\Z")
MAX_SIDE = 2048
SIDE = 256
SQUARES = 8


def measured(size: str | None) -> tuple[int, int] | None:
    """Return width and height in pixels; ``None`` for what is no size."""
    if size in (None, "auto"):
        return SIDE, SIDE
    found = SIZE.match(size or "")
    width, height = (int(found[1]), int(found[2])) if found else (0, 0)
    return (width, height) if 1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE else None


def picture(seed: bytes, width: int, height: int) -> bytes:
    """Return a PNG file: ``SQUARES`` by ``SQUARES`` squares in up to 16 colours."""
    dice = shake_128(seed).digest(48 + SQUARES * SQUARES)
    colours, squares = dice[:48], dice[48:]
    lines = []
    for row in range(SQUARES):
        line = b"".join(
            bytes([squares[row * SQUARES + column] & 15]) * (_edge(column + 1, width) - _edge(column, width))
            for column in range(SQUARES)
        )
        lines.append((b"\0" + line) * (_edge(row + 1, height) - _edge(row, height)))
    head = pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    body = compress(b"".join(lines), 1)
    return SIGNATURE + _chunk(b"IHDR", head) + _chunk(b"PLTE", colours) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _edge(number: int, length: int) -> int:
    return number * length // SQUARES


def _chunk(kind: bytes, data: bytes) -> bytes:
    return pack(">I", len(data)) + kind + data + pack(">I", crc32(kind + data))
