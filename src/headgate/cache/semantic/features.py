"""What tells whether two questions ask the same: the numbers that the verifier judges by. Pure."""

from collections.abc import Iterable
from math import log, sqrt

from headgate.cache.semantic.words import Asked, opposed

NAMES = (
    "cosine", "idf_cosine", "bigram_cosine", "gram_cosine", "jaccard", "stem_jaccard", "rarest", "rarest_less",
    "unmatched_most", "unmatched_least", "unmatched_share", "count_unmatched_most", "count_unmatched_least", "length",
    "length_ratio", "order", "first_same", "first_pair_same", "last_same", "numbers", "names", "names_least",
    "negation", "opposite", "rarest_common", "wh_pair", "question_kind", "gram_nearest", "common_idf", "prefix", "edit",
)  # fmt: skip
FIRSTS = ("what", "how", "why", "when", "where", "who", "which", "is", "can", "do", "should", "will")
_KINDS = {"is": "is", "are": "is", "was": "is", "were": "is", "do": "do", "does": "do", "did": "do", "has": "do",
          "have": "do", "can": "can", "could": "can", "may": "can", "should": "should", "shall": "should",
          "must": "should", "will": "will", "would": "will"}  # fmt: skip


class Rarity:
    """How rare words are."""

    def __init__(self, known: dict[str, float]) -> None:
        self._known = known
        self.most = max(known.values(), default=8.0) + 1.0

    def __call__(self, stem: str) -> float:
        """Return the idf of *stem*."""
        return self._known.get(stem, self.most)


def features(a: Asked, b: Asked, cosine: float, rarity: Rarity) -> list[float]:
    """Return the numbers of ``NAMES`` for two questions; the same whichever stands first."""
    sa, sb = set(a.stems), set(b.stems)
    common = sa & sb
    only = [_rarities(sa - common, rarity), _rarities(sb - common, rarity)]
    weights_a, weights_b, weights_c = (sum(r * r for r in _rarities(s, rarity)) for s in (sa, sb, common))
    sums = sorted((sum(one) for one in only), reverse=True)
    most = sorted((one[0] if one else 0.0 for one in only), reverse=True)
    counts = sorted((len(one) for one in only), reverse=True)
    shared = _rarities(common, rarity)
    total = sum(sums) + 2 * sum(shared)
    la, lb = len(a.stems), len(b.stems)
    ba, bb = set(zip(a.stems, a.stems[1:], strict=False)), set(zip(b.stems, b.stems[1:], strict=False))
    names = sorted((len(a.names - set(b.words)), len(b.names - set(a.words))), reverse=True)
    first_a, first_b = _first(a.words), _first(b.words)
    return [
        cosine,
        weights_c / sqrt(weights_a * weights_b) if weights_a and weights_b else 0.0,
        _set_cosine(ba, bb),
        _set_cosine(a.grams, b.grams),
        len(common) / max(1, len(sa | sb)),
        len(set(a.words) & set(b.words)) / max(1, len(set(a.words) | set(b.words))),
        most[0],
        most[1],
        sums[0],
        sums[1],
        sum(sums) / total if total else 0.0,
        counts[0],
        counts[1],
        log(1 + max(la, lb)),
        min(la, lb) / max(1, la, lb),
        _longest_common(a.stems, b.stems) / max(1, len(common)),
        float(a.words[:1] == b.words[:1]),
        float(a.words[:2] == b.words[:2]),
        float(a.words[-1:] == b.words[-1:]),
        float(len(a.numbers ^ b.numbers)),
        names[0],
        names[1],
        float(a.negated != b.negated),
        float(any(opposed(x, y) for x in set(a.words) - set(b.words) for y in set(b.words) - set(a.words))),
        shared[0] if shared else 0.0,
        _pair(first_a, first_b),
        float(first_a != first_b),
        _nearest_gram(sa - common, sb - common, rarity),
        sum(shared),
        _prefix(a.stems, b.stems) / max(1, min(la, lb)),
        1 - _longest_common(a.stems, b.stems) / max(1, la, lb),
    ]


def _rarities(stems: Iterable[str], rarity: Rarity) -> list[float]:
    return sorted([rarity(stem) for stem in stems], reverse=True)


def _set_cosine(a: frozenset[str] | set[tuple[str, str]], b: frozenset[str] | set[tuple[str, str]]) -> float:
    return len(a & b) / sqrt(len(a) * len(b)) if a and b else 0.0


def _first(words: tuple[str, ...]) -> str:
    for word in words[:3]:
        if word in FIRSTS:
            return word
        if word in _KINDS:
            return _KINDS[word]
    return ""


def _pair(a: str, b: str) -> float:
    """A number for the pair of what two questions begin with, the same in both orders."""
    known = ("", *FIRSTS)
    i, j = sorted((known.index(a) if a in known else 0, known.index(b) if b in known else 0))
    return float(i * len(known) + j)


def _longest_common(a: tuple[str, ...], b: tuple[str, ...]) -> int:
    """Length of the longest run of words, with gaps, that both have in the same order."""
    a, b = a[:48], b[:48]
    row = [0] * (len(b) + 1)
    for x in a:
        before = 0
        for j, y in enumerate(b, 1):
            kept = row[j]
            if x == y:
                row[j] = before + 1
            elif row[j - 1] > kept:
                row[j] = row[j - 1]
            before = kept
    return row[-1]


def _prefix(a: tuple[str, ...], b: tuple[str, ...]) -> int:
    count = 0
    for x, y in zip(a, b, strict=False):
        if x != y:
            break
        count += 1
    return count


def _nearest_gram(a: set[str], b: set[str], rarity: Rarity) -> float:
    """How rare the rarest word is for which the other question has none that is written alike."""
    worst = 0.0
    for mine, others in ((a, b), (b, a)):
        for word in mine:
            if not any(_alike(word, other) for other in others):
                worst = max(worst, rarity(word))
    return worst


def _alike(a: str, b: str) -> bool:
    if abs(len(a) - len(b)) > 3 or min(len(a), len(b)) < 4:
        return False
    return a[:4] == b[:4] or len(set(a) & set(b)) >= max(len(set(a)), len(set(b))) - 1
