"""A large request body opened around its strings, which costs less than to take them out where they hold many escapes.

What is found on the way is kept: the arrays of objects, and an outline in which the long strings are left out, so that
whoever looks for a word that is no text has little to look through.
"""

from collections.abc import Mapping
from itertools import chain

import msgspec

Raw = msgspec.Raw
FIELDS = msgspec.json.Decoder(dict[str, Raw])
OBJECTS = msgspec.json.Decoder(list[dict[str, Raw]])
"""Decode an object, and an array of objects, of which the values stay the bytes they came as."""
_LEVELS = 6  # how far is opened: parts of tool results of messages
_SMALL = 256  # bytes; what is shorter is not opened
_WORD = 100  # bytes of the longest string that may be no text: a word of a format, were each of its letters escaped
_MOST = 16_384  # quotes; more would take much memory
_QUOTE, _OBJECT, _ARRAY = b'"{['


class Opened:
    """What was found of one body. Without a look at it, or where something may be hidden, its outline is ``None``."""

    __slots__ = ("_names", "_sound", "objects", "outline", "rest")

    def __init__(self) -> None:
        self.objects: dict[str, list[dict[str, Raw]]] = {}
        """Arrays of objects, by their field of the body."""
        self.outline: bytes | None = None
        """All of the body but its strings of over 100 bytes: each name, word and piece, in no order; nothing of a small
        body in which none of ``signs.ANY`` stands.
        """
        self.rest: dict[int, set[bytes]] = {}
        """What was not opened, by its level: short values, and long ones that are no strings."""
        self._names: set[str] = set()
        self._sound = True
        """Every object that was opened is its fields and nothing else, as far as its size tells: what is under a name
        that stands twice shows only once in them, and a name takes no fewer bytes than it has letters.
        """

    def split(self, body: bytes) -> bytes | None:
        """Open *body*, in which nothing is escaped, at its quotes; return what stands outside of strings, or ``None``
        where there are too many.
        """
        pieces = body.split(b'"', _MOST)
        if len(pieces) > _MOST:
            return None
        self.outline = b'"'.join([piece if len(piece) <= _WORD else b"" for piece in pieces])
        return b"".join(pieces[::2])

    def open(self, body: bytes) -> dict[str, Raw]:
        """Return the fields of *body*; raise ``msgspec.DecodeError`` or ``RecursionError``."""
        top = FIELDS.decode(body)
        self._look([top], 1)
        if self._sound:
            names = [b'"%b"' % name.encode() for name in self._names]
            self.outline = b",".join([*names, *[text for level in self.rest.values() for text in level]])
        return top

    def _look(self, objects: list[dict[str, Raw]], level: int) -> int:
        """Look at the fields of *objects*; return the bytes that they and the commas after them take without spaces."""
        names = list(chain.from_iterable(objects))
        values = [value for one in objects for value in one.values()]
        sizes = list(map(len, values))
        self._names.update(names)
        rest = self.rest.setdefault(level, set())
        for name, value, size in zip(names, values, sizes, strict=True):
            if size <= _WORD:
                rest.add(bytes(value))
                continue
            first = memoryview(value)[0]
            if first == _QUOTE:
                continue
            if size < _SMALL or level >= _LEVELS or (first != _OBJECT and first != _ARRAY):
                rest.add(bytes(value))
            elif first == _OBJECT:
                one = FIELDS.decode(value)
                self._check(self._look([one], level + 1) - 1, value, [one])
            else:
                try:
                    found = OBJECTS.decode(value)
                except msgspec.ValidationError:
                    rest.add(bytes(value))
                    continue
                if level == 1:
                    self.objects[name] = found
                self._check(self._look(found, level + 2) + 1, value, found)
        return sum(sizes) + sum(map(len, names)) + 4 * len(names) + 2 * len(objects)

    def _check(self, size: int, value: Raw, objects: list[dict[str, Raw]]) -> None:
        if self._sound and size != len(value):
            spaced = b", ".join([_spaced(one) for one in objects])  # as Python's json writes it
            self._sound = bytes(value).strip(b"[]") == spaced


def _spaced(one: Mapping[str, Raw]) -> bytes:
    return b"{" + b", ".join([b'"%b": %b' % (name.encode(), inner) for name, inner in one.items()]) + b"}"
