"""The two ways to seal: each value under a data key of its own, or many under one key, where there are very many.

Both are AES-256-GCM. What a value is for and what it belongs to are authenticated with it, so that no value can be put
in another's place. To change the key above them, only the wrapped data keys of the first way are written anew.
"""

import hmac
import os
from threading import Lock
from typing import TYPE_CHECKING

import msgspec

from headgate.access import sealed
from headgate.access.keys import Derived
from headgate.access.sealed import NONCE, Sealed
from headgate.access.vault import Unsealable
from headgate.storage.sealed import PRESENT

if TYPE_CHECKING:
    from headgate.access.keyring import Keyring

KEY_BYTES = 32
LONG_LIVED = b"provider-keys"
"""What the secrets are for that live until somebody removes them: of providers, channels and identity providers."""
MOST = 1 << 24
"""Values under one data key: far fewer than random nonces of 96 bits allow (2**32, NIST SP 800-38D, 8.3)."""


class Envelope:
    """Seals each value under a data key of its own, which is wrapped under the first key of the ring."""

    def __init__(self, ring: "Keyring", use: bytes = LONG_LIVED) -> None:
        """*use* is what it is for: what is sealed for one thing cannot be opened for another."""
        self._ring = ring
        self._use = use

    def seal(self, secret: bytes, about: bytes) -> bytes:
        """See ``vault.Sealer``. Raise ``vault.KeyAway`` where a key service does not answer; may wait for it."""
        key, first = os.urandom(KEY_BYTES), self._ring.first
        return written(first.id, first.wrap(key), key, secret, _context(self._use, about))

    def open(self, value: bytes, about: bytes) -> bytes:
        """See ``vault.Sealer``. May wait for a key service, unless :meth:`Keyring.waits` says that it does not."""
        return opened(self._ring, value, self._use, about)

    def renewed(self, value: bytes, about: bytes) -> bytes:
        """Return *value* under the first key of the ring. What is sealed stays as it is; only its key is wrapped anew.

        One of version 1 has no key of its own, and gets one. Raise as :meth:`open` and :meth:`seal` do.
        """
        plain = opened(self._ring, value, self._use, about)  # a damaged one is to be found now, and not be blessed
        found = sealed.read(value)
        if found.key_id is None or not found.wrapped:
            return self.seal(plain, about)
        first = self._ring.first
        wrapped = first.wrap(self._ring.data_key(found.key_id, found.wrapped))
        return msgspec.structs.replace(found, key_id=first.id, wrapped=wrapped).written()


class Direct:
    """Seals under a key that is derived from the first of the ring, for what is too much to have a key each.

    A key service never gives its key away: there one data key serves many values, and its wrapped form stands in each.
    """

    def __init__(self, ring: "Keyring", use: bytes) -> None:
        """*use* as for :class:`Envelope`."""
        self._ring = ring
        self._use = use
        self._lock = Lock()
        self._kept: tuple[str, bytes, bytes] | None = None
        self._left = 0

    def seal(self, secret: bytes, about: bytes) -> bytes:
        """See :meth:`Envelope.seal`. A key service is waited for once in a process."""
        id, wrapped, key = self._key()
        context = _context(self._use, about)
        if not wrapped:
            context = sealed.head(id) + context
        return written(id, wrapped, key, secret, context)

    def open(self, value: bytes, about: bytes) -> bytes:
        """See :meth:`Envelope.open`."""
        return opened(self._ring, value, self._use, about)

    def _key(self) -> tuple[str, bytes, bytes]:
        """Return the id of the key-encryption key, the wrapped data key and the key to seal under."""
        first = self._ring.first
        key = first.derived(self._use)
        if key is not None:
            return first.id, b"", key
        with self._lock:
            if self._kept is None or self._kept[0] != first.id or not self._left:
                key = os.urandom(KEY_BYTES)
                self._kept, self._left = (first.id, first.wrap(key), key), MOST
            self._left -= 1
            return self._kept


def opened(ring: "Keyring", value: bytes, use: bytes, about: bytes) -> bytes:
    """Return what was sealed for *use*; raise :class:`Unsealable`, naming the key, where that cannot be had."""
    found, context = sealed.read(value), _context(use, about)
    if found.key_id is None:
        words = "it was sealed under another secret key, moved to another place, or damaged"
        return _decrypt(first_key(ring.installation, use), found, sealed.FIRST + about, words)
    if found.wrapped:
        key = ring.data_key(found.key_id, found.wrapped)
    else:
        key = ring.get(found.key_id).derived(use) or b""
        context = sealed.head(found.key_id) + context
    words = f"it was sealed under the key {found.key_id!r}, and moved to another place or damaged since"
    return _decrypt(key, found, context, words)


def written(id: str, wrapped: bytes, key: bytes, secret: bytes, context: bytes) -> bytes:
    """Return *secret* sealed under *key*."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # here: most gateways seal nothing

    nonce = os.urandom(NONCE)
    return Sealed(id, wrapped, nonce, AESGCM(key).encrypt(nonce, secret, context)).written()


def first_key(derived: Derived, use: bytes) -> bytes:
    """Return the key that values of version 1 are under: derived (HKDF-Expand, RFC 5869) from the secret key."""
    return hmac.digest(derived.envelope, b"headgate/" + use + b"\x01", "sha256")


def _context(use: bytes, about: bytes) -> bytes:
    """Return what is authenticated with a value: its key may change, so that is not among it."""
    return PRESENT + use + b"\0" + about


def _decrypt(key: bytes, found: Sealed, context: bytes, words: str) -> bytes:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        return AESGCM(key).decrypt(found.nonce, found.text, context)
    except (InvalidTag, ValueError):
        raise Unsealable(words) from None
