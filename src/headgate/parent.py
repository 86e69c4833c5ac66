"""The parent of workers: it starts them, starts them again, and stops them in order."""

import asyncio
import signal
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from headgate.life import HURRY, Life, nothing

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 30.0
"""Seconds before a worker is started again: doubled with each failure in a row."""

HEALTHY = 60.0
"""A worker that was ready and lived this long starts with a clean slate when it fails."""

REFUSALS = frozenset((2, 3))
"""Exit codes that say that the configuration (2) or the storage (3) is unfit: trying again would not help."""

READY_WITHIN = 60.0
"""A worker that is not ready by then has failed."""

END_WITHIN = 5.0
"""Seconds from a worker's hanging up to its process's end."""

Argv = Callable[[int, list[int], int], Sequence[str]]
"""From the worker's number, the listening descriptors and the descriptor of its line to the parent: what to execute.
The command must end in :func:`work`."""


class Parent:
    """Keeps workers alive. One loop for each place runs a worker, sees it end and, if that was not asked for, again."""

    def __init__(
        self, sockets: list[socket.socket], workers: int, argv: Argv, patience: float, tell: Callable[[str], None]
    ) -> None:
        self._sockets = sockets
        self._places = range(workers)
        self._argv = argv
        self._patience = patience
        self._tell = tell
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        self._ready: set[int] = set()
        self._all_ready: Callable[[], object] = nothing
        self._code = 0

    async def run(self, control: Callable[[Life], Awaitable[None]] | None, on_ready: Callable[[], object]) -> int:
        """Run *control* and the workers until told to stop; return the exit code."""
        self._all_ready = on_ready
        self._life = life = Life()
        life.obey_signals()
        begun = asyncio.Event()
        inner = Life(begun.set)
        life.reload = lambda: self._reload(inner)
        controlling = asyncio.ensure_future(self._control(control, inner, begun))
        await _first(begun.wait(), life.stopping.wait())
        try:
            await self._keep_all(inner)
        finally:
            inner.stopping.set()
            if life.hurry.is_set():
                inner.hurry.set()
            with suppress(TimeoutError):
                await asyncio.wait_for(controlling, self._patience)
            for sock in self._sockets:
                sock.close()
        return self._code

    async def _control(
        self, control: Callable[[Life], Awaitable[None]] | None, inner: Life, begun: asyncio.Event
    ) -> None:
        """Run *control*. If it ends before its time the workers are told to stop: nobody would keep their books."""
        if control is None:
            begun.set()
            return
        try:
            await control(inner)
            if not inner.stopping.is_set():
                raise RuntimeError("it returned before it was told to")
        except SystemExit as exc:
            self._code = exc.code if isinstance(exc.code, int) else 1
        except Exception as exc:
            self._code = getattr(exc, "exit_code", 1)
            self._tell(str(exc) if self._code != 1 else f"the control part failed: {exc!r}")
        finally:
            self._life.stopping.set()

    async def _keep_all(self, inner: Life) -> None:
        keepers = asyncio.gather(*(self._keep(place) for place in self._places))
        life = self._life
        await _first(life.stopping.wait(), keepers)
        inner.leave()
        self._signal(signal.SIGINT if life.brisk else signal.SIGTERM)
        await _first(life.hurry.wait(), keepers, within=self._patience)
        if not keepers.done():
            self._signal(signal.SIGTERM)
            await _first(keepers, within=HURRY / 2)
        self._signal(signal.SIGKILL)
        await keepers

    async def _keep(self, place: int) -> None:
        failures = 0
        while not self._life.stopping.is_set():
            began = time.monotonic()
            code, was_ready = await self._one(place)
            if self._life.stopping.is_set():
                return
            if not was_ready and code in REFUSALS:
                self._code = code
                self._life.stopping.set()
                return
            failures = 1 if was_ready and time.monotonic() - began > HEALTHY else failures + 1
            pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(failures - 1, 20))
            self._tell(f"worker {place} ended ({_said(code)}); it is started again in {pause:g} s")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._life.stopping.wait(), pause)

    async def _one(self, place: int) -> tuple[int, bool]:
        """Run one worker from its start to its end; return its exit code and whether it was ready at any time."""
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                try:
                    process = self._spawn(place, theirs)
                except OSError as exc:  # no process or memory left, for now
                    self._tell(f"worker {place} cannot be started: {exc}")
                    return 127, False
            self._running[place] = process
            try:
                was_ready = await self._listen(place, ours, process)
                return await _reap(process), was_ready
            finally:
                self._running.pop(place, None)
                self._ready.discard(place)

    def _spawn(self, place: int, line: socket.socket) -> subprocess.Popen[bytes]:
        fds = [sock.fileno() for sock in self._sockets]
        argv = list(self._argv(place, fds, line.fileno()))
        # A group of its own: Ctrl-C at a terminal reaches the parent alone, which then stops its workers in order.
        return subprocess.Popen(argv, pass_fds=(*fds, line.fileno()), process_group=0)

    async def _listen(self, place: int, line: socket.socket, process: subprocess.Popen[bytes]) -> bool:
        """Hear out the worker until it hangs up; return whether it was ready."""
        line.setblocking(False)
        loop = asyncio.get_running_loop()
        was_ready = False
        with suppress(ConnectionError):
            try:
                async with asyncio.timeout(READY_WITHIN):
                    said = await loop.sock_recv(line, 1)
            except TimeoutError:
                process.kill()
                return False
            while said:
                was_ready = True
                self._is_ready(place)
                said = await loop.sock_recv(line, 1)
        return was_ready

    def _is_ready(self, place: int) -> None:
        self._ready.add(place)
        if len(self._ready) == len(self._places):
            call, self._all_ready = self._all_ready, nothing
            call()

    def _reload(self, inner: Life) -> None:
        for place in self._ready:  # the others have no handler for it yet, and read the newest configuration anyway
            self._running[place].send_signal(signal.SIGHUP)
        inner.reload()

    def _signal(self, number: signal.Signals) -> None:
        for process in tuple(self._running.values()):
            process.send_signal(number)


async def _first(*these: Awaitable[object], within: float | None = None) -> None:
    """Wait until one of *these* is done, or for *within* seconds; tasks made for it are cancelled."""
    futures = [asyncio.ensure_future(one) for one in these]
    await asyncio.wait(futures, timeout=within, return_when=asyncio.FIRST_COMPLETED)
    for one, future in zip(these, futures, strict=True):
        if future is not one:
            future.cancel()


async def _reap(process: subprocess.Popen[bytes]) -> int:
    """Return the exit code of a process that has hung up, made to end if it does not."""
    deadline = time.monotonic() + END_WITHIN
    while (code := process.poll()) is None:
        if time.monotonic() > deadline:
            process.kill()
        await asyncio.sleep(0.01)
    return code


def _said(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    with suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"
