"""The labelled sets that detectors are trained and measured on. They stand outside this repository; absent ones are
skipped and named."""

import json
import re
from pathlib import Path
from zlib import crc32

import msgspec

FOLDER = Path(__file__).resolve().parents[2] / "../shared/data/guard"


class Row(msgspec.Struct):
    """A text, whether it is an attack (1) or not (0), and where it comes from."""

    text: str
    label: int
    source: str = ""


class Marked(msgspec.Struct):
    """A text, and what stands where in it."""

    text: str
    spans: list[dict[str, object]]


def rows(name: str) -> list[Row]:
    """Return the rows of a set of ours by *name*, or of a file by its path; none where it is absent."""
    path = Path(name) if name.endswith(".jsonl") and Path(name).exists() else FOLDER / f"{name}.jsonl"
    if not path.exists():
        return []
    return [msgspec.convert(json.loads(line), Row) for line in path.read_text().split("\n") if line]


def marked(name: str) -> list[Marked]:
    """Return the texts of a set whose spans are marked."""
    path = Path(name) if name.endswith(".jsonl") and Path(name).exists() else FOLDER / f"{name}.jsonl"
    if not path.exists():
        return []
    return [msgspec.convert(json.loads(line), Marked) for line in path.read_text().split("\n") if line]


def kept_unseen(text: str) -> bool:
    """Whether *text* belongs to the fixed fifth of every training source that is never trained on."""
    return crc32(text.encode("utf-8", "replace")) % 5 == 0


def phrases(text: str, words: int = 5) -> set[tuple[str, ...]]:
    """Return every run of so many *words*: a text that shares one with a measured row must not be trained on."""
    found = re.findall(r"\w+", text.lower())
    return {tuple(found[i : i + words]) for i in range(len(found) - words + 1)}
