"""A call from the request that it came with."""

from time import monotonic
from typing import Any

from headgate.core.call import Call, Operation
from headgate.transport.server_asgi import Scope


def call_from(
    scope: Scope, link: Any, surface: str, operation: Operation, dialect: Any, media: bytes = b"application/json"
) -> Call:
    """Return the call that begins now; *media* is the content type that its body must have."""
    client = scope["client"]
    return Call(
        surface=surface,
        operation=operation,
        media=media,
        dialect=dialect,
        link=link,
        memo=getattr(link, "memo", None),
        headers=scope["headers"],
        t0=monotonic(),
        query=scope["query_string"],
        address=client[0] if client else None,
    )
