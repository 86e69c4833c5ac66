"""Sending a batch to an HTTP server that the operator named."""

from collections.abc import Mapping
from typing import Protocol
from urllib.parse import urlsplit

from headgate.core.errors import HeadgateError
from headgate.observe.outlets import Refused, Unwell
from headgate.providers.base import Senders
from headgate.transport.base import Origin, Outbound, Sender, exchange

CONNECT, ANSWER = 5.0, 15.0
LATER = frozenset((408, 425, 429, 502, 503, 504))
"""Statuses by which a server says that it is not the batch that is wrong."""
MAX_ANSWER = 64 * 1024


class Outside(Senders, Protocol):
    """The ways out of one thread."""

    async def close(self) -> None:
        """Close every connection."""
        ...


class Poster:
    """Posts to one URL."""

    def __init__(self, sender: Sender, url: str, headers: Mapping[str, str]) -> None:
        parts = urlsplit(url)
        tls = parts.scheme == "https"
        host = parts.hostname or ""
        port = parts.port or (443 if tls else 80)
        self._sender = sender
        self._origin = Origin(host, port, tls)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        lines = {"host": f"{f'[{host}]' if ':' in host else host}:{port}", "user-agent": "headgate", **headers}
        head = f"POST {target} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        if not all(value.isascii() and value.isprintable() for value in lines.values()):
            raise ValueError("a header that is to be sent is not printable ASCII")
        self._head = head.encode("ascii")

    async def __call__(self, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Send *body*. Raise :class:`Unwell` or :class:`Refused`; other server errors may be the body's fault."""
        extra = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items()).encode("latin-1")
        out = Outbound(self._origin, self._head, extra, body, connect_timeout=CONNECT, headers_timeout=ANSWER)
        try:
            answer, _ = await exchange(self._sender, out, MAX_ANSWER, ANSWER, CONNECT)
        except HeadgateError as error:
            raise Unwell(str(error)) from None
        if 200 <= answer.status < 300:
            return
        said = f"{self._origin.host} answered {answer.status}"
        if answer.status in LATER:
            raise Unwell(said)
        raise Refused(said) if answer.status < 500 else RuntimeError(said)
