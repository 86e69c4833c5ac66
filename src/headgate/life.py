"""What a process is told from outside: signals, the closing of its parent's line, the end of its time."""

import asyncio
import os
import signal
from collections.abc import Callable

HURRY = 0.9
"""Seconds from the second SIGTERM to the end, whatever is still going on."""


class Life:
    """What a process is told from outside. Made inside its event loop.

    Fields:
        stopping: Set by the first SIGTERM or SIGINT: finish what runs, then return.
        brisk: Whether a person asked for it (SIGINT): no new connections are waited for.
        hurry: Set by the second one, or when the parent has died: flush and return now; the end comes within a second.
        reload: Called on SIGHUP.
        leave: Called, where a parent runs its control part, before it tells the workers to finish.
    """

    def __init__(self, on_ready: Callable[[], object] | None = None) -> None:
        self.stopping = asyncio.Event()
        self.hurry = asyncio.Event()
        self.brisk = False
        self.reload: Callable[[], object] = nothing
        self.leave: Callable[[], object] = nothing
        self._on_ready = on_ready or nothing

    def ready(self) -> None:
        """Say that the process accepts requests. Once."""
        call, self._on_ready = self._on_ready, nothing
        call()

    def stop(self) -> None:
        """Ask the process to stop; asked twice, to stop now."""
        if self.stopping.is_set():
            self.stop_now()
        self.stopping.set()

    def interrupt(self) -> None:
        """Ask the process to stop, as Ctrl-C does."""
        self.brisk = True
        self.stop()

    def stop_now(self) -> None:
        """Ask the process to flush and go, and see to it that it does."""
        self.stopping.set()
        if not self.hurry.is_set():
            self.hurry.set()
            asyncio.get_running_loop().call_later(HURRY, os._exit, 0)

    def obey_signals(self) -> None:
        """Take SIGTERM, SIGINT and SIGHUP from now on."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.stop)
        loop.add_signal_handler(signal.SIGINT, self.interrupt)
        loop.add_signal_handler(signal.SIGHUP, lambda: self.reload())


def nothing() -> None:
    """Stand for a call that nobody asked for."""
