"""Counting wrong keys by client address, so that guessing is slow and costs us nothing."""

from ipaddress import IPv6Address
from time import monotonic

from headgate.core.errors import RateLimited

MAX_ADDRESSES = 10_000
WINDOW = 60


class BadKeys:
    """A minute's wrong keys of each address. Past *limit*, only keys that prove themselves are looked up."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._minute = 0
        self._counts: dict[str, int] = {}

    def count(self, address: str | None) -> bool:
        """Count one wrong key; return whether the address is past its limit."""
        counts = self._current()
        name = network_of(address)
        if name not in counts and len(counts) >= MAX_ADDRESSES:
            name = ""  # those for whom there is no room share a count
        counts[name] = counts.get(name, 0) + 1
        return counts[name] > self._limit

    def is_blocked(self, address: str | None) -> bool:
        """Whether the address has used up its minute."""
        counts = self._current()
        return counts.get(network_of(address), 0) >= self._limit

    def refusal(self) -> RateLimited:
        """The answer to an address past its limit."""
        wait = WINDOW - int(monotonic()) % WINDOW
        message = "Too many requests with a wrong API key came from this address. Wait, or send a valid key."
        return RateLimited(message, headers={"retry-after": str(wait)})

    def _current(self) -> dict[str, int]:
        minute = int(monotonic()) // WINDOW
        if minute != self._minute:
            self._minute, self._counts = minute, {}
        return self._counts


def network_of(address: str | None) -> str:
    """An IPv6 host commands its whole /64, so that is what is counted."""
    if not address or ":" not in address:
        return address or ""
    try:
        return IPv6Address(address.partition("%")[0]).exploded[:19]
    except ValueError:
        return address
