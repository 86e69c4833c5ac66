"""Prompt injection and jailbreak: a trained classifier, and rules for what it cannot have seen.

The classifier knows families of attacks; rules know their marks in twenty languages, and what is hidden in an encoding.
Both run offline. Error rates on public sets: ``docs/how-to/guardrails.md``.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from typing import ClassVar

from msgspec import field

from headgate.guardrails import linear
from headgate.guardrails.lexicon import expressions
from headgate.guardrails.types import ALLOW, Finding, Guardrail, Means, Side, Span, Verdict

_ENCODED = re.compile(r"(?<![A-Za-z0-9+/=])[A-Za-z0-9+/]{24,2000}={0,2}(?![A-Za-z0-9+/=])")
_TAGS = re.compile("[\U000e0020-\U000e007e]+")
RULE_SCORE = 0.97
MOST_ENCODED = 8


class Injection(Guardrail, frozen=True, kw_only=True):
    """Text that tries to give the model other orders than those of its operator."""

    reads: ClassVar[frozenset[str]] = frozenset(("user", "tool_result", "document"))

    on: list[Side] = field(default_factory=lambda: ["input"])
    threshold: float = 0.6
    """From which score on a text counts as an attack, 0 to 1."""

    def check(self, spans: Sequence[Span], means: Means) -> Verdict:
        """See ``Guardrail``."""
        scored = [(i, *judged(span.text)) for i, span in enumerate(spans) if span.text]
        found = [
            Finding(i, 0, len(spans[i].text), kind, round(score, 3))
            for i, score, kind in scored
            if score >= self.threshold
        ]
        if not found:
            return ALLOW
        return self.verdict(found, score=max(one.score for one in found))


def judged(text: str) -> tuple[float, str]:
    """Return how much *text* looks like an attack, 0 to 1, and what gave that away."""
    best = _of_plain(text)
    for hidden in _hidden(text):
        score, kind = _of_plain(hidden)
        if score > best[0]:
            best = score, f"hidden_{kind}"
    return best


def _of_plain(text: str) -> tuple[float, str]:
    plain = linear.plain(text)
    for name, rule in expressions("injection_rules"):
        if rule.search(plain):
            return RULE_SCORE, name
    return linear.load("injection").score(text), "classifier"


def _hidden(text: str) -> list[str]:
    """What is written in base64, or in characters that nobody sees."""
    found = ["".join([chr(ord(c) - 0xE0000) for c in one[0]]) for one in _TAGS.finditer(text)]
    for one in list(_ENCODED.finditer(text))[:MOST_ENCODED]:
        try:
            raw = base64.b64decode(one[0] + "=" * (-len(one[0]) % 4), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            continue
        if raw.isprintable() and " " in raw:
            found.append(raw)
    return found
