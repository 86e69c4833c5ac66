"""Any call of a provider's own API, signed as ours: where its path leads, which of the caller's headers go along."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from headgate.core.call import Operation
from headgate.dialects.base import Dialect
from headgate.providers.endpoint import Endpoint
from headgate.transport.base import Outbound

Headers = Sequence[tuple[bytes, bytes]]
HEARD: tuple[Operation, ...] = (
    *("chat", "embeddings", "count_tokens", "rerank"),
    *("moderations", "images", "speech", "transcription"),
)
"""Operations that a path may stand for."""


class Heard(msgspec.Struct, frozen=True, eq=False):
    """What a path of a provider's own API stands for, where the gateway knows it."""

    operation: Operation
    dialect: Dialect
    model: str = ""
    """The model, decoded, where the path names it."""
    stream: bool = False
    """The path itself asks for a stream."""


def below(at: Endpoint, path: str) -> str:
    """Return *path* as it stands below the base URL, whether or not it repeats the end of the base URL's own path.

    For ``https://host/openai/v1`` these are the same: ``/models``, ``/v1/models``, ``/openai/v1/models``. Nothing
    outside of the base URL can be reached.
    """
    steps = at.path.split("/")[1:]
    for start in range(len(steps)):
        begin = "/" + "/".join(steps[start:])
        if path.startswith(begin + "/"):
            return path[len(begin) :]
    return path


def heard_among(dialects: Iterable[tuple[Operation, tuple[Dialect, ...]]], method: str, path: str) -> Heard | None:
    """Return what *path*, below the base URL, stands for among *dialects* whose paths do not name the model."""
    if method == "POST":
        for operation, spoken in dialects:
            for one in spoken:
                if one.path == path:
                    return Heard(operation, one)
    return None


def request(
    method: str,
    at: Endpoint,
    path: str,
    query: bytes,
    lines: Mapping[str, str],
    headers: Headers,
    body: bytes,
    *,
    yields: frozenset[bytes] = frozenset(),
) -> Outbound:
    """Return the request for *path* below *at*, with our header *lines* and the caller's *headers* beside them.

    Where both name a header ours stands, but for those in *yields* (lower case), where the caller's does.
    """
    given = {name for name, _ in headers} & yields
    ours = {name.encode("ascii"): value for name, value in lines.items()}
    own = [(name, value.encode("latin-1")) for name, value in ours.items() if name not in given]
    rest = [(name, value) for name, value in headers if name not in ours or name in given]
    target = f"{at.path}{below(at, path)}".encode("ascii") + (b"?" + query if query else b"")
    head = b"%b %b HTTP/1.1\r\nhost: %b\r\n" % (method.encode("ascii"), target, at.host.encode("ascii"))
    return Outbound(at.origin, head, b"".join([b"%b: %b\r\n" % line for line in own + rest]), body)
