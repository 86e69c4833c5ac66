"""HashiCorp Vault's Transit engine as a key service: ``transit:https://vault.example.com:8200/transit/headgate``.

<https://developer.hashicorp.com/vault/api-docs/secret/transit>. The URL names the mount and, last, the key. The token
is that of ``VAULT_TOKEN``, or stands in a file (``VAULT_TOKEN=file:/run/secrets/vault-token``) that is read each time,
so that an agent can renew it; ``VAULT_NAMESPACE`` is sent where it is set.
"""

import asyncio
from base64 import b64decode, b64encode
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import msgspec

from headgate.access.key_services import NotWrapped, Place, ServiceAway
from headgate.access.vault_login import vault_headers
from headgate.core.errors import HeadgateError
from headgate.core.redact import redact
from headgate.providers.renewal import asking
from headgate.transport.base import exchange
from headgate.transport.client import Http1Sender

PATIENCE = 5.0
"""Seconds to connect, to the headers, and for the body in all."""
MAX_ANSWER = 64 * 1024
MAX_WORDS = 300
OPTION = "the URL of the key service"


class _Data(msgspec.Struct):
    ciphertext: str = ""
    plaintext: str = ""


class _Answer(msgspec.Struct):
    data: _Data | None = None
    errors: list[str] = []


_answer = msgspec.json.Decoder(_Answer)


class Transit:
    """One key of a Transit engine; see ``key_services.KeyService``."""

    def __init__(self, place: Place) -> None:
        """Raise ``ValueError`` for a target that is no URL of a key."""
        at = urlsplit(place.target)
        mount, _, name = at.path.strip("/").rpartition("/")
        if at.scheme not in ("http", "https") or not at.hostname or not mount or not name or at.query or at.username:
            raise ValueError("must name a key of a Transit engine: transit:https://host:8200/mount/key")
        self._base = f"{at.scheme}://{at.netloc}/v1/{mount.removeprefix('v1/')}"
        self._name = name
        self._environ = place.environ
        self._ca = str(place.ca_file) if place.ca_file is not None else None
        asking("POST", f"{self._base}/encrypt/{name}", {}, option=OPTION)  # a URL that is none is found at the start

    def wrap(self, key: bytes) -> bytes:
        """See ``KeyService``."""
        status, found = self._send("encrypt", {"plaintext": b64encode(key).decode()})
        if status != 200 or found.data is None or not found.data.ciphertext.isascii() or not found.data.ciphertext:
            raise ServiceAway(_refusal(status, found))
        return found.data.ciphertext.encode()

    def unwrap(self, wrapped: bytes) -> bytes:
        """See ``KeyService``."""
        status, found = self._send("decrypt", {"ciphertext": wrapped.decode("ascii", "replace")})
        if status == 400:
            raise NotWrapped(_refusal(status, found))
        if status != 200 or found.data is None:
            raise ServiceAway(_refusal(status, found))
        try:
            return b64decode(found.data.plaintext, validate=True)
        except ValueError:
            raise ServiceAway("it answered with something that is no key") from None

    def _asking(self, verb: str, body: dict[str, str]) -> Any:
        lines = {"content-type": "application/json", **self._credentials()}
        url = f"{self._base}/{verb}/{self._name}"
        return asking("POST", url, lines, msgspec.json.encode(body), option=OPTION)

    def _credentials(self) -> Mapping[str, str]:
        try:
            return vault_headers(self._environ)
        except ValueError as error:
            raise ServiceAway(str(error)) from None

    def _send(self, verb: str, body: dict[str, str]) -> tuple[int, _Answer]:
        """Return the status and the answer. In a loop and thread of its own: whoever asks may have a loop that runs."""
        out = self._asking(verb, body)
        with ThreadPoolExecutor(1, thread_name_prefix="key-service") as thread:
            status, data = thread.submit(asyncio.run, self._exchange(out)).result()
        try:
            return status, _answer.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise ServiceAway(f"it answered {status}, and not in Transit's words") from None

    async def _exchange(self, out: Any) -> tuple[int, bytes]:
        sender = Http1Sender(ca_file=self._ca)
        out.connect_timeout = out.headers_timeout = PATIENCE
        try:
            answer, data = await exchange(sender, out, MAX_ANSWER, PATIENCE)
        except HeadgateError as error:
            raise ServiceAway(error.message) from None
        finally:
            await sender.close()
        return answer.status, data


def _refusal(status: int, found: _Answer) -> str:
    words = redact("; ".join(found.errors))[:MAX_WORDS]
    return f"it answered {status}" + (f" ({words})" if words else "")
