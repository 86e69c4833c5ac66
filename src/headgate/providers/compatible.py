"""A server that speaks OpenAI's wire format: everything that differs between them is a row of the catalogue."""

from collections.abc import Mapping
from typing import Any

from headgate.dialects import (
    DIALECTS,
    embeddings,
    images,
    moderations,
    rerank,
    speech,
    transcriptions,
    translations,
)
from headgate.dialects.base import Dialect
from headgate.providers.base import Operation, ProviderConfig, Senders, Target
from headgate.providers.catalog import Row, row
from headgate.providers.endpoint import USER_AGENT, Endpoint, credential, endpoint, fields, render
from headgate.providers.raw import Headers, Heard, below, heard_among, request
from headgate.transport.base import Outbound, Sender

TASKS: Mapping[Operation, tuple[Any, ...]] = {
    "embeddings": (embeddings,),
    "moderations": (moderations,),
    "images": (images,),
    "speech": (speech,),
    "transcription": (transcriptions, translations),
    "rerank": (rerank,),
}
"""What each operation but chat is asked in."""
ACCEPT = {"accept": "application/json"}
CONNECT = 5.0
HEADERS = 30.0


class Compatible:
    """An account at a server that speaks OpenAI's wire format."""

    __slots__ = ("_at", "_dialects", "_heads", "_lines", "_operations", "forward", "kind", "name", "sender", "stores")
    prepare = None

    def __init__(self, name: str, config: ProviderConfig, known: Row, sender: Sender) -> None:
        """Render every header once; raise ``ValueError`` for what cannot be sent."""
        at = locate(config, known)
        lines = common(config, known)
        self.name = name
        self.kind = config.kind
        self.sender = sender
        self.forward = known.forwards()
        self.stores = known.stores
        self._operations = known.operations
        self._at = at
        self._lines = lines
        chat = spoken_by(config, known) if "chat" in known.operations else ()
        self._dialects: dict[Operation, tuple[Dialect, ...]] = {op: TASKS.get(op, ()) for op in known.operations}
        self._dialects["chat"] = chat
        self._heads: dict[str, bytes] = {"models": render("GET", at, "/models", fields(ACCEPT, lines))}
        """By operation, and by dialect."""
        for operation, spoken in self._dialects.items():
            for one in reversed(spoken):
                self._heads[operation] = self._heads[one.name] = render("POST", at, one.path, asked(operation, lines))

    def dialects(self, operation: Operation) -> tuple[Dialect, ...]:
        """Those of the row for chat, and what every operation of the row is asked in."""
        return self._dialects.get(operation, ())

    def supports(self, operation: Operation) -> bool:
        """What the row says."""
        return operation in self._operations

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


def build(name: str, config: ProviderConfig, senders: Senders) -> Compatible:
    """Build the provider that *config* describes."""
    return Compatible(name, config, row(config.kind), senders.get(proxy=config.proxy, http2=config.http2))


def spoken_by(config: ProviderConfig, known: Row) -> tuple[Dialect, ...]:
    """Return the chat dialects of a row, in the variant of its kind where it has one."""
    from headgate.dialects.family import variant  # here, because only compatible services need it

    asked = known.stream_usage if config.stream_usage is None else config.stream_usage
    own = variant(config.kind, stream_options=asked)
    return tuple(own if own is not None and one == own.name else DIALECTS[one] for one in known.chat)


def locate(config: ProviderConfig, known: Row) -> Endpoint:
    """Return where the provider is; raise ``ValueError`` where neither the configuration nor the catalogue says."""
    url = config.base_url or known.base_url
    if url is None:
        raise ValueError("base_url is missing; write where the server is, such as http://127.0.0.1:8000/v1.")
    return endpoint(url)


def common(config: ProviderConfig, known: Row) -> dict[str, str]:
    """Return the header lines that every operation carries; configured ones go over ours."""
    key = credential(config.api_key)
    signed = {known.key_header or "authorization": key if known.key_header else f"Bearer {key}"} if key else {}
    ours = {"user-agent": USER_AGENT, "accept-encoding": "identity"}
    return fields(ours, signed, known.headers, config.headers)


def asked(operation: Operation, lines: Mapping[str, str]) -> dict[str, str]:
    """Return the header lines of *operation*: sound goes out in a form, whose content type each call brings itself."""
    if operation == "speech":
        return posted(fields({"accept": "*/*"}, lines))
    return fields({"accept": "*/*"}, lines) if operation == "transcription" else posted(lines)


def posted(lines: Mapping[str, str]) -> dict[str, str]:
    """Return the header lines of a request that has a body."""
    return fields(ACCEPT, {"content-type": "application/json"}, lines)
