"""Placeholders for what a model must not see, and the way back from them to the originals.

A reversible placeholder is derived from the value under a key of the tenant (``<EMAIL_7f3a9c>``), so that every turn
of a conversation gives the same value the same one, and nothing has to be kept between turns: what is put back is only
what the same request has sent.
"""

import hmac
import re
from bisect import bisect_left
from json import dumps

from headgate.guardrails.scan import Folded, cut_escape

FORM = re.compile(r"<[A-Z][A-Z0-9_]{1,30}_[0-9a-f]{6,32}>")
SHORTEST = 6
LONGEST = 32
_DIGEST = re.compile(r"(?<![0-9A-Za-z])[0-9a-fA-F]{6,32}(?![0-9a-fA-F])")
_CLOSE = re.compile(r"[ \t]{0,2}(?:\\{0,2}>|&gt;|\\u003[eE])")
_CLOSE_CUT = re.compile(r"[ \t]{0,2}(?:&(?:g(?:t)?)?|\\{1,2}|\\u(?:0(?:0(?:3)?)?)?)?\Z")
_OPEN_CUT = re.compile(r"(?:<|&(?:l(?:t;?)?)?|\\(?:u(?:0(?:0(?:3(?:[cC])?)?)?)?)?)[ \t]{0,2}\Z")
_OPENED = r"(?:\\{0,2}<|&lt;|\\u003[cC])[ \t]{0,2}"
_PART = r"(?:\\{0,2}_|[ -])"  # Markdown escapes what stands between, and JSON the escape
_LAST = r"(?:\\{0,2}_|[ :-])[ \t]{0,1}"
_JOINT = re.compile(r"\\{0,2}_|[ :-]")
_WORD = re.compile(r"(?:\\u003[cC])?([A-Za-z0-9]+)")


def tenant_key(secret: bytes, tenant_id: str) -> bytes:
    """Return the key that a tenant's placeholders are made with, derived from a working key of the installation."""
    return hmac.digest(secret, b"headgate/mask\x01" + tenant_id.encode(), "sha256")


def plain_placeholder(kind: str) -> str:
    """Return the placeholder of what is never put back."""
    return f"<{kind.upper()}>"


class Masks:
    """The placeholders of one call, and what they stand for."""

    __slots__ = ("_cores", "_key", "_kinds", "_taken", "_values")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._values: dict[str, tuple[str, str]] = {}
        """Digest -> kind and original."""
        self._kinds: dict[str, re.Pattern[str]] = {}
        self._taken: set[str] = set()
        self._cores: list[str] = []

    def __len__(self) -> int:
        return len(self._values)

    def avoid(self, text: str) -> None:
        """Take note of placeholders that *text* has of its own: they stand for themselves."""
        if "<" in text:
            self._taken.update([found[0].rpartition("_")[2][:-1] for found in FORM.finditer(text)])

    def put(self, kind: str, value: str) -> str:
        """Return the placeholder of *value*, and remember it. The same value of a kind always has the same one."""
        digest = self._digest(kind, value)
        size = SHORTEST
        while size < LONGEST and (
            digest[:size] in self._taken or self._values.get(digest[:size], (kind, value)) != (kind, value)
        ):
            size += 2  # another value of this conversation came first
        name = digest[:size]
        if name not in self._values:
            self._values[name] = (kind, value)
            core = f"{kind.lower()}_{name}"
            self._cores.insert(bisect_left(self._cores, core), core)
        return f"<{kind.upper()}_{name}>"

    def of(self, kind: str, value: str) -> str | None:
        """Return the placeholder that *value* has in this call; ``None`` where the caller did not send it."""
        digest = self._digest(kind, value)
        for size in range(SHORTEST, LONGEST + 1, 2):
            if self._values.get(digest[:size]) == (kind, value):
                return f"<{kind.upper()}_{digest[:size]}>"
        return None

    def originals(self) -> dict[str, str]:
        """Return each value that was masked, with its placeholder."""
        return {value: f"<{kind.upper()}_{name}>" for name, (kind, value) in self._values.items()}

    def find(self, text: str, start: int = 0, json: bool = False) -> list[tuple[int, int, str]]:
        """Return the placeholders in *text* from *start* on: start, end, original; as models write them again.

        Their case and spacing may have changed, and their brackets may be escaped, or gone. Of a text that is JSON
        the escapes are read first.
        """
        found: list[tuple[int, int, str]] = []
        if not self._values:
            return found
        if json and "\\" in text:
            folded = Folded(text, True)
            plain = self.find(folded.text, folded.forth(start))
            return [(folded.back(s, len(text)), folded.end(e), value) for s, e, value in plain]
        done = start
        for digest in _DIGEST.finditer(text, start):
            known = self._values.get(digest[0].lower())
            if known is None:
                continue
            before = self._before(known[0]).search(text, max(done, digest.start() - 64), digest.start())
            if before is None:
                continue
            end = digest.end()
            if before[1]:
                close = _CLOSE.match(text, end)
                end = close.end() if close is not None else end
            found.append((before.start(), end, known[1]))
            done = end
        return found

    def held(self, text: str, json: bool = False) -> int:
        """Return from where the end of *text* may still become a placeholder; ``len(text)`` where none of it may."""
        size = len(text)
        if not self._values:
            return size
        if json and "\\" in text:
            folded = Folded(text[: cut_escape(text)], True)
            return min(folded.back(self.held(folded.text), size), cut_escape(text))
        tail = max(size - 96, 0)
        least = size
        cut = _OPEN_CUT.search(text, max(size - 10, 0))
        if cut is not None:
            least = cut.start()
        for word in _WORD.finditer(text, tail):
            if word.start(1) >= least:
                break
            if self._may_become(text[word.start(1) :]):
                least = word.start(1)
                break
        if least < size:  # its bracket goes with it
            opened = _OPENED_END.search(text, max(least - 12, 0), least)
            least = opened.start() if opened is not None else least
        return least

    def restored(self, text: str, quoted: bool = False) -> str:
        """Return *text* with the originals in it; *quoted* where it is JSON, in whose strings they must be escaped."""
        out, at = [], 0
        for start, end, value in self.find(text, 0, quoted):
            out += [text[at:start], inside_json(value) if quoted else value]
            at = end
        return "".join(out) + text[at:] if out else text

    def _may_become(self, text: str) -> bool:
        """Whether *text* is the beginning of a placeholder without its bracket, or a whole one that may still end."""
        plain = _JOINT.sub("_", text.lower())
        while "__" in plain:
            plain = plain.replace("__", "_")
        plain = plain.rstrip("\\")
        at = bisect_left(self._cores, plain)
        if at < len(self._cores) and self._cores[at].startswith(plain):
            return True
        body = re.match(r"[a-z0-9_]*[a-z0-9]", plain)
        if body is None:
            return False
        at = bisect_left(self._cores, body[0])
        whole = at < len(self._cores) and self._cores[at] == body[0]
        return whole and _CLOSE_CUT.fullmatch(plain.replace("_", " "), body.end()) is not None

    def _before(self, kind: str) -> re.Pattern[str]:
        found = self._kinds.get(kind)
        if found is None:
            name = _PART.join(map(re.escape, kind.split("_")))
            found = self._kinds[kind] = re.compile(rf"(?i)(?:({_OPENED})|(?<![A-Za-z0-9])){name}{_LAST}\Z")
        return found

    def _digest(self, kind: str, value: str) -> str:
        text = f"{kind}\0{value}".encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, text, "sha256").hex()[:LONGEST]


_OPENED_END = re.compile(rf"{_OPENED}\Z")


def inside_json(value: str) -> str:
    """Return *value* as it stands between the quotes of a JSON string."""
    return dumps(value, ensure_ascii=False)[1:-1]
