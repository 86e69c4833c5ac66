"""Shared limits in a real Redis, by a clock that the test moves."""

import asyncio
from collections.abc import Callable
from hashlib import sha1
from typing import Any

import pytest

from headgate.limits import redis_rates, redis_scripts
from headgate.limits.redis_rates import RedisRates
from headgate.storage.redis import Command, Redis

CLOCK = "test:clock"


class Clocked(Redis):
    """Tells Redis what time it is before it asks it anything."""

    def __init__(self, url: str, clock: Callable[[], int]) -> None:
        super().__init__(url)
        self.clock = clock

    async def call(self, commands: list[Command], seconds: float) -> list[Any]:
        return (await super().call([("SET", CLOCK, self.clock() // 1000), *commands], seconds + 5))[1:]


def use_test_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the scripts read the clock of the test."""
    moved = {}
    for name in ("TAKE", "GIVE", "BEAT"):
        script = getattr(redis_scripts, name).replace("redis.call('TIME')", f"{{redis.call('GET', '{CLOCK}'), 0}}")
        script = script.replace("time[1] * 1000000 + time[2]", "tonumber(time[1])")
        monkeypatch.setattr(redis_rates, name, script)
        moved[script] = sha1(script.encode(), usedforsecurity=False).hexdigest()
    monkeypatch.setattr(redis_rates, "SHA", moved)


class Running:
    """Stores of several processes, and their tasks."""

    def __init__(self) -> None:
        self.stores: list[RedisRates] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def start(
        self, redis: Redis, owner: str, processes: int, clock: Callable[[], int] | None = None
    ) -> RedisRates:
        store = RedisRates(redis, "t:", owner, processes, *((clock,) if clock else ()))
        self.stores.append(store)
        self.tasks.append(asyncio.create_task(store.run()))
        for _ in range(1000):
            if store.up:
                return store
            await asyncio.sleep(0.01)
        raise TimeoutError

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for store in self.stores:
            await store.close()
