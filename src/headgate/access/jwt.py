"""JSON Web Tokens (RFC 7519), read strictly: neither algorithm nor key, issuer or audience is theirs to choose."""

import binascii
import json
from base64 import urlsafe_b64decode
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from joserfc.jwk import Key

KINDS: Mapping[str, str] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "RSA"),
    **dict.fromkeys(("ES256", "ES384", "ES512"), "EC"),
    **dict.fromkeys(("EdDSA", "Ed25519"), "OKP"),
}
"""Signatures that are taken, with the kind of key each needs: none that needs a shared secret, and not ``none``."""
MAX_TOKEN = 16_384
MAX_KEYS = 100
MIN_RSA = 2048
LEEWAY = 60
"""Seconds that another machine's clock may be ahead of ours."""


class BadToken(Exception):
    """The token proves nothing. What is wrong with it is for our log; its sender learns that it is refused."""


class Token(msgspec.Struct, frozen=True):
    """A token that was taken apart; nothing of it is proved."""

    raw: bytes
    header: dict[str, Any]
    claims: dict[str, Any]

    @property
    def algorithm(self) -> str:
        """Its algorithm, one of ``KINDS``."""
        return str(self.header["alg"])

    @property
    def kid(self) -> str | None:
        """The name of its key."""
        found: str | None = self.header.get("kid")
        return found


def read(raw: bytes) -> Token:
    """Take *raw* apart; raise :class:`BadToken` for what cannot be a token that we take."""
    parts = raw.split(b".")
    if len(raw) > MAX_TOKEN or len(parts) != 3 or not all(parts):
        raise BadToken("it is not three parts of at most 16 KiB")
    header, claims = _object(parts[0]), _object(parts[1])
    if not isinstance(header.get("alg"), str) or header["alg"] not in KINDS:
        raise BadToken("its algorithm is not one that is taken")
    if "crit" in header or "b64" in header:
        raise BadToken("it asks for an extension")
    kid = header.get("kid")
    if kid is not None and not (isinstance(kid, str) and 0 < len(kid) <= 256):
        raise BadToken("its key has no usable name")
    return Token(raw, header, claims)


def verify(token: Token, keys: "Iterable[Key]") -> None:
    """Raise :class:`BadToken` unless one of *keys* that fits the token has signed it.

    A named key must have that very name; an unnamed one must be the only one that fits.
    """
    from joserfc import jws
    from joserfc.errors import JoseError

    fitting = [key for key in keys if _fits(key, token)]
    if len(fitting) != 1:
        raise BadToken("no key of that name is known" if token.kid else "which key has signed it cannot be told")
    registry = jws.JWSRegistry(algorithms=[token.algorithm], strict_check_header=False)
    registry.max_header_length = registry.max_payload_length = MAX_TOKEN
    try:
        jws.deserialize_compact(token.raw, fitting[0], algorithms=[token.algorithm], registry=registry)
    except (JoseError, ValueError, TypeError) as error:
        raise BadToken(f"its signature is not good ({type(error).__name__})") from None


def check_claims(claims: Mapping[str, Any], *, issuer: str, audience: str, now: float, leeway: float = LEEWAY) -> None:
    """Raise :class:`BadToken` unless the claims are *issuer*'s, for *audience*, and hold at *now* (seconds).

    It must expire; ``exp`` is the first instant at which it is good no more.
    """
    if claims.get("iss") != issuer:
        raise BadToken("it is another issuer's")
    aud = claims.get("aud")
    if audience not in (aud if isinstance(aud, list) else [aud]):
        raise BadToken("it is for somebody else")
    end = _instant(claims, "exp")
    if end is None or end <= now:
        raise BadToken("it has expired" if end is not None else "it never expires")
    for name in ("nbf", "iat"):
        at = _instant(claims, name)
        if at is not None and at > now + leeway:
            raise BadToken("it is from the future")


def import_keys(document: Any) -> "list[Key]":
    """Return the usable public keys of a JWKS (RFC 7517); raise :class:`BadToken` for what is none.

    Secrets, short RSA keys, keys for encryption and kinds that are not known are passed over.
    """
    from joserfc.errors import JoseError
    from joserfc.jwk import import_key

    given = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(given, list) or len(given) > MAX_KEYS:
        raise BadToken("it is not a set of keys")
    found = []
    for one in given:
        if not isinstance(one, dict) or one.get("kty") not in ("RSA", "EC", "OKP") or one.get("use", "sig") != "sig":
            continue
        public = {name: value for name, value in one.items() if name not in ("d", "p", "q", "dp", "dq", "qi", "oth")}
        if one["kty"] == "RSA" and len(str(one.get("n", ""))) * 6 < MIN_RSA:  # it is in base64
            continue
        try:
            found.append(import_key(public))
        except (JoseError, ValueError, TypeError, KeyError):
            continue
    return found


def _fits(key: "Key", token: Token) -> bool:
    if key.key_type != KINDS[token.algorithm] or key.get("alg") not in (None, token.algorithm):
        return False
    return token.kid is None or key.get("kid") == token.kid


def _object(part: bytes) -> dict[str, Any]:
    try:
        found = json.loads(urlsafe_b64decode(part + b"=" * (-len(part) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        raise BadToken("it is not JSON in base64url") from None
    if not isinstance(found, dict):
        raise BadToken("it is not an object")
    return found


def _instant(claims: Mapping[str, Any], name: str) -> float | None:
    at = claims.get(name)
    if at is None:
        return None
    if isinstance(at, bool) or not isinstance(at, int | float) or not 0 <= at < 1e12:
        raise BadToken(f"its {name} is not an instant")
    return float(at)
