"""The part of the client that is about what was said in calls, and about exports."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from headgate.client.routes import Calls

Found = dict[str, Any]


class Files(Calls, Protocol):
    """What a client that also writes files can do; see ``client.admin.Admin``."""

    def _file(self, path: str, to: Path) -> str: ...


class ExportCalls:
    """Methods of ``Admin``; they raise ``ApiError``."""

    def payload(self: Calls, id: str) -> Found:
        """Return what was said in one call, as it was kept."""
        return self._get(f"/logs/{quote(id, safe='')}/payload", Found)

    def erase(self: Calls, end_user: str) -> int:
        """Remove what was said in all calls of an end user; return how many calls that were."""
        gone: int = self._send("DELETE", f"/payloads?end_user={quote(end_user, safe='')}", Found)["calls"]
        return gone

    def exports(self: Calls) -> list[Found]:
        """Return the latest exports."""
        listed: list[Found] = self._get("/exports", Found)["data"]
        return listed

    def export(self: Calls, **wanted: Any) -> Found:
        """Begin an export. *wanted* are the API's fields; ``None`` ones are left out."""
        body: Mapping[str, Any] = {name: value for name, value in wanted.items() if value is not None}
        return self._send("POST", "/exports", Found, body)

    def export_state(self: Calls, id: str) -> Found:
        """Return how far an export is."""
        return self._get(f"/exports/{quote(id, safe='')}", Found)

    def cancel_export(self: Calls, id: str) -> Found:
        """Stop an export, or remove its files."""
        return self._send("DELETE", f"/exports/{quote(id, safe='')}", Found)

    def export_file(self: Files, id: str, name: str, to: Path) -> str:
        """Append a file of an export to the file *to*; return the SHA-256 of what came."""
        return self._file(f"/exports/{quote(id, safe='')}/files/{quote(name, safe='')}", to)
