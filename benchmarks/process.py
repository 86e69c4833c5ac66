"""Start a target, its mock and the generators in their own sessions, pinned; end them by their recorded ids."""

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

PASSED_ON = "PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE"


class NotRun(Exception):
    """A target that cannot take part; the text says why."""


def cores() -> tuple[set[int], set[int], set[int]]:
    """The cores of the target, the mock and the generator. With two cores the latter share one."""
    have = sorted(os.sched_getaffinity(0))
    return {have[0]}, {have[1 % len(have)]}, {have[2 if len(have) > 2 else 1 % len(have)]}


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def stat_fields(pid: int) -> list[str]:
    """`/proc/PID/stat` from the state on (field 3 is index 0): the name before it may hold spaces."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


class Running:
    """A started program: its process tree, its log, its end."""

    def __init__(self, name: str, command: Sequence[str], cwd: Path, env: Mapping[str, str], pin: set[int]) -> None:
        self.name = name
        self.log = cwd / f"{name}.log"
        clean = {key: os.environ[key] for key in PASSED_ON if key in os.environ}
        self.begun = time.monotonic()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=cwd,
                env=clean | dict(env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=lambda: os.sched_setaffinity(0, pin),
            )

    def pids(self) -> list[int]:
        """Every living process of the session, and every descendant that left it."""
        tree = {self.process.pid}
        grown = True
        stats = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    state, parent, _, session = stat_fields(int(entry))[:4]
                except (OSError, ValueError):
                    continue
                if state != "Z":
                    stats[int(entry)] = int(parent), int(session)
        while grown:
            more = {pid for pid, (parent, sid) in stats.items() if parent in tree or sid == self.process.pid} - tree
            grown = bool(more)
            tree |= more
        return sorted(tree & stats.keys())

    def alive(self) -> bool:
        return self.process.poll() is None

    def tail(self) -> str:
        """The log's last line with words in it, shortened."""
        lines = [line.strip() for line in self.log.read_text(errors="replace").splitlines()]
        return next((line[-200:] for line in reversed(lines) if re.search(r"\w", line)), "no output")

    def owns(self, port: int) -> bool:
        """Whether a process of this tree listens on *port*: a leftover's answers would be counted as ours."""
        inodes = set()
        for table in ("/proc/net/tcp", "/proc/net/tcp6"):
            for line in Path(table).read_text().splitlines()[1:]:
                column = line.split()
                if column[3] == "0A" and int(column[1].rpartition(":")[2], 16) == port:
                    inodes.add(f"socket:[{column[9]}]")
        return any(link in inodes for pid in self.pids() for link in open_files(pid))

    def wait_ready(self, ready_port: Callable[[], int | None], seconds: float) -> tuple[int, float]:
        """Return the port it answers on and how many seconds that took; raise `NotRun` if it died or took too long."""
        while (took := time.monotonic() - self.begun) < seconds:
            if not self.alive():
                raise NotRun(f"ended with status {self.process.returncode} while starting: {self.tail()}")
            if port := ready_port():
                took = time.monotonic() - self.begun
                if not self.owns(port):
                    raise NotRun(f"another process answers on port {port}")
                return port, took
            time.sleep(0.005)
        raise NotRun(f"not ready after {seconds:.0f} s: {self.tail()}")

    def stop(self) -> None:
        """SIGTERM to the process group, then SIGKILL to what of the tree is left after 5 s."""
        tree = self.pids()
        if self.alive():
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                pass
        for pid in {*tree, *self.pids()} & set(self.pids()):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait(5)


def open_files(pid: int) -> list[str]:
    links = []
    try:
        for number in os.listdir(f"/proc/{pid}/fd"):
            try:
                links.append(os.readlink(f"/proc/{pid}/fd/{number}"))
            except OSError:
                continue
    except OSError:
        pass
    return links


def status(port: int, path: str) -> bytes:
    """The status of `GET path`, three digits; empty if nothing answers."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as sock:
            sock.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode())
            return sock.recv(4096)[9:12]
    except OSError:
        return b""


@contextmanager
def running(
    name: str, command: Sequence[str], cwd: Path, pin: set[int], env: Mapping[str, str] | None = None
) -> Iterator[Running]:
    try:
        started = Running(name, command, cwd, env or {}, pin)
    except OSError as error:
        raise NotRun(f"cannot start: {error}") from error
    try:
        yield started
    finally:
        started.stop()
