"""``/passthrough/{provider}/{path}``: any call of a provider's own API, with the gateway's keys, limits and records."""

import re
from functools import partial
from time import monotonic
from typing import Any
from urllib.parse import unquote

from headgate.core.call import Call
from headgate.core.errors import MethodNotAllowed, NotFound
from headgate.dialects import openai_chat
from headgate.pipeline import forward
from headgate.pipeline.parts import Parts
from headgate.pipeline.run import run
from headgate.surfaces.state import State
from headgate.transport.server_asgi import Scope

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
PROVIDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
PATH = re.compile(r"(?:/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})*)+\Z")
"""RFC 3986, ``path-absolute`` as it may be sent: every other sign has to be percent-encoded."""
CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")
STEPS = frozenset((".", ".."))
MAX_PATH = 2048


async def pass_through(state: State, parts: Parts, scope: Scope, link: Any, rest: bytes) -> None:
    """Answer one call."""
    if scope["method"] not in METHODS:
        raise MethodNotAllowed(f"A provider is asked by {', '.join(METHODS)}.", headers={"allow": ", ".join(METHODS)})
    provider, path = divided(rest)
    client = scope["client"]
    call = Call(
        surface="passthrough",
        operation="raw",
        dialect=openai_chat,
        link=link,
        headers=scope["headers"],
        t0=monotonic(),
        query=scope["query_string"],
        address=client[0] if client else None,
        pinned=provider,
    )
    await run(call, parts, partial(forward.pass_through, method=scope["method"], path=path))


def divided(rest: bytes) -> tuple[str, str]:
    """Return the provider's name and the path at it; raise ``NotFound`` for a path that could be read in two ways."""
    name, _, path = rest.decode("latin-1").partition("/")
    path = f"/{path}"
    plain, once = unquote(path), ""
    while plain != once:  # a server behind may decode more than once
        if len(path) > MAX_PATH or CONTROL.search(plain) or not STEPS.isdisjoint(plain.split("/")):
            raise unfit(path)
        plain, once = unquote(plain), plain
    if not PROVIDER.match(name) or not PATH.match(path) or "//" in path:
        raise unfit(path)
    return name, path


def unfit(path: str) -> NotFound:
    """The refusal of a path that may lead elsewhere than it seems to."""
    shown = path[:200].encode("ascii", "backslashreplace").decode()
    return NotFound(
        f"{shown!r} is not passed on: write /passthrough/{{provider}}/{{path}} without empty, '.' or '..' steps, every "
        "sign that a path may not hold percent-encoded."
    )
