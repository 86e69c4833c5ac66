"""Processes: one that serves, or a parent that binds the port, keeps N workers alive and goes when it is told to.

Workers are fresh interpreters, not forks: no thread, lock or connection of the parent lives on in them. Parent and
worker hold the two ends of a socket pair. The worker says on it that it is ready; its closing tells the parent that
the worker has ended, and a worker that its parent has.
"""

import asyncio
import ctypes
import gc
import resource
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import uvloop

from headgate.life import Life, nothing
from headgate.parent import Argv, Parent

CYCLES = (5_000, 20, 20)
"""Objects between two looks at the youngest, and how many of those make one at the older."""

Serve = Callable[[list[socket.socket], int, Life], Awaitable[None]]
"""Serve on the listening sockets as the worker of that number; call ``ready``; return once asked to stop and done."""


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
    return uvloop.run(parent.run(control, on_ready or nothing))


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


def _hung_up(line: socket.socket) -> bool:
    try:
        return not line.recv(1)
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def _to_stderr(text: str) -> None:
    sys.stderr.write(f"headgate: {text}\n")
    sys.stderr.flush()
