"""What a sealed value looks like in a store, and which key it says that it is under.

``HG``, a version, the id of the key-encryption key in 32 bytes (filled up with zeros), the length of the wrapped data
key in 2 bytes, that wrapped key, 12 random bytes, and the ciphertext with its tag (AES-256-GCM). Where no data key is
there (a length of 0) the value is sealed directly under a key derived from the key-encryption key. Values of version 1
have no id: ``HG``, the version, 12 random bytes and the ciphertext.

The id has one length so that a database can count values by what they begin with.
"""

import re

import msgspec

from headgate.access.vault import Unsealable
from headgate.storage.sealed import HEAD, ID_BYTES, PRESENT

FIRST = b"HG\x01"
NONCE = 12
_SIZE = 2
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
"""What a key can be called."""


class Sealed(msgspec.Struct, frozen=True):
    """A sealed value, taken apart."""

    key_id: str | None
    """Of the key-encryption key; ``None`` for version 1."""
    wrapped: bytes
    """The data key under it; empty where there is none."""
    nonce: bytes
    text: bytes

    def written(self) -> bytes:
        """Return it as it is stored, in the present version."""
        assert self.key_id is not None
        size = len(self.wrapped).to_bytes(_SIZE, "big")
        return b"".join((head(self.key_id), size, self.wrapped, self.nonce, self.text))


def read(value: bytes) -> Sealed:
    """Return *value* taken apart; raise :class:`Unsealable` where it is none of ours, or cut short."""
    if value.startswith(FIRST):
        return Sealed(None, b"", *_ends(value[len(FIRST) :]))
    if not value.startswith(PRESENT):
        raise Unsealable("it is damaged, or was sealed by a newer version of this program")
    rest = value[HEAD:]
    size = int.from_bytes(rest[:_SIZE], "big")
    return Sealed(key_id(value[:HEAD]), rest[_SIZE : _SIZE + size], *_ends(rest[_SIZE + size :]))


def head(id: str) -> bytes:
    """Return what values under the key *id* begin with."""
    return PRESENT + id.encode().ljust(ID_BYTES, b"\0")


def key_id(start: bytes) -> str | None:
    """Return the id of the key in the *start* of a value, ``None`` where it is of version 1.

    Raise :class:`Unsealable` where it is none of ours.
    """
    if start.startswith(FIRST):
        return None
    found = start[len(PRESENT) : HEAD].rstrip(b"\0").decode("ascii", "replace")
    if not start.startswith(PRESENT) or ID.fullmatch(found) is None:
        raise Unsealable("it is damaged, or was sealed by a newer version of this program")
    return found


def _ends(rest: bytes) -> tuple[bytes, bytes]:
    if len(rest) <= NONCE:
        raise Unsealable("it is cut short")
    return rest[:NONCE], rest[NONCE:]
