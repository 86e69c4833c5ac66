"""Processes: one that serves, or a parent that binds the port, keeps N workers alive and goes when it is told to.

Workers are fresh interpreters, not forks: no thread, lock or connection of the parent lives on in them. Parent and
worker hold the two ends of a socket pair. The worker says on it that it is ready; its closing tells the parent that
the worker has ended, and a worker that its parent has.
"""

import asyncio
import ctypes
import gc
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import uvloop

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 30.0
"""Seconds before a worker is started again: doubled with each failure in a row."""

CYCLES = (5_000, 20, 20)
"""Objects between two looks at the youngest, and how many of those make one at the older."""

HEALTHY = 60.0
"""A worker that was ready and lived this long starts with a clean slate when it fails."""

HURRY = 0.9
"""Seconds from the second SIGTERM to the end, whatever is still going on."""

REFUSALS = frozenset((2, 3))
"""Exit codes that say that the configuration (2) or the storage (3) is unfit: trying again would not help."""

READY_WITHIN = 60.0
"""A worker that is not ready by then has failed."""

END_WITHIN = 5.0
"""Seconds from a worker's hanging up to its process's end."""


class Life:
    """What a process is told from outside. Made inside its event loop.

    Fields:
        stopping: Set by the first SIGTERM or SIGINT: finish what runs, then return.
        brisk: Whether a person asked for it (SIGINT): no new connections are waited for.
        hurry: Set by the second one, or when the parent has died: flush and return now; the end comes within a second.
        reload: Called on SIGHUP.
    """

    def __init__(self, on_ready: Callable[[], object] | None = None) -> None:
        self.stopping = asyncio.Event()
        self.hurry = asyncio.Event()
        self.brisk = False
        self.reload: Callable[[], object] = _nothing
        self._on_ready = on_ready or _nothing

    def ready(self) -> None:
        """Say that the process accepts requests. Once."""
        call, self._on_ready = self._on_ready, _nothing
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


Serve = Callable[[list[socket.socket], int, Life], Awaitable[None]]
"""Serve on the listening sockets as the worker of that number; call ``ready``; return once asked to stop and done."""

Argv = Callable[[int, list[int], int], Sequence[str]]
"""From the worker's number, the listening descriptors and the descriptor of its line to the parent: what to execute.
The command must end in :func:`work`."""


def run(
    serve: Serve | None,
    sockets: list[socket.socket],
    *,
    workers: int,
    argv: Argv,
    control: Callable[[Life], Awaitable[None]] | None = None,
    on_ready: Callable[[], object] | None = None,
    patience: float = 36.0,
    tell: Callable[[str], None] | None = None,
) -> int:
    """Serve until told to stop; return the exit code.

    With one worker and *serve*, that runs in this process, as worker 0, and nothing else does. Else this process runs
    *control*, and once that has called ``ready``, keeps *workers* processes of *argv* alive. On SIGTERM they are told
    first and have *patience* seconds; ``control`` is told when the last is gone.

    *on_ready* is called once everything is ready. *tell* gets a line for people about each worker that failed.
    """
    prepare()
    if serve is not None and workers == 1:
        return uvloop.run(_alone(serve, sockets, 0, on_ready))
    parent = Parent(sockets, workers, argv, patience, tell or _to_stderr)
    return uvloop.run(parent.run(control, on_ready or _nothing))


def work(serve: Serve, *, worker: int, fds: Sequence[int], line: int) -> int:
    """Be a worker: what the command that *argv* gives must call. Return the exit code."""
    prepare()
    die_with_parent()
    sockets = [socket.socket(fileno=fd) for fd in fds]
    with socket.socket(fileno=line) as parent:
        return uvloop.run(_child(serve, sockets, worker, parent))


def prepare() -> None:
    """Let this process open as many files as it may, give large blocks of memory back, and look for cycles seldom.

    Next to none are made: what a call leaves goes by its count, and the default looks at every few dozen calls.
    """
    gc.set_threshold(*CYCLES)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with suppress(OSError, AttributeError):  # glibc's names for its own numbers; other systems have no such call
        mallopt = ctypes.CDLL(None).mallopt
        m_trim_threshold, m_mmap_threshold = -1, -3
        mallopt(m_mmap_threshold, 1 << 20)
        mallopt(m_trim_threshold, 4 << 20)


def die_with_parent() -> None:
    """Let the system end this process the moment its parent ends, so that the port is free for the next start.

    Where the system cannot (it is Linux's prctl), the closing of the line to the parent ends it a little later.
    """
    with suppress(OSError, AttributeError):
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL, 0, 0, 0)


async def _alone(serve: Serve, sockets: list[socket.socket], worker: int, on_ready: Callable[[], object] | None) -> int:
    life = Life(on_ready)
    life.obey_signals()
    return await _serve(serve, sockets, worker, life)


async def _child(serve: Serve, sockets: list[socket.socket], worker: int, parent: socket.socket) -> int:
    loop = asyncio.get_running_loop()
    parent.setblocking(False)

    def tell_parent() -> None:
        with suppress(OSError):
            parent.send(b"r")

    def parent_moved() -> None:
        if _hung_up(parent):
            loop.remove_reader(parent)
            life.stop_now()

    life = Life(tell_parent)
    life.obey_signals()
    loop.add_reader(parent, parent_moved)
    try:
        return await _serve(serve, sockets, worker, life)
    finally:
        loop.remove_reader(parent)


async def _serve(serve: Serve, sockets: list[socket.socket], worker: int, life: Life) -> int:
    try:
        await serve(sockets, worker, life)
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else 1
    return 0


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
        self._all_ready: Callable[[], object] = _nothing
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
            await self._keep_all()
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
            self._code = 1
            self._tell(f"the control part failed: {exc!r}")
        finally:
            self._life.stopping.set()

    async def _keep_all(self) -> None:
        keepers = asyncio.gather(*(self._keep(place) for place in self._places))
        life = self._life
        await _first(life.stopping.wait(), keepers)
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
            call, self._all_ready = self._all_ready, _nothing
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


def _hung_up(line: socket.socket) -> bool:
    try:
        return not line.recv(1)
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def _said(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    with suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"


def _nothing() -> None: ...


def _to_stderr(text: str) -> None:
    sys.stderr.write(f"headgate: {text}\n")
    sys.stderr.flush()
