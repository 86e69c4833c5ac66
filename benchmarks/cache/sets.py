"""The labelled pairs that the verifier is trained, calibrated and measured on. They stand outside this repository."""

from pathlib import Path
from zlib import crc32

import msgspec

FILE = Path(__file__).resolve().parents[2] / "../shared/data/cache/question_pairs_dev.jsonl"
HELD_OUT = 4
"""Tenths of the rows that are never trained on."""


class Pair(msgspec.Struct, frozen=True):
    """Two questions, and whether they ask the same."""

    a: str
    b: str
    same: int


def read(file: Path) -> list[Pair]:
    """Return the pairs of a file, a JSON object a line; none where it is absent."""
    if not file.exists():
        return []
    decoder = msgspec.json.Decoder(Pair)
    return [decoder.decode(line) for line in file.read_bytes().split(b"\n") if line.strip()]


def split(rows: list[Pair]) -> tuple[list[Pair], list[Pair]]:
    """Return what may be trained on and what may not: by the hash of the first question, and no question in both."""
    unseen = [row for row in rows if crc32(row.a.encode()) % 10 < HELD_OUT]
    known = {text for row in unseen for text in (row.a, row.b)}
    kept = {id(row) for row in unseen}
    return [row for row in rows if id(row) not in kept and row.a not in known and row.b not in known], unseen


def unseen(rows: list[Pair]) -> list[Pair]:
    """Return those of *rows* that share no question with what was trained on."""
    trained = {text for row in split(read(FILE))[0] for text in (row.a, row.b)}
    return [row for row in rows if row.a not in trained and row.b not in trained]
