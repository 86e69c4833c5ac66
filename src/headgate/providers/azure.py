"""Azure OpenAI, <https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle>.

The formats are OpenAI's, the paths are not: by the v1 API a deployment is called like a model, by a dated
``api_version`` it stands in the path.
"""

import re
from collections.abc import Awaitable, Callable
from urllib.parse import quote

from headgate.dialects import DIALECTS
from headgate.dialects.base import Dialect
from headgate.providers.base import Operation, ProviderConfig, Senders, Target
from headgate.providers.catalog import Row, row
from headgate.providers.compatible import ACCEPT, TASKS, asked, locate
from headgate.providers.endpoint import USER_AGENT, Endpoint, credential, fields, render
from headgate.providers.entra import entra
from headgate.providers.fixed import CONNECT, HEADERS
from headgate.providers.raw import Headers, Heard, below, heard_among, request
from headgate.transport.base import Outbound, Sender

DATED = re.compile(r"20\d\d-\d\d-\d\d(-preview)?\Z")
UNDATED = ("v1", "preview", "latest")
"""What ``api_version`` may be beside a date: the v1 API, and its stages, which are asked for in the query."""
OFFERED: tuple[Operation, ...] = ("embeddings", "images", "speech", "transcription")
"""What a deployment may be besides one of chat."""
V1_ONLY = frozenset({"openai-responses"})
_ROOT = re.compile(r"/openai(/v1)?\Z")
_DEPLOYED = re.compile(r"/deployments/[^/]+(?=/)")


class Azure:
    """A resource of Azure OpenAI or Azure AI Foundry."""

    __slots__ = (
        "_at",
        "_dated",
        "_dialects",
        "_heads",
        "_lines",
        "_models",
        "_query",
        "forward",
        "kind",
        "name",
        "renewed",
        "sender",
        "stores",
    )

    def __init__(self, name: str, config: ProviderConfig, known: Row, sender: Sender) -> None:
        """Render every header once; raise ``ValueError`` for what cannot be sent."""
        version = config.api_version or "v1"
        if version not in UNDATED and not DATED.match(version):
            raise ValueError(f"api_version {version[:50]!r} is neither 'v1' nor a date such as 2024-10-21.")
        self.name = name
        self.kind = config.kind
        self.sender = sender
        self.forward = known.forwards()
        self.stores = known.stores
        self._dated = version not in UNDATED
        at = locate(config, known)
        root = _ROOT.sub("", at.path)
        self._at = Endpoint(at.origin, at.host, f"{root}/openai" if self._dated else f"{root}/openai/v1")
        self._query = "" if version == "v1" else f"?api-version={version}"
        self.renewed = entra(config, sender)
        key = credential(config.api_key)
        ours = {"user-agent": USER_AGENT, "accept-encoding": "identity"}
        self._lines = fields(ours, {"api-key": key} if key else {}, known.headers, config.headers)
        chat = tuple(DIALECTS[one] for one in known.chat if not (self._dated and one in V1_ONLY))
        self._dialects: dict[Operation, tuple[Dialect, ...]] = {"chat": chat, **{one: TASKS[one] for one in OFFERED}}
        self._heads = {
            one.name: self._head(one.path, asked(operation, self._lines))
            for operation, several in self._dialects.items()
            for one in several
        }
        """By dialect; of the dated API, only what stands behind the deployment."""
        self._models = render("GET", self._at, f"/models{self._query}", fields(ACCEPT, self._lines))

    def _head(self, path: str, lines: dict[str, str]) -> tuple[bytes, bytes]:
        """Return the request line and headers of *path*, before and behind the name of the deployment."""
        if not self._dated:
            return b"", render("POST", self._at, f"{path}{self._query}", lines)
        whole = render("POST", self._at, f"/deployments/{path}{self._query}", lines)
        before, mark, behind = whole.partition(b"/deployments/")
        return before + mark, behind

    @property
    def prepare(self) -> Callable[[], Awaitable[None] | None] | None:
        """Fetches a token of Entra ID, where no key is used."""
        return None if self.renewed is None else self.renewed.fresh

    def dialects(self, operation: Operation) -> tuple[Dialect, ...]:
        """Those of the row for chat, OpenAI's own for all else."""
        return self._dialects.get(operation, ())

    def supports(self, operation: Operation) -> bool:
        """Chat, what is ``OFFERED``, and the list of models."""
        return operation in self._dialects or operation == "models"

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
        """Return the signed request; the model's name is the deployment's. No query of a caller goes on."""
        if operation == "models":
            head = self._models
        else:
            before, behind = self._heads[spoken or self._dialects[operation][0].name]
            head = before + quote(target.model, safe="").encode() + behind if self._dated else behind
        limits = target.timeouts
        token = b"" if self.renewed is None else self.renewed.value
        return Outbound(
            self._at.origin, head, token + extra, body, limits.connect or CONNECT, limits.headers or HEADERS
        )

    def raw(self, method: str, path: str, query: bytes, headers: Headers, body: bytes) -> Outbound:
        """Return the signed request for any path below ``/openai``, by the configured version unless it names one."""
        if self._query and b"api-version=" not in query:
            query = b"&".join(part for part in (query, self._query[1:].encode()) if part)
        out = request(method, self._at, path, query, self._lines, headers, body, yields=self.forward)
        if self.renewed is not None:
            out.extra = self.renewed.value + out.extra
        return out

    def heard(self, method: str, path: str) -> Heard | None:
        """The paths of its dialects; behind a deployment the body has to name the model too, as the SDKs do."""
        path = below(self._at, path)
        return heard_among(self._dialects.items(), method, _DEPLOYED.sub("", path) if self._dated else path)


def build(name: str, config: ProviderConfig, senders: Senders) -> Azure:
    """Build the provider that *config* describes."""
    return Azure(name, config, row(config.kind), senders.get(**config.way))
