"""Real processes for the end-to-end tests: the gateway as a user starts it, and upstreams nobody here wrote."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
from click.testing import CliRunner

from tests.servers import embedded

ROOT = Path(__file__).parent.parent.parent
HEADGATE = Path(sys.executable).with_name("headgate")
UPSTREAMS = ROOT / "tests" / "upstreams"

PROVIDER_VARIABLES = re.compile(r"_API_KEY$|^AWS_|^HEADGATE_|_PROXY$|_proxy$|^OTEL_|^LANGFUSE_")


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def clean_environment(**more: str) -> dict[str, str]:
    """The environment without this machine's own provider keys and settings."""
    return {k: v for k, v in os.environ.items() if not PROVIDER_VARIABLES.search(k)} | more


class Gateway:
    """``headgate serve`` on a home of its own."""

    def __init__(self, home: Path, *, config: str | None = None, args: tuple[str, ...] = (), **env: str) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.home = home
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        # no balancer is in front that would send requests for a while yet
        here = {"HEADGATE_HOME": str(home), "HEADGATE_DASHBOARD": "off", "HEADGATE_ACCEPT_GRACE": "0"}
        self.env = clean_environment(**{**here, **env})
        self.args = args
        self.config = home / "headgate.yaml"
        if config is not None:
            self.config.write_text(config)
        self.log = home / "serve.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, within: float = 60.0, *, tables: bool = True) -> "Gateway":
        """Start it; without *tables* it makes those of its own database itself, which takes a second."""
        database = self.home / "headgate.db"
        if tables and "HEADGATE_DATABASE_URL" not in self.env and not database.exists():
            shutil.copy(embedded(), database)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [HEADGATE, "serve", "--port", str(self.port), *self.args],
                stdout=log, stderr=subprocess.STDOUT, env=self.env, cwd=self.home, start_new_session=True,
            )  # fmt: skip
        until = time.monotonic() + within
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise AssertionError(f"the gateway ended with {self.process.returncode}:\n{self.log.read_text()}")
            try:
                ready = httpx2.get(f"{self.url}/health/ready", timeout=1).status_code == 200
                if ready and "Headgate is ready" in self.printed:  # its keys, too
                    return self
            except httpx2.HTTPError:
                pass
            time.sleep(0.05)
        self.kill()
        raise AssertionError(f"the gateway was not ready in {within} s:\n{self.log.read_text()}")

    @property
    def printed(self) -> str:
        return self.log.read_text()

    @property
    def first_key(self) -> str:
        found = re.search(r"\bhg_[A-Za-z0-9_-]{40,}", self.printed)
        assert found, self.printed
        return found[0]

    @property
    def admin_key(self) -> str:
        found = re.search(r"\bhga_[A-Za-z0-9_-]{40,}", self.printed)
        assert found, self.printed
        return found[0]

    def cli(self, *args: str, check: bool = True) -> Any:
        """Run the command line on this home, in this process: a new one takes longer than most commands.

        Return what ``--json`` printed.
        """
        from headgate.cli import group

        env: dict[str, str | None] = {name: self.env[name] for name in self.env if name.startswith("HEADGATE_")}
        done = CliRunner().invoke(group, [*args, "--json"], env=env)
        if check:
            assert done.exit_code == 0, (args, done.output, done.exception)
        return json.loads(done.stdout) if done.stdout.strip() else None

    def key(self, name: str = "test", *args: str) -> str:
        made: str = self.cli("keys", "create", "--name", name, *args)["key"]
        return made

    def trace(self, request_id: str, within: float = 15.0) -> dict[str, Any]:
        """The trace of one exchange, as the API tells it, once it is there."""
        until = time.monotonic() + within
        while True:
            answer = httpx2.get(
                f"{self.url}/api/v1/traces/{request_id}",
                headers={"authorization": f"Bearer {self.admin_key}"},
                timeout=20,
            )
            if answer.status_code == 200 or time.monotonic() > until:
                assert answer.status_code == 200, answer.text
                found: dict[str, Any] = answer.json()
                return found
            time.sleep(0.1)

    def kill(self) -> None:
        """SIGKILL the whole process group, as an out-of-memory killer would."""
        if self.process is not None:
            with suppress(ProcessLookupError):  # it ended by itself
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)
            self.process = None

    def stop(self, within: float = 40.0) -> int:
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(within)
        self.process = None
        return code


class Aimock:
    """npm ``@copilotkit/aimock``: OpenAI, Anthropic and other providers, written by others."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        fixtures = folder / "fixtures"
        fixtures.mkdir(parents=True)
        (fixtures / "all.json").write_text(json.dumps({"fixtures": FIXTURES}))
        node = Path(sys.executable).with_name("node")
        self.log = (folder / "aimock.log").open("ab")
        self.process = subprocess.Popen(
            [node, UPSTREAMS / "node_modules/@copilotkit/aimock/dist/cli.js", "-p", str(self.port), "-h", "127.0.0.1", "-f", fixtures],
            stdout=self.log, stderr=subprocess.STDOUT, start_new_session=True, env=clean_environment(),
        )  # fmt: skip
        until = time.monotonic() + 20
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.2).close()
                return
            except OSError:
                assert self.process.poll() is None, (folder / "aimock.log").read_text()
                time.sleep(0.05)
        raise AssertionError("aimock did not start")

    def seen(self) -> list[dict[str, Any]]:
        """The requests it got, oldest first."""
        found: list[dict[str, Any]] = httpx2.get(f"{self.url}/__aimock/journal", timeout=5).json()
        return found

    def stop(self) -> None:
        os.killpg(self.process.pid, signal.SIGTERM)  # the node of the environment is a wrapper with a child
        self.process.wait(10)
        self.log.close()


USAGE = {"prompt_tokens": 9, "completion_tokens": 8, "input_tokens": 9, "output_tokens": 8}

FIXTURES: list[dict[str, Any]] = [
    {
        "match": {"userMessage": "weather", "hasToolResult": True},
        "response": {"content": "It is 21 degrees and sunny in Paris."},
    },
    {
        "match": {"userMessage": "weather in Paris and Rome"},
        "response": {
            "toolCalls": [
                {"name": "get_weather", "arguments": '{"city":"Paris"}'},
                {"name": "get_weather", "arguments": '{"city":"Rome"}'},
            ]
        },
    },
    {
        "match": {"userMessage": "weather"},
        "response": {"toolCalls": [{"name": "get_weather", "arguments": '{"city":"Paris"}'}]},
    },
    {"match": {"userMessage": "as JSON"}, "response": {"content": '{"name":"Ada","age":36}'}},
    {
        "match": {"userMessage": "boom 429"},
        "response": {"error": {"message": "Rate limited", "type": "rate_limit_error"}, "status": 429},
    },
    {
        "match": {"userMessage": "boom 400"},
        "response": {"error": {"message": "Bad thing", "type": "invalid_request_error"}, "status": 400},
    },
    {
        "match": {"userMessage": "hello"},
        "response": {"content": "Hello there, this is a mocked answer to a greeting.", "usage": USAGE},
    },
]
