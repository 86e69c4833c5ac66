"""What a question is made of: words, numbers, names, times, negations. Pure, and quick: it runs on the request path."""

import re
import unicodedata
from functools import lru_cache

import msgspec

LONGEST = 4000
"""Characters of a question that are looked at; a longer one is never answered for another."""
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_NUMBER = re.compile(r"\d+(?:[.,:/-]\d+)*")
_NAME = re.compile(r"(?<![.!?:\s\"“(])\s+[\"“(]?([A-Z][\w&-]*)")
_APOSTROPHE = str.maketrans({"’": "'", "`": "'", "´": "'"})

COUNTS = {
    "zero": "0", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8",
    "nine": "9", "ten": "10", "eleven": "11", "twelve": "12", "twenty": "20", "thirty": "30", "fifty": "50",
    "hundred": "100", "thousand": "1000", "million": "1000000", "billion": "1000000000",
}  # fmt: skip


def listed(text: str) -> frozenset[str]:
    """Return the words of *text*."""
    return frozenset(text.split())


NEGATIONS = listed(
    """not no never without none nothing nobody neither nor cannot unable hardly except avoid stop prevent isn't aren't
    wasn't weren't don't doesn't didn't can't couldn't won't wouldn't shouldn't mustn't haven't hasn't hadn't ain't dont
    doesnt didnt cant wont isnt arent kein keine keinen nicht nie ohne ne pas jamais sans sin nunca jamás non mai senza
    não sem nem niet geen нет не никогда без"""
)
TIMES = listed(
    """today tonight tomorrow yesterday now currently current latest recent recently upcoming nowadays moment ago
    heute morgen gestern jetzt aktuell aktuelle neueste aujourd'hui demain hier maintenant actuellement hoy mañana ayer
    ahora actual oggi domani ieri adesso attuale hoje amanhã ontem agora vandaag gisteren nu сегодня завтра вчера
    сейчас"""
)
_TIMES_FOREIGN = re.compile("今天|明天|昨天|现在|目前|最新|今日|明日|昨日|現在|오늘|내일|어제|지금")
_TIME_PHRASE = re.compile(
    r"\b(?:this|last|next|past|coming) (?:week|weekend|month|year|quarter|season|night|monday|tuesday|wednesday"
    r"|thursday|friday|saturday|sunday)\b|\b(?:right now|at present|so far|up to date|what time|what day|what date"
    r"|how old is)\b"
)
OWN = listed(
    """my mine our ours myself ourselves mein meine meinen meinem meiner unser unsere mon ma mes notre nos mi mis
    nuestro nuestra mio mia mie miei nostro nostra meu minha meus minhas nosso nossa mijn ons onze мой моя мои наш
    наша"""
)
"""Words of those who speak of what is theirs alone."""
OPPOSITES = (
    "increase decrease", "gain lose", "buy sell", "best worst", "better worse", "more less", "most least", "high low",
    "higher lower", "fast slow", "start stop", "enable disable", "open close", "before after", "above below", "up down",
    "in out", "on off", "male female", "man woman", "men women", "boy girl", "boys girls", "husband wife",
    "mother father", "good bad", "true false", "old new", "young old", "first last", "minimum maximum", "min max",
    "import export", "add remove", "install uninstall", "lock unlock", "win lose",
    "advantages disadvantages", "advantage disadvantage",
    "pros cons", "positive negative", "introvert extrovert", "easy hard", "easiest hardest", "cheap expensive",
    "short long", "short tall", "hot cold", "left right", "north south", "east west", "send receive", "credit debit",
    "upload download", "encrypt decrypt", "allow deny", "public private", "internal external", "input output",
    "rich poor", "legal illegal", "safe dangerous", "love hate", "with without", "can cannot", "why how", "read write",
    "borrow lend", "teach learn", "push pull", "create delete", "morning evening", "day night", "big small",
    "cause cure", "symptoms causes", "causes effects", "weight height", "older younger",
    "oldest youngest", "larger smaller", "largest smallest", "bigger smaller", "biggest smallest", "faster slower",
    "fastest slowest", "longer shorter", "longest shortest", "taller shorter", "earlier later", "hotter colder",
    "stronger weaker", "easier harder", "highest lowest", "richest poorest", "boiling freezing", "arrival departure",
    "include exclude", "accept reject", "connect disconnect", "compress decompress", "activate deactivate",
    "subscribe unsubscribe", "follow unfollow", "block unblock", "mute unmute", "show hide", "hide unhide", "rise fall",
    "raise lower", "employer employee", "landlord tenant", "asset liability", "assets liabilities", "profit loss",
    "entrance exit", "login logout",
)  # fmt: skip
_OPPOSITES: dict[str, frozenset[str]] = {}
for _pair in OPPOSITES:
    _one, _other = _pair.split()
    _OPPOSITES[_one] = _OPPOSITES.get(_one, frozenset()) | {_other}
    _OPPOSITES[_other] = _OPPOSITES.get(_other, frozenset()) | {_one}


class Asked(msgspec.Struct, frozen=True):
    """A question taken apart. ``words`` are in small letters, in their order."""

    words: tuple[str, ...]
    stems: tuple[str, ...]
    numbers: frozenset[str]
    names: frozenset[str]
    """Words with a capital inside a sentence, in small letters; none where the whole text is written so."""
    negated: bool
    scripts: frozenset[str]
    grams: frozenset[str]
    """Runs of three characters."""


def asked(text: str) -> Asked:
    """Take *text* apart."""
    plain = unicodedata.normalize("NFKC", text[:LONGEST]).translate(_APOSTROPHE)
    words = tuple(_WORD.findall(plain.lower()))
    numbers = frozenset(_NUMBER.findall(plain)) | {COUNTS[word] for word in words if word in COUNTS}
    squeezed = f" {' '.join(words)} "
    return Asked(
        words,
        tuple([stem(word) for word in words]),
        numbers,
        _names(plain, words),
        not NEGATIONS.isdisjoint(words),
        _scripts(words),
        frozenset([squeezed[i : i + 3] for i in range(len(squeezed) - 2)]),
    )


def _names(plain: str, words: tuple[str, ...]) -> frozenset[str]:
    found = [name.lower() for name in _NAME.findall(plain)]
    if len(found) > 2 and len(found) * 2 > len(words):  # a headline: capitals say nothing
        return frozenset()
    return frozenset(found)


def _scripts(words: tuple[str, ...]) -> frozenset[str]:
    return frozenset([unicodedata.name(word[0], "?").partition(" ")[0] for word in words if not word.isascii()])


def timely(found: Asked, text: str) -> bool:
    """Whether the answer depends on when it is asked."""
    return (
        not TIMES.isdisjoint(found.words)
        or _TIME_PHRASE.search(text.lower()) is not None
        or (bool(found.scripts) and _TIMES_FOREIGN.search(text) is not None)
    )


def opposed(a: str, b: str) -> bool:
    """Whether two words say the opposite of each other."""
    return b in _OPPOSITES.get(a, ())


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """Return *word* without the endings that English puts on one."""
    word = word.removesuffix("'s")
    if len(word) > 4:
        for ending, instead in _ENDINGS:
            if word.endswith(ending) and len(word) - len(ending) > 2:
                word = word[: -len(ending)] + instead
                break
    return word


_ENDINGS = (
    ("ies", "y"), ("sses", "ss"), ("ingly", ""), ("edly", ""), ("ings", ""), ("ing", ""), ("ied", "y"), ("ed", ""),
    ("es", "e"), ("ly", ""), ("s", ""),
)  # fmt: skip
