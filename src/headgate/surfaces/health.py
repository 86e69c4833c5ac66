"""Liveness and readiness."""

from time import monotonic
from typing import Any

import msgspec

from headgate import __version__
from headgate.pipeline.parts import Parts
from headgate.surfaces.state import State
from headgate.transport.server_asgi import Scope

JSON = b"content-type: application/json\r\ncache-control: no-store\r\n"


async def alive(state: State, parts: Parts, scope: Scope, link: Any, rest: bytes) -> None:
    """200 while the loop turns."""
    body = {"status": "ok", "version": __version__, "uptime_seconds": round(monotonic() - state.started_at, 3)}
    link.respond(200, JSON, msgspec.json.encode(body))


async def ready(state: State, parts: Parts, scope: Scope, link: Any, rest: bytes) -> None:
    """200 when configuration and keys are loaded, the ledger's journal takes what calls used, and none is drained.

    The body says what is not so.
    """
    checks = state.ready_checks()
    if state.draining:
        checks["serving"] = "draining"
    required = ("config", "keys", "ledger", "serving")
    good = all(checks.get(name, "ok") == "ok" for name in required)
    body = {"status": "ready" if good else "not ready", "checks": checks}
    link.respond(200 if good else 503, JSON, msgspec.json.encode(body))
