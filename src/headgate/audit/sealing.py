"""The key that audit entries and the request log are sealed under: derived, and in no database."""

import hmac

from headgate.access.keys import Derived
from headgate.storage.audit_rows import KeyedSealing


def sealing_key(derived: Derived) -> bytes:
    """Return the key (HKDF-Expand, RFC 5869); the same on every node with the same secret key."""
    return hmac.digest(derived.signing, b"headgate/audit\x01", "sha256")


def sealing(derived: Derived) -> KeyedSealing:
    """Return what seals."""
    return KeyedSealing(sealing_key(derived))
