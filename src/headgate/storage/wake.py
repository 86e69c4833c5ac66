"""What wakes a poller before its time: PostgreSQL's NOTIFY, or a message in Redis. It polls without them too."""

import asyncio
from collections.abc import Callable
from time import monotonic

from headgate.storage.redis import Redis, RedisDown

CHANNEL = "headgate_changes"
AGAIN_SECONDS = 1.0
"""After a connection was lost."""
ALIVE_SECONDS = 15.0
"""Between two questions whether the connection still is one."""


class Wake:
    """Rests that can be cut short."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def poke(self) -> None:
        """End the rest that is, or the next one."""
        self._event.set()

    async def rest(self, seconds: float) -> None:
        """Wait for *seconds*, or until poked."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            pass
        self._event.clear()


async def listen(url: str, poke: Callable[[], object]) -> None:
    """Call *poke* for every NOTIFY of a change in the database at *url*, until cancelled."""
    import asyncpg  # type: ignore[import-untyped]

    while True:
        try:
            named = {"application_name": "headgate"}
            con = await asyncpg.connect(url, timeout=AGAIN_SECONDS * 2, server_settings=named)
            try:
                await con.add_listener(CHANNEL, lambda *told: poke())
                poke()  # for what was told while nobody listened
                while True:
                    await asyncio.sleep(ALIVE_SECONDS)
                    await con.execute("SELECT 1", timeout=AGAIN_SECONDS * 2)
            finally:
                con.terminate()
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await asyncio.sleep(AGAIN_SECONDS)


async def subscribe(redis: Redis, channel: str, poke: Callable[[], object]) -> None:
    """Call *poke* for every message on *channel*, until cancelled."""
    while True:
        try:
            await redis.call([("SUBSCRIBE", channel)], AGAIN_SECONDS * 2)
            poke()
            while True:
                await redis.read()
                poke()
        except RedisDown:
            await asyncio.sleep(AGAIN_SECONDS)
        finally:
            redis.drop()


class Publisher:
    """Tells the others on a channel of Redis that there is something to see; who hears nothing polls."""

    def __init__(self, redis: Redis, channel: str) -> None:
        self._redis = redis
        self._channel = channel
        self._quiet_until = 0.0
        self._task: asyncio.Task[None] | None = None

    def tell(self) -> None:
        """Send a message soon; while one is under way, or Redis is down, nothing."""
        if monotonic() > self._quiet_until and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._send())

    async def _send(self) -> None:
        try:
            await self._redis.call([("PUBLISH", self._channel, "")], AGAIN_SECONDS)
        except RedisDown:
            self._quiet_until = monotonic() + AGAIN_SECONDS

    async def close(self) -> None:
        """Let go of the connection."""
        if self._task is not None:
            self._task.cancel()
        self._redis.drop()
