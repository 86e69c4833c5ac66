"""What proxies in front of the server may say about a request, and which names the server goes by.

``X-Forwarded-For``, ``-Proto`` and ``-Host`` are read from the addresses of listed proxies alone: from anybody else
they are what that one would like us to believe.
"""

import ipaddress
from collections.abc import Iterable, Mapping

from headgate.transport.server_asgi import Scope
from headgate.transport.server_head import valid_host

MAX_HOPS = 20
SCHEMES = {b"http": "http", b"https": "https"}
MAX_KNOWN = 4096


class Edge:
    """The edge of one server. Raise ``ValueError`` for a proxy that is not an address or a network.

    Args:
        proxies: Addresses and networks whose word is taken: ``10.0.0.0/8``.
        hosts: Names that the server answers to, without ports; ``*.example.com`` is every name below. None is all.
    """

    def __init__(self, proxies: Iterable[str] = (), hosts: Iterable[str] = ()) -> None:
        self._proxies = [ipaddress.ip_network(proxy) for proxy in proxies]
        self._hosts = frozenset(host.lower().encode() for host in hosts)
        self._known: dict[str, bool] = {}

    def goes_by(self, host: bytes) -> bool:
        """Whether the server answers to *host*, a valid Host header."""
        if not self._hosts:
            return True
        name = host.lower()
        name = name.partition(b"]")[0] + b"]" if name.startswith(b"[") else name.partition(b":")[0]
        return name in self._hosts or any(b"*" + name[at:] in self._hosts for at in _dots(name))

    def correct(self, scope: Scope, headers: Mapping[bytes, bytes]) -> None:
        """Put into *scope* what a trusted proxy says of the client's address, scheme and host."""
        client = scope["client"]
        if client is None or not self._is_proxy(client[0]):
            return
        address = self._client(headers.get(b"x-forwarded-for", b""))
        if address is not None:
            scope["client"] = (address, 0)
        scheme = SCHEMES.get(headers.get(b"x-forwarded-proto", b"").rpartition(b",")[2].strip().lower())
        if scheme is not None:
            scope["scheme"] = scheme
        host = headers.get(b"x-forwarded-host", b"").rpartition(b",")[2].strip()
        if host and valid_host(host) and self.goes_by(host):
            scope["headers"] = [(n, host if n == b"host" else v) for n, v in scope["headers"]]

    def _client(self, hops: bytes) -> str | None:
        """Return the nearest address that is no proxy's; the farthest that is known, if all are."""
        nearest = None
        for hop in reversed(hops.split(b",")[-MAX_HOPS:]):
            text = hop.strip().decode("latin-1")
            if text.startswith("["):
                text = text[1:].partition("]")[0]
            elif text.count(":") == 1:
                text = text.partition(":")[0]
            try:
                nearest = str(ipaddress.ip_address(text))
            except ValueError:
                return nearest
            if not self._is_proxy(nearest):
                return nearest
        return nearest

    def _is_proxy(self, address: str) -> bool:
        known = self._known.get(address)
        if known is None:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            known = self._known[address] = self._is_listed(address)
        return known

    def _is_listed(self, address: str) -> bool:
        try:
            ip = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
            ip = ip.ipv4_mapped
        return any(ip in network for network in self._proxies if network.version == ip.version)


def _dots(name: bytes) -> Iterable[int]:
    return (at for at, byte in enumerate(name) if byte == 0x2E)
