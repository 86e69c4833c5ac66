"""Write texts into a JSON document again, everything else byte for byte as it came."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from headgate.dialects.text import KEY, Path

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)


def splice(document: bytes, edits: Mapping[Path, str | None]) -> bytes:
    """Return *document* with the values at the paths of *edits* replaced by texts, or by ``null``.

    *document* is valid JSON. Of a name that an object has twice every value is replaced. A path that ends with ``KEY``
    means the name itself.
    """
    out: list[bytes] = []
    at = 0
    for begin, end, text in _places(document, edits):
        out += [document[at:begin], b"null" if text is None else quoted(text)]
        at = end
    out.append(document[at:])
    return b"".join(out)


def holds(document: Any, path: Path) -> bool:
    """Return whether something stands at *path* of a decoded *document*, and not nothing: ``null``, an empty list."""
    for step in path:
        if isinstance(document, dict):
            document = document.get(step)
        elif isinstance(document, list) and isinstance(step, int) and step < len(document):
            document = document[step]
        else:
            return False
    return bool(document)


def quoted(text: str) -> bytes:
    """Return *text* as a JSON string; lone surrogates stay escapes."""
    try:
        return json.dumps(text, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(text).encode()


def _places(document: bytes, edits: Mapping[Path, str | None]) -> Sequence[tuple[int, int, str | None]]:
    """Where the values to be replaced stand, in order."""
    found: list[tuple[int, int, str | None]] = []
    path: list[str | int] = []
    kinds: list[bool] = []  # for each open container: whether it is an object
    key_next = False
    renames = any([bool(path) and path[-1] == KEY for path in edits])
    replacing: tuple[int, int, str | None] | None = None  # begin, depth, text of a container that goes as a whole
    for token in _TOKEN.finditer(document):
        said = token[0]
        sign = said[:1]
        if sign in b"{[":
            if replacing is None and tuple(path) in edits:
                replacing = (token.start(), len(kinds), edits[tuple(path)])
            kinds.append(sign == b"{")
            key_next = sign == b"{"
            path.append("" if sign == b"{" else 0)
        elif sign in b"}]":
            kinds.pop()
            path.pop()
            key_next = False
            if replacing is not None and replacing[1] == len(kinds):
                found.append((replacing[0], token.end(), replacing[2]))
                replacing = None
        elif sign == b",":
            if kinds[-1]:
                key_next = True
            else:
                last = path[-1]
                path[-1] = last + 1 if isinstance(last, int) else 0
        elif sign == b":":
            continue
        elif key_next:
            path[-1] = said[1:-1].decode() if b"\\" not in said else json.loads(said)
            key_next = False
            if renames and replacing is None and (*path, KEY) in edits:
                found.append((token.start(), token.end(), edits[(*path, KEY)]))
        elif replacing is None and tuple(path) in edits:
            found.append((token.start(), token.end(), edits[tuple(path)]))
    return found
