"""A user's own routes in front of the wall: the same targets and switches, every provider replaced by one that fails.

The gateway that is drilled is a process of its own, with a home that is thrown away; nothing leaves the machine.
"""

import http.client
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from headgate.core.secret import Secret
from headgate.faultlab.drill import Outcome, Stage, play_all
from headgate.faultlab.scenarios import FAST, SCENARIOS, Limits
from headgate.faultlab.wall import Wall
from headgate.routing.table import Route

START = 30.0  # seconds that the gateway has to become ready
STOP = 20.0
KEPT = ("attempts", "timeout", "failover", "on_unsupported", "unknown_fields", "min_output")
"""What of a route holds in the drill. Its order is the file's: a strategy would choose another target each time."""


class NotReady(Exception):
    """The gateway to be drilled did not start; the message is what it printed."""


def rehearse(
    routes: Sequence[Route], environ: Mapping[str, str], *, full: bool = False, done: Callable[[Outcome], None]
) -> list[Outcome]:
    """Put *routes* through every scenario, one route after the other; *done* is told each outcome.

    With *full* the gateway's own time limits hold, else short ones. Raise ``NotReady``.
    """
    limits = Limits() if full else FAST
    outcomes = []
    for route in routes:  # each by itself: what one has taught the gateway must not be known to the next
        wall = Wall()
        config = msgspec.json.encode(staged(route, wall.port, limits))
        with tempfile.TemporaryDirectory(prefix="headgate-faultlab-") as home, running(home, config, environ) as at:
            played = play_all(stages(route), wall, *at, limits, done)
        outcomes += [renamed(outcome) for outcome in played]
    return outcomes


def renamed(one: Outcome) -> Outcome:
    """Return *one* in the names that the user knows: those of the drill end in the scenario's id."""
    tail = f"-{one.id}"
    caller = one.caller.replace(f"{tail}/", "/")
    return msgspec.structs.replace(one, route=one.route.removesuffix(tail), caller=caller)


def staged(route: Route, port: int, limits: Limits) -> dict[str, Any]:
    """Return the configuration to drill: for every scenario its own copy of *route* and its providers."""
    names = {target.provider.name for target in route.targets}
    times = {"headers": limits.headers, "first_token": limits.first_token, "idle": limits.idle}
    providers = {
        f"{name}-{scenario.id}": {
            "kind": "openai-compatible",
            "base_url": f"http://127.0.0.1:{port}/{name}-{scenario.id}/v1",
            "api_key": "drill",
            "price": {"input": 1, "output": 2},
            "timeouts": times,
        }
        for name in names
        for scenario in SCENARIOS
    }
    settings = msgspec.to_builtins(route.config)
    kept = {name: settings[name] for name in KEPT if name in settings}
    copies = {
        f"{route.name}-{scenario.id}": {
            **kept,
            "targets": [f"{target.provider.name}-{scenario.id}/{target.model}" for target in route.targets],
        }
        for scenario in SCENARIOS
    }
    return {"sandbox": False, "providers": providers, "routes": copies}


def stages(route: Route) -> dict[str, Stage]:
    """Return where each scenario is played on *route*, by its id."""
    first, *others = route.targets
    spare = others[0] if others else None

    def at(id: str) -> Stage:
        other = f"{spare.provider.name}-{id}/{spare.model}" if spare is not None else ""
        return Stage(f"{route.name}-{id}", f"{first.provider.name}-{id}/{first.model}", other)

    return {scenario.id: at(scenario.id) for scenario in SCENARIOS}


@contextmanager
def running(folder: str, config: bytes, environ: Mapping[str, str]) -> Iterator[tuple[int, Secret]]:
    """Run a gateway on *config* with *folder* for its home; yield its port and a key for it."""
    home = Path(folder)
    file, log = home / "headgate.yaml", home / "serve.log"
    file.write_bytes(config)
    key = Secret("hga_" + secrets.token_urlsafe(32))
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    own = {name: value for name, value in environ.items() if not name.endswith("_API_KEY") and name[:9] != "HEADGATE_"}
    own |= {"HEADGATE_HOME": str(home), "HEADGATE_ADMIN_KEY": key.reveal(), "HEADGATE_DISCOVERY": "0"}
    words = [sys.executable, "-m", "headgate", "serve", "--config", str(file), "--port", str(port)]
    with log.open("wb") as out:
        process = subprocess.Popen(words, stdout=out, stderr=subprocess.STDOUT, env=own, cwd=home)
    try:
        until = time.monotonic() + START
        while not ready(port):
            if process.poll() is not None or time.monotonic() > until:
                raise NotReady(log.read_text(errors="replace")[-4000:])
            time.sleep(0.05)
        yield port, key
    finally:
        process.terminate()
        try:
            process.wait(STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def ready(port: int) -> bool:
    """Tell whether the gateway on *port* serves."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
