"""The gateway's own tokens: access tokens, which anybody can read and only this installation signs; refresh tokens.

An access token is a JWT (RFC 9068) signed with ES256 under a key that derives from the installation's secret, so every
process of it has the same. It names a user or a client; what that one may is looked up, not carried.
"""

import hmac
import secrets
from collections.abc import Sequence
from functools import cached_property
from hashlib import sha256
from time import time
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from headgate.access.jwt import BadToken, Token, check_claims, verify
from headgate.access.keys import Derived
from headgate.core.ids import new_id
from headgate.core.secret import Secret

if TYPE_CHECKING:
    from joserfc.jwk import ECKey

LIFE = 600
"""Seconds that an access token is good for."""
AUDIENCE = "headgate"
TYPE = "at+jwt"
REFRESH_PREFIX = "hgr_"
TAG = 22
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the group of P-256."""


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """What an access token says."""

    kind: Literal["user", "client"]
    sub: str
    """Id of the user or client."""
    tid: str
    """Id of the tenant."""
    sid: str = ""
    """Id of the session it came from."""
    stamp: str = ""
    scope: str = ""
    """What a client asked to be left with of its permissions; empty is all."""
    exp: int = 0
    """Seconds since 1970; the end is not part of its life."""


class Signer:
    """Signs and verifies. What it needs is imported on first use, which is best not on the event loop: ``prepare``."""

    def __init__(self, derived: Derived, life: int = LIFE) -> None:
        self._signing = derived.signing
        self.life = life

    def prepare(self) -> None:
        """Import what takes long."""
        from joserfc import jws, jwt  # noqa: F401 - to sign and verify with

        _ = self._key

    @cached_property
    def kid(self) -> str:
        """The name of the key."""
        found: str = self._key.thumbprint()[:16]
        return found

    @property
    def issuer(self) -> str:
        """What ``iss`` says: no other installation's tokens are taken for ours."""
        return f"headgate:{self.kid}"

    def sign(self, what: Access, now: float | None = None) -> Secret:
        """Return an access token that is good from *now* (seconds since 1970) on."""
        from joserfc import jwt

        at = int(time() if now is None else now)
        claims = {
            **{name: value for name, value in msgspec.structs.asdict(what).items() if value},
            "iss": self.issuer,
            "aud": AUDIENCE,
            "iat": at,
            "exp": at + self.life,
            "jti": new_id(),
        }
        header = {"alg": "ES256", "kid": self.kid, "typ": TYPE}
        return Secret(jwt.encode(header, claims, self._key, algorithms=["ES256"]))

    def made(self, token: Token) -> bool:
        """Whether *token* says that it is ours: then nobody else's keys are tried on it."""
        return token.claims.get("iss") == self.issuer

    def access(self, token: Token) -> Access:
        """Return what a token of ours says; raise :class:`BadToken`."""
        if token.algorithm != "ES256" or token.kid != self.kid or token.header.get("typ") != TYPE:
            raise BadToken("it is not an access token of ours")
        verify(token, [self._public])
        check_claims(token.claims, issuer=self.issuer, audience=AUDIENCE, now=time(), leeway=0)
        try:
            return msgspec.convert(token.claims, Access)
        except msgspec.ValidationError:
            raise BadToken("it does not say what an access token says") from None

    def public(self) -> dict[str, Any]:
        """Return the JWKS with which others can verify our tokens."""
        return {"keys": [{**self._public.as_dict(private=False), "kid": self.kid, "alg": "ES256", "use": "sig"}]}

    @cached_property
    def _key(self) -> "ECKey":
        from cryptography.hazmat.primitives.asymmetric import ec
        from joserfc.jwk import ECKey

        seed = b"".join(hmac.digest(self._signing, b"headgate/access-tokens" + bytes([n]), "sha256") for n in (1, 2))
        scalar = int.from_bytes(seed, "big") % (ORDER - 1) + 1
        return ECKey(ec.derive_private_key(scalar, ec.SECP256R1()), None)

    @cached_property
    def _public(self) -> "ECKey":
        from joserfc.jwk import ECKey

        public = self._key.as_dict(private=False)
        return ECKey.import_key({**public, "kid": self.kid})


def looks_like_token(credential: bytes) -> bool:
    """Whether a credential may be a JWT: keys of ours have no dots in them."""
    return credential.startswith(b"eyJ") and credential.count(b".") == 2


def new_refresh(session_id: str, derived: Derived) -> Secret:
    """Return a refresh token of a session."""
    body = f"{REFRESH_PREFIX}{session_id}.{secrets.token_urlsafe(32)}"
    return Secret(f"{body}.{_tag(body, derived)}")


def session_of(refresh: Secret, derived: Derived) -> str | None:
    """Return the session that a refresh token was made for, used up or not; ``None`` for one that is not ours."""
    body, _, tag = refresh.reveal().rpartition(".")
    if not body.startswith(REFRESH_PREFIX) or not hmac.compare_digest(_tag(body, derived).encode(), tag.encode()):
        return None
    return body.removeprefix(REFRESH_PREFIX).partition(".")[0]


def held_digest(held: Secret, derived: Derived) -> bytes:
    """Return what is stored of what a session's client holds."""
    return hmac.digest(derived.pepper, b"session\0" + held.reveal().encode(), "sha256")


def digest_of(parts: Sequence[str]) -> bytes:
    """Return the digest of some words."""
    return sha256(msgspec.json.encode(parts)).digest()


def _tag(body: str, derived: Derived) -> str:
    return hmac.digest(derived.signing, b"headgate/refresh\0" + body.encode(), "sha256").hex()[:TAG]
