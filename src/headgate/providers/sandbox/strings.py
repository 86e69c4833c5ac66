"""Strings that a JSON schema asks for: by format, by pattern, by length."""

import re._constants as op  # type: ignore[import-not-found]  # the library's own parser knows a pattern best
import re._parser as _parser  # type: ignore[import-not-found]
from re import error as PatternError
from typing import Any

MAX_LENGTH = 4096
MAX_PATTERN = 256
FORMATS = {
    "date-time": "2026-01-15T09:30:00Z",
    "date": "2026-01-15",
    "time": "09:30:00Z",
    "duration": "PT30M",
    "email": "ada@example.com",
    "idn-email": "ada@example.com",
    "hostname": "example.com",
    "idn-hostname": "example.com",
    "ipv4": "192.0.2.10",
    "ipv6": "2001:db8::10",
    "uri": "https://example.com/item",
    "uri-reference": "/item",
    "iri": "https://example.com/item",
    "uuid": "7f3b1c52-9a0e-4d7c-8f21-5b6f0f4a1d3e",
    "json-pointer": "/item",
    "regex": "^[a-z]+$",
}
CATEGORIES = {
    op.CATEGORY_DIGIT: "7",
    op.CATEGORY_NOT_DIGIT: "a",
    op.CATEGORY_SPACE: " ",
    op.CATEGORY_NOT_SPACE: "a",
    op.CATEGORY_WORD: "a",
    op.CATEGORY_NOT_WORD: "-",
}
PRINTABLE = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 -_.,:;!?/+*=#@&%$()[]{}<>'\"|~^\\`"


class Unsatisfiable(ValueError):
    """No value, or none of a sensible size, fits the schema."""


def string(schema: dict[str, Any], likely: str) -> str:
    """Return a string that fits *schema*, *likely* where it leaves the choice."""
    shortest, longest = schema.get("minLength") or 0, schema.get("maxLength")
    if shortest > MAX_LENGTH:
        raise Unsatisfiable(f"a string of at least {shortest} characters is too long for the sandbox")
    if isinstance(schema.get("pattern"), str):
        made = _by_pattern(schema["pattern"], shortest)
        if made is not None:
            return made
    text = FORMATS.get(schema.get("format", ""), likely)
    if len(text) < shortest:
        text = (text + " " + "sandbox " * (shortest // 8 + 1))[:shortest]
    return text if longest is None else text[:longest]


def _by_pattern(pattern: str, shortest: int) -> str | None:
    """Write the shortest text a pattern matches, lengthened where it may be; ``None`` for what cannot be written."""
    if len(pattern) > MAX_PATTERN:
        return None
    try:
        parsed = _parser.parse(pattern)
        made = _Writer(0).write(parsed)
        return made if len(made) >= shortest else _Writer(shortest - len(made)).write(parsed)
    except (PatternError, KeyError, RecursionError, OverflowError):
        return None


class _Writer:
    """Writes a text that a parsed pattern matches; *spare* characters more than needed, where it may repeat."""

    def __init__(self, spare: int) -> None:
        self._spare = spare

    def write(self, parsed: Any) -> str:
        text = ""
        for kind, value in parsed:
            text += self._one(kind, value)
            if len(text) > MAX_LENGTH:
                raise Unsatisfiable("a string of that pattern is too long for the sandbox")
        return text

    def _one(self, kind: Any, value: Any) -> str:
        """Write one piece of a parsed pattern; raise ``KeyError`` for one that would need a search."""
        if kind is op.LITERAL:
            return chr(value)
        if kind is op.ANY:
            return "a"
        if kind is op.NOT_LITERAL:
            return "b" if chr(value) == "a" else "a"
        if kind is op.AT:
            return ""
        if kind is op.IN:
            return _member(value)
        if kind is op.BRANCH:
            return self.write(value[1][0])
        if kind is op.SUBPATTERN:
            return self.write(value[3])
        if kind in (op.MAX_REPEAT, op.MIN_REPEAT):
            return self._repeat(*value)
        raise KeyError(kind)

    def _repeat(self, least: int, most: int, inner: Any) -> str:
        once = self.write(inner)
        if not once:
            return ""
        if least * len(once) > MAX_LENGTH:
            raise Unsatisfiable("a string of that pattern is too long for the sandbox")
        more = min(most - least, -(-max(self._spare, 0) // len(once)))
        self._spare -= more * len(once)
        return once * (least + more)


def _member(items: list[tuple[Any, Any]]) -> str:
    """Return one character of a set."""
    if items[0][0] is op.NEGATE:
        return next(c for c in PRINTABLE if not any(_holds(item, c) for item in items[1:]))
    kind, value = items[0]
    if kind is op.RANGE:
        return chr(value[0])
    return CATEGORIES[value] if kind is op.CATEGORY else chr(value)


def _holds(item: tuple[Any, Any], c: str) -> bool:
    kind, value = item
    if kind is op.LITERAL:
        return chr(value) == c
    if kind is op.RANGE:
        return bool(value[0] <= ord(c) <= value[1])
    digit, space, word = c.isdigit(), c.isspace(), c.isalnum() or c == "_"
    return {
        op.CATEGORY_DIGIT: digit,
        op.CATEGORY_NOT_DIGIT: not digit,
        op.CATEGORY_SPACE: space,
        op.CATEGORY_NOT_SPACE: not space,
        op.CATEGORY_WORD: word,
        op.CATEGORY_NOT_WORD: not word,
    }[value]
