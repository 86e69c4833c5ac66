"""How workers tell what they know of deployments, and are told what people have switched: small files in the home.

Each worker has its own knowledge and its own file. What a person sets is one file that all of them read.
"""

import asyncio
import logging
from contextlib import suppress
from os import getpid, uname
from pathlib import Path
from time import time

import msgspec

from headgate.providers.breaker import Hand
from headgate.routing.health import Health, Told
from headgate.routing.probes import LEASE, Probes

EVERY = 0.5  # seconds between two looks
STALE = 5.0  # seconds after which the file of a worker is that of one that has ended
MAX_HANDS = 1000

log = logging.getLogger("headgate.routing")


class Post(msgspec.Struct, frozen=True):
    """What one worker knew at a moment (seconds since 1970)."""

    worker: int
    at: float
    rows: list[Told]


class Board:
    """The files."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._hands = directory / "by-hand.json"

    def read(self) -> list[Post]:
        """Return what the running workers know, by worker."""
        posts = []
        for file in sorted(self._directory.glob("worker-*.json")):
            with suppress(OSError, msgspec.DecodeError):  # gone, or of another version: its worker writes it again
                post = msgspec.json.decode(file.read_bytes(), type=Post)
                if time() - post.at < STALE:
                    posts.append(post)
        return posts

    def write(self, worker: int, rows: list[Told]) -> None:
        """Put up what a worker knows."""
        self._put(self._directory / f"worker-{worker}.json", Post(worker, time(), rows))

    def hands(self) -> dict[str, Hand]:
        """Return what people have set, by ``provider/model`` or provider."""
        with suppress(FileNotFoundError):
            return msgspec.json.decode(self._hands.read_bytes(), type=dict[str, Hand])
        return {}

    def switch(self, name: str, to: Hand | None) -> None:
        """Set *name* by hand, or with ``None`` leave it to what is measured; workers obey within a second.

        Raise ``ValueError`` where too many are set.
        """
        hands = self.hands()
        hands.pop(name, None)
        if to is not None:
            if len(hands) >= MAX_HANDS:
                raise ValueError(f"{MAX_HANDS} are set by hand already; take one back first")
            hands[name] = to
        self._put(self._hands, hands)

    def _put(self, file: Path, content: object) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = file.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(content))
        fresh.replace(file)


async def keep_posted(
    board: Board, health: Health, worker: int, every: float = EVERY, probes: Probes | None = None
) -> None:
    """Obey the board, put up what *worker* knows, and agree who tries what is shut, until cancelled.

    Never raises otherwise.
    """
    owner = f"{uname().nodename} {getpid()}"
    while True:
        try:
            health.set_by_hand(await asyncio.to_thread(board.hands))
            await asyncio.to_thread(board.write, worker, health.told())
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
