"""Numbers that carry a checksum: payment cards (ISO/IEC 7812), bank accounts (ISO 13616), and the sums themselves."""

import re
from collections.abc import Iterator

# A row of digits in groups, parted by one sign or two; what is between groups is never a digit, so it is read once.
ROW = re.compile(r"(?<![0-9])[0-9]+(?:[ -][0-9]+)*")
GROUP = re.compile(r"[0-9]+")
IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}[0-9]{2}(?:[ -]?[A-Za-z0-9]){11,30}(?![A-Za-z0-9])")
IBAN_START = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}[0-9]{2}(?=[ -]?[A-Za-z0-9])")
IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29, "BY": 28,
    "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18,
    "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22,
    "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20,
    "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MR": 27, "MT": 31, "MU": 30, "NL": 18,
    "NO": 15, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "SA": 24, "SC": 31, "SE": 24,
    "SI": 19, "SK": 24, "SM": 27, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24,
    "XK": 20,
}  # fmt: skip
# What a card's number begins with, by the length of the number: who issued it is told by these digits alone. Of rows in
# groups every part is tried, so that what is rare must not be parted.
CARDS = {
    13: re.compile(r"4"), 14: re.compile(r"3[0689]"), 15: re.compile(r"3[47]|2131|1800"),
    16: re.compile(r"4|5[0-9]|2[2-7]|6|35|3[0689]|8|9"), 17: re.compile(r"50|5[6-9]|6"), 18: re.compile(r"50|5[6-9]|6"),
    19: re.compile(r"4|50|5[6-9]|6"),
}  # fmt: skip
RARE = {
    **CARDS, 12: re.compile(r"50|5[6-9]|6"), 13: re.compile(r"4|50|5[6-9]|6"), 14: re.compile(r"3[0689]|50|5[6-9]|6"),
    15: re.compile(r"3[47]|2131|1800|50|5[6-9]|6"),
}  # fmt: skip
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
_D5 = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9), (1, 2, 3, 4, 0, 6, 7, 8, 9, 5), (2, 3, 4, 0, 1, 7, 8, 9, 5, 6),
    (3, 4, 0, 1, 2, 8, 9, 5, 6, 7), (4, 0, 1, 2, 3, 9, 5, 6, 7, 8), (5, 9, 8, 7, 6, 0, 4, 3, 2, 1),
    (6, 5, 9, 8, 7, 1, 0, 4, 3, 2), (7, 6, 5, 9, 8, 2, 1, 0, 4, 3), (8, 7, 6, 5, 9, 3, 2, 1, 0, 4),
    (9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
)  # fmt: skip
_TURNED = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9), (1, 5, 7, 6, 2, 8, 3, 0, 9, 4), (5, 8, 0, 3, 7, 9, 6, 1, 4, 2),
    (8, 9, 1, 6, 0, 4, 3, 5, 2, 7), (9, 4, 5, 3, 1, 2, 6, 8, 7, 0), (4, 2, 8, 6, 5, 7, 3, 9, 0, 1),
    (2, 7, 9, 3, 8, 0, 6, 4, 1, 5), (7, 0, 4, 6, 9, 1, 3, 2, 5, 8),
)  # fmt: skip


def luhn(digits: str) -> bool:
    """The sum of ISO/IEC 7812: one wrong digit never passes."""
    total = sum(map(int, digits[-1::-2])) + sum([_DOUBLED[int(d)] for d in digits[-2::-2]])
    return total % 10 == 0


def mod97(text: str) -> int:
    """The rest by 97 of a number in which letters stand for 10 to 35 (ISO 7064)."""
    return int("".join([str(int(c, 36)) for c in text])) % 97


def verhoeff(digits: str) -> bool:
    """Verhoeff's sum over the dihedral group of order ten: neither one wrong digit nor two exchanged ones pass."""
    check = 0
    for place, digit in enumerate(reversed(digits)):
        check = _D5[check][_TURNED[place % 8][int(digit)]]
    return check == 0


def weighted(digits: str, weights: tuple[int, ...]) -> int:
    """The sum of digits, each times its weight."""
    return sum([int(d) * w for d, w in zip(digits, weights, strict=False)])


def mod11_10(digits: str) -> bool:
    """ISO 7064 MOD 11,10, its last digit being the check digit."""
    product = 10
    for digit in digits[:-1]:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == int(digits[-1])


def cards(text: str, start: int) -> Iterator[tuple[int, int]]:
    """Find payment cards: 12 to 19 digits, in groups or not, that begin as a card does and whose sum is right."""
    for row in ROW.finditer(text, start):
        groups = [(g.start(), g.end()) for g in GROUP.finditer(text, row.start(), row.end())]
        first = 0
        while first < len(groups):
            found = _card_at(text, groups, first)
            if found is None:
                first += 1
                continue
            yield groups[first][0], groups[found][1]
            first = found + 1


def _card_at(text: str, groups: list[tuple[int, int]], first: int) -> int | None:
    """Return the last group of the longest card that begins with the group *first*."""
    digits, best = "", None
    if _in_word(text, groups[first][0] - 1):
        return None
    for last in range(first, len(groups)):
        begin, end = groups[last]
        if end - begin > 19:
            break
        digits += text[begin:end]
        if len(digits) > 19 or last - first > 5:
            break
        if last > first and not 2 <= end - begin <= 7:
            break  # nobody writes a card digit by digit, but tables of numbers look so
        head = (RARE if last == first else CARDS).get(len(digits))
        if (
            head is not None
            and head.match(digits)
            and luhn(digits)
            and len(set(digits)) > 1
            and not _in_word(text, end)
        ):
            best = last
    return best


def _in_word(text: str, at: int) -> bool:
    return 0 <= at < len(text) and (text[at].isalpha() or text[at] == "_")


def ibans(text: str, start: int) -> Iterator[tuple[int, int]]:
    """Find bank accounts: two letters of a country, its length, and a sum that is right."""
    at = start
    while (found := IBAN_START.search(text, at)) is not None:
        at = found.end()
        length = IBAN_LENGTHS.get(text[found.start() : found.start() + 2].upper())
        if length is None:
            continue
        end, taken = found.start(), ""
        while len(taken) < length and end < len(text):
            char = text[end]
            if char.isascii() and char.isalnum():
                taken += char
            elif char not in " -" or not text[end - 1].isalnum():
                break
            end += 1
        whole = len(taken) == length and not (end < len(text) and text[end].isascii() and text[end].isalnum())
        if whole and mod97((taken[4:] + taken[:4]).upper()) == 1:
            yield found.start(), end
            at = end
