"""The last look at each provider: made in the background by one process of an installation, read by all, kept in files.

Nothing waits for a look: readiness, pages and the registry go by the last one.
"""

import asyncio
import fcntl
import logging
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, unquote

import msgspec

from headgate.providers.base import Provider
from headgate.providers.discovery import Found, Learned, look

FIRST = 60.0
"""Seconds after a start before providers are looked at: a start has other things to do."""
READ = 15.0
"""Seconds after which the looks of another process are seen."""
TOGETHER = 4
"""Providers that are asked at the same time."""

log = logging.getLogger("headgate.models")
decode = msgspec.json.Decoder(Found).decode


class Discovered:
    """The files of one home, a file for each provider."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._stamps: dict[str, int] = {}
        self.found: dict[str, Found] = {}
        """The last look at each provider, by name."""

    def read(self) -> bool:
        """Read what is new; return whether any provider's models are other ones than before."""
        before = self.models
        files = {file: unquote(file.stem) for file in self._directory.glob("*.json")}
        for file, name in files.items():
            with suppress(OSError, msgspec.DecodeError):  # half written or gone: the next look is as good
                stamp = file.stat().st_mtime_ns
                if self._stamps.get(name) != stamp:
                    self.found[name] = decode(file.read_bytes())
                    self._stamps[name] = stamp
        for name in self.found.keys() - set(files.values()):
            del self.found[name]
            self._stamps.pop(name, None)
        return self.models != before

    def write(self, name: str, found: Found) -> None:
        """Keep a look. One that failed keeps the models of the last good one: they are there all the same."""
        last = self.found.get(name)
        if not found.ok and last is not None:
            found = msgspec.structs.replace(found, models=last.models)
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = self._file(name)
        fresh = file.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(found))
        fresh.replace(file)

    def forget(self, names: Iterable[str]) -> None:
        """Drop what was learnt under *names*: it was about other accounts."""
        for name in names:
            self.found.pop(name, None)
            self._stamps.pop(name, None)
            with suppress(OSError):
                self._file(name).unlink(missing_ok=True)

    def _file(self, name: str) -> Path:
        return self._directory / f"{quote(name, safe='')}.json"

    @property
    def models(self) -> dict[str, dict[str, Learned]]:
        """What each provider said of its models."""
        return {name: found.models for name, found in self.found.items() if found.models}

    def faults(self) -> dict[str, str]:
        """Return what is wrong with each provider that was not well when it was last looked at."""
        return {name: found.error for name, found in self.found.items() if found.error is not None}

    def lock(self) -> int | None:
        """Become the process that looks; ``None`` where another is. The lock ends with the returned descriptor."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(self._directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
            return None
        return fd


async def look_all(providers: Iterable[Provider], discovered: Discovered) -> None:
    """Look at every one of *providers* that has a list of models, and keep what is found."""
    gate = asyncio.Semaphore(TOGETHER)

    async def one(provider: Provider) -> None:
        async with gate:
            found = await look(provider)
        was = discovered.found.get(provider.name)
        if found.error is not None and (was is None or was.ok):
            log.warning("the provider %s is not well: %s", provider.name, found.error)
        await asyncio.to_thread(discovered.write, provider.name, found)

    await asyncio.gather(*(one(provider) for provider in providers if _lists(provider)))


def _lists(provider: Provider) -> bool:
    """Whether there is something to look at."""
    return provider.supports("models") and provider.kind != "sandbox"


async def keep_looking(
    discovered: Discovered,
    providers: Callable[[], Iterable[Provider]],
    changed: Callable[[], None],
    every: float,
    *,
    first: float = FIRST,
) -> None:
    """Look at the *providers* every so many seconds, until cancelled; call *changed* when their models changed.

    One that was never looked at need not wait for its turn. With *every* at 0 nobody is asked. Never raises otherwise.
    """
    loop = asyncio.get_running_loop()
    begin = due = loop.time() + first
    held: int | None = None
    try:
        while True:
            try:
                if await asyncio.to_thread(discovered.read):
                    changed()
                if every and loop.time() >= due:
                    due = loop.time() + every
                    held = held if held is not None else discovered.lock()
                    if held is not None:
                        await look_all(providers(), discovered)
                        continue
                new = [one for one in providers() if one.name not in discovered.found and _lists(one)]
                if every and new and loop.time() >= begin:
                    held = held if held is not None else discovered.lock()
                    if held is not None:
                        await look_all(new, discovered)
            except Exception:
                log.exception("providers could not be looked at")
            await asyncio.sleep(min(READ, max(due - loop.time(), 0.05)) if every else READ)
    finally:
        if held is not None:
            os.close(held)
