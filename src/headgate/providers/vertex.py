"""Vertex AI, <https://cloud.google.com/vertex-ai/generative-ai/docs>: Google's models, and Anthropic's at Google."""

import re
from collections.abc import Awaitable, Callable, Mapping

from headgate.dialects import anthropic_messages, count_gemini, count_tokens, gemini, gemini_array, wire
from headgate.dialects.base import Dialect
from headgate.dialects.gemini import Gemini
from headgate.dialects.gemini_embed import VertexEmbeddings
from headgate.providers.base import Operation, ProviderConfig, Senders, Target
from headgate.providers.catalog import Row, row
from headgate.providers.compatible import posted
from headgate.providers.endpoint import USER_AGENT, credential, endpoint, fields, render
from headgate.providers.fixed import CONNECT, HEADERS
from headgate.providers.google_auth import google_token, read_key
from headgate.providers.google_models import heard_in, named, verb_of
from headgate.providers.raw import Headers, Heard, request
from headgate.transport.base import Outbound, Sender

CLAUDE = "vertex-2023-10-16"
"""The version of Anthropic's API that a body names there, <https://docs.anthropic.com/en/api/claude-on-vertex-ai>."""
VERSIONS = {"google": "v1beta1", "anthropic": "v1"}
_REGION = re.compile(r"[a-z][a-z0-9-]{0,62}")
_PROJECT = re.compile(r"[a-z0-9][a-z0-9.:-]{0,127}")
_MODEL = re.compile(r"(?:publishers/)?(?P<publisher>google|anthropic)/(?:models/)?(?P<model>.+)")

vertex_embeddings: Gemini = VertexEmbeddings()
GOOGLE: Mapping[Operation, tuple[Dialect, ...]] = {
    "chat": (gemini, gemini_array),
    "count_tokens": (count_gemini,),
    "embeddings": (vertex_embeddings,),
}
ANTHROPIC: Mapping[Operation, tuple[Dialect, ...]] = {"chat": (anthropic_messages,), "count_tokens": (count_tokens,)}


class Vertex:
    """A project at Vertex AI, in one location."""

    __slots__ = ("_at", "_lines", "_models", "_posted", "forward", "kind", "name", "renewed", "sender")

    def __init__(self, name: str, config: ProviderConfig, known: Row, sender: Sender) -> None:
        """Read the credential once; raise ``ValueError`` for what cannot be signed or sent."""
        region = config.region or "global"
        if not _REGION.fullmatch(region):
            raise ValueError("region is no location of Google's; write one such as europe-west4, global, us or eu.")
        key = read_key(config.credentials)
        api_key = credential(config.api_key)
        project = config.project or (key.project_id or key.quota_project_id if key is not None else None)
        if project is None and api_key is None:
            raise ValueError("project is missing; name the project of Google Cloud that pays.")
        if project is not None and not _PROJECT.fullmatch(project):
            raise ValueError("project is no id of a project of Google Cloud.")
        signed = {"x-goog-api-key": api_key} if api_key is not None else {}
        self.name = name
        self.kind = config.kind
        self.sender = sender
        self.forward = known.forwards()
        self.renewed = google_token(config, key, sender) if api_key is None else None
        self._at = endpoint(config.base_url or f"https://{host(region)}")
        self._lines = fields({"user-agent": USER_AGENT, "accept-encoding": "identity"}, signed, config.headers)
        self._posted = render("", self._at, "", posted(self._lines)).partition(b"\r\n")[2]
        self._models = f"/projects/{project}/locations/{region}" if project is not None else ""

    @property
    def prepare(self) -> Callable[[], Awaitable[None] | None] | None:
        """Fetch a token; a key needs none."""
        return self.renewed.fresh if self.renewed is not None else None

    def dialects(self, operation: Operation) -> tuple[Dialect, ...]:
        """Google's own, and Anthropic's; which of them a model speaks is for :meth:`dialects_of` to say."""
        return (*GOOGLE.get(operation, ()), *ANTHROPIC.get(operation, ()))

    def dialects_of(self, operation: Operation, model: str) -> tuple[Dialect, ...]:
        """The dialects of *model*: each publisher's models speak its own."""
        return (ANTHROPIC if published(model)[0] == "anthropic" else GOOGLE).get(operation, ())

    def supports(self, operation: Operation) -> bool:
        """Chat, counting and embeddings."""
        return operation in GOOGLE

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
        """Return the signed request. Of the caller's query nothing goes on: how to stream is told by the dialect."""
        publisher, model = published(target.model)
        if publisher == "anthropic":
            verb = "streamRawPredict" if stream else "rawPredict"
            counts = operation == "count_tokens"
            model, body = "count-tokens" if counts else model, as_claude(body, keep_model=counts)
        elif spoken == vertex_embeddings.name:
            verb = "predict"
        else:
            verb = verb_of(spoken, stream=stream)
        path = (
            f"{self._at.path}/{VERSIONS[publisher]}{self._models}/publishers/{publisher}/models/{named(model)}:{verb}"
        )
        head = f"POST {path} HTTP/1.1\r\n".encode("ascii") + self._posted
        limits = target.timeouts
        return Outbound(
            self._at.origin,
            head,
            extra + self._proof(),
            body,
            limits.connect or CONNECT,
            limits.headers or HEADERS,
        )

    def raw(self, method: str, path: str, query: bytes, headers: Headers, body: bytes) -> Outbound:
        """Return the signed request for any path."""
        out = request(method, self._at, path, query, self._lines, headers, body, yields=self.forward)
        out.extra += self._proof()
        return out

    def heard(self, method: str, path: str) -> Heard | None:
        """What is done with a model of Google's; Anthropic's bodies name no model there."""
        return heard_in(method, path) if "/publishers/google/" in path and ":embed" not in path.lower() else None

    def _proof(self) -> bytes:
        return self.renewed.value if self.renewed is not None else b""


def build(name: str, config: ProviderConfig, senders: Senders) -> Vertex:
    """Build the provider that *config* describes."""
    return Vertex(name, config, row(config.kind), senders.get(**config.way))


def host(region: str) -> str:
    """Return where a location is served."""
    if region == "global":
        return "aiplatform.googleapis.com"
    if region in ("us", "eu"):
        return f"aiplatform.{region}.rep.googleapis.com"
    return f"{region}-aiplatform.googleapis.com"


def published(model: str) -> tuple[str, str]:
    """Return who publishes a model, and its name without that."""
    found = _MODEL.fullmatch(model)
    if found is not None:
        return found["publisher"], found["model"]
    return ("anthropic" if model.startswith("claude") else "google"), model


def as_claude(body: bytes, *, keep_model: bool) -> bytes:
    """Return a Messages request as it is sent there: the version in the body, the model in the path."""
    fields_ = wire.members(body)
    if not keep_model:
        fields_.pop("model", None)
    return wire.encode({"anthropic_version": CLAUDE, **fields_})
