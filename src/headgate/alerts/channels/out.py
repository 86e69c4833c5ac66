"""The ways out of channels: every URL is checked as often as it is asked, and no redirect is followed."""

from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urlsplit

from headgate.alerts.channels.types import Failed, Place
from headgate.core.errors import HeadgateError
from headgate.core.secret import Secret
from headgate.transport.base import Origin, Outbound, Sender
from headgate.transport.egress import Destination

CONNECT, ANSWER = 5.0, 15.0


class Ways:
    """See ``channels.types.Out``."""

    def __init__(
        self, sender: Sender, allow: Callable[[str], Awaitable[Destination]], smtp: Secret | None = None
    ) -> None:
        """*allow* returns where a URL leads, or raises ``BadRequest``."""
        self.smtp = smtp
        self._sender = sender
        self._allow = allow

    async def post(self, place: Place, url: str, headers: Mapping[str, str], body: bytes) -> None:
        """See ``channels.types.Out``."""
        try:
            to = _straight(url) if place.trusted else await self._allow(url)
            out = Outbound(to.origin, _head(to, headers), body=body)
            out.connect_timeout, out.headers_timeout = CONNECT, ANSWER
            answer = await self._sender.send(out)
        except (HeadgateError, UnicodeError) as error:
            raise Failed(str(error)) from None
        answer.close()
        if not 200 <= answer.status < 300:
            raise Failed(f"{to.origin.host} answered {answer.status}")


def _straight(url: str) -> Destination:
    """Return where a URL leads that the operator wrote down."""
    parts = urlsplit(url)
    tls = parts.scheme == "https"
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not url.isascii() or not url.isprintable() or " " in url:
        raise Failed("its URL holds what no URL may")
    return Destination(Origin(parts.hostname or "", parts.port or (443 if tls else 80), tls), target)


def _head(to: Destination, headers: Mapping[str, str]) -> bytes:
    host = f"[{to.origin.host}]" if ":" in to.origin.host else to.origin.host
    lines = {
        "host": f"{host}:{to.origin.port}", "user-agent": "headgate", "content-type": "application/json", **headers,
    }  # fmt: skip
    head = f"POST {to.target} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return head.encode("ascii")
