"""Access tokens of Google Cloud, fetched through our own transport.

From a service account's key, <https://developers.google.com/identity/protocols/oauth2/service-account>, a user's login
(``gcloud auth application-default login``), or the metadata server of a machine or cluster,
<https://cloud.google.com/compute/docs/access/authenticate-workloads>.
"""

import asyncio
import ipaddress
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path
from time import time
from urllib.parse import urlencode, urlsplit

import msgspec

from headgate.core.secret import Secret
from headgate.providers.base import ProviderConfig
from headgate.providers.renewal import Renewed, asking, bearer, failed, token
from headgate.transport.base import Outbound, Sender

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
TOKEN_URI = "https://oauth2.googleapis.com/token"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LASTS = 3600
"""Seconds for which a token is asked: the most that Google gives."""
SKEW = 30
"""Seconds that our clock may be ahead of Google's."""
SERVICE = "Google's token service"
MAX_KEY = 64 * 1024


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


_key = msgspec.json.Decoder(Key)


def google_token(config: ProviderConfig, key: Key | None, sender: Sender) -> Renewed[bytes]:
    """Return the header line of a token for *config*, empty before the first one is there.

    *key* is its key file. Raise ``ValueError`` without any credential.
    """
    if config.token_url is not None:
        return token(sender, asking("GET", config.token_url, {"metadata-flavor": "Google"}), SERVICE)
    if key is None:
        raise ValueError("credentials are missing; name a key file of Google's, or write a token_url or an api_key.")
    if key.type == "authorized_user":
        form = {
            "grant_type": "refresh_token",
            "client_id": key.client_id,
            "client_secret": key.client_secret,
            "refresh_token": key.refresh_token,
        }
        return token(sender, _posted(key.token_uri, form), SERVICE)
    if key.type != "service_account" or not key.client_email or "PRIVATE KEY" not in key.private_key:
        raise ValueError("credentials hold neither a service account's key nor a user's login; use token_url instead.")
    _posted(key.token_uri, {})  # so that a wrong address shows at once

    async def signed() -> tuple[bytes, float]:
        assertion = await asyncio.to_thread(assert_by, key, int(time()))  # the first time it loads a library
        return await bearer(sender, _posted(key.token_uri, {"grant_type": GRANT, "assertion": assertion}), SERVICE)

    return Renewed(signed, b"", (sender, key))


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
        raise failed(SERVICE, "was not asked: the private key in the credentials cannot be read") from None
    if not isinstance(private, RSAPrivateKey):
        raise failed(SERVICE, "was not asked: the private key in the credentials is none of RSA")
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


def _posted(url: str, form: dict[str, str]) -> Outbound:
    """Return a request to the address that a key file names: only where nobody can listen in."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not _is_loopback(parts.hostname or ""):
        raise ValueError("credentials name a token_uri that is not https://; take the file as Google gave it.")
    lines = {"content-type": "application/x-www-form-urlencoded"}
    return asking("POST", url, lines, urlencode(form).encode(), option="token_uri")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
