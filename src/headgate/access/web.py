"""Asking identity providers: small JSON documents from checked addresses, and no redirect is ever followed."""

from base64 import b64encode
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote_plus, urlencode

import msgspec

from headgate.core.errors import BadRequest, HeadgateError
from headgate.transport.base import Origin, Outbound, Sender, exchange
from headgate.transport.egress import Destination, Private, check_url, is_public
from headgate.transport.resolve import Lookup, lookup

MAX_ANSWER = 512 * 1024
PATIENCE = 5.0
"""Seconds to connect, to the headers, between bytes; and for a body in all."""


class NotFetched(Exception):
    """There is no usable answer. The words are for administrators and the log; they repeat nothing of it."""


class Web:
    """Fetches. Only public hosts over HTTPS are asked, and what the operator has listed as *private*."""

    def __init__(self, sender: Sender, private: Private | None = None, ask: Lookup = lookup) -> None:
        self._sender = sender
        self._private = private
        self._ask = ask

    async def get_json(self, url: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return the JSON object at *url*; raise :class:`NotFetched`."""
        status, found = await self._send("GET", url, b"", dict(headers or {}))
        if status != 200:
            raise NotFetched(f"{shown(url)} answered {status}")
        return found

    async def post_form(
        self, url: str, fields: Mapping[str, str], basic: tuple[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Send *fields* and return status and JSON object; *basic* are a client's id and secret (RFC 6749, 2.3.1)."""
        headers = {"content-type": "application/x-www-form-urlencoded"}
        if basic is not None:
            pair = ":".join(quote_plus(word) for word in basic)
            headers["authorization"] = "Basic " + b64encode(pair.encode()).decode()
        return await self._send("POST", url, urlencode(fields).encode(), headers)

    async def allow(self, url: str, param: str | None = None) -> Destination:
        """Return where *url* leads; raise ``BadRequest`` ``url_not_allowed`` unless it may be asked."""
        to = await check_url(url, self._ask, param, self._private)
        if not to.origin.tls and is_public(ip_address(to.origin.address or "")):
            raise BadRequest("This URL must be https.", code="url_not_allowed", param=param)
        return to

    async def _send(self, method: str, url: str, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        try:
            to = await self.allow(url)
            lines = {"host": _host(to.origin), "accept": "application/json", "user-agent": "headgate", **headers}
            head = f"{method} {to.target} HTTP/1.1\r\n" + "".join(f"{n}: {value}\r\n" for n, value in lines.items())
            out = Outbound(
                to.origin, head.encode("latin-1"), b"", body, connect_timeout=PATIENCE, headers_timeout=PATIENCE
            )
            answer, data = await exchange(self._sender, out, MAX_ANSWER, PATIENCE)
        except (HeadgateError, UnicodeError) as error:
            raise NotFetched(f"{shown(url)} gave no answer: {error}") from None
        if 300 <= answer.status < 400:
            raise NotFetched(f"{shown(url)} redirects, which is not followed")
        kind = (answer.header(b"content-type") or b"").partition(b";")[0].strip().lower()
        if kind != b"application/json" and not kind.endswith(b"+json"):
            raise NotFetched(f"{shown(url)} did not answer in JSON")
        try:
            return answer.status, msgspec.json.decode(data, type=dict[str, Any])
        except (msgspec.MsgspecError, RecursionError, UnicodeError):
            raise NotFetched(f"{shown(url)} did not answer with a JSON object") from None


def _host(origin: Origin) -> str:
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    return host if origin.port == (443 if origin.tls else 80) else f"{host}:{origin.port}"


def shown(url: str) -> str:
    """Return a URL for messages: without its query, and not all of a long one."""
    return "".join(c if c.isprintable() else "?" for c in url.partition("?")[0][:200])
