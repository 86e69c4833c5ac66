"""How workers tell what they know of deployments: small files in the home, one for each."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
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
    while True:
        try:
            if hands is not None and (wanted := await hands.news()) is not None:
                health.set_by_hand(wanted)
        except Unavailable:
            pass  # the database does not answer; what was set before holds
        except Exception:
            log.exception("what was switched by hand could not be read")
        try:
            await asyncio.to_thread(board.write, worker, health.told(), doing())
        except Exception:
            log.exception("what is known of deployments could not be told")
        try:
            if probes is not None:
                await agree(probes, health, owner)
        except Exception:
            log.exception("who tries what is shut could not be agreed on")
        await asyncio.sleep(every)


async def agree(probes: Probes, health: Health, owner: str) -> None:
    """Ask for leave to try what *health* wants to, and tell what it found; costs nothing while all is well."""
    news, wanted = health.news(), health.wanted()
    if news or not health.quiet:
        agreed = await probes.agree(owner, wanted, news)
        health.heard(agreed.mine, agreed.proven, LEASE)
