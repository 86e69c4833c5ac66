"""Access tokens of Google Cloud, fetched through our own transport and kept until they expire.

From a service account's key, <https://developers.google.com/identity/protocols/oauth2/service-account>, a user's login
(``gcloud auth application-default login``), or the metadata server of a machine or cluster,
<https://cloud.google.com/compute/docs/access/authenticate-workloads>.
"""

import asyncio
import ipaddress
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from time import monotonic, time
from urllib.parse import urlencode, urlsplit

import msgspec

from headgate.core.errors import UpstreamFailed
from headgate.core.secret import Secret
from headgate.providers.base import ProviderConfig
from headgate.providers.endpoint import USER_AGENT, credential, endpoint, fields, render
from headgate.transport.base import Inbound, Outbound, Sender

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
TOKEN_URI = "https://oauth2.googleapis.com/token"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LASTS = 3600
"""Seconds for which a token is asked: the most that Google gives."""
SKEW = 30
"""Seconds that our clock may be ahead of Google's."""
EARLY = 300.0
"""Seconds before its end that a token is renewed; until then calls go on with the old one."""
AGAIN = 30.0
"""Seconds between tries to renew a token that is still good."""
PATIENCE = 15.0
MAX_ANSWER = 256 * 1024
MAX_KEY = 64 * 1024

Ask = Callable[[], Awaitable[Outbound]]


class Key(msgspec.Struct):
    """A key file, of either kind."""

    type: str = ""
    project_id: str | None = None
    client_email: str = ""
    private_key: str = ""
    private_key_id: str = ""
    token_uri: str = TOKEN_URI
    client_id: str = ""
    client_secret: str = ""
    refresh_token: str = ""
    quota_project_id: str | None = None


class _Granted(msgspec.Struct):
    access_token: str
    expires_in: float


_key = msgspec.json.Decoder(Key)
_granted = msgspec.json.Decoder(_Granted, strict=False)


class Token:
    """The token of one account. ``header`` is its header line, empty before the first one is there."""

    __slots__ = ("_ask", "_ends", "_fetching", "_renew", "_sender", "header")

    def __init__(self, ask: Ask, sender: Sender) -> None:
        """*ask* makes the request that is answered with a token."""
        self._ask = ask
        self._sender = sender
        self._renew = self._ends = 0.0
        self._fetching: asyncio.Task[None] | None = None
        self.header = b""

    def fresh(self) -> Awaitable[None] | None:
        """Return ``None`` where the token is good, else what to wait for; it raises ``UpstreamFailed``."""
        now = monotonic()
        if now < self._renew:
            return None
        if self._fetching is None or self._fetching.done():
            self._fetching = asyncio.ensure_future(self._fetch())
            self._fetching.add_done_callback(_seen)
        if now < self._ends:
            self._renew = now + AGAIN
            return None
        return asyncio.shield(self._fetching)  # one caller who leaves takes the token from nobody else

    async def _fetch(self) -> None:
        began = monotonic()
        inbound = await self._sender.send(await self._ask())
        try:
            token, seconds = await _read(inbound)
        finally:
            inbound.close()
        self._ends = began + max(seconds - 10, 0)
        self._renew = began + max(seconds - EARLY, seconds / 2)
        self.header = f"authorization: Bearer {token}\r\n".encode()


def _seen(task: "asyncio.Task[None]") -> None:
    """Look at a failure that nobody waits for; the next call that needs the token meets it again."""
    if not task.cancelled():
        task.exception()


async def _read(inbound: Inbound) -> tuple[str, float]:
    """Return the token and the seconds it lasts."""
    try:
        body = await inbound.read_all(PATIENCE, MAX_ANSWER, PATIENCE)
        if inbound.status != 200:
            raise failed(f"refused the gateway's own credential (status {inbound.status})")
        granted = _granted.decode(body)
        return credential(Secret(granted.access_token)) or "", granted.expires_in
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError):
        raise failed("answered without a token") from None


def failed(what: str) -> UpstreamFailed:
    """The failure of a call that cannot be signed."""
    return UpstreamFailed(
        f"Google's token service {what}. The operator of this gateway must look at it.",
        status=502,
        code="upstream_auth_error",
    )


def google_token(config: ProviderConfig, key: Key | None, sender: Sender) -> Token:
    """Return what fetches tokens for *config*, of which *key* is the key file; raise ``ValueError`` without any."""
    if config.token_url is not None:
        ask = _outbound("GET", config.token_url, {"metadata-flavor": "Google"}, option="token_url")
        return Token(_same(ask), sender)
    if key is None:
        raise ValueError("credentials are missing; name a key file of Google's, or write a token_url or an api_key.")
    if key.type == "authorized_user":
        form = {
            "grant_type": "refresh_token",
            "client_id": key.client_id,
            "client_secret": key.client_secret,
            "refresh_token": key.refresh_token,
        }
        return Token(_same(_posted(key.token_uri, form)), sender)
    if key.type != "service_account" or not key.client_email or "PRIVATE KEY" not in key.private_key:
        raise ValueError("credentials hold neither a service account's key nor a user's login; use token_url instead.")
    _posted(key.token_uri, {})  # so that a wrong address shows at once

    async def signed() -> Outbound:
        assertion = await asyncio.to_thread(assert_by, key, int(time()))  # the first time it loads a library
        return _posted(key.token_uri, {"grant_type": GRANT, "assertion": assertion})

    return Token(signed, sender)


def read_key(credentials: Secret | None) -> Key | None:
    """Return the key file that *credentials* holds or names; raise ``ValueError``, repeating nothing of it."""
    text = credentials.reveal().strip() if credentials is not None else ""
    if not text:
        return None
    if not text.startswith("{"):
        try:
            text = Path(text).expanduser().read_bytes()[:MAX_KEY].decode()
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no text"
            raise ValueError(f"credentials name a file that cannot be read: {why}.") from None
    try:
        return _key.decode(text)
    except msgspec.MsgspecError:
        raise ValueError("credentials are no key file of Google's: it is one JSON object.") from None


def from_environment(environ: Mapping[str, str]) -> ProviderConfig | None:
    """Return the account that Google's own tools would take from *environ*; ``None`` where it is not whole."""
    named = Secret(environ.get("GOOGLE_APPLICATION_CREDENTIALS", "").strip())
    try:
        key = read_key(named)
    except ValueError:
        return None
    if key is None or key.type not in ("service_account", "authorized_user"):
        return None
    project = environ.get("GOOGLE_CLOUD_PROJECT") or key.project_id or key.quota_project_id
    region = environ.get("GOOGLE_CLOUD_LOCATION") or None
    return ProviderConfig(kind="vertex", credentials=named, project=project, region=region) if project else None


def assert_by(key: Key, now: int) -> str:
    """Return a JSON web token (RFC 7519) by which *key* asks for an access token. Blocks for some milliseconds."""
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    try:
        private = serialization.load_pem_private_key(key.private_key.encode(), None)
    except (ValueError, TypeError):
        raise failed("was not asked: the private key in the credentials cannot be read") from None
    if not isinstance(private, RSAPrivateKey):
        raise failed("was not asked: the private key in the credentials is none of RSA")
    head = {"alg": "RS256", "typ": "JWT"} | ({"kid": key.private_key_id} if key.private_key_id else {})
    claims = {
        "iss": key.client_email,
        "scope": SCOPE,
        "aud": key.token_uri,
        "iat": now - SKEW,
        "exp": now - SKEW + LASTS,
    }
    said = f"{_encoded(msgspec.json.encode(head))}.{_encoded(msgspec.json.encode(claims))}"
    return f"{said}.{_encoded(private.sign(said.encode(), PKCS1v15(), hashes.SHA256()))}"


def _encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _same(out: Outbound) -> Ask:
    async def ask() -> Outbound:
        return out

    return ask


def _posted(url: str, form: dict[str, str]) -> Outbound:
    """Return a request to the address that a key file names: only where nobody can listen in."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not _is_loopback(parts.hostname or ""):
        raise ValueError("credentials name a token_uri that is not https://; take the file as Google gave it.")
    lines = {"content-type": "application/x-www-form-urlencoded"}
    return _outbound("POST", url, lines, urlencode(form).encode(), option="token_uri")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _outbound(method: str, url: str, lines: dict[str, str], body: bytes = b"", *, option: str) -> Outbound:
    try:
        at = endpoint(urlsplit(url)._replace(query="", fragment="").geturl())
    except ValueError as error:
        raise ValueError(str(error).replace("base_url", option)) from None
    query = urlsplit(url).query
    common = {"accept": "application/json", "accept-encoding": "identity", "user-agent": USER_AGENT}
    head = render(method, at, f"?{query}" if query else "", fields(common, lines))
    return Outbound(at.origin, head, b"", body, headers_timeout=PATIENCE)
