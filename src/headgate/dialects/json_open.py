"""A large request body opened around its strings, which costs less than to take them out where they hold many escapes.

What is found on the way is kept: the arrays of objects, and an outline in which the long strings are left out, so that
whoever looks for a word that is no text has little to look through.
"""

from collections.abc import Mapping

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

    __slots__ = ("_names", "_sound", "_words", "objects", "outline", "rest")

    def __init__(self) -> None:
        self.objects: dict[str, list[dict[str, Raw]]] = {}
        """Arrays of objects, by their field of the body."""
        self.outline: bytes | None = None
        """All of the body but its strings of over 100 bytes: each name, word and piece, in no order."""
        self.rest: dict[int, list[bytes]] = {}
        """What was not opened and is no string, by its level."""
        self._names: set[str] = set()
        self._words: set[bytes] = set()
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
        self._gather(top, 1, self.objects)
        if self._sound:
            names = [b'"%b"' % name.encode() for name in self._names]
            self.outline = b",".join([*names, *self._words, *[text for level in self.rest.values() for text in level]])
        return top

    def _gather(self, fields: dict[str, Raw], level: int, kept: dict[str, list[dict[str, Raw]]] | None = None) -> int:
        """Look at the fields of one object; return the bytes that they take without spaces."""
        taken = 1 if fields else 2
        for name, value in fields.items():
            self._names.add(name)
            size = len(value)
            taken += len(name) + size + 4
            first = memoryview(value)[0]
            if first == _QUOTE:
                if size <= _WORD:
                    self._words.add(bytes(value))
            elif size < _SMALL or level >= _LEVELS or (first != _OBJECT and first != _ARRAY):
                self.rest.setdefault(level, []).append(bytes(value))
            elif first == _OBJECT:
                inner = FIELDS.decode(value)
                tight = self._gather(inner, level + 1)
                self._sound = self._sound and (tight == size or bytes(value) == _spaced(inner))
            else:
                try:
                    objects = OBJECTS.decode(value)
                except msgspec.ValidationError:
                    self.rest.setdefault(level, []).append(bytes(value))
                    continue
                if kept is not None:
                    kept[name] = objects
                tight = 1 + sum([1 + self._gather(one, level + 2) for one in objects])
                self._sound = self._sound and (
                    tight == size or bytes(value) == b"[%b]" % b", ".join([_spaced(one) for one in objects])
                )
        return taken


def _spaced(one: Mapping[str, Raw]) -> bytes:
    """Return an object as Python's json writes it."""
    return b"{" + b", ".join([b'"%b": %b' % (name.encode(), inner) for name, inner in one.items()]) + b"}"
