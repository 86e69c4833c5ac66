"""``/passthrough/{provider}/{path}``: any call of a provider's own API, with the gateway's keys, limits and records."""

import re
from functools import partial
from typing import Any
from urllib.parse import unquote

from headgate.core.errors import MethodNotAllowed, NotFound
from headgate.dialects import openai_chat
from headgate.pipeline import forward
from headgate.pipeline.parts import Parts
from headgate.pipeline.run import run
from headgate.surfaces.calls import call_from
from headgate.surfaces.state import State
from headgate.transport.server_asgi import Scope

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
PROVIDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
PATH = re.compile(r"(?:/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})*)+\Z")
"""RFC 3986, ``path-absolute`` as it may be sent: every other sign has to be percent-encoded."""
CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")
PLAIN = re.compile(r"%(?:4[1-9A-F]|5[0-9A]|6[1-9A-F]|7[0-9A]|3[0-9]|2[DE]|5F|7E)", re.IGNORECASE)
"""RFC 3986, ``unreserved``: what needs no percent-encoding has one spelling here, the plain one."""
STEPS = frozenset((".", ".."))
MAX_PATH = 2048


async def pass_through(state: State, parts: Parts, scope: Scope, link: Any, rest: bytes) -> None:
    """Answer one call."""
    if scope["method"] not in METHODS:
        raise MethodNotAllowed(f"A provider is asked by {', '.join(METHODS)}.", headers={"allow": ", ".join(METHODS)})
    provider, path = divided(rest)
    call = call_from(scope, link, "passthrough", "raw", openai_chat)
    call.pinned = provider
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
    if not PROVIDER.match(name) or not PATH.match(path) or "//" in path or PLAIN.search(path):
        raise unfit(path)
    return name, path


def unfit(path: str) -> NotFound:
    """The refusal of a path that may lead elsewhere than it seems to."""
    shown = path[:200].encode("ascii", "backslashreplace").decode()
    return NotFound(
        f"{shown!r} is not passed on: write /passthrough/{{provider}}/{{path}} without empty, '.' or '..' steps, with "
        "every sign percent-encoded that a path may not hold, and no letter, digit, '-', '.', '_' or '~'."
    )
