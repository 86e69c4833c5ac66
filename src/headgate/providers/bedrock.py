"""Amazon Bedrock by its Converse API, <https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference.html>.

The model stands in the path: an id, an inference profile, or an ARN. Requests are signed for the account, or carry a
Bedrock API key.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import quote

from headgate.dialects.base import Dialect
from headgate.dialects.converse import bedrock_converse
from headgate.providers.base import Operation, ProviderConfig, Senders, Target
from headgate.providers.bedrock_credentials import REGION, role, static, suffix
from headgate.providers.catalog import Row, row
from headgate.providers.endpoint import USER_AGENT, credential, endpoint, fields
from headgate.providers.fixed import CONNECT, HEADERS
from headgate.providers.raw import Heard, below, request
from headgate.providers.sigv4 import Signer
from headgate.transport.base import Outbound, Sender

DIALECTS: Mapping[Operation, tuple[Dialect, ...]] = {"chat": (bedrock_converse,)}
SIGNED = (b"x-amz-", b"content-type")
"""How the names of headers begin that AWS wants signed."""
THEIRS = frozenset({b"x-amz-date", b"x-amz-security-token", b"x-amz-content-sha256", b"authorization"})
"""What a caller's own AWS client signed with: it proves nothing to ours."""


class Bedrock:
    """An account at Bedrock, in one region."""

    __slots__ = (
        "_at",
        "_fixed",
        "_keys",
        "_lines",
        "_signed",
        "_signer",
        "forward",
        "kind",
        "name",
        "renewed",
        "sender",
    )

    def __init__(self, name: str, config: ProviderConfig, known: Row, sender: Sender) -> None:
        """Read the credential once; raise ``ValueError`` for what cannot be signed or sent."""
        region = config.region
        if region is None or not REGION.match(region):
            raise ValueError("region is missing, or is none of AWS; write one such as us-east-1.")
        self.name = name
        self.kind = config.kind
        self.sender = sender
        self.forward = known.forwards()
        self._at = endpoint(config.base_url or f"https://bedrock-runtime.{region}.{suffix(region)}")
        self._keys = static(config)
        self.renewed = role(config, region, self._keys, sender) if self._keys is not None and config.role_arn else None
        self._signer = Signer("bedrock", region)
        bearer = credential(config.api_key)
        proof = {"authorization": f"Bearer {bearer}"} if bearer else {}
        self._lines = fields({"user-agent": USER_AGENT, "accept-encoding": "identity"}, proof, config.headers)
        fixed = {"content-type": "application/json", **self._lines}
        self._fixed = "".join(f"{name}: {value}\r\n" for name, value in fixed.items()).encode("latin-1")
        self._signed = {name: value for name, value in fixed.items() if name.encode().startswith(SIGNED)}

    @property
    def prepare(self) -> Callable[[], Awaitable[None] | None] | None:
        """Fetch the keys of the role, where one is assumed."""
        return self.renewed.fresh if self.renewed is not None else None

    def dialects(self, operation: Operation) -> tuple[Dialect, ...]:
        """Converse, for chat."""
        return DIALECTS.get(operation, ())

    def supports(self, operation: Operation) -> bool:
        """Chat alone."""
        return operation in DIALECTS

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
        """Return the signed request. No query is known to this API."""
        path = f"{self._at.path}/model/{quote(target.model, safe='')}/{'converse-stream' if stream else 'converse'}"
        head = f"POST {path} HTTP/1.1\r\nhost: {self._at.host}\r\n".encode("ascii") + self._fixed
        limits = target.timeouts
        return Outbound(
            self._at.origin,
            head,
            extra + self._proof("POST", path, "", body, self._signed),
            body,
            limits.connect or CONNECT,
            limits.headers or HEADERS,
        )

    def raw(
        self, method: str, path: str, query: bytes, headers: Sequence[tuple[bytes, bytes]], body: bytes
    ) -> Outbound:
        """Return the signed request for any path."""
        headers = [(name, value) for name, value in headers if name not in THEIRS]
        out = request(method, self._at, path, query, self._lines, headers, body)
        signed = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers if name.startswith(SIGNED)}
        signed |= {name: value for name, value in self._signed.items() if name in self._lines}
        whole = self._at.path + below(self._at, path)
        out.extra += self._proof(method, whole, query.decode("ascii", "replace"), body, signed)
        return out

    def heard(self, method: str, path: str) -> Heard | None:
        """Chat, whole and in streams."""
        found = bedrock_converse.match(below(self._at, path)) if method == "POST" else None
        return Heard("chat", bedrock_converse, *found) if found is not None else None

    def _proof(self, method: str, path: str, query: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        """Return the header lines that sign a request; none where a bearer key stands among the fixed ones."""
        keys = self.renewed.value if self.renewed is not None else self._keys
        if keys is None:
            return b""
        now = datetime.now(UTC)
        proof = self._signer.sign(keys, method, self._at.host, path, body, now, query=query, headers=headers)
        return "".join([f"{name}: {value}\r\n" for name, value in proof.items()]).encode("latin-1")


def build(name: str, config: ProviderConfig, senders: Senders) -> Bedrock:
    """Build the provider that *config* describes."""
    return Bedrock(name, config, row(config.kind), senders.get(**config.way))
