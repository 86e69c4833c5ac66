"""A gateway that serves one plane, or none: what belongs to another is refused, and who serves it is named."""

from headgate.core.errors import NotFound
from headgate.surfaces.dispatch import Dispatch, refuse
from headgate.transport.server_asgi import Receive, Scope, Send

ALWAYS = frozenset((b"/health", b"/health/ready", b"/livez", b"/readyz", b"/metrics"))
"""What every process is looked at by."""


class Partial:
    """What a *role* other than ``all`` lets through: see ``headgate.settings``."""

    def __init__(self, dispatch: Dispatch, role: str) -> None:
        self._dispatch = dispatch
        self._role = role

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path: bytes = scope.get("raw_path", b"")
        if scope["type"] == "http" and path not in ALWAYS:
            plane = "control" if self._dispatch.controls(path) else "data"
            if plane != self._role:
                refuse(scope["extensions"]["headgate"], _elsewhere(self._role, plane), scope)
                return
        await self._dispatch(scope, receive, send)


def _elsewhere(role: str, plane: str) -> NotFound:
    what = "the management API and the dashboard" if plane == "control" else "calls to models"
    return NotFound(f"This gateway runs with --role {role}: {what} are served by one with --role {plane} or all.")
