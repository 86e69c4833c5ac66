"""The sandbox: a provider inside the gateway, without network or key, that answers the same request always alike."""

from collections.abc import Mapping

from headgate.core.errors import NotFound
from headgate.dialects import openai_chat
from headgate.dialects.base import Dialect
from headgate.providers.base import Operation, ProviderConfig, Senders, Target
from headgate.providers.catalog import row
from headgate.providers.compatible import TASKS
from headgate.providers.endpoint import endpoint
from headgate.providers.raw import Headers, Heard, heard_among
from headgate.providers.sandbox.sender import SandboxSender
from headgate.transport.base import Outbound

DIALECTS: Mapping[Operation, tuple[Dialect, ...]] = {"chat": (openai_chat,), **TASKS}
HEADS: dict[str, bytes] = {"models": b"GET /v1/models HTTP/1.1\r\n"} | {
    name: b"POST /v1%b HTTP/1.1\r\n" % one.path.encode()
    for operation, spoken in DIALECTS.items()
    for one in spoken[::-1]
    for name in (operation, one.name)
}
"""By operation, and by dialect."""
PATIENCE = 600.0


class Sandbox:
    """Speaks OpenAI's wire format to itself."""

    __slots__ = ("_origin", "forward", "kind", "name", "sender")
    prepare = None

    def __init__(self, name: str, config: ProviderConfig) -> None:
        self.name = name
        self.kind = config.kind
        self.sender = SandboxSender()
        self.forward: frozenset[bytes] = frozenset()
        self._origin = endpoint(row("sandbox").base_url or "").origin

    def dialects(self, operation: Operation) -> tuple[Dialect, ...]:
        """OpenAI's own for everything, and Cohere's for reranking."""
        return DIALECTS.get(operation, ())

    def supports(self, operation: Operation) -> bool:
        """Everything that has a surface, but counting."""
        return operation in DIALECTS or operation == "models"

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
        """Return the request; there is nothing to sign."""
        head = HEADS.get(spoken) or HEADS[operation]
        return Outbound(self._origin, head, extra, body, headers_timeout=target.timeouts.headers or PATIENCE)

    def raw(self, method: str, path: str, query: bytes, headers: Headers, body: bytes) -> Outbound:
        """Nothing: there is no API behind the sandbox that is not the gateway's own."""
        raise NotFound("The sandbox has no API of its own; ask for its models, such as sandbox/chat.")

    def heard(self, method: str, path: str) -> Heard | None:
        """The paths of its dialects."""
        return heard_among(DIALECTS.items(), method, path.removeprefix("/v1"))


def build(name: str, config: ProviderConfig, senders: Senders) -> Sandbox:
    """Build the sandbox. It takes no sender: nothing leaves."""
    if config.base_url or config.api_key:
        raise ValueError("the sandbox has neither base_url nor api_key; take them out.")
    return Sandbox(name, config)
