"""A thread that makes one round after the other, with a rest in between, until it is told to end."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

from headgate.storage.sql import SqlError


class Rounds:
    """What is done is its owner's, and so is what may go wrong with it: an exception that comes out ends the thread."""

    def __init__(self, name: str, work: Callable[[], float]) -> None:
        """*work* makes a round and returns the seconds until the next."""
        self._name = name
        self._work = work
        self._ending = Event()
        self._thread: Thread | None = None

    @property
    def ending(self) -> bool:
        """Whether it was told to end."""
        return self._ending.is_set()

    def start(self, first: float) -> None:
        """Make the first round after so many seconds."""
        self._thread = Thread(target=self._run, args=(first,), name=self._name, daemon=True)
        self._thread.start()

    def stop(self, seconds: float | None = None) -> None:
        """End after the round that is under way, for which at most *seconds* are waited."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join(seconds)
            self._thread = None

    def rest(self, seconds: float) -> bool:
        """Wait in the midst of a round; return at once, and that there is to be an end, where there is."""
        return self._ending.wait(seconds)

    def _run(self, pause: float) -> None:
        while not self._ending.wait(pause):
            pause = self._work()


@contextmanager
def going_on(log: logging.Logger, failing: str) -> Iterator[None]:
    """Log what goes wrong in a round, in which *failing* is what cannot be done: there is another after it."""
    try:
        yield
    except SqlError as error:
        log.debug("%s: %s", failing, error)  # others say that the database is away
    except Exception:
        log.exception(failing)
