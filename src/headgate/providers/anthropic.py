"""Anthropic's Messages API, <https://docs.anthropic.com/en/api/messages>: how its requests are addressed and signed."""

from collections.abc import Mapping

from headgate.dialects import anthropic_messages, count_tokens
from headgate.dialects.base import Dialect
from headgate.providers.base import Operation, ProviderConfig, Senders, Target
from headgate.providers.catalog import Row, row
from headgate.providers.compatible import locate
from headgate.providers.endpoint import USER_AGENT, Endpoint, credential, fields, render
from headgate.providers.fixed import CONNECT, HEADERS
from headgate.providers.raw import Headers, Heard, below, heard_among, request
from headgate.transport.base import Outbound, Sender

VERSION = "2023-06-01"  # what a caller who speaks another dialect gets: later versions refuse sampling parameters
PATHS: dict[Operation, tuple[str, str]] = {
    "chat": ("POST", "/v1/messages"),
    "count_tokens": ("POST", "/v1/messages/count_tokens"),
    "models": ("GET", "/v1/models"),
}
DIALECTS: Mapping[Operation, tuple[Dialect, ...]] = {"chat": (anthropic_messages,), "count_tokens": (count_tokens,)}
QUERIES = (b"", b"beta=true")
"""Query strings that go on: the vendor's own SDKs add the second to beta calls."""
BEARER = ("sk-ant-oat", "Bearer ")
"""How a token begins that is sent as a bearer token; any other key is sent as ``x-api-key``."""


class Anthropic:
    """An account at Anthropic, or at a server that speaks its wire format."""

    __slots__ = ("_at", "_heads", "_lines", "_version", "forward", "kind", "name", "sender")
    prepare = None

    def __init__(self, name: str, config: ProviderConfig, known: Row, sender: Sender) -> None:
        """Render every header once; raise ``ValueError`` for what cannot be sent."""
        at = locate(config, known)
        lines = fields(
            {"user-agent": USER_AGENT, "accept-encoding": "identity", "anthropic-version": VERSION},
            signature(credential(config.api_key)),
            known.headers,
            config.headers,
        )
        self.name = name
        self.kind = config.kind
        self.sender = sender
        self.forward = known.forwards()
        self._at = at
        self._lines = lines.copy()
        self._version = f"anthropic-version: {lines.pop('anthropic-version')}\r\n".encode("latin-1")
        self._heads = {(op, query): head(op, at, lines, query) for op in PATHS for query in QUERIES}

    def dialects(self, operation: Operation) -> tuple[Dialect, ...]:
        """Anthropic's own, for chat and for counting."""
        return DIALECTS.get(operation, ())

    def supports(self, operation: Operation) -> bool:
        """Everything but embeddings."""
        return operation in PATHS

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
        """Return the signed request, under the version that the caller asked for if it asked for one."""
        if b"anthropic-version: " not in extra:
            extra = self._version + extra
        limits = target.timeouts
        return Outbound(
            self._at.origin,
            self._heads.get((operation, query)) or self._heads[operation, b""],
            extra,
            body,
            limits.connect or CONNECT,
            limits.headers or HEADERS,
        )

    def raw(self, method: str, path: str, query: bytes, headers: Headers, body: bytes) -> Outbound:
        """Return the signed request for any path, under the version that the caller asked for if it asked for one."""
        return request(method, self._at, path, query, self._lines, headers, body, yields=self.forward)

    def heard(self, method: str, path: str) -> Heard | None:
        """Chat, and counting of tokens."""
        rest = below(self._at, path)
        return heard_among(DIALECTS.items(), method, f"/v1{rest}" if self._at.path.endswith("/v1") else rest)


def build(name: str, config: ProviderConfig, senders: Senders) -> Anthropic:
    """Build the provider that *config* describes."""
    return Anthropic(name, config, row(config.kind), senders.get(**config.way))


def signature(key: str | None) -> dict[str, str]:
    """Return the header that proves who we are."""
    if key is None:
        return {}
    if key.startswith(BEARER):
        return {"authorization": "Bearer " + key.removeprefix("Bearer ")}
    return {"x-api-key": key}


def head(operation: Operation, at: Endpoint, lines: Mapping[str, str], query: bytes) -> bytes:
    """Render the request line and the fixed header lines of *operation*."""
    method, path = PATHS[operation]
    if at.path.endswith("/v1"):  # the vendor's SDKs want the base without it, many people write it all the same
        path = path.removeprefix("/v1")
    if query:
        path = f"{path}?{query.decode('ascii')}"
    typed = {"content-type": "application/json"} if method == "POST" else {}
    return render(method, at, path, fields({"accept": "application/json"}, typed, lines))
