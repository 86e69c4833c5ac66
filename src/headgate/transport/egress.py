"""Which URLs that a client names may be fetched: public hosts over HTTP alone, at the very address that was checked.

What an operator writes into the configuration needs no such leave: it may well be on loopback or in a private network;
and the operator may name private hosts that administrators may have asked.
"""

import asyncio
import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

import msgspec

from headgate.core.errors import BadRequest
from headgate.transport.base import Origin
from headgate.transport.resolve import Lookup, lookup

MAX_URL = 8192
RESOLVE_TIMEOUT = 5.0
"""Seconds."""
_UNPRINTABLE = re.compile(r"[^!-~]")
_NUMBER = re.compile(r"(?:\d+|0x[0-9a-f]*)", re.I)  # https://url.spec.whatwg.org/#ends-in-a-number-checker
_NAME = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*", re.I)
_HOST = re.compile(rf"(?:{_NAME.pattern}|\[[0-9a-f:.]+\])(?::\d{{1,5}})?", re.I)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_NOT_FOR_US = (
    ipaddress.ip_network("168.63.129.16/32"),  # Azure's host agent, on a public address
    ipaddress.ip_network("192.0.0.0/24"),  # protocol assignments; Oracle's metadata among them
    ipaddress.ip_network("2002::/16"),  # 6to4: carries an IPv4 address, and nobody uses it any more
    ipaddress.ip_network("64:ff9b:1::/48"),  # NAT64 of a private network
)

IP = ipaddress.IPv4Address | ipaddress.IPv6Address


class Destination(msgspec.Struct, frozen=True):
    """Where a checked URL leads: connect to ``origin.address`` alone, and check again whatever it redirects to."""

    origin: Origin
    target: str
    """Path and query, for the request line."""


class Private:
    """Hosts (``sso.corp``, ``sso.corp:8443``) and networks (``10.0.0.0/8``) that may be asked though not public.

    Raise ``ValueError`` for what is neither.
    """

    def __init__(self, listed: Iterable[str]) -> None:
        self._networks = []
        self._hosts: set[str] = set()
        for one in listed:
            if "/" in one:
                self._networks.append(ipaddress.ip_network(one))
            elif _HOST.fullmatch(one):
                self._hosts.add(one.lower())
            else:
                raise ValueError(f"{one!r} is neither a host nor a network")

    def has(self, host: str, port: int, ip: IP) -> bool:
        """Whether this is one of them."""
        if host in self._hosts or f"{host}:{port}" in self._hosts:
            return True
        return any(ip in network for network in self._networks if network.version == ip.version)


async def check_url(
    url: str, ask: Lookup = lookup, param: str | None = None, private: "Private | None" = None
) -> Destination:
    """Return where *url* leads. Raise ``BadRequest`` ``url_not_allowed`` unless all it resolves to is public.

    *param* is the path of the field it came in; *private* are the exceptions that the operator made. The address is
    pinned: a name that changes its mind changes nothing.
    """
    try:
        scheme, host, port, target = _parts(url)
        literal = _literal(host)
        addresses = [str(literal)] if literal is not None else await _resolve(host, port, ask)
        for address in addresses:
            ip = ipaddress.ip_address(address.partition("%")[0])
            if not (is_public(ip) or (private is not None and private.has(host, port, ip))):
                raise ValueError("it does not lead to a public address")
    except ValueError as error:
        raise BadRequest(f"This URL may not be fetched: {error}.", code="url_not_allowed", param=param) from None
    return Destination(Origin(host, port, scheme == "https", addresses[0]), target)


def is_public(ip: IP) -> bool:
    """Whether *ip*, and any IPv4 address inside it, is one that anybody on the internet may be reached at."""
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or (ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else None)
        if inner is not None:
            return is_public(inner)
    if any(ip in network for network in _NOT_FOR_US if network.version == ip.version):
        return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


def _parts(url: str) -> tuple[str, str, int, str]:
    """Return scheme, host, port and target. Raise ``ValueError`` on all that two readers might read in two ways."""
    if len(url) > MAX_URL:
        raise ValueError(f"it is longer than {MAX_URL} characters")
    if "\\" in url or any(c.isspace() or not c.isprintable() for c in url):
        raise ValueError("it contains a space, a backslash or a control character")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise ValueError("only http and https are fetched")
    if "@" in parts.netloc:
        raise ValueError("it contains a user name")
    if not parts.hostname:
        raise ValueError("it names no host")
    host = parts.hostname
    if ":" not in host:
        host = host.encode("idna").decode().lower().rstrip(".")  # raises UnicodeError, a ValueError
    port = parts.port if parts.port is not None else (443 if parts.scheme == "https" else 80)
    if not port:
        raise ValueError("port 0 does not exist")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return parts.scheme, host, port, _UNPRINTABLE.sub(lambda m: _percent(m[0]), target)


def _percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


def _literal(host: str) -> IP | None:
    """Return the address that *host* spells out, ``None`` for a name. Only the plain spellings pass."""
    if ":" in host:
        if "%" in host:
            raise ValueError("it names a network interface")
        return ipaddress.IPv6Address(host)
    if _NUMBER.fullmatch(host.rpartition(".")[2]):
        return ipaddress.IPv4Address(host)  # not 0177.0.0.1, 127.1, 2130706433 or 0x7f000001: those raise
    if not _NAME.fullmatch(host):
        raise ValueError("its host is not a name")
    return None


async def _resolve(host: str, port: int, ask: Lookup) -> list[str]:
    try:
        async with asyncio.timeout(RESOLVE_TIMEOUT):
            return await ask(host, port)
    except (OSError, TimeoutError, UnicodeError):
        raise ValueError(f"{host} cannot be resolved") from None
