"""What accounts at fixed paths share: every header rendered once, one request by operation or by dialect."""

from collections.abc import Mapping

from headgate.dialects.base import Dialect
from headgate.providers.base import Operation, Target
from headgate.providers.endpoint import Endpoint
from headgate.providers.raw import Headers, Heard, below, heard_among, request
from headgate.transport.base import Outbound, Sender

CONNECT = 5.0
HEADERS = 30.0


class Fixed:
    """An account whose server takes each operation at one path. The heir fills ``_heads``, by operation and dialect."""

    __slots__ = ("_at", "_dialects", "_heads", "_lines", "forward", "kind", "name", "sender")
    prepare = None

    def __init__(
        self,
        name: str,
        kind: str,
        sender: Sender,
        at: Endpoint,
        lines: dict[str, str],
        forward: frozenset[bytes],
        dialects: Mapping[Operation, tuple[Dialect, ...]],
    ) -> None:
        """*lines* are the header lines that every request carries, *forward* the caller's that may go on."""
        self.name = name
        self.kind = kind
        self.sender = sender
        self.forward = forward
        self._at = at
        self._lines = lines
        self._dialects = dialects
        self._heads: dict[str, bytes] = {}

    def dialects(self, operation: Operation) -> tuple[Dialect, ...]:
        """What it is asked *operation* in, its own first."""
        return self._dialects.get(operation, ())

    def supports(self, operation: Operation) -> bool:
        """What it has a path for."""
        return operation in self._heads

    def outbound(
        self,
        operation: Operation,
        target: Target,
        body: bytes,
        extra: bytes = b"",
        query: bytes = b"",
        *,
        spoken: str = "",
        stream: bool = False,
    ) -> Outbound:
        """Return the signed request. No query is known to these servers."""
        limits = target.timeouts
        return Outbound(
            self._at.origin,
            self._heads.get(spoken) or self._heads[operation],
            extra,
            body,
            limits.connect or CONNECT,
            limits.headers or HEADERS,
        )

    def raw(self, method: str, path: str, query: bytes, headers: Headers, body: bytes) -> Outbound:
        """Return the signed request for any path."""
        return request(method, self._at, path, query, self._lines, headers, body, yields=self.forward)

    def heard(self, method: str, path: str) -> Heard | None:
        """The paths of its dialects."""
        return heard_among(self._dialects.items(), method, below(self._at, path))
