"""How sure an answer must be to be given: from outcomes that were verified, so that a stated bound on wrong ones holds.

A share of all lookups is drawn at random; for these the model is asked in any case and its answer compared with the one
that would have been given. What is counted is therefore the share of wrong answers among all requests. Until there are
enough outcomes of one's own, those that the package brings stand in their place.
"""

import json
from collections import OrderedDict, deque
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files

import msgspec

from headgate.cache.semantic.bounds import NEVER, above, own_threshold, refuted, threshold

MOST = 5_000
"""Outcomes that are remembered; the oldest go first."""
ENOUGH = 1_000
"""Outcomes of one's own from which on the package's are no longer asked."""
SURE = 0.999
"""How surely fewer outcomes than these must refute the package's: they are looked at again after each one."""
FRESH = 100
"""New outcomes that end a time in which they were too old."""
FLOOR = 0.4
"""The score under which nothing is given, whatever the outcomes."""
FAMILIAR = 5
"""Outcomes of one entry from which on it has a threshold of its own."""
MOST_ENTRIES = 2_000
PER_ENTRY = 64


class Outcome(msgspec.Struct, frozen=True, array_like=True):
    """What became of one lookup that was drawn. ``at``: microseconds since 1970."""

    at: int
    score: float = 0.0
    """Of the best match; 0 where there was none."""
    right: bool = True
    key: bytes = b""
    """Of the entry that would have been given."""


class Shipped(msgspec.Struct, frozen=True):
    """What was counted before, on public questions: so many requests, and the scores of the wrong answers."""

    of: int
    wrong: tuple[float, ...]
    hits: tuple[float, ...] = ()
    """Scores of right answers, at every hundredth request: what share of requests a threshold serves."""


@lru_cache(maxsize=4)
def shipped(name: str) -> Shipped:
    """Return the counts that the package brings for the verifier *name*."""
    raw = (files("headgate.cache.semantic") / "data" / "calibration.json").read_bytes()
    return msgspec.convert(json.loads(raw)[name], Shipped)


class Calibration:
    """The thresholds of one tenant's part of a cache."""

    def __init__(self, before: Shipped, bound: float, stale_after: int, now: int) -> None:
        """*bound* is the share of requests that may be answered wrongly; *stale_after* is in seconds, 0 for never."""
        self._before = before
        self._bound = bound
        self._stale_after = stale_after * 1_000_000
        self._last = now
        self._owed = 0
        self._outcomes: deque[Outcome] = deque(maxlen=MOST)
        self._of_entry: OrderedDict[bytes, deque[tuple[float, bool]]] = OrderedDict()
        self._general: float | None = None

    def learn(self, outcome: Outcome) -> None:
        """Take note of an outcome, oldest first."""
        if self._stale_after and outcome.at - self._last > self._stale_after:
            self._owed = FRESH
        self._owed = max(0, self._owed - 1)
        self._last = max(self._last, outcome.at) if self._outcomes else outcome.at
        self._outcomes.append(outcome)
        self._general = None
        if outcome.key:
            own = self._of_entry.setdefault(outcome.key, deque(maxlen=PER_ENTRY))
            own.append((outcome.score, outcome.right))
            self._of_entry.move_to_end(outcome.key)
            if len(self._of_entry) > MOST_ENTRIES:
                self._of_entry.popitem(last=False)

    def stale(self, now: int) -> bool:
        """Whether the outcomes are too old to vouch for anything at *now*."""
        return bool(self._owed) or bool(self._stale_after and now - self._last > self._stale_after)

    def general(self) -> float:
        """Return the threshold for entries that are not known better."""
        if self._general is None:
            self._general = max(FLOOR, self._worked_out())
        return self._general

    def threshold(self, key: bytes) -> float:
        """Return the score from which on the entry *key* is given for another question."""
        general = self.general()
        own = self._of_entry.get(key)
        if own is None or general >= NEVER:
            return general
        if len(own) < FAMILIAR and all(right for _, right in own):
            return general
        return own_threshold(own, general, self._wrong_share(general), FLOOR)

    def _worked_out(self) -> float:
        wrong = [one.score for one in self._outcomes if not one.right]
        of = len(self._outcomes)
        if of >= ENOUGH:
            return threshold(wrong, of, self._bound)
        best = threshold(self._before.wrong, self._before.of, self._bound)
        # Too few of one's own to prove the bound, but enough perhaps to see that the package's do not fit here.
        for score in sorted(wrong):
            if score >= best and refuted(of, sum(other >= score for other in wrong), self._bound, SURE):
                best = above(score)
        return best

    def _wrong_share(self, general: float) -> float:
        """The share of hits, not of requests, that may be wrong under the bound."""
        if len(self._outcomes) >= ENOUGH:
            hits = sum(one.score >= general for one in self._outcomes) / len(self._outcomes)
        else:
            hits = _share_from(self._before.hits, general)
        return min(0.25, self._bound / hits) if hits else 0.25

    def __len__(self) -> int:
        return len(self._outcomes)


def _share_from(scores: Sequence[float], general: float) -> float:
    """The share of requests that a threshold serves, where *scores* are those of every hundredth, best first."""
    return sum(score >= general for score in scores) / 100 if scores else 0.0
