"""A disk without room for the journal: what callers, balancers and the log are told, and that nothing is lost after."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.e2e.processes import Gateway

pytestmark = pytest.mark.xdist_group("e2e-start")

FULL = """import errno, os
real = os.write

def write(fd, data):
    if os.path.exists({flag!r}) and data[:2] in (b'["', b'  '):  # a line of the journal, or what tries it
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return real(fd, data)

os.write = write
"""


@pytest.fixture
def flag(tmp_path: Path) -> Path:
    """A file: while it is there, journals find no room."""
    return tmp_path / "full"


@pytest.fixture
def gateway(tmp_path: Path, flag: Path) -> Iterator[Gateway]:
    patched = tmp_path / "patched"
    patched.mkdir()
    (patched / "sitecustomize.py").write_text(FULL.format(flag=os.fspath(flag)))
    path = os.pathsep.join([os.fspath(patched), os.environ.get("PYTHONPATH", "")])
    gateway = Gateway(tmp_path / "home", PYTHONPATH=path).start()
    yield gateway
    gateway.kill()


def ask(gateway: Gateway, key: str) -> int:
    body = {"model": "sandbox/chat", "messages": [{"role": "user", "content": "hello"}]}
    headers = {"authorization": f"Bearer {key}"}
    return httpx2.post(f"{gateway.url}/v1/chat/completions", json=body, headers=headers, timeout=20).status_code


def ready(gateway: Gateway) -> tuple[int, Any]:
    answer = httpx2.get(f"{gateway.url}/health/ready", timeout=20)
    return answer.status_code, answer.json()["checks"]["ledger"]


def calls(gateway: Gateway) -> int:
    found: int = gateway.cli("usage")["total"]["requests"]
    return found


def test_what_was_served_is_stored_once_there_is_room_and_survives_a_crash_then(gateway: Gateway, flag: Path) -> None:
    key, bound = gateway.first_key, gateway.key("bound", "--budget", "5", "--window", "month")
    assert ask(gateway, key) == ask(gateway, bound) == 200
    flag.touch()
    assert [ask(gateway, key) for _ in range(5)] == [200] * 5
    assert ask(gateway, bound) == 503
    assert ready(gateway) == (503, "cannot be written: the disk is full; 6 line(s) wait in memory, 0 are lost")
    flag.unlink()
    until = time.monotonic() + 10
    while ready(gateway) != (200, "ok") and time.monotonic() < until:
        time.sleep(0.05)
    gateway.kill()
    gateway.start()
    assert calls(gateway) == 8
    assert gateway.printed.count("the journal cannot be written: the disk is full") == 1
    assert gateway.printed.count("the journal is written again: 6 line(s) that waited are in it, 0 are lost") == 1
    assert ask(gateway, bound) == 200
