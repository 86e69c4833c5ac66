"""Where people and machines are reached: e-mail addresses, phone numbers, IP and MAC addresses, URLs."""

import re
from collections.abc import Iterator

from headgate.guardrails.scan import NEAR

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" + "".join(
    chr(c) for c in range(0xC0, 0x250) if chr(c).isalpha()
)
LOCAL = _LETTERS + "0123456789._%+-='!#$&*/?^~"
MAX_LOCAL, MAX_DOMAIN = 64, 253
DOMAIN = re.compile(rf"[{_LETTERS}0-9.-]{{1,254}}")

# A phone number: groups of digits, parted by a sign or two, maybe an area in brackets, maybe an extension.
PHONE = re.compile(
    r"(?<![0-9A-Za-z_$€£#%=@])(?<![0-9][.,:/-])(?:(?<![0-9][ ])|(?=\+))"  # not in the middle of a row of numbers
    r"(?:\+|00)?(?:\([0-9]{1,5}\)|[0-9]{1,15})"
    r"(?:[ ./-]{0,2}\([0-9]{1,4}\)|[ ./-][ ]?[0-9]{1,12}|(?<=\))[ ]?[0-9]{1,12}){0,7}(?:x[0-9]{1,6})?"
)
AMERICAN = re.compile(
    r"(?:(?:\+|00)?1[ .-]?)?(?:\([2-9][0-9]{2}\)[ ]?|[2-9][0-9]{2}[.-])[0-9]{3}[.-][0-9]{4}(?:x[0-9]{1,6})?|"
    r"001-[0-9]{3}-[0-9]{3}-[0-9]{4}(?:x[0-9]{1,6})?"
)
CALLED = re.compile(
    r"(?i)\b(?:phones?|tele(?:phone|fon|fono|foon)?|tel|mobile?|mobil|mobiltelefon|cell(?:phone|ular)?|fax|"
    r"handy(?:nummer)?|call(?:ed|ing|s)?|dial|ring|reach(?:ed)?|contact|whatsapp|sms|text|voicemail|answering|"
    r"messages? (?:to|on)|desk|hotline|landline|rufnummer|anrufen|numéro|portable|móvil|celular|llamar|appeler|"
    r"cellulare|chiama(?:re)?|office|extension|registered|电话|手机|電話|전화)\b"
    r"[^\n0-9]{0,40}(?:\n[^\n0-9]{0,12})?\Z"
)
DATE = re.compile(
    r"(?:(?:19|20)[0-9]{2}[-/. ][0-9]{1,2}[-/. ][0-9]{1,2}|[0-9]{1,2}[-/. ][0-9]{1,2}[-/. ](?:19|20)[0-9]{2}|"
    r"(?:19|20)[0-9]{2}[-/ ](?:19|20)?[0-9]{2})"
)
SOCIAL = re.compile(r"[0-9]{3}-[0-9]{2}-[0-9]{4}")
FOUR = re.compile(
    r"(?<![0-9A-Za-z.])(?:(?:25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})\.){3}(?:25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})(?![0-9A-Za-z]|\.[0-9])"
)
SIX = re.compile(
    r"(?<![0-9A-Za-z:.])(?=[0-9A-Fa-f:.]{2,45})[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?:(?:\.[0-9]{1,3}){3})?"
)
MAC = re.compile(
    r"(?<![0-9A-Za-z:-])(?:[0-9A-Fa-f]{2}(?P<s>[:-])(?:[0-9A-Fa-f]{2}(?P=s)){4}[0-9A-Fa-f]{2}|"
    r"[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4})(?![0-9A-Za-z:-])"
)
URL = re.compile(
    rf"(?<![A-Za-z0-9])(?:[hH][tT][tT][pP][sS]?|[fF][tT][pP]|[wW][sS][sS]?)://[{_LETTERS}0-9@._%+=/:&?#~!$*^-]{{1,320}}"
)
MIN_DIGITS, MAX_DIGITS = 7, 15


def emails(text: str, start: int) -> Iterator[tuple[int, int]]:
    """Find e-mail addresses, as RFC 5321 bounds them and people write them."""
    at = text.find("@", start)
    done = start
    while at != -1:
        left = text[max(at - MAX_LOCAL - 1, done) : at]
        begin = at - (len(left) - len(left.rstrip(LOCAL)))
        local = text[begin:at].lstrip(".'/=!#$&*?^~-")
        begin = at - len(local)
        found = DOMAIN.match(text, at + 1)
        end = at + 1 + len(found[0].rstrip(".-")) if found else at
        labels = text[at + 1 : end].split(".")
        top = labels[-1]
        good = local and len(local) <= MAX_LOCAL and not local.endswith(".") and len(labels) > 1 and all(labels)
        if good and 1 < len(top) <= 24 and (top.isalpha() or top.startswith("xn--")) and end - at <= MAX_DOMAIN:
            yield begin, end
            done = end
        at = text.find("@", max(at + 1, done))


def phones(text: str, start: int) -> Iterator[tuple[int, int]]:
    """Find phone numbers: with a country's code, in an American form, or where the words before call for one."""
    at = start
    while (found := PHONE.search(text, at)) is not None:
        begin, end = found.span()
        at = max(end, begin + 1)
        shape = text[begin:end]
        if end < len(text) and (text[end].isalnum() or text[end] in "_@%$€£"):
            continue
        digits = "".join([c for c in shape.partition("x")[0] if c.isdigit()])
        if not MIN_DIGITS <= len(digits) <= MAX_DIGITS or len(set(digits)) < 3:
            continue
        if not AMERICAN.fullmatch(shape) and (
            DATE.fullmatch(shape) or SOCIAL.fullmatch(shape) or FOUR.fullmatch(shape)
        ):
            continue
        far = shape[0] == "+" and shape[1:2] not in ("", "0")
        if far or AMERICAN.fullmatch(shape) or CALLED.search(text, max(begin - NEAR, 0), begin):
            yield begin, end


def addresses(text: str, start: int) -> Iterator[tuple[int, int]]:
    """Find IP addresses of both versions; not the ones that mean "any" or version numbers with zeros alone."""
    found = [m.span() for m in FOUR.finditer(text, start) if m[0] not in ("0.0.0.0", "127.0.0.1")]
    found += [m.span() for m in SIX.finditer(text, start) if _is_six(m[0], text, m.end())]
    yield from sorted(found)


def _is_six(shape: str, text: str, end: int) -> bool:
    if end < len(text) and (text[end].isalnum() or text[end] == ":"):
        return False
    groups = shape.split(":")
    short = shape.count("::")
    if short > 1 or shape in ("::", "::1") or (":::" in shape):
        return False
    size = len(groups) + ("." in shape)
    filled = [g for g in groups if g]
    whole = size == 8 and all(groups)
    cut = (
        short == 1
        and size <= 9
        and len(filled) >= 2
        and any(c in "abcdefABCDEF" or len(g) > 2 for g in filled for c in g)
    )
    return whole or cut


def macs(text: str, start: int) -> Iterator[tuple[int, int]]:
    """Find the hardware addresses of network cards."""
    for found in MAC.finditer(text, start):
        yield found.span()


def urls(text: str, start: int) -> Iterator[tuple[int, int]]:
    """Find URLs with their scheme; a full stop at the end is the sentence's."""
    for found in URL.finditer(text, start):
        yield found.start(), found.start() + len(found[0].rstrip(".!?:'"))
