"""HashiCorp Vault's key/value engines, version 2 and 1: ``vault:secret/data/headgate#openai``.

<https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#read-secret-version>. The address is ``VAULT_ADDR``; who
asks, see ``access.vault_login``.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from headgate.access.vault_login import vault_headers
from headgate.config.managers.ask import ask, decoded, refused
from headgate.config.managers.types import Place, Unfetched
from headgate.providers.renewal import asking

ADDRESS = "VAULT_ADDR"


class _Answer(msgspec.Struct):
    data: dict[str, Any] | None = None
    errors: list[str] | None = None
    warnings: list[str] | None = None


_answer = msgspec.json.Decoder(_Answer)


class Vault:
    """See ``types.Manager``."""

    def __init__(self, place: Place) -> None:
        self._place = place

    async def fetch(self, target: str) -> Mapping[str, Any]:
        """See ``types.Manager``."""
        address = self._place.environ.get(ADDRESS, "").strip().rstrip("/")
        if not address:
            raise ValueError(
                f"{ADDRESS} is not set: it says where the Vault is, such as https://vault.example.com:8200"
            )
        path, _, query = target.partition("?")
        if urlsplit(address).query or urlsplit(address).fragment:
            raise ValueError(f"{ADDRESS} must be the URL of a Vault, such as https://vault.example.com:8200")
        url, lines = f"{address}/v1/{path.removeprefix('v1/')}", vault_headers(self._place.environ)
        status, body = await ask(self._place.sender, asking("GET", url, lines, query=query, option=ADDRESS))
        found = decoded(_answer, status, body)
        if status == 404:
            raise refused(status, "; ".join([*(found.errors or []), *(found.warnings or [])]) or _missing(path, found))
        if status != 200 or found.data is None:
            raise refused(status, "; ".join(found.errors or []))
        inner = found.data.get("data")
        if isinstance(found.data.get("metadata"), dict) and "data" in found.data:  # version 2
            if not isinstance(inner, dict):
                raise Unfetched("has only a deleted version of it")
            return inner
        return found.data


def _missing(path: str, found: _Answer) -> str:
    if found.data is not None:
        return "this version of it is deleted"
    mount, _, rest = path.partition("/")
    if rest.startswith("data/"):
        return "there is no such secret"
    return f"there is no such secret; where {mount} is of KV version 2, it is {mount}/data/{rest}"
