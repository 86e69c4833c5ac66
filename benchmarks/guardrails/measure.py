"""What detectors find of what is there, and how long they take."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from time import perf_counter

import msgspec

from benchmarks.guardrails.sets import Marked, Row
from headgate.guardrails.pii import Pii

TYPES = {
    "CREDIT_CARD": "card",
    "PHONE_NUMBER": "phone",
    "EMAIL_ADDRESS": "email",
    "IBAN_CODE": "iban",
    "US_SSN": "us_ssn",
    "IP_ADDRESS": "ip",
    "DOMAIN_NAME": "url",
}
"""What the marked texts call it -> what we do."""


Find = Callable[[str], list[tuple[int, int, str]]]
"""What is found in a text: start, end and type."""


class Score(msgspec.Struct, frozen=True):
    """Counts of one type."""

    right: int
    wrong: int
    missed: int

    @property
    def precision(self) -> float:
        return self.right / max(self.right + self.wrong, 1)

    @property
    def recall(self) -> float:
        return self.right / max(self.right + self.missed, 1)

    @property
    def f1(self) -> float:
        return 2 * self.precision * self.recall / max(self.precision + self.recall, 1e-9)


def ours() -> Find:
    return Pii(types=["email", "phone", "card", "iban", "national_id", "ip", "url"]).find


def pii_scores(rows: Iterable[Marked], find: Find | None = None) -> dict[str, Score]:
    """Return what *find* makes of the marked texts, by type; an overlap of the right type counts as found, once."""
    find = find or ours()
    right, wrong, missed = Counter[str](), Counter[str](), Counter[str]()
    for row in rows:
        marked = [(int(s["start"]), int(s["end"]), TYPES[str(s["type"])]) for s in row.spans if s["type"] in TYPES]  # type: ignore[call-overload]
        for start, end, kind in find(row.text):
            hit = next((one for one in marked if one[2] == kind and one[0] < end and start < one[1]), None)
            if hit is None:
                wrong[kind] += 1
            else:
                marked.remove(hit)
                right[kind] += 1
        missed.update(kind for _, _, kind in marked)
    return {kind: Score(right[kind], wrong[kind], missed[kind]) for kind in sorted({*right, *missed} or wrong)}


def shares(rows: Sequence[Row], flagged: Callable[[str], bool]) -> dict[tuple[str, int], tuple[int, int]]:
    """Return by source and label how many of how many rows are judged right."""
    found: dict[tuple[str, int], tuple[int, int]] = {}
    for row in rows:
        right, of = found.get((row.source, row.label), (0, 0))
        found[row.source, row.label] = right + (flagged(row.text) == bool(row.label)), of + 1
    return found


def times(texts: Sequence[str], run: Callable[[str], object]) -> tuple[float, float]:
    """Return the median and the 99th percentile of the milliseconds that *run* takes for a text."""
    taken = []
    for text in texts:
        began = perf_counter()
        run(text)
        taken.append((perf_counter() - began) * 1000)
    return middle_and_high(taken)


def middle_and_high(taken: list[float]) -> tuple[float, float]:
    """Return the median and the 99th percentile of *taken*."""
    taken = sorted(taken)
    return taken[len(taken) // 2], taken[min(int(len(taken) * 0.99), len(taken) - 1)]
