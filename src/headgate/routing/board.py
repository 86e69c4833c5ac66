"""How workers tell what they know of deployments: small files in the home, one for each."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from os import getpid, uname
from pathlib import Path
from time import time
from typing import Protocol

import msgspec

from headgate.core.errors import Unavailable
from headgate.routing.health import Health, Told
from headgate.routing.probes import LEASE, Probes
from headgate.storage.switches import Hand

EVERY = 0.5  # seconds between two looks
STALE = 5.0  # seconds after which the file of a worker is that of one that has ended

log = logging.getLogger("headgate.routing")


class Doing(msgspec.Struct, frozen=True):
    """What a worker says of itself that no record has."""

    refused: dict[str, int] = {}
    """Requests refused before it was known whose they are, since it started, by error code."""
    waiting: dict[str, int] = {}
    """Calls that wait now, by what for."""


class Post(msgspec.Struct, frozen=True):
    """What one worker knew at a moment (seconds since 1970)."""

    worker: int
    at: float
    rows: list[Told]
    doing: Doing = Doing()


class Board:
    """The files."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def read(self) -> list[Post]:
        """Return what the running workers know, by worker."""
        posts = []
        for file in sorted(self._directory.glob("worker-*.json")):
            with suppress(OSError, msgspec.DecodeError):  # gone, or of another version: its worker writes it again
                post = msgspec.json.decode(file.read_bytes(), type=Post)
                if time() - post.at < STALE:
                    posts.append(post)
        return posts

    def write(self, worker: int, rows: list[Told], doing: Doing = Doing()) -> None:
        """Put up what a worker knows."""
        self._put(self._directory / f"worker-{worker}.json", Post(worker, time(), rows, doing))

    def _put(self, file: Path, content: object) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = file.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(content))
        fresh.replace(file)


class Trouble:
    """What of a round fails: a line of the log when that begins, and one when it ends, not one for each round."""

    def __init__(self) -> None:
        self._failing: set[str] = set()

    @contextmanager
    def heeded(self, what: str) -> Iterator[None]:
        """Do without *what* where it fails: nothing here is worth ending for."""
        try:
            yield
        except Unavailable:
            pass  # the database does not answer, which is told elsewhere; what was known before holds
        except Exception as error:
            if what not in self._failing:
                self._failing.add(what)
                trace = None if isinstance(error, OSError) else error
                log.error("%s is not possible now: %s", what, error, exc_info=trace)
        else:
            if what in self._failing:
                self._failing.discard(what)
                log.warning("%s is possible again", what)


class Hands(Protocol):
    """Where it is found what people have switched."""

    async def news(self) -> Mapping[str, Hand] | None:
        """Return all that is set by hand, by ``provider/model`` or provider; ``None`` where nothing changed."""
        ...


async def keep_posted(
    board: Board,
    health: Health,
    worker: int,
    every: float = EVERY,
    probes: Probes | None = None,
    hands: Hands | None = None,
    doing: Callable[[], Doing] = Doing,
) -> None:
    """Obey *hands*, put up what *worker* knows, and agree who tries what is shut, until cancelled.

    Never raises otherwise.
    """
    owner = f"{uname().nodename} {getpid()}"
    trouble = Trouble()
    while True:
        with trouble.heeded("reading what was switched by hand"):
            if hands is not None and (wanted := await hands.news()) is not None:
                health.set_by_hand(wanted)
        with trouble.heeded("telling what is known of deployments"):
            await asyncio.to_thread(board.write, worker, health.told(), doing())
        with trouble.heeded("agreeing who tries what is shut"):
            if probes is not None:
                await agree(probes, health, owner)
        await asyncio.sleep(every)


async def agree(probes: Probes, health: Health, owner: str) -> None:
    """Ask for leave to try what *health* wants to, and tell what it found; costs nothing while all is well."""
    news, wanted = health.news(), health.wanted()
    if news or not health.quiet:
        agreed = await probes.agree(owner, wanted, news)
        health.heard(agreed.mine, agreed.proven, LEASE)
