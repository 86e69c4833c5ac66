"""Rules that stand before every judgement: what is never answered for another, and what must agree. Pure.

No score talks its way past them: two questions may be alike in every word but the one that matters.
"""

import re
from typing import Literal

from headgate.cache.semantic.features import Rarity
from headgate.cache.semantic.words import LONGEST, NEGATIONS, OWN, Asked, listed, opposed, stem, timely

Unfit = Literal["", "empty", "too_long", "time", "own", "identifier", "code"]
Mismatch = Literal["", "numbers", "names", "dates", "negation", "opposite", "order", "language", "quoted"]

NAME = 3.0
"""How rare (idf) a word with a capital must be to count as a name that the other question must have too."""
_IDENTIFIER = re.compile(
    r"<[A-Z_]+_[0-9a-f]{4,}>"  # a value that was masked
    r"|[\w.+-]+@[\w-]+\.\w|https?://"
    r"|\b(?=\w*\d)(?=\w*[A-Za-z])[\w-]{9,}\b|\b[0-9a-fA-F]{16,}\b|\d{7,}"
)
_PERSONAL = re.compile(
    r"\b(?:my|our) (?:\w+ ){0,2}(?:account|order|invoice|ticket|subscription|balance|bill|payment|booking|reservation"
    r"|case|claim|address|appointment|contract|statement|file|document|email|name|password|salary|data|customer|team|company"
    r"|project)s?\b"
    r"|\b(?:i am|i'm) (?:called|a customer)\b|\bmein(?:e|en|er|em)? (?:konto|bestellung|rechnung|vertrag|name|termin)\b"
    r"|\b(?:mon|ma|mes|mi|mis) (?:compte|commande|facture|contrat|nom|cuenta|pedido|factura|contrato|nombre)\b"
)
_CODE = re.compile(r"```|\b(?:def|class|import|function|const|SELECT|INSERT|UPDATE) \w|[{};]\s*\n|=>|==")
_QUOTED = re.compile(r"[\"“”«»]([^\"“”«»]{1,200})[\"“”«»]|(?<!\w)['‘]([^'’\n]{2,100})['’](?!\w)")
_DATES = listed(
    """january february march april may june july august september october november december monday tuesday wednesday
    thursday friday saturday sunday christmas easter ramadan diwali spring summer autumn winter januar februar märz mai
    juni juli oktober dezember montag dienstag mittwoch donnerstag freitag samstag sonntag"""
)
_SMALL = listed("of the and for in a an to de du des la le der die das und y el")
_WAYS = listed("to into onto from than before after over under by against zu von nach als à vers depuis a desde hacia")
_TOGETHER = listed("and or vs versus between und oder et ou y o e")
_LITTLE = (
    _WAYS
    | _TOGETHER
    | _SMALL
    | listed(
        "is are was were do does did how what why which who can could should would will i you we it my your be been"
        " have has in on at with as that this these those there if when where me get one some any best way ways"
    )
)
_LANGUAGES = {
    "en": "the is are what how do does can i to of in for and you my best which why",
    "de": "der die das ist sind was wie ich zu von für und ein eine nicht kann welche warum mit",
    "fr": "le la les est sont que comment je de du des pour et un une pas quel quelle pourquoi",
    "es": "el la los es son qué cómo yo de para y un una no cuál por puedo",
    "it": "il lo gli è sono che come io di per e un una non quale perché posso",
    "pt": "o os é são que como eu de para e um uma não qual por posso",
    "nl": "de het een is zijn wat hoe ik te van voor en niet kan welke waarom",
}
_FUNCTION_WORDS = {language: listed(words) for language, words in _LANGUAGES.items()}


def unfit(text: str, found: Asked) -> Unfit:
    """Say why a question is neither answered for another nor another for it; empty where it may be."""
    if not found.words:
        return "empty"
    if len(text) > LONGEST:
        return "too_long"
    if timely(found, text):
        return "time"
    if _IDENTIFIER.search(text):
        return "identifier"
    if _CODE.search(text):
        return "code"
    return "own" if not OWN.isdisjoint(found.words) and _PERSONAL.search(text.lower()) else ""


def mismatch(a: Asked, b: Asked, text_a: str, text_b: str, rarity: Rarity) -> Mismatch:
    """Say in what two questions disagree that must be the same; empty where in nothing."""
    if a.numbers != b.numbers:
        return "numbers"
    words_a, words_b = set(a.words), set(b.words)
    if a.scripts != b.scripts or _languages(words_a).isdisjoint(_languages(words_b)):
        return "language"
    if words_a & _DATES != words_b & _DATES:
        return "dates"
    if a.negated != b.negated or len(words_a & NEGATIONS) != len(words_b & NEGATIONS):
        return "negation"
    if _named_apart(a, b, rarity):
        return "names"
    only_a, only_b = words_a - words_b, words_b - words_a
    if any(opposed(x, y) for x in only_a for y in only_b):
        return "opposite"
    if _turned(a, b):
        return "order"
    return "quoted" if _quoted(text_a) != _quoted(text_b) else ""


def _named_apart(a: Asked, b: Asked, rarity: Rarity) -> bool:
    """Whether one question has a name that the other has not; both, where a word with a capital is a common one."""
    only_a, only_b = _unshared(a, b), _unshared(b, a)
    return bool(only_a and only_b) or any(rarity(name) >= NAME for name in (*only_a, *only_b))


def _turned(a: Asked, b: Asked) -> bool:
    """Whether two words have changed places around one that says which way (``from x to y``), or nothing else changed.

    Around ``and`` and ``or`` they may.
    """
    one, other = _neighbours(a), _neighbours(b)
    same = sorted(stem for pair in one for stem in pair) == sorted(stem for pair in other for stem in pair)
    return any(x != y and (y, x) in other and (same or (directed and other[y, x])) for (x, y), directed in one.items())


def _neighbours(found: Asked) -> dict[tuple[str, str], bool]:
    """Each two words that follow each other but for small ones -> whether one that says which way is between."""
    pairs: dict[tuple[str, str], bool] = {}
    last, between = "", set[str]()
    for word, stemmed in zip(found.words, found.stems, strict=True):
        if word in _LITTLE:
            between.add(word)
            continue
        if last and between.isdisjoint(_TOGETHER):
            pairs[last, stemmed] = not between.isdisjoint(_WAYS)
        last, between = stemmed, set()
    return pairs


def _unshared(a: Asked, b: Asked) -> list[str]:
    """The names of *a* that *b* does not have: as a word, as one of its stock, or spelled out in either."""
    found = [name for name in a.names if name not in b.words and stem(name) not in b.stems]
    if not found:
        return found
    spelled, letters = _spelled(a.words, b.words), _spelled(b.words, a.words)
    return [
        name
        for name in map(stem, found)
        if name not in spelled
        and not (len(name) > 3 and any(len(other) > 3 and other[:4] == name[:4] for other in b.stems))
        and not (letters and 2 <= len(name) <= 5 and name in _initials(b.words))
    ]


def _spelled(full: tuple[str, ...], short: tuple[str, ...]) -> set[str]:
    """The stems of words in *full* whose first letters, in a row, are a word of *short*: ``united states``, ``us``."""
    runs = _initials(full)
    return {stem(word) for letters in runs.keys() & set(short) for word in runs[letters]}


def _initials(words: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """First letters -> the two to five words in a row that they are of, small words left out."""
    full = tuple([word for word in words if word not in _SMALL])
    return {
        "".join([word[0] for word in full[i : i + count]]): full[i : i + count]
        for count in range(2, 6)
        for i in range(len(full) - count + 1)
    }


def _languages(words: set[str]) -> set[str]:
    """The languages that words may be of: all, where nothing tells."""
    counts = {language: len(words & known) for language, known in _FUNCTION_WORDS.items()}
    most = max(counts.values())
    return {language for language, count in counts.items() if count == most} if most > 1 else set(counts)


def _quoted(text: str) -> set[str]:
    return {(one[1] or one[2]).lower().strip(" .?!,") for one in _QUOTED.finditer(text)}
