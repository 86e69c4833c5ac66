"""Ways out for accounts of single tenants: to public addresses alone, whatever a name leads to when it is asked.

Who runs the gateway may put a provider anywhere; a tenant names a host as a caller does, so that each connection goes
to the very address that was checked.
"""

from time import monotonic

from headgate.core.errors import BadRequest
from headgate.providers.base import Senders
from headgate.transport import failures
from headgate.transport.base import Inbound, Origin, Outbound, Sender
from headgate.transport.egress import check_url
from headgate.transport.resolve import FRESH, Lookup, lookup

MOST = 64
"""Origins of one account: its own, and those that it fetches tokens from."""


class Confined(Senders):
    """Hands out ways on which nothing of this machine or of a private network is reached."""

    def __init__(self, senders: Senders, ask: Lookup = lookup) -> None:
        """*senders* are the ways that are confined; *ask* resolves names."""
        self._senders = senders
        self._ask = ask

    def get(self, *, proxy: str | None = None, http2: bool = False, ca: str | None = None) -> Sender:
        """See ``Senders.get``. All go the same way: a proxy would resolve names by itself."""
        return ConfinedSender(self._senders.get(), self._ask)


class ConfinedSender:
    """A ``Sender`` to public addresses. One for each account."""

    def __init__(self, sender: Sender, ask: Lookup = lookup) -> None:
        self._sender = sender
        self._ask = ask
        self._pinned: dict[Origin, tuple[float, Origin]] = {}

    @property
    def ca_file(self) -> str | None:
        """Certificates of authorities that are trusted besides the system's."""
        found: str | None = getattr(self._sender, "ca_file", None)
        return found

    async def send(self, out: Outbound) -> Inbound:
        """See ``Sender.send``."""
        out.origin = await self.pinned(out.origin)
        return await self._sender.send(out)

    async def close(self) -> None:
        """The way belongs to who handed it out, and is closed there."""

    async def pinned(self, origin: Origin) -> Origin:
        """Return *origin* with the address to connect to; raise ``UpstreamFailed`` where it may not be asked."""
        now = monotonic()
        until, found = self._pinned.get(origin, (0.0, origin))
        if until > now:
            return found
        host = f"[{origin.host}]" if ":" in origin.host else origin.host
        try:
            to = await check_url(f"{'https' if origin.tls else 'http'}://{host}:{origin.port}/", self._ask)
        except BadRequest as error:
            raise failures.not_connected(origin, error.message.rstrip("."), same_target=False) from None
        if len(self._pinned) >= MOST:
            self._pinned.clear()
        self._pinned[origin] = now + FRESH, to.origin
        return to.origin
