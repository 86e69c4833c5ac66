"""Keys of providers at rest: sealed with AES-256-GCM under a key of the installation, opened only by who must sign.

A sealed value is a version, 12 random bytes and the ciphertext with its tag. What it belongs to (tenant, provider and
id) is authenticated with it, so that no row can be put in another's place.
"""

import hmac
import logging
import os
from collections.abc import Iterable
from typing import Protocol

from headgate.access.keys import Derived
from headgate.core.ids import new_id, now
from headgate.core.secret import Secret
from headgate.storage.provider_keys import ProviderKeyRow

log = logging.getLogger("headgate.access")

VERSION = b"HG\x01"
NONCE = 12
SHOWN = 4
"""Characters shown of the beginning of a key, besides the last four; of a short one, nothing."""
SHORT = 20


class Unsealable(Exception):
    """A stored key cannot be opened: it was sealed by another installation's secret key, moved, or damaged."""


class Sealer(Protocol):
    """What seals: this module's own, or a key management service's client."""

    def seal(self, secret: bytes, about: bytes) -> bytes:
        """Return *secret* sealed; *about* is authenticated with it."""
        ...

    def open(self, sealed: bytes, about: bytes) -> bytes:
        """Return what was sealed; raise :class:`Unsealable` where it, or *about*, is not what it was."""
        ...


class LocalSealer:
    """Seals under a key derived (HKDF-Expand, RFC 5869) from the installation's secret key."""

    def __init__(self, derived: Derived, use: bytes = b"provider-keys") -> None:
        """*use* is what the key is for: what is sealed for one thing cannot be opened for another."""
        self._key = hmac.digest(derived.envelope, b"headgate/" + use + b"\x01", "sha256")

    def seal(self, secret: bytes, about: bytes) -> bytes:
        """See :class:`Sealer`."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # here: most gateways seal nothing

        nonce = os.urandom(NONCE)
        return VERSION + nonce + AESGCM(self._key).encrypt(nonce, secret, VERSION + about)

    def open(self, sealed: bytes, about: bytes) -> bytes:
        """See :class:`Sealer`."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        if not sealed.startswith(VERSION):
            raise Unsealable("it was sealed by a newer version of this program")
        nonce, text = sealed[len(VERSION) : len(VERSION) + NONCE], sealed[len(VERSION) + NONCE :]
        try:
            return AESGCM(self._key).decrypt(nonce, text, VERSION + about)
        except (InvalidTag, ValueError):
            raise Unsealable("it was sealed under another secret key, moved to another place, or damaged") from None


def sealed_row(key: Secret, provider: str, name: str, tenant_id: str, sealer: Sealer) -> ProviderKeyRow:
    """Return the row that stores *key*."""
    text = key.reveal()
    id = new_id()
    shown = text if len(text) >= SHORT else ""
    return ProviderKeyRow(
        id=id,
        tenant_id=tenant_id,
        provider=provider,
        name=name,
        sealed=sealer.seal(text.encode(), about(tenant_id, provider, id)),
        key_prefix=shown[:SHOWN],
        last4=shown[-4:],
        created_at=now(),
    )


def opened(row: ProviderKeyRow, sealer: Sealer) -> Secret:
    """Return the key in *row*; raise :class:`Unsealable`."""
    return Secret(sealer.open(row.sealed, about(row.tenant_id, row.provider, row.id)).decode())


def all_opened(rows: Iterable[ProviderKeyRow], sealer: Sealer) -> dict[str, list[Secret]]:
    """Return the keys in *rows* by provider; one that cannot be opened is told to the log and left out."""
    found: dict[str, list[Secret]] = {}
    for row in rows:
        try:
            found.setdefault(row.provider, []).append(opened(row, sealer))
        except Unsealable as error:
            log.error("the key %s of the provider %s cannot be opened: %s", row.id, row.provider, error)
    return found


def about(tenant_id: str, provider: str, id: str) -> bytes:
    """Return what is authenticated with a sealed key."""
    return "\0".join((tenant_id, provider, id)).encode()
