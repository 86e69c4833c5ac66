"""Credentials in text: keys by the way their issuers make them, tokens, private keys, and what is said to be one."""

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from math import log2
from typing import ClassVar, Literal

from msgspec import field

from headgate.guardrails.patterned import Named, Patterned
from headgate.guardrails.scan import APART, LETTERS, NEAR, Finder

Kind = Literal[
    "headgate", "openai", "anthropic", "google", "aws", "azure", "github", "gitlab", "slack", "stripe", "huggingface",
    "groq", "xai", "perplexity", "nvidia", "replicate", "npm", "pypi", "sendgrid", "twilio", "telegram", "discord",
    "digitalocean", "shopify", "square", "databricks", "vault", "jwt", "private_key", "basic_auth", "assigned",
]  # fmt: skip
LONGEST_TOKEN = 4096
LONGEST_BLOCK = 16_384
# What each begins with (looked for first, at the speed of C), and all of it. Every repeat is bounded, and no two
# neighbours can take the same character, so there is one way to read each.
KNOWN: dict[str, tuple[tuple[str, str], ...]] = {
    "headgate": (("hg_", r"hg_[A-Za-z0-9_-]{49}"), ("hga_", r"hga_[A-Za-z0-9_-]{49}")),
    "anthropic": (("sk-ant-", r"sk-ant-[a-z0-9]{3,10}-[A-Za-z0-9_-]{24,128}"),),
    "openai": (
        ("sk-", r"sk-(?!ant-|or-)(?:proj-|svcacct-|admin-|None-)?[A-Za-z0-9_-]{20,200}"),
        ("sk-or-", r"sk-or-v1-[0-9a-f]{40,80}"),
    ),
    "google": (
        ("AIza", r"AIza[A-Za-z0-9_-]{35}"),
        ("ya29.", r"ya29\.[A-Za-z0-9_-]{20,300}"),
        ("GOCSPX-", r"GOCSPX-[A-Za-z0-9_-]{28}"),
    ),
    "aws": (
        ("AKIA", r"AKIA[A-Z2-7]{16}"),
        ("ASIA", r"ASIA[A-Z2-7]{16}"),
        ("ABIA", r"ABIA[A-Z2-7]{16}"),
        ("ACCA", r"ACCA[A-Z2-7]{16}"),
        ("ABSK", r"ABSK[A-Za-z0-9+/=]{40,280}"),
    ),
    "azure": (
        ("AccountKey=", r"AccountKey=[A-Za-z0-9+/]{86}=="),
        ("sig=", r"sig=[A-Za-z0-9%]{40,80}%3D"),
        ("8Q~", r"8Q~[A-Za-z0-9_.~-]{34}"),
    ),
    "github": (
        ("ghp_", r"ghp_[A-Za-z0-9]{36}"),
        ("gho_", r"gho_[A-Za-z0-9]{36}"),
        ("ghu_", r"ghu_[A-Za-z0-9]{36}"),
        ("ghs_", r"ghs_[A-Za-z0-9]{36}"),
        ("ghr_", r"ghr_[A-Za-z0-9]{36}"),
        ("github_pat_", r"github_pat_[A-Za-z0-9_]{60,100}"),
    ),
    "gitlab": (("glpat-", r"glpat-[A-Za-z0-9_-]{20,60}"), ("glrt-", r"glrt-[A-Za-z0-9_-]{20,60}")),
    "slack": (
        ("xox", r"xox[abposr]-[A-Za-z0-9-]{10,200}"),
        ("xapp-", r"xapp-[0-9]-[A-Za-z0-9-]{20,200}"),
        ("hooks.slack.com/services/", r"hooks\.slack\.com/services/T[A-Z0-9]{6,14}/B[A-Z0-9]{6,14}/[A-Za-z0-9]{16,40}"),
    ),
    "stripe": (
        ("sk_live_", r"sk_live_[A-Za-z0-9]{16,120}"),
        ("rk_live_", r"rk_live_[A-Za-z0-9]{16,120}"),
        ("sk_test_", r"sk_test_[A-Za-z0-9]{16,120}"),
        ("whsec_", r"whsec_[A-Za-z0-9]{24,80}"),
    ),
    "huggingface": (("hf_", r"hf_[A-Za-z0-9]{30,40}"),),
    "groq": (("gsk_", r"gsk_[A-Za-z0-9]{40,60}"),),
    "xai": (("xai-", r"xai-[A-Za-z0-9]{60,100}"),),
    "perplexity": (("pplx-", r"pplx-[A-Za-z0-9]{40,60}"),),
    "nvidia": (("nvapi-", r"nvapi-[A-Za-z0-9_-]{50,80}"),),
    "replicate": (("r8_", r"r8_[A-Za-z0-9]{37,40}"),),
    "npm": (("npm_", r"npm_[A-Za-z0-9]{36}"),),
    "pypi": (("pypi-", r"pypi-AgE[A-Za-z0-9_-]{50,250}"),),
    "sendgrid": (("SG.", r"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"),),
    "twilio": (("SK", r"SK[0-9a-f]{32}"), ("AC", r"AC[0-9a-f]{32}")),
    "telegram": ((":AA", r":AA[A-Za-z0-9_-]{33}"),),
    "discord": (("discord.com/api/webhooks/", r"discord\.com/api/webhooks/[0-9]{17,20}/[A-Za-z0-9_-]{60,80}"),),
    "digitalocean": (("dop_v1_", r"dop_v1_[0-9a-f]{64}"),),
    "shopify": (("shpat_", r"shpat_[0-9a-fA-F]{32}"), ("shpss_", r"shpss_[0-9a-fA-F]{32}")),
    "square": (("sq0", r"sq0[a-z]{3}-[A-Za-z0-9_-]{22,43}"),),
    "databricks": (("dapi", r"dapi[0-9a-f]{32}"),),
    "vault": (("hvs.", r"hvs\.[A-Za-z0-9_-]{24,128}"),),
    "jwt": (("eyJ", r"eyJ[A-Za-z0-9_-]{8,2000}\.eyJ[A-Za-z0-9_-]{8,2000}(?:\.[A-Za-z0-9_-]{0,2000})?"),),
}
_HEADS = tuple(head for known in KNOWN.values() for head, _ in known)
WITH_COLON = ("telegram", "azure", "slack", "discord")
"""What may begin in the middle of a word: a bot's number, a host name."""
BLOCK = "-----BEGIN "
_BLOCK_HEAD = re.compile(r"-----BEGIN (?:[A-Z0-9]{2,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----")
_BLOCK_END = re.compile(r"-----END (?:[A-Z0-9]{2,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----")
_BLOCK_OPENS = re.compile(r"-{1,5}(?:B(?:E(?:G(?:I(?:N(?: [A-Z0-9 -]{0,60})?)?)?)?)?)?\Z")
_AUTH = re.compile(r"://[A-Za-z0-9._%~!$&*+=-]{1,64}:([^\s/:@\"'<>]{3,128})@(?=[A-Za-z0-9\[])")
_NAMED = re.compile(
    r"(?i)(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_ -]?key|access[_ -]?key|secret[_ -]?key|auth[_ -]?key|"
    r"private[_ -]?key|credential|client[_ -]?secret|passwort|kennwort|contraseña|mot de passe)[A-Za-z0-9_]{0,24}"
    r"[\"'`]?\s{0,3}(?::=|=>|==?|:|\bis\b|\bist\b|\blautet\b|\bes\b|\best\b)\s{0,3}[\"'`]?(?:Bearer\s|Basic\s)?"
)
_VALUE = re.compile(r"[A-Za-z0-9@._%+\-=/&#~!$*^]{8,256}")
_NO_SECRET = re.compile(
    r"(?i)\A(?:your|my|the|an?|some|example|sample|placeholder|changeme|redacted|none|null|true|false|undefined|"
    r"os\.|process\.|env\.|self\.|config|settings|request|response|password|passwd|secret|token|string|http)|x{4,}|\*{3,}|\.{3}|…"
)
_PLAIN_WORD = re.compile(r"[A-Za-z]+(?:[._-][A-Za-z]+)*[.!?]?\Z|[0-9.,]+\Z|/[A-Za-z/._-]+\Z")
LEAST_ENTROPY = 2.8
_LONG = re.compile(r"[^\s\"'`<>,;()]{8,}")


class Secrets(Patterned, frozen=True, kw_only=True):
    """Keys, tokens and passwords."""

    calm: ClassVar[re.Pattern[str] | None] = re.compile(f"[{LETTERS}{APART}]*")

    types: list[Kind] = field(default_factory=list)
    """What to look for; empty means everything."""

    def finders(self) -> Named:
        """See ``Patterned``."""
        return _finders(tuple(self.types))

    def search(self, text: str, start: int) -> list[tuple[int, int, str]]:
        """See ``Patterned``: every credential is long, and no word; most have a mark that they begin with."""
        if all(one.isalpha() for one in _LONG.findall(text, start)):
            return []
        marked = any(head in text for head in _HEADS)
        return [
            (s, e, name)
            for name, finder in self.finders()
            if marked or name not in KNOWN
            for s, e in finder(text, start)
        ]

    def open(self, text: str) -> int:
        """See ``Patterned``."""
        at = super().open(text)
        if at == len(text) and text[-1:] != "-" and BLOCK not in text:
            return at
        for head in ("eyJ", *_LONG_HEADS):  # tokens that are longer than a word may be
            begin = text.rfind(head, max(len(text) - LONGEST_TOKEN, 0), at)
            if begin != -1 and not _OUTSIDE.search(text, begin):
                at = begin
        begin = text.rfind(BLOCK, max(len(text) - LONGEST_BLOCK, 0), at)
        if begin != -1 and _is_open_block(text, begin):
            at = begin
        dashes = _BLOCK_OPENS.search(text, max(len(text) - 80, 0))
        return min(at, dashes.start()) if dashes is not None else at


_LONG_HEADS = ("AccountKey=", "ya29.", "ABSK")
_OUTSIDE = re.compile(r"[^A-Za-z0-9_.=+/-]")


def _is_open_block(text: str, begin: int) -> bool:
    head = _BLOCK_HEAD.match(text, begin)
    if head is None:
        return len(text) - begin < 80
    return _BLOCK_END.search(text, head.end(), begin + LONGEST_BLOCK) is None


def entropy(text: str) -> float:
    """Bits that one character of *text* tells, by how often each occurs in it."""
    size = len(text)
    return -sum([count / size * log2(count / size) for count in Counter(text).values()])


def assigned(text: str, start: int) -> Iterator[tuple[int, int]]:
    """Find values that a name calls a secret, and that do not look like words or placeholders."""
    for named in _NAMED.finditer(text, max(start - NEAR, 0)):
        value = _VALUE.match(text, named.end())
        if value is None or value.start() < start:
            continue
        said = value[0].rstrip(".,!?:;")
        digits = sum([c.isdigit() for c in said])
        if _NO_SECRET.search(said) or _PLAIN_WORD.match(said) or "(" in text[value.end() : value.end() + 1]:
            continue
        if (
            len(said) >= 8
            and (digits or not said.isalpha())
            and entropy(said) >= min(LEAST_ENTROPY, log2(len(said)) - 0.4)
        ):
            yield value.start(), value.start() + len(said)


def basic_auth(text: str, start: int) -> Iterator[tuple[int, int]]:
    """Find the password in a URL."""
    at = text.find("://", max(start - NEAR, 0))
    while at != -1:
        found = _AUTH.match(text, at)
        if found is not None and found.start(1) >= start:
            yield found.span(1)
        at = text.find("://", at + 3)


def blocks(text: str, start: int) -> Iterator[tuple[int, int]]:
    """Find private keys in PEM or PGP armour; one without an end is taken as far as it looks like one."""
    at = text.find(BLOCK, start)
    while at != -1:
        head = _BLOCK_HEAD.match(text, at)
        if head is None:
            at = text.find(BLOCK, at + 1)
            continue
        end = _BLOCK_END.search(text, head.end(), at + LONGEST_BLOCK)
        close = end.end() if end is not None else min(len(text), at + LONGEST_BLOCK)
        yield at, close
        at = text.find(BLOCK, close)


def _of(heads: tuple[tuple[str, str], ...], *, inside: bool) -> Finder:
    known = [(head, re.compile(pattern + r"(?![A-Za-z0-9_])")) for head, pattern in heads]

    def find(text: str, start: int) -> Iterator[tuple[int, int]]:
        found = []
        for head, pattern in known:
            at = text.find(head, start)
            while at != -1:
                end = at + len(head)
                if inside or at == 0 or not (text[at - 1].isalnum() or text[at - 1] == "_"):
                    match = pattern.match(text, at)
                    if match is not None:
                        found.append(match.span())
                        end = match.end()
                at = text.find(head, end)
        yield from sorted(found)

    return find


@cache
def _finders(types: tuple[str, ...]) -> Named:
    made: dict[str, Finder] = {kind: _of(heads, inside=kind in WITH_COLON) for kind, heads in KNOWN.items()}
    made |= {"private_key": blocks, "basic_auth": basic_auth, "assigned": assigned}
    return tuple((name, finder) for name, finder in made.items() if not types or name in types)
