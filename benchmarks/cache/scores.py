"""What the product's own code makes of pairs: vectors, features, the rules' word."""

import sys
from array import array
from collections import defaultdict
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.cache.sets import Pair
from headgate.cache.semantic import guards, lexical, pairs
from headgate.cache.semantic.features import Rarity, features
from headgate.cache.semantic.words import Asked, asked

BATCH = 32
KEPT = Path(__file__).resolve().parents[2] / ".tools/bench-cache"


class Judged(msgspec.Struct):
    """A pair: the cosine of its vectors, the verifier's features, and whether rules refuse it."""

    cosine: float
    found: list[float]
    refused: str
    same: int


class Texts:
    """Questions taken apart, each once."""

    def __init__(self) -> None:
        self._known: dict[str, Asked] = {}

    def __getitem__(self, text: str) -> Asked:
        found = self._known.get(text)
        if found is None:
            found = self._known[text] = asked(text)
        return found


def vectors(model: Any, texts: Sequence[str]) -> dict[str, Any]:
    """Return the model's vectors of *texts*; those of one list of texts are kept in a file for the next run."""
    import numpy as np  # type: ignore[import-not-found,unused-ignore]

    name = blake2b("\0".join(texts).encode(), digest_size=12).hexdigest()
    file = KEPT / f"{name}.npy"
    if file.exists():
        return dict(zip(texts, np.load(file), strict=True))
    numbers = [model.tokens(text) for text in texts]
    equal: dict[int, list[int]] = defaultdict(list)
    for i, one in enumerate(numbers):
        equal[len(one)].append(i)
    found = np.zeros((len(texts), model.size), np.float32)
    done = 0
    for rows in equal.values():
        for start in range(0, len(rows), BATCH):
            part = rows[start : start + BATCH]
            found[part] = model.embed_equal([numbers[i] for i in part])
            if (done + len(part)) // 2000 > done // 2000:
                print(f"  {done + len(part):,} of {len(texts):,} questions embedded", file=sys.stderr, flush=True)
            done += len(part)
    KEPT.mkdir(parents=True, exist_ok=True)
    np.save(file, found)
    return dict(zip(texts, found, strict=True))


def lexical_vectors(texts: Sequence[str], rarity: Rarity) -> dict[str, Any]:
    """Return the vectors of *texts* by their words."""
    import numpy as np  # type: ignore[import-not-found,unused-ignore]

    return {text: np.frombuffer(lexical.vector(asked(text), rarity), np.float32) for text in texts}


def questions(rows: Iterable[Pair]) -> list[str]:
    return sorted({text for row in rows for text in (row.a, row.b)})


def refusal(row: Pair, texts: Texts, rarity: Rarity) -> str:
    """Why the rules refuse a pair; empty where they do not."""
    a, b = texts[row.a], texts[row.b]
    return guards.unfit(row.a, a) or guards.unfit(row.b, b) or guards.mismatch(a, b, row.a, row.b, rarity)


def judged_lexical(rows: Sequence[Pair], rarity: Rarity) -> list[Judged]:
    """Return the pairs as the cache sees them without a model."""
    texts = Texts()
    found = []
    for row in rows:
        a, b = texts[row.a], texts[row.b]
        cosine = lexical.cosine(lexical.vector(a, rarity), lexical.vector(b, rarity))
        found.append(Judged(cosine, features(a, b, cosine, rarity), refusal(row, texts, rarity), row.same))
    return found


def judged_minilm(rows: Sequence[Pair], rarity: Rarity, model: Any, *, extra: bool = True) -> list[Judged]:
    """Return the pairs as the cache sees them with the small model; without what is trained of it unless *extra*."""
    texts = Texts()
    known = vectors(model, questions(rows))
    found = []
    for row in rows:
        va, vb = known[row.a], known[row.b]
        cosine = float(va @ vb)
        one = features(texts[row.a], texts[row.b], cosine, rarity)
        if extra:
            a, b = array("f", va.tobytes()), array("f", vb.tobytes())
            one += pairs.features(model, (row.a, a), (row.b, b))
        found.append(Judged(cosine, one, refusal(row, texts, rarity), row.same))
    return found
