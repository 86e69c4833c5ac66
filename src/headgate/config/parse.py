"""YAML to nodes that know their place, within bounds: nothing here builds objects or follows a tag.

What YAML allows and a configuration should not is refused here: tabs as indentation, several documents, deep nesting.
Duplicate keys, anchors and references to the environment are the business of ``shape``.
"""

import re
from itertools import islice
from pathlib import Path

import yaml

from headgate.config.types import ConfigError, Problem

MAX_BYTES = 1_000_000
MAX_DEPTH = 32
TAB = re.compile(r"^ *\t[ \t]*\S", re.MULTILINE)

Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C one is 20 times faster, where it was built


def read(path: Path) -> bytes:
    """Return the first ``MAX_BYTES`` + 1 of a file; raise :class:`ConfigError` for one that cannot be read."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError([Problem(str(path), 0, 0, "", f"cannot be read: {error.strerror or error}")]) from None
    return data


def compose(data: bytes, file: str) -> yaml.Node | None:
    """Return the root node of *data*, ``None`` for an empty file; raise :class:`ConfigError` for what is no YAML."""
    if len(data) > MAX_BYTES:
        raise ConfigError([Problem(file, 0, 0, "", f"is larger than {MAX_BYTES:,} bytes")])
    text = _decode(data, file)
    tabs = [text.index("\t", match.start()) for match in islice(TAB.finditer(text), 100)]
    if tabs:
        raise ConfigError([_at(file, text, tab, "a tab: YAML is indented with spaces") for tab in tabs])
    try:
        _bound_depth(text, file)
        node: yaml.Node | None = yaml.compose(text, Loader=Loader)
    except yaml.MarkedYAMLError as error:
        raise ConfigError([_syntax(file, text, error)]) from None
    except yaml.reader.ReaderError as error:
        raise ConfigError([_at(file, text, error.position, "a character that YAML does not allow")]) from None
    return node


def _decode(data: bytes, file: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        raise ConfigError([Problem(file, line, column, "", "is not UTF-8 text")]) from None


def _bound_depth(text: str, file: str) -> None:
    """Composing recurses in C, where nothing catches a stack that is too deep; events do not."""
    depth = 0
    for event in yaml.parse(text, Loader=Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                line, column = place(event)
                raise ConfigError([Problem(file, line, column, "", f"is nested more than {MAX_DEPTH} levels deep")])
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def place(thing: yaml.Node | yaml.Event) -> tuple[int, int]:
    """Return the line and column, from 1, where a node or event begins."""
    mark = thing.start_mark
    return (mark.line + 1, mark.column + 1) if mark is not None else (0, 0)


def _syntax(file: str, text: str, error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    words = ", ".join(part for part in (error.context, error.problem) if part) or "is not YAML"
    if mark is None:
        return Problem(file, 0, 0, "", words)
    if "${" in "".join(text.splitlines()[mark.line : mark.line + 1]):
        words += "; inside braces, a `${NAME}` must be in quotes"
    return Problem(file, mark.line + 1, mark.column + 1, "", f"not valid YAML: {words}")


def _at(file: str, text: str, position: int, message: str) -> Problem:
    before = text[:position]
    return Problem(file, before.count("\n") + 1, position - before.rfind("\n"), "", message)
