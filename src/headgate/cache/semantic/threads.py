"""Threads for what takes longer than the event loop may be held."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from headgate.cache.semantic.types import Down

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """A few of them. What was begun ends well when they are closed; what comes later is :class:`Down`."""

    def __init__(self, count: int) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="semantic")

    async def run(self, work: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
        """Return what *work* returns, done in a thread."""
        try:
            waiting = asyncio.wrap_future(self._pool.submit(work, *given, **named))
        except RuntimeError:
            raise Down("the cache is being closed") from None
        return await waiting

    def close(self) -> None:
        """Take nothing more."""
        self._pool.shutdown(wait=False)

    def __enter__(self) -> "Threads":
        return self

    def __exit__(self, *given: Any) -> None:
        self.close()
