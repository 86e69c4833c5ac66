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
from headgate.providers.base import Operation, ProviderConfig, Senders
from headgate.providers.catalog import Row, row
from headgate.providers.endpoint import USER_AGENT, Endpoint, credential, endpoint, fields, render
from headgate.providers.fixed import Fixed
from headgate.transport.base import Sender

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


class Compatible(Fixed):
    """An account at a server that speaks OpenAI's wire format."""

    __slots__ = ("_operations", "stores")

    def __init__(self, name: str, config: ProviderConfig, known: Row, sender: Sender) -> None:
        """Render every header once; raise ``ValueError`` for what cannot be sent."""
        at = locate(config, known)
        lines = common(config, known)
        dialects: dict[Operation, tuple[Dialect, ...]] = {op: TASKS.get(op, ()) for op in known.operations}
        dialects["chat"] = spoken_by(config, known) if "chat" in known.operations else ()
        super().__init__(name, config.kind, sender, at, lines, known.forwards(), dialects)
        self.stores = known.stores
        self._operations = known.operations
        self._heads["models"] = render("GET", at, "/models", fields(ACCEPT, lines))
        for operation, spoken in dialects.items():
            for one in reversed(spoken):
                self._heads[operation] = self._heads[one.name] = render("POST", at, one.path, asked(operation, lines))

    def supports(self, operation: Operation) -> bool:
        """What the row says."""
        return operation in self._operations


def build(name: str, config: ProviderConfig, senders: Senders) -> Compatible:
    """Build the provider that *config* describes."""
    return Compatible(name, config, row(config.kind), senders.get(**config.way))


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
