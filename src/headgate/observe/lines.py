"""Finished calls as lines of JSON: to the standard output or a file, and posted to a webhook."""

import hmac
import os
import sys
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Sequence
from pathlib import Path
from time import time
from typing import Any, TextIO

import msgspec

from headgate.observe.clean import clean
from headgate.observe.post import Outside, Poster

HIDDEN = ("choice", "verdicts", "address")
"""What a line leaves out: the figures behind a route's choice are long, and in the trace; an address is a person's."""
ESCAPED = {code: f"\\u{code:04x}" for code in (0x7F, *range(0x80, 0xA0), 0x2028, 0x2029, *range(0x202A, 0x202F))}
"""What a terminal or a viewer may obey; JSON itself escapes only what is below a space."""


def told(raw: bytes) -> dict[str, Any]:
    """Return what may be said of the record *raw* elsewhere: no credential is in any text of it."""
    found: dict[str, Any] = msgspec.json.decode(clean(raw), type=dict[str, Any])
    for name in HIDDEN:
        found.pop(name, None)
    return found


def line(raw: bytes) -> str:
    """Return the record *raw* as one line, its break included; nothing in it moves a cursor."""
    return msgspec.json.encode({"event": "call", **told(raw)}).decode().translate(ESCAPED) + "\n"


class Lines:
    """A sink of lines."""

    def __init__(self, to: str, max_bytes: int, keep: int) -> None:
        """*to* is ``stdout`` or a path. A file of *max_bytes* is put aside as ``.1``, and *keep* of these are kept."""
        self._path = None if to == "stdout" else Path(to).expanduser()
        self._max, self._keep = max_bytes, keep
        self._file: TextIO = sys.stdout if self._path is None else self._open(self._path)

    async def send(self, batch: Sequence[bytes]) -> None:
        """See ``Sink.send``. In a thread of its own nothing is held up by a disk."""
        if self._path is not None and self._file.tell() >= self._max:
            self._turn_over(self._path)
        self._file.write("".join(map(line, batch)))
        self._file.flush()

    async def close(self) -> None:
        """See ``Sink.close``."""
        if self._path is not None:
            self._file.close()

    def _turn_over(self, path: Path) -> None:
        self._file.close()
        for number in range(self._keep - 1, 0, -1):
            older = Path(f"{path}.{number}")
            if older.exists():
                older.rename(f"{path}.{number + 1}")
        if self._keep:
            path.rename(f"{path}.1")
        else:
            path.unlink()
        self._file = self._open(path)

    @staticmethod
    def _open(path: Path) -> TextIO:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        return os.fdopen(fd, "a", encoding="utf-8")


class Hook:
    """A sink that posts calls, signed as <https://www.standardwebhooks.com> says."""

    def __init__(self, ways: Outside, post: Poster, secret: str, status: str) -> None:
        self._ways = ways
        self._post = post
        self._secret = _key(secret)
        self._failures = status == "failure"

    async def send(self, batch: Sequence[bytes]) -> None:
        """See ``Sink.send``. What is posted twice has the same id."""
        calls = [told(raw) for raw in batch]
        if self._failures:
            calls = [call for call in calls if call["status"] == "failure"]
        if not calls:
            return
        body = msgspec.json.encode({"type": "calls.finished", "data": calls})
        id, at = f"msg_{calls[0]['id']}", str(int(time()))
        signed = hmac.digest(self._secret, b".".join((id.encode(), at.encode(), body)), "sha256")
        await self._post(
            body,
            {"webhook-id": id, "webhook-timestamp": at, "webhook-signature": "v1," + b64encode(signed).decode()},
        )

    async def close(self) -> None:
        """See ``Sink.close``."""
        await self._ways.close()


def _key(secret: str) -> bytes:
    if secret.startswith("whsec_"):
        try:
            return b64decode(secret.removeprefix("whsec_"), validate=True)
        except Error:
            return secret.encode()
    return secret.encode()
