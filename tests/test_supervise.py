"""A parent and its workers, as processes: started, killed, told to stop once and twice, orphaned."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from headgate.supervise import prepare

PROGRAM = Path(__file__).parent / "supervised.py"


class Group:
    """A running parent."""

    def __init__(self, folder: Path, workers: int, mode: str = "") -> None:
        self.port_file = folder / "port"
        self.stderr = folder / "stderr"
        with self.stderr.open("wb") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, str(PROGRAM), "parent", str(workers), str(self.port_file), mode], stderr=stderr
            )

    @property
    def said(self) -> str:
        return self.stderr.read_text()

    @property
    def port(self) -> int:
        wait_for(lambda: self.port_file.exists() and self.port_file.read_text() != "", self.process)
        return int(self.port_file.read_text())

    def ask(self, path: str = "/", timeout: float = 5) -> tuple[int, int, int]:
        """Return the number, process id and reloads of the worker that answered."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as sock:
            sock.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
            body = read_all(sock).partition(b"\r\n\r\n")[2]
        number, pid, reloads = map(int, body.split())
        return number, pid, reloads

    def workers(self, count: int) -> dict[int, int]:
        """Ask until *count* workers have answered; return their process ids."""
        found: dict[int, int] = {}

        def look() -> bool:
            number, pid, _ = self.ask()
            found[number] = pid
            return len(found) == count

        wait_for(look, self.process, 20)
        return found

    def open(self, path: str) -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        sock.recv(4096)
        return sock

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self, within: float) -> int:
        return self.process.wait(within)


def read_all(sock: socket.socket) -> bytes:
    out = b""
    while data := sock.recv(65536):
        out += data
    return out


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[bytes] | None = None, within: float = 10) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert process is None or process.poll() is None, "the parent has ended"
        assert time.monotonic() < deadline, "in vain"
        time.sleep(0.01)


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def group(tmp_path: Path) -> Iterator[Callable[..., Group]]:
    made: list[Group] = []

    def make(workers: int, mode: str = "") -> Group:
        made.append(Group(tmp_path, workers, mode))
        return made[-1]

    yield make
    for one in made:
        if one.process.poll() is None:
            one.process.kill()
        one.process.wait()


def test_one_worker_is_this_process(group: Callable[..., Group]) -> None:
    one = group(1)
    number, pid, _ = one.ask()
    assert (number, pid) == (0, one.process.pid)
    one.signal(signal.SIGHUP)
    wait_for(lambda: one.ask()[2] == 1)
    stream = one.open("/slow")
    one.signal(signal.SIGTERM)
    assert b"0\r\n\r\n" in read_all(stream), "a request in flight was cut"
    stream.close()
    assert one.end(5) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_workers_share_the_port_and_stop_in_order(group: Callable[..., Group], number: signal.Signals) -> None:
    several = group(3)
    pids = several.workers(3)
    assert several.process.pid not in pids.values()
    stream = several.open("/slow")
    several.signal(number)
    assert b"0\r\n\r\n" in read_all(stream), "a request in flight was cut"
    stream.close()
    assert several.end(5) == 0
    assert not any(map(lives, pids.values()))
    assert several.said.strip().splitlines() == ["control stopped"]
    with pytest.raises(OSError):
        several.ask()


def test_a_killed_worker_is_started_again(group: Callable[..., Group]) -> None:
    several = group(2)
    pids = several.workers(2)
    os.kill(pids[0], signal.SIGKILL)
    wait_for(lambda: not lives(pids[0]))
    assert several.ask()[0] == 1, "the other serves on"
    wait_for(lambda: several.workers(2)[0] != pids[0])
    assert several.workers(2)[1] == pids[1]
    assert "worker 0 ended (SIGKILL); it is started again in 0.1 s" in several.said
    several.signal(signal.SIGTERM)
    assert several.end(5) == 0


@pytest.mark.parametrize(("mode", "how"), [("crash", "exit code 1"), ("segv", "SIGSEGV")])
def test_a_crash_loop_slows_down(group: Callable[..., Group], mode: str, how: str) -> None:
    broken = group(2, mode)
    wait_for(lambda: broken.said.count("worker 0") >= 4, broken.process, 30)
    pauses = re.findall(rf"worker 0 ended \({how}\); it is started again in ([\d.]+) s", broken.said)
    assert pauses[:4] == ["0.1", "0.2", "0.4", "0.8"]
    assert not broken.port_file.exists(), "it was never ready"
    broken.signal(signal.SIGTERM)
    assert broken.end(5) == 0


def test_a_configuration_that_is_refused_is_not_tried_again(group: Callable[..., Group]) -> None:
    assert group(2, "refuse").end(10) == 3


def test_a_control_part_that_fails_stops_everything(group: Callable[..., Group]) -> None:
    assert group(2, "bad-control").end(10) == 3


def test_reload_reaches_every_worker(group: Callable[..., Group]) -> None:
    several = group(2)
    several.workers(2)
    several.signal(signal.SIGHUP)
    reloaded: set[int] = set()

    def look() -> bool:
        number, _, reloads = several.ask()
        if reloads == 1:
            reloaded.add(number)
        return len(reloaded) == 2

    wait_for(look, several.process)
    assert several.said.strip() == "control reloaded"
    several.signal(signal.SIGTERM)
    assert several.end(5) == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_the_second_signal_ends_it_within_a_second(group: Callable[..., Group], workers: int) -> None:
    several = group(workers)
    pids = set(several.workers(workers).values())
    stream = several.open("/endless")
    several.signal(signal.SIGTERM)
    time.sleep(0.5)
    assert several.process.poll() is None, "a stream is still open"
    several.signal(signal.SIGTERM)
    began = time.monotonic()
    assert several.end(2) == 0
    assert time.monotonic() - began < 5
    assert not any(map(lives, pids))
    assert "flushed" in several.said
    stream.close()


def test_the_second_signal_ends_a_worker_that_hangs(group: Callable[..., Group]) -> None:
    several = group(2)
    pids = several.workers(2)
    hung = several.open("/hang")
    several.signal(signal.SIGTERM)
    time.sleep(0.4)
    several.signal(signal.SIGTERM)
    assert several.end(1.2) == 0
    assert not any(map(lives, pids.values()))
    hung.close()


def test_workers_do_not_outlive_their_parent(group: Callable[..., Group]) -> None:
    several = group(2)
    pids = several.workers(2)
    port = several.port
    stream = several.open("/endless")
    several.process.kill()
    several.process.wait()
    wait_for(lambda: not any(map(lives, pids.values())), within=1.5)
    stream.close()
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))


def test_a_process_is_prepared_twice_without_harm() -> None:
    prepare()
    prepare()
