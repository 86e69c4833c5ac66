"""Numbers that states give to people, by country, each with the check that its issuer made for it.

What a check alone does not tell from any number of that length needs a word before it that says what it is.
"""

import re
from collections.abc import Callable, Iterator
from datetime import date

import msgspec

from headgate.guardrails.numbers import luhn, mod11_10, verhoeff, weighted
from headgate.guardrails.scan import NEAR, Finder


class Id(msgspec.Struct, frozen=True):
    """How one kind of number looks, and how it is checked: *good* gets it without its signs, in upper case."""

    digits: int
    """How many it has at least."""
    shape: re.Pattern[str]
    good: Callable[[str], bool]
    words: re.Pattern[str] | None = None
    """Where the check is weak: what must stand before the number."""
    sure: re.Pattern[str] | None = None
    """A form that needs no such word."""


def _shape(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![A-Za-z0-9])(?<![0-9][.,-])(?:{pattern})(?![A-Za-z0-9])(?!-[0-9])")


def _words(*said: str) -> re.Pattern[str]:
    return re.compile(rf"(?i)(?:{'|'.join(said)})[^\n0-9]{{0,40}}(?:\n[^\n0-9]{{0,12}})?\Z")


def _born(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def _us_ssn(n: str) -> bool:
    return (
        n[:3] not in ("000", "666")
        and n[:3] < "900"
        and n[3:5] != "00"
        and n[5:] != "0000"
        and len(set(n)) > 1
        and n != "123456789"
    )


def _de_tax(n: str) -> bool:
    """One digit of the first ten comes twice or three times, the others at most once: so the issuer has it."""
    counts = sorted(n[:10].count(d) for d in set(n[:10]))
    return n[0] != "0" and counts[-1] in (2, 3) and counts[-2] == 1 and mod11_10(n)


def _fr_nir(n: str) -> bool:
    n = n.replace("2A", "19").replace("2B", "18") if n[5:7] in ("2A", "2B") else n
    if not n.isdigit():
        return False
    month = int(n[3:5])
    return (1 <= month <= 12 or 20 <= month <= 42 or month >= 50) and 97 - int(n[:13]) % 97 == int(n[13:])


def _es_dni(n: str) -> bool:
    digits = {"X": "0", "Y": "1", "Z": "2"}.get(n[0], n[0]) + n[1:8]
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(digits) % 23] == n[8]


_ODD_DIGITS = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21)
_ODD_LETTERS = (*_ODD_DIGITS, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
_ODD = {chr(48 + i): n for i, n in enumerate(_ODD_DIGITS)} | {chr(65 + i): n for i, n in enumerate(_ODD_LETTERS)}


def _it_code(n: str) -> bool:
    total = sum([_ODD[c] for c in n[0:15:2]]) + sum([int(c) if c.isdigit() else ord(c) - 65 for c in n[1:15:2]])
    return chr(65 + total % 26) == n[15]


def _pl_pesel(n: str) -> bool:
    century = (1900, 2000, 2100, 2200, 1800)[int(n[2]) // 2]
    born = _born(century + int(n[:2]), int(n[2:4]) % 20, int(n[4:6]))
    return born and (10 - weighted(n, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)) % 10) % 10 == int(n[10])


def _br_cpf(n: str) -> bool:
    if len(set(n)) == 1:
        return False
    return all(weighted(n, tuple(range(last + 1, 1, -1))) * 10 % 11 % 10 == int(n[last]) for last in (9, 10))


def _no_fnr(n: str) -> bool:
    first = 11 - weighted(n, (3, 7, 6, 1, 8, 9, 4, 5, 2)) % 11
    second = 11 - weighted(n, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return first % 11 == int(n[9]) and second % 11 == int(n[10]) and 1 <= int(n[:2]) % 40 <= 31


def _se_pnr(n: str) -> bool:
    n = n[-10:]
    return 1 <= int(n[2:4]) <= 12 and 1 <= int(n[4:6]) % 60 <= 31 and luhn(n)


def _fi_hetu(n: str) -> bool:
    digits = n[:6] + n[-4:-1]
    return (
        1 <= int(n[:2]) <= 31
        and 1 <= int(n[2:4]) <= 12
        and "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(digits) % 31] == n[-1]
    )


def _be_nrn(n: str) -> bool:
    check = int(n[9:])
    return (97 - int(n[:9]) % 97 == check or 97 - int("2" + n[:9]) % 97 == check) and int(n[2:4]) <= 12


def _ch_ahv(n: str) -> bool:
    return (10 - weighted(n, (1, 3) * 6) % 10) % 10 == int(n[12])


def _cn_id(n: str) -> bool:
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return _born(int(n[6:10]), int(n[10:12]), int(n[12:14])) and "10X98765432"[weighted(n, weights) % 11] == n[17]


def _tr_kimlik(n: str) -> bool:
    d = [int(c) for c in n]
    return (sum(d[0:9:2]) * 7 - sum(d[1:8:2])) % 10 == d[9] and sum(d[:10]) % 10 == d[10]


def _za_id(n: str) -> bool:
    return 1 <= int(n[2:4]) <= 12 and 1 <= int(n[4:6]) <= 31 and n[10] in "01" and luhn(n)


def _kr_rrn(n: str) -> bool:
    check = (11 - weighted(n, (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)) % 11) % 10
    return 1 <= int(n[2:4]) <= 12 and 1 <= int(n[4:6]) <= 31 and check == int(n[12])


def _mx_curp(n: str) -> bool:
    alphabet = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ"
    total = sum([alphabet.index(c) * (18 - i) for i, c in enumerate(n[:17])])
    return (10 - total % 10) % 10 == int(n[17])


def _mod11(weights: tuple[int, ...]) -> Callable[[str], bool]:
    """A sum of digits times *weights*, the check digit's own among them, that 11 must divide."""
    return lambda n: len(set(n)) > 1 and weighted(n, weights) % 11 == 0


def _nhs(n: str) -> bool:
    check = 11 - weighted(n, (10, 9, 8, 7, 6, 5, 4, 3, 2)) % 11
    return len(set(n)) > 1 and check % 11 == int(n[9])


IDS: dict[str, Id] = {
    "us_ssn": Id(
        9,
        _shape(r"[0-9]{3}([- ])[0-9]{2}\1[0-9]{4}|[0-9]{9}"),
        _us_ssn,
        _words("ssn", "social sec", "social insurance"),
        re.compile(r"[0-9]{3}-[0-9]{2}-[0-9]{4}"),
    ),
    "us_itin": Id(9, _shape(r"9[0-9]{2}-[5-9][0-9]-[0-9]{4}"), lambda n: n[3:5] not in ("66", "89", "93")),
    "uk_nino": Id(
        6,
        _shape(r"(?i:[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]) ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?(?i:[A-D])"),
        lambda n: n[:2] not in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ"),
    ),
    "uk_nhs": Id(10, _shape(r"[0-9]{3}([ -]?)[0-9]{3}\1[0-9]{4}"), _nhs, _words("nhs", "national health")),
    "de_tax": Id(
        11,
        _shape(r"[0-9]{2} ?[0-9]{3} ?[0-9]{3} ?[0-9]{3}"),
        _de_tax,
        _words("steuer", r"\btin\b", r"idnr", "tax", "identifikationsnummer"),
        re.compile(r"[0-9]{2} [0-9]{3} [0-9]{3} [0-9]{3}"),
    ),
    "fr_nir": Id(14, _shape(r"[12] ?[0-9]{2} ?[0-9]{2} ?(?:[0-9]{2}|2[AB]) ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}"), _fr_nir),
    "es_dni": Id(7, _shape(r"(?i:[XYZ])-?[0-9]{7}-?[A-Za-z]|[0-9]{8}-?[A-Za-z]"), _es_dni),
    "it_cf": Id(
        0,
        _shape(
            r"[A-Za-z]{6}[0-9LMNPQRSTUVlmnpqrstuv]{2}[A-Za-z][0-9LMNPQRSTUVlmnpqrstuv]{2}[A-Za-z][0-9LMNPQRSTUVlmnpqrstuv]{3}[A-Za-z]"
        ),
        _it_code,
    ),
    "nl_bsn": Id(
        9,
        _shape(r"[0-9]{9}|[0-9]{4}[. ][0-9]{2}[. ][0-9]{3}"),
        _mod11((9, 8, 7, 6, 5, 4, 3, 2, -1)),
        _words(r"\bbsn\b", "burgerservice", "sofi"),
    ),
    "pl_pesel": Id(11, _shape(r"[0-9]{11}"), _pl_pesel),
    "br_cpf": Id(11, _shape(r"[0-9]{3}\.?[0-9]{3}\.?[0-9]{3}-?[0-9]{2}"), _br_cpf),
    "in_aadhaar": Id(
        12,
        _shape(r"[2-9][0-9]{3}([ -]?)[0-9]{4}\1[0-9]{4}"),
        verhoeff,
        _words("aadhaa?r", "uidai", r"\buid\b", "आधार"),
        re.compile(r"[0-9]{4} [0-9]{4} [0-9]{4}"),
    ),
    "in_pan": Id(
        4,
        _shape(r"[A-Za-z]{3}[ABCFGHLJPTabcfghljpt][A-Za-z][0-9]{4}[A-Za-z]"),
        lambda n: True,
        _words(r"\bpan\b", "permanent account", "income tax"),
    ),
    "ca_sin": Id(
        9,
        _shape(r"[1-9][0-9]{2}([ -]?)[0-9]{3}\1[0-9]{3}"),
        luhn,
        _words(r"\bsin\b", "social insurance", r"\bnas\b", "assurance sociale"),
    ),
    "au_tfn": Id(
        9, _shape(r"[0-9]{3} ?[0-9]{3} ?[0-9]{3}"), _mod11((1, 4, 3, 7, 5, 8, 6, 9, 10)), _words(r"\btfn\b", "tax file")
    ),
    "se_pnr": Id(10, _shape(r"(?:19|20)?[0-9]{6}[-+][0-9]{4}"), _se_pnr),
    "no_fnr": Id(11, _shape(r"[0-9]{6} ?[0-9]{5}"), _no_fnr),
    "dk_cpr": Id(
        10,
        _shape(r"[0-3][0-9][01][0-9]{3}-?[0-9]{4}"),
        lambda n: 1 <= int(n[:2]) <= 31 and 1 <= int(n[2:4]) <= 12,
        _words(r"\bcpr\b", "personnummer"),
    ),
    "fi_hetu": Id(9, _shape(r"[0-3][0-9][01][0-9]{3}[-+A-FU-Ya-fu-y][0-9]{3}[0-9A-Ya-y]"), _fi_hetu),
    "be_nrn": Id(11, _shape(r"[0-9]{2}\.?[0-9]{2}\.?[0-9]{2}-?[0-9]{3}\.?[0-9]{2}"), _be_nrn),
    "ch_ahv": Id(13, _shape(r"756\.?[0-9]{4}\.?[0-9]{4}\.?[0-9]{2}"), _ch_ahv),
    "pt_nif": Id(
        9,
        _shape(r"[1-9][0-9]{2} ?[0-9]{3} ?[0-9]{3}"),
        lambda n: (11 - weighted(n, (9, 8, 7, 6, 5, 4, 3, 2)) % 11) % 11 % 10 == int(n[8]),
        _words(r"\bnif\b", "contribuinte"),
    ),
    "cn_id": Id(17, _shape(r"[1-9][0-9]{5}(?:19|20)[0-9]{9}[0-9Xx]"), _cn_id),
    "kr_rrn": Id(13, _shape(r"[0-9]{6}-[1-8][0-9]{6}"), _kr_rrn),
    "tr_kimlik": Id(11, _shape(r"[1-9][0-9]{10}"), _tr_kimlik),
    "za_id": Id(13, _shape(r"[0-9]{6} ?[0-9]{4} ?[01][0-9]{2}"), _za_id),
    "mx_curp": Id(7, _shape(r"[A-Za-z]{4}[0-9]{6}[HMXhmx][A-Za-z]{5}[A-Za-z0-9][0-9]"), _mx_curp),
}
SIGNS = str.maketrans("", "", " .-")


def finder(kind: str) -> Finder:
    """Return what finds numbers of one *kind*."""
    known = IDS[kind]
    keep_signs = kind == "fi_hetu"

    def find(text: str, start: int) -> Iterator[tuple[int, int]]:
        for found in known.shape.finditer(text, start):
            bare = found[0].upper()
            if not known.good(bare if keep_signs else bare.translate(SIGNS)):
                continue
            sure = known.words is None or (known.sure is not None and known.sure.fullmatch(found[0]))
            if sure or known.words.search(text, max(found.start() - NEAR, 0), found.start()):  # type: ignore[union-attr]
                yield found.span()

    return find
