"""From where a credential may be used: networks in CIDR notation."""

from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

from headgate.access.types import Principal
from headgate.core.errors import Forbidden


def may_come_from(who: Principal, address: str | None) -> None:
    """Raise ``Forbidden`` where *who* is bound to networks, none of which *address* is in."""
    if address is None or not is_in(address, who.addresses):
        raise Forbidden(f"The key {who.name!r} may not be used from this address.")


@lru_cache(10_000)
def is_in(address: str, networks: tuple[str, ...]) -> bool:
    """Whether *address* is in one of *networks*; a mapped IPv4 address is that address."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return any(found in ip_network(network) for network in networks)
