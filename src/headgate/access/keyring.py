"""The keys that others are wrapped under: which there are, which of them seals, and how they come and go.

The first of a ring seals, all of them open. They stand in ``HEADGATE_ENCRYPTION_KEYS``, in the home's secrets file, or
with a key service; the last is always the one that follows from the installation's secret key.
"""

import hmac
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import Protocol

from headgate.access.envelope import KEY_BYTES, Direct, Envelope
from headgate.access.keys import Derived
from headgate.access.sealed import NONCE, read
from headgate.access.vault import UnknownKey, Unsealable

log = logging.getLogger("headgate.access")

MOST_KNOWN = 10_000
"""Data keys that are remembered where a service has to unwrap them: while it is away these go on opening."""


class Kek(Protocol):
    """A key-encryption key."""

    @property
    def id(self) -> str:
        """What it is called in sealed values."""
        ...

    @property
    def waits(self) -> bool:
        """Whether wrapping and unwrapping may wait for somebody else."""
        ...

    def wrap(self, key: bytes) -> bytes:
        """Return *key* encrypted; raise :class:`KeyAway`."""
        ...

    def unwrap(self, wrapped: bytes) -> bytes:
        """Return what was wrapped; raise :class:`Unsealable`."""
        ...

    def derived(self, use: bytes) -> bytes | None:
        """Return a key of 32 bytes for *use*; ``None`` where nobody but a service has the key."""
        ...


class LocalKek:
    """A key that this process has."""

    waits = False

    def __init__(self, id: str, key: bytes) -> None:
        """*key* has 32 random bytes."""
        self.id = id
        self._key = key

    def wrap(self, key: bytes) -> bytes:
        """See :class:`Kek`. 12 random bytes, the key under AES-256-GCM, and the tag."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = os.urandom(NONCE)
        return nonce + AESGCM(self._for(b"wrap")).encrypt(nonce, key, self.id.encode())

    def unwrap(self, wrapped: bytes) -> bytes:
        """See :class:`Kek`."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            return AESGCM(self._for(b"wrap")).decrypt(wrapped[:NONCE], wrapped[NONCE:], self.id.encode())
        except (InvalidTag, ValueError):
            raise Unsealable(f"its data key is damaged, or the key {self.id!r} is another than it was") from None

    def derived(self, use: bytes) -> bytes:
        """See :class:`Kek`."""
        return self._for(b"direct/" + use)

    def _for(self, use: bytes) -> bytes:
        return hmac.digest(self._key, b"headgate/" + use + b"\x01", "sha256")


class Keyring:
    """The keys of one process, the first of which seals. Threads may share it."""

    def __init__(
        self,
        installation: Derived,
        load: Callable[[], Sequence[Kek]] = tuple,
        files: Sequence[Path] = (),
        grow: Callable[[], str] | None = None,
    ) -> None:
        """*load* returns the keys before the installation's own, the first first; it raises ``ValueError`` where they
        cannot be used. It is asked again when one of *files* has changed. *grow* makes a new first key and returns its
        id.
        """
        self.installation = installation
        self.envelope = Envelope(self)
        self._load = load
        self._files = files
        self._grow = grow
        self._direct: dict[bytes, Direct] = {}
        self._data_keys: dict[tuple[str, bytes], bytes] = {}
        self._lock = Lock()
        self._stamps = self._look()
        self._refused: tuple[object, ...] | None = None
        """As the files were when they could not be used: told once."""
        self._keys = self._ordered(load())

    @property
    def first(self) -> Kek:
        """The key that seals."""
        self._refresh()
        return next(iter(self._keys.values()))

    @property
    def ids(self) -> tuple[str, ...]:
        """All of them, the first first."""
        self._refresh()
        return tuple(self._keys)

    def get(self, id: str) -> Kek:
        """Return the key of this *id*; raise :class:`UnknownKey`."""
        found = self._keys.get(id)
        if found is None:
            self._refresh()  # another process may have made it a moment ago
            found = self._keys.get(id)
        if found is None:
            words = f"it was sealed under the key {id!r}, which is not there: name it in HEADGATE_ENCRYPTION_KEYS again"
            if id.startswith(("secret-", "home-")):
                words = f"it was sealed under the key {id!r} of another home or another secret key"
            raise UnknownKey(words)
        return found

    def data_key(self, id: str, wrapped: bytes) -> bytes:
        """Return a data key that was *wrapped* under the key *id*; raise :class:`Unsealable`."""
        known = self._data_keys.get((id, wrapped))
        if known is not None:
            return known
        above = self.get(id)
        found = above.unwrap(wrapped)
        if len(found) != KEY_BYTES:
            raise Unsealable(f"its data key is not what the key {id!r} has wrapped")
        if above.waits:
            with self._lock:
                if len(self._data_keys) >= MOST_KNOWN:
                    del self._data_keys[next(iter(self._data_keys))]
                self._data_keys[id, wrapped] = found
        return found

    def waits(self, value: bytes) -> bool:
        """Whether opening *value* would wait for a key service."""
        try:
            found = read(value)
        except Unsealable:
            return False
        if found.key_id is None or (found.key_id, found.wrapped) in self._data_keys:
            return False
        known = self._keys.get(found.key_id)
        return known is not None and known.waits

    def direct(self, use: bytes) -> Direct:
        """Return what seals very many values for *use*."""
        with self._lock:
            return self._direct.setdefault(use, Direct(self, use))

    def grow(self) -> str:
        """Make a new first key in the home, and return its id; raise ``ValueError``, saying why it cannot be."""
        if self._grow is None:
            raise ValueError("There is no home here to keep a new key in.")
        id = self._grow()
        self._refresh()
        return id

    def _ordered(self, found: Sequence[Kek]) -> dict[str, Kek]:
        own = LocalKek(installation_id(self.installation), first_kek(self.installation))
        ordered: dict[str, Kek] = {}
        for kek in (*found, own):
            if kek.id in ordered:
                raise ValueError(f"names the key {kek.id!r} twice")
            ordered[kek.id] = kek
        return ordered

    def _refresh(self) -> None:
        """Take over what stands in the files, where that has changed. What cannot be read changes nothing.

        A look takes microseconds, so nothing is sealed under a key that was the first a moment ago.
        """
        if self._look() == self._stamps:
            return
        with self._lock:
            stamps = self._look()
            if stamps in (self._stamps, self._refused):
                return
            try:
                self._keys = self._ordered(self._load())
            except Exception as error:  # the keys that are known go on opening, whatever is wrong with a file
                log.error("the encryption keys stay as they were: %s", error)
                self._refused = stamps
            else:
                self._stamps, self._refused = stamps, None
                log.info("the encryption keys are now %s", ", ".join(self._keys))

    def _look(self) -> tuple[object, ...]:
        found: list[object] = []
        for file in self._files:
            try:
                state = file.stat()
            except OSError:
                found.append(None)
            else:
                found.append((state.st_mtime_ns, state.st_ino, state.st_size))
        return tuple(found)


def installation_id(derived: Derived) -> str:
    """Return what the key is called that follows from the installation's secret key: other secrets, other names."""
    return "secret-" + hmac.digest(derived.envelope, b"headgate/name\x01", "sha256").hex()[:8]


def first_kek(derived: Derived) -> bytes:
    """Return that key."""
    return hmac.digest(derived.envelope, b"headgate/encryption-key\x01", "sha256")
