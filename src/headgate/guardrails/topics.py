"""What a text is about, by the words that go with a topic."""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache

from msgspec import field

from headgate.guardrails.lexicon import categories, phrases
from headgate.guardrails.phrases import Phrases, faults_of
from headgate.guardrails.scan import Folded
from headgate.guardrails.types import ALLOW, MOST_KEPT, Finding, Guardrail, Means, Span, Verdict


class Topics(Guardrail, frozen=True, kw_only=True):
    """Topics that are not wanted, of the list that comes with it or by words of one's own."""

    deny: list[str] = field(default_factory=list)
    """Of: politics, religion, medical, legal, finance, gambling, weapons, drugs, adult, crypto."""
    own: dict[str, list[str]] = field(default_factory=dict)
    """More topics: name -> the words and phrases that go with it, each of 512 characters at most."""
    least: int = 2
    """Different words of a topic that must occur before a text counts as being about it."""

    def check(self, spans: Sequence[Span], means: Means) -> Verdict:
        """See ``Guardrail``."""
        findings: list[Finding] = []
        for i, span in enumerate(spans):
            seen: dict[str, set[str]] = {}
            places: list[tuple[int, int, str]] = []
            folded = Folded(span.text)
            for finder in self._finders():
                places += finder.find(folded.text)
            for start, end, name in places:
                seen.setdefault(name, set()).add(folded.text[start:end].lower())
            about = Counter({name: len(words) for name, words in seen.items() if len(words) >= self.least})
            findings += [
                Finding(i, folded.back(start, len(span.text)), folded.end(end), name)
                for start, end, name in places
                if name in about
            ]
        return self.verdict(findings) if findings else ALLOW

    def _finders(self) -> list[Phrases]:
        found = [phrases("topics", tuple(self.deny))] if self.deny else []
        if self.own:
            found.append(_own(tuple((name, tuple(words)) for name, words in self.own.items())))
        return found

    def faults(self) -> Iterator[tuple[str, str]]:
        """See ``Guardrail``."""
        yield from super().faults()
        known = categories("topics")
        for name in self.deny:
            if name not in known:
                yield "deny", f"{name!r} is no topic of the list; there are {', '.join(sorted(known))}"
        if not self.deny and not self.own:
            yield "deny", "must name at least one topic, or `own` must"
        for words in self.own.values():
            yield from faults_of("own", words)
        if self.action == "mask":
            yield "action", "a topic cannot be masked: use `block`, `flag`, `reask` or `reroute`"


@lru_cache(MOST_KEPT)
def _own(topics: tuple[tuple[str, tuple[str, ...]], ...]) -> Phrases:
    return Phrases([(word, name) for name, words in topics for word in words])
