"""A server that speaks a wire format of its own at fixed paths and takes a bearer token, if any."""

from collections.abc import Mapping

import msgspec

from headgate.dialects.base import Dialect
from headgate.providers.base import Operation, ProviderConfig, Target
from headgate.providers.catalog import Row
from headgate.providers.compatible import ACCEPT, CONNECT, HEADERS, common, locate, posted
from headgate.providers.endpoint import Endpoint, fields, render
from headgate.providers.raw import Headers, Heard, below, heard_among, request
from headgate.transport.base import Outbound, Sender

Dialects = Mapping[Operation, tuple[Dialect, ...]]


class Native:
    """An account at a server whose dialects name their whole paths."""

    __slots__ = ("_at", "_dialects", "_heads", "_lines", "forward", "kind", "name", "sender")
    prepare = None

    def __init__(
        self,
        name: str,
        config: ProviderConfig,
        known: Row,
        sender: Sender,
        dialects: Dialects,
        *,
        models: str,
        versions: tuple[str, ...],
    ) -> None:
        """Render every header once; raise ``ValueError`` for what cannot be sent.

        *models* is the path that lists the models. *versions* are ends of a base URL that the dialects' paths begin
        with: many people write them all the same.
        """
        at = without(locate(config, known), versions)
        lines = common(config, known)
        self.name = name
        self.kind = config.kind
        self.sender = sender
        self.forward = known.forwards()
        self._at = at
        self._lines = lines
        self._dialects = dialects
        self._heads: dict[str, bytes] = {"models": render("GET", at, models, fields(ACCEPT, lines))}
        for operation, spoken in dialects.items():
            self._heads[operation] = render("POST", at, spoken[0].path, posted(lines))

    def dialects(self, operation: Operation) -> tuple[Dialect, ...]:
        """Its own."""
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
            self._heads[operation],
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


def without(at: Endpoint, versions: tuple[str, ...]) -> Endpoint:
    """Return *at* without one of *versions* at the end of its path."""
    for end in versions:
        if at.path.endswith(end):
            return msgspec.structs.replace(at, path=at.path.removesuffix(end))
    return at
