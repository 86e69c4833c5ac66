"""What seals in tests."""

from headgate.access.envelope import LONG_LIVED, first_key
from headgate.access.keys import Derived
from headgate.access.sealed import FIRST, NONCE


def old(derived: Derived, secret: bytes, about: bytes, use: bytes = LONG_LIVED) -> bytes:
    """*secret* as the first version sealed it."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = bytes(range(NONCE))
    return FIRST + nonce + AESGCM(first_key(derived, use)).encrypt(nonce, secret, FIRST + about)
