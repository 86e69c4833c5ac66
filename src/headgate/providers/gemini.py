"""Google's Gemini API, <https://ai.google.dev/api>: how its requests are addressed and signed."""

import re
from collections.abc import Mapping

import msgspec

from headgate.dialects import count_gemini, embed_content, gemini, gemini_array, gemini_embeddings
from headgate.dialects.base import Dialect
from headgate.providers.base import Operation, ProviderConfig, Senders, Target
from headgate.providers.catalog import Row, row
from headgate.providers.compatible import ACCEPT, locate, posted
from headgate.providers.endpoint import USER_AGENT, credential, fields, render
from headgate.providers.fixed import CONNECT, HEADERS
from headgate.providers.google_models import heard_in, named, verb_of
from headgate.providers.raw import Headers, Heard, request
from headgate.transport.base import Outbound, Sender

VERSION = "/v1beta"
_VERSIONED = re.compile(r"(?P<rest>.*?)(?P<version>/v1(?:alpha|beta)?)(?:/openai)?")
DIALECTS: Mapping[Operation, tuple[Dialect, ...]] = {
    "chat": (gemini, gemini_array),
    "count_tokens": (count_gemini,),
    "embeddings": (gemini_embeddings, embed_content),
}


class Gemini:
    """An account at the Gemini API, or at a server that speaks its wire format."""

    __slots__ = ("_at", "_before", "_lines", "_models", "_posted", "forward", "kind", "name", "sender")
    prepare = None

    def __init__(self, name: str, config: ProviderConfig, known: Row, sender: Sender) -> None:
        """Render every header once; raise ``ValueError`` for what cannot be sent."""
        at = locate(config, known)
        found = _VERSIONED.fullmatch(at.path)  # Google's SDK wants the base without it, many write it all the same
        version = found["version"] if found is not None else VERSION
        at = msgspec.structs.replace(at, path=found["rest"] if found is not None else at.path)
        key = credential(config.api_key)
        signed = {"x-goog-api-key": key} if key is not None else {}
        ours = {"user-agent": USER_AGENT, "accept-encoding": "identity"}
        self.name = name
        self.kind = config.kind
        self.sender = sender
        self.forward = known.forwards()
        self._at = at
        self._lines = fields(ours, signed, known.headers, config.headers)
        self._before = f"{at.path}{version}"
        self._posted = render("", at, "", posted(self._lines)).partition(b"\r\n")[2]
        self._models = render("GET", at, f"{version}/models?pageSize=1000", fields(ACCEPT, self._lines))

    def dialects(self, operation: Operation) -> tuple[Dialect, ...]:
        """Google's own, for chat, counting and embeddings."""
        return DIALECTS.get(operation, ())

    def supports(self, operation: Operation) -> bool:
        """What it has a dialect for, and the list of models."""
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
        """Return the signed request. Of the caller's query nothing goes on: how to stream is told by the dialect."""
        if operation == "models":
            head = self._models
        else:
            own = "" if target.model.startswith("tunedModels/") else "models/"
            model = own + "/".join(map(named, target.model.removeprefix("models/").split("/")))
            verb = verb_of(spoken, stream=stream)
            head = f"POST {self._before}/{model}:{verb} HTTP/1.1\r\n".encode("ascii") + self._posted
        limits = target.timeouts
        return Outbound(self._at.origin, head, extra, body, limits.connect or CONNECT, limits.headers or HEADERS)

    def raw(self, method: str, path: str, query: bytes, headers: Headers, body: bytes) -> Outbound:
        """Return the signed request for any path."""
        return request(method, self._at, path, query, self._lines, headers, body, yields=self.forward)

    def heard(self, method: str, path: str) -> Heard | None:
        """What is done with a model."""
        return heard_in(method, path)


def build(name: str, config: ProviderConfig, senders: Senders) -> Gemini:
    """Build the provider that *config* describes."""
    return Gemini(name, config, row(config.kind), senders.get(**config.way))
