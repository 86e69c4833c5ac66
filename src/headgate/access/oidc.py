"""OpenID Connect (https://openid.net/specs/openid-connect-core-1_0.html): the code flow with PKCE, and nothing else.

The gateway keeps nothing while somebody is away at the provider: what it must know again lies, signed, in a cookie of
his browser. Whatever the provider then says is checked before any of it is believed.
"""

import hmac
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, Mapping
from hashlib import sha256, sha384, sha512
from time import monotonic, time
from typing import Any
from urllib.parse import urlencode

import msgspec

from headgate.access.jwks import KeySets
from headgate.access.jwt import BadToken, Token, check_claims, read, verify
from headgate.access.keys import Derived
from headgate.access.resolve import MAX_SUBJECT, claim
from headgate.access.tokens import digest_of
from headgate.access.web import NotFetched, Web
from headgate.core.errors import BadRequest, HeadgateError, Unavailable
from headgate.core.secret import Secret
from headgate.storage.entry_rows import SsoRow

AWAY = 600
"""Seconds that somebody may be away at the provider."""
KNOWN = 3600.0
"""Seconds that a provider's description of itself is kept."""
DOWN = 5.0
"""Seconds for which one that gave no description is not asked again: anybody can have it asked."""
MAX_KNOWN = 1_000
HASHES = {"256": sha256, "384": sha384, "512": sha512}
ADDRESS = re.compile(r"[!#-?A-~]{1,128}@[!-?A-~]{1,125}").fullmatch
WELL_KNOWN = "/.well-known/openid-configuration"


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider says about itself (OpenID Connect Discovery 1.0)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False


class Away(msgspec.Struct, frozen=True, kw_only=True):
    """What the browser keeps while somebody is away."""

    state: str
    sso: str
    redirect: str
    back: str
    """Where to go afterwards: a path here."""
    until: int
    """Seconds since 1970."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The query with which somebody comes back."""

    code: str | None = None
    state: str | None = None
    iss: str | None = None
    error: str | None = None


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a provider vouches for."""

    subject: str
    email: str | None
    email_verified: bool
    name: str
    groups: tuple[str, ...]


class Oidc:
    """Sends people to providers and judges what they bring back."""

    def __init__(
        self, web: Web, keys: KeySets, derived: Derived, use_once: Callable[[bytes, int], Awaitable[bool]]
    ) -> None:
        """*use_once* as ``EntryStore.use_once``."""
        self._web = web
        self._keys = keys
        self._signing = derived.signing
        self._use_once = use_once
        self._known: dict[str, tuple[float, Described | None]] = {}

    async def describe(self, issuer: str) -> Described:
        """Return what the provider says about itself. Raise ``BadRequest`` ``sso_failed`` or ``Unavailable``."""
        until, known = self._known.get(issuer, (0.0, None))
        if monotonic() < until:
            if known is None:
                raise Unavailable("The identity provider could not be asked just now.", code="sso_unavailable")
            return known
        try:
            found = msgspec.convert(await self._web.get_json(issuer.rstrip("/") + WELL_KNOWN), Described)
        except NotFetched as error:
            self._remember(issuer, DOWN, None)
            raise Unavailable(f"The identity provider cannot be asked: {error}", code="sso_unavailable") from None
        except msgspec.ValidationError as error:
            raise failed(f"its description is not usable ({error})") from None
        if found.issuer != issuer:
            raise failed("it says that it is another issuer")
        await self._web.allow(found.authorization_endpoint)  # where browsers are sent to
        self._remember(issuer, KNOWN, found)
        return found

    def _remember(self, issuer: str, seconds: float, found: Described | None) -> None:
        if len(self._known) >= MAX_KNOWN:
            self._known.clear()
        self._known[issuer] = monotonic() + seconds, found

    async def start(self, sso: SsoRow, redirect: str, back: str) -> tuple[str, str]:
        """Return where to send the browser, and what it is to keep meanwhile."""
        described = await self.describe(sso.issuer)
        state = secrets.token_urlsafe(32)
        away = Away(state=state, sso=sso.id, redirect=redirect, back=back, until=int(time()) + AWAY)
        verifier = self._word(state, b"verifier")
        query = {
            "response_type": "code",
            "client_id": sso.client_id,
            "redirect_uri": redirect,
            "scope": " ".join(dict.fromkeys(("openid", *sso.scopes.split()))),
            "state": state,
            "nonce": self._word(state, b"nonce"),
            "code_challenge": _base64(sha256(verifier.encode()).digest()),
            "code_challenge_method": "S256",
        }
        joint = "&" if "?" in described.authorization_endpoint else "?"
        return described.authorization_endpoint + joint + urlencode(query), self._kept(away)

    async def finish(
        self, sso: SsoRow, secret: Secret | None, answer: Answer, cookie: str | None
    ) -> tuple[Identity, str]:
        """Return who came back, and where to go now.

        Raise ``BadRequest``: ``invalid_state`` where this browser did not leave for this answer, or has had it before;
        ``sso_failed`` for an answer that does not hold. Raise ``Unavailable`` where the provider cannot be asked.
        """
        away = self._read(cookie)
        if (
            away is None
            or away.sso != sso.id
            or not hmac.compare_digest(away.state.encode(), (answer.state or "").encode())
        ):
            raise BadRequest(STATE, code="invalid_state", param="state")
        if not await self._use_once(digest_of(("state", away.state)), away.until * 1_000_000):
            raise BadRequest(STATE, code="invalid_state", param="state")
        if answer.error is not None or not answer.code:
            raise failed(f"it says {(answer.error or 'nothing')[:100]!r}")
        described = await self.describe(sso.issuer)
        told = answer.iss is not None or described.authorization_response_iss_parameter_supported
        if told and answer.iss != sso.issuer:
            raise failed("the answer is another issuer's")
        try:
            tokens = await self._exchange(described, sso, secret, answer.code, away)
            claims = await self._id_token(described, sso, tokens, self._word(away.state, b"nonce"))
            return _identity(await self._completed(described, sso, tokens, claims), sso), away.back
        except BadToken as error:
            raise failed(f"its token does not hold: {error}") from None
        except NotFetched as error:
            raise Unavailable(f"The identity provider cannot be asked: {error}", code="sso_unavailable") from None

    async def _exchange(
        self, described: Described, sso: SsoRow, secret: Secret | None, code: str, away: Away
    ) -> dict[str, Any]:
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": away.redirect,
            "code_verifier": self._word(away.state, b"verifier"),
        }
        basic = None
        if secret is None:
            fields["client_id"] = sso.client_id
        elif "client_secret_basic" in described.token_endpoint_auth_methods_supported:
            basic = (sso.client_id, secret.reveal())
        else:
            fields |= {"client_id": sso.client_id, "client_secret": secret.reveal()}
        status, tokens = await self._web.post_form(described.token_endpoint, fields, basic)
        if status != 200:
            raise failed(f"it does not take the code (it answered {status})")
        return tokens

    async def _id_token(
        self, described: Described, sso: SsoRow, tokens: Mapping[str, Any], nonce: str
    ) -> dict[str, Any]:
        raw = tokens.get("id_token")
        if not isinstance(raw, str) or not raw.isascii():
            raise BadToken("there is none")
        token = read(raw.encode())
        verify(token, await self._keys.keys(described.jwks_uri, token))
        claims, now = token.claims, time()
        check_claims(claims, issuer=sso.issuer, audience=sso.client_id, now=now)
        if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
            raise BadToken("it answers another request")
        several = isinstance(claims.get("aud"), list) and len(claims["aud"]) > 1
        if (several or "azp" in claims) and claims.get("azp") != sso.client_id:
            raise BadToken("it was made for somebody else")
        if "iat" not in claims or claims["iat"] < now - AWAY:
            raise BadToken("it was not made just now")
        _check_hash(token, tokens.get("access_token"))
        subject = claims.get("sub")
        if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT or not subject.isprintable():
            raise BadToken("it names nobody")
        return claims

    async def _completed(
        self, described: Described, sso: SsoRow, tokens: Mapping[str, Any], claims: dict[str, Any]
    ) -> dict[str, Any]:
        """Ask for what is said of a user elsewhere, where the token does not say it."""
        access, url = tokens.get("access_token"), described.userinfo_endpoint
        lacking = "email" not in claims or claim(claims, sso.groups_claim) is None
        if not lacking or url is None or not isinstance(access, str) or not access.isprintable():
            return claims
        found = await self._web.get_json(url, {"authorization": f"Bearer {access}"})
        if found.get("sub") != claims["sub"]:
            raise BadToken("what is said of its user is another's")
        return {**found, **claims}

    def _word(self, state: str, use: bytes) -> str:
        """The nonce and the verifier of a state: nobody else can make them, and they need not be kept."""
        return _base64(hmac.digest(self._signing, b"headgate/sso/" + use + b"\0" + state.encode(), "sha256"))

    def _kept(self, away: Away) -> str:
        body = _base64(msgspec.json.encode(away))
        return f"{body}.{self._word(body, b'cookie')}"

    def _read(self, cookie: str | None) -> Away | None:
        body, _, tag = (cookie or "").partition(".")
        if not hmac.compare_digest(self._word(body, b"cookie").encode(), tag.encode()):
            return None
        away = msgspec.json.decode(urlsafe_b64decode(body + "=" * (-len(body) % 4)), type=Away)
        return away if away.until > time() else None


STATE = "This sign-in was not begun in this browser, or is over. Begin again."


def failed(why: str) -> HeadgateError:
    """Return the refusal of what a provider answered."""
    return BadRequest(f"The identity provider's answer is not accepted: {why}.", code="sso_failed")


def _identity(claims: Mapping[str, Any], sso: SsoRow) -> Identity:
    email, name = claims.get("email"), claims.get("name")
    groups = claim(claims, sso.groups_claim)
    return Identity(
        subject=claims["sub"],
        email=email.lower() if isinstance(email, str) and ADDRESS(email) else None,
        email_verified=claims.get("email_verified") in (True, "true"),
        name=name[:100] if isinstance(name, str) and name.isprintable() else "",
        groups=tuple(g for g in (groups if isinstance(groups, list) else [groups])[:1000] if isinstance(g, str)),
    )


def _check_hash(token: Token, access: Any) -> None:
    """Raise ``BadToken`` where the access token is not the one that the ID token came with (3.1.3.6)."""
    said = token.claims.get("at_hash")
    if said is None:
        return
    make = HASHES.get(token.algorithm[2:], sha512)
    digest = make(str(access).encode()).digest()
    if not hmac.compare_digest(_base64(digest[: len(digest) // 2]).encode(), str(said).encode()):
        raise BadToken("it came with another access token")


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
