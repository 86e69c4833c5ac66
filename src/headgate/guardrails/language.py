"""Which language a text is in, by its script and its commonest words. Short texts are left undecided."""

import re
from collections.abc import Iterator, Sequence

from headgate.guardrails.types import ALLOW, Guardrail, Means, Span, Verdict

COMMON: dict[str, str] = {
    "en": "the of and to in is that it for you with on as are this be have not was but they from what your can a an do "
    "does did which who where how when why would could should will there has had been by at or if we he she his her "
    "their my me us its than then into about write use find given between using number function many most some any no",
    "de": "der die und das ist nicht ich sie mit ein eine auf den von zu wie auch für es dem wird sind kann bei",
    "fr": "le la les de et est une que pour dans des pas vous qui sur avec ce il nous plus mais au je sont",
    "es": "el la los de y que en es una por con para no las del se su como más pero al lo está son",
    "pt": "o os de e que em um uma para com não por mais do da no na se como mas ao são você está",
    "it": "il la di che e è un una per non con sono del della in si come le più ma gli anche questo",
    "nl": "de het een en van ik niet dat is op te zijn voor met die je er maar ook aan wat bij als",
    "pl": "nie i w na się jest z że do to jak co ale po za czy tak od dla przez są",
    "sv": "och att det som en är på för med jag inte den till av har om ett vi kan men var",
    "da": "og at det som en er på for med jeg ikke den til af har om et vi kan men var",
    "no": "og at det som en er på for med jeg ikke den til av har om et vi kan men hva",
    "fi": "ja on ei että se hän oli ovat mutta kun niin mitä joka myös olen tämä sen",
    "cs": "je a na se že to v s z do jak ale pro jsem není tak co by když jsou",
    "ro": "și în de la nu este cu pe că o un să pentru mai din ce care sunt dar",
    "hu": "a az és nem hogy is egy van de meg ez csak mint volt már vagy ha kell",
    "tr": "ve bir bu için ile da de ne çok daha gibi ama olarak var mı ben sen değil",
    "id": "yang dan di untuk dengan tidak ini dari itu pada adalah saya akan ada anda bisa ke",
    "vi": "là của và không có được cho một những người trong với đã các này để như thì",
    "ru": "и в не на что я с как это по но из за от для к так вы бы все же",
    "uk": "і в не на що я з як це по але із за від для до так ви би все та є",
}
SCRIPTS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("ja", re.compile("[\u3040-\u30ff]")),
    ("ko", re.compile("[\uac00-\ud7af\u1100-\u11ff]")),
    ("zh", re.compile("[\u4e00-\u9fff]")),
    ("ar", re.compile("[\u0600-\u06ff]")),
    ("he", re.compile("[\u0590-\u05ff]")),
    ("el", re.compile("[\u0370-\u03ff]")),
    ("th", re.compile("[\u0e00-\u0e7f]")),
    ("hi", re.compile("[\u0900-\u097f]")),
)
_WORDS = re.compile(r"[^\W\d_]+")
_WHOSE: dict[str, list[str]] = {}
for _language, _said in COMMON.items():
    for _word in _said.split():
        _WHOSE.setdefault(_word, []).append(_language)
LEAST_WORDS = 5
LOOKED_AT = 4000
MARGIN = 1.5


class Language(Guardrail, frozen=True, kw_only=True):
    """Only some languages. A text too short to tell passes."""

    allow: list[str]
    """Two letters each: ``en``, ``de`` ... Known are those of ``COMMON`` and of the scripts."""

    def check(self, spans: Sequence[Span], means: Means) -> Verdict:
        """See ``Guardrail``."""
        others = {name for span in spans if (name := told(span.text)) is not None and name not in self.allow}
        return self.verdict((), f"is in {', '.join(sorted(others))}") if others else ALLOW

    def faults(self) -> Iterator[tuple[str, str]]:
        """See ``Guardrail``."""
        yield from super().faults()
        known = {*COMMON, *(name for name, _ in SCRIPTS)}
        for name in self.allow:
            if name not in known:
                yield "allow", f"{name!r} is not known; known are {', '.join(sorted(known))}"
        if not self.allow:
            yield "allow", "must name at least one language"
        if self.action == "mask":
            yield "action", "a language cannot be masked: use `block` or `flag`"


def told(text: str) -> str | None:
    """Return the language of *text*, or ``None`` where it cannot be told."""
    text = text[:LOOKED_AT]
    letters = sum([c.isalpha() for c in text])
    if letters < 4:
        return None
    for name, script in SCRIPTS:
        share = len(script.findall(text)) / letters
        if share > 0.3 or (name == "ja" and share > 0.08):
            return name
    words = [word.lower() for word in _WORDS.findall(text)]
    if len(words) < LEAST_WORDS:
        return None
    counts: dict[str, float] = {}
    for word in words:
        whose = _WHOSE.get(word, ())
        for name in whose:  # a word of many languages tells little
            counts[name] = counts.get(name, 0.0) + 1 / len(whose)
    ranked = sorted(counts.items(), key=lambda one: -one[1])[:2]
    if not ranked or ranked[0][1] < max(1.5, len(words) / 16):
        return None
    return ranked[0][0] if len(ranked) < 2 or ranked[0][1] > MARGIN * ranked[1][1] else None
