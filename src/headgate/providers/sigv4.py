"""AWS Signature Version 4, <https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html>."""

import hmac
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from urllib.parse import parse_qsl, quote

import msgspec

from headgate.core.secret import Secret

ALGORITHM = "AWS4-HMAC-SHA256"
UNRESERVED = "-_.~"


class Credentials(msgspec.Struct, frozen=True):
    """Keys of an account or of a role; ``expires`` is seconds since 1970, ``None`` for those that do not."""

    access_key_id: str
    secret_access_key: Secret
    session_token: Secret | None = None
    expires: float | None = None


class Signer:
    """Signs requests to one service in one region. The key derived for a day is kept for that day."""

    __slots__ = ("_key", "_key_of", "_region", "_service")

    def __init__(self, service: str, region: str) -> None:
        self._service = service
        self._region = region
        self._key = b""
        self._key_of: tuple[str, str] = ("", "")

    def sign(
        self,
        credentials: Credentials,
        method: str,
        host: str,
        path: str,
        body: bytes,
        now: datetime,
        *,
        query: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, str]:
        """Return the headers that prove who we are, to be sent with *headers* (names in lower case) and ``host``.

        *path* and *query* are as they stand in the request line; *now* is in UTC.
        """
        stamp = now.strftime("%Y%m%dT%H%M%SZ")
        proof = {"x-amz-date": stamp}
        if credentials.session_token is not None:
            proof["x-amz-security-token"] = credentials.session_token.reveal()
        signed = dict(sorted({"host": host, **(headers or {}), **proof}.items()))
        names = ";".join(signed)
        lines = "".join(f"{name}:{' '.join(value.split())}\n" for name, value in signed.items())
        request = "\n".join(
            (method, quote(path, safe="/" + UNRESERVED), canonical_query(query), lines, names, sha256(body).hexdigest())
        )
        scope = f"{stamp[:8]}/{self._region}/{self._service}/aws4_request"
        text = "\n".join((ALGORITHM, stamp, scope, sha256(request.encode()).hexdigest()))
        signature = hmac.digest(self._derived(credentials, stamp[:8]), text.encode(), "sha256").hex()
        proof["authorization"] = (
            f"{ALGORITHM} Credential={credentials.access_key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
        )
        return proof

    def _derived(self, credentials: Credentials, day: str) -> bytes:
        secret = credentials.secret_access_key.reveal()
        if self._key_of != (secret, day):
            key = f"AWS4{secret}".encode()
            for step in (day, self._region, self._service, "aws4_request"):
                key = hmac.digest(key, step.encode(), "sha256")
            self._key, self._key_of = key, (secret, day)
        return self._key


def canonical_query(query: str) -> str:
    """Return a query string with its pairs encoded in one way, and in order."""
    if not query:
        return ""
    pairs = [
        (quote(name, safe=UNRESERVED), quote(value, safe=UNRESERVED))
        for name, value in parse_qsl(query, keep_blank_values=True)
    ]
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))
