"""Where a command is signed in: tokens by gateway, in a file of the home that nobody else can read.

An access token is used until shortly before its end; then its refresh token is changed for the next pair. That is good
once, so commands that run at the same time take turns.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import time
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from headgate.client.entry import Tokens

FILE = "signed-in.json"
SPARE = 30
"""Seconds before its end at which an access token is not used any more."""


class Held(msgspec.Struct):
    """What is held for one gateway."""

    access: str
    until: float
    """Seconds since 1970."""
    refresh: str

    @classmethod
    def of(cls, tokens: "Tokens") -> "Held":
        """Return what to hold."""
        return cls(tokens.access_token, time() + tokens.expires_in, tokens.refresh_token or "")


class Signed:
    """The file, locked while it is open."""

    def __init__(self, home: Path) -> None:
        self._path = home / FILE

    @contextmanager
    def opened(self) -> Iterator[dict[str, Held]]:
        """Give what is held by gateway; what is changed of it is stored."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with open(descriptor, "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            before = file.read(1_000_000)
            held = msgspec.json.decode(before, type=dict[str, Held]) if before else {}
            try:
                yield held
            finally:
                after = msgspec.json.encode(held)
                if after != before:
                    file.seek(0)
                    file.truncate()
                    file.write(after)

    def access(self, url: str) -> str | None:
        """Return an access token for the gateway at *url*, a fresh one if need be; ``None`` where nobody signed in."""
        from headgate.client import Admin, ApiError

        if not self._path.exists():
            return None
        with self.opened() as held:
            mine = held.get(url)
            if mine is None:
                return None
            if mine.until - SPARE > time():
                return mine.access
            try:
                with Admin(url) as gateway:
                    held[url] = Held.of(gateway.refresh(mine.refresh))
            except ApiError as error:
                if error.status == 401:
                    del held[url]
                raise
            return held[url].access
