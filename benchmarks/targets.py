"""What is measured: how a target is installed, configured, started and addressed; here the gateway and its bounds."""

import getpass
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from shutil import which

from . import bodies
from .cases import EVERYBODY
from .process import NotRun, Running, status

BIN = Path(sys.executable).parent


@dataclass
class Place:
    """A target's folder, the mock's port, the port it shall listen on, and one more for those who want two."""

    home: Path
    mock: int
    port: int
    spare_port: int = 0


@dataclass
class Command:
    argv: list[str]
    env: dict[str, str] = field(default_factory=dict)


class Recipe:
    """A target. Subclasses say what differs from a plain OpenAI-compatible server at /v1."""

    name = ""
    python = False  # rounds in which such a target was not kept busy are rejected: idle wake-ups would be counted
    cases: tuple[str, ...] = EVERYBODY
    starts_within = 60.0  # seconds
    ready = "/health"
    ready_status = b"200"

    def prepare(self) -> None:
        """Install what is needed; raise `NotRun` if that cannot be had."""

    def version(self) -> str:
        raise NotImplementedError

    def command(self, place: Place) -> Command:
        raise NotImplementedError

    def port(self, place: Place) -> int | None:
        """The port it listens on; None while that is not known."""
        return place.port

    def ready_port(self, place: Place) -> int | None:
        """The port once the target answers there."""
        port = self.port(place)
        return port if port and status(port, self.ready) == self.ready_status else None

    def headers(self, place: Place) -> dict[str, str]:
        """Headers of every request; asked for once the target is ready."""
        return {"Authorization": "Bearer unused"}

    def path(self, door: str) -> str:
        return door

    def model(self, model: str) -> str:
        """The name under which this target knows the mock's *model*."""
        return model


class Direct(Recipe):
    """The mock itself: what the load costs without anything between."""

    name = "direct"
    cases = (*EVERYBODY, "messages", "messages-stream")

    def version(self) -> str:
        return "mock"


NGINX = """
daemon off;
worker_processes 1;
error_log stderr warn;
pid nginx.pid;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    client_body_buffer_size 64k;
    client_max_body_size 64m;
    keepalive_requests 100000000;
    upstream mock {{
        server 127.0.0.1:{mock};
        keepalive 256;
        keepalive_requests 100000000;
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://mock;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
        }}
    }}
}}
"""


class Nginx(Recipe):
    """The floor: a compiled proxy that knows nothing about what it passes on."""

    name = "nginx"
    cases = (*EVERYBODY, "messages", "messages-stream")
    ready = "/v1/models"

    def prepare(self) -> None:
        if not self.program():
            raise NotRun("nginx is not installed (make system-deps)")

    def program(self) -> str | None:
        return which("nginx") or which("nginx", path="/usr/sbin")

    def version(self) -> str:
        done = subprocess.run([self.program() or "nginx", "-v"], capture_output=True, text=True, timeout=10)
        return done.stderr.strip().rpartition("/")[2]

    def command(self, place: Place) -> Command:
        config = place.home / "nginx.conf"
        # Workers run as the user who starts the master: only then may they write below the temporary folder.
        config.write_text(f"user {getpass.getuser()};\n" + NGINX.format(mock=place.mock, port=place.port))
        return Command([self.program() or "nginx", "-p", str(place.home), "-c", str(config)])


HEADGATE = """
providers:
  local: {{kind: openai-compatible, base_url: "http://127.0.0.1:{mock}/v1", api_key: "${{BENCH_UPSTREAM_KEY}}"}}
  claude: {{kind: anthropic, base_url: "http://127.0.0.1:{mock}", api_key: "${{BENCH_UPSTREAM_KEY}}"}}
models:
"""
MODEL = "  {name}: {{price: {{input: 1.00, output: 2.00}}, context: 1000000}}\n"
# Every limit that a key can have is set, so that each is counted, and none is ever reached.
LIMITS = {
    "--rps": "1000000",
    "--rpm": "60000000",
    "--tpm": "1000000000000",
    "--concurrency": "100000",
    "--budget": "1000000",
    "--window": "month",
}


class Headgate(Recipe):
    """The gateway with authentication, limits, budget, routing, journal, record and metrics on."""

    name = "headgate"
    python = True
    cases = (*EVERYBODY, "messages", "messages-stream", "translate", "translate-stream")
    ready = "/health/ready"
    starts_within = 20.0

    def version(self) -> str:
        return metadata.version("headgate")

    def env(self, place: Place) -> dict[str, str]:
        return {"HEADGATE_HOME": str(place.home / "home"), "HEADGATE_DASHBOARD": "off", "BENCH_UPSTREAM_KEY": "unused"}

    def command(self, place: Place) -> Command:
        config = place.home / "headgate.yaml"
        models = [MODEL.format(name=name) for name in (*(f"local/{model}" for model in bodies.MODELS), "claude/mock")]
        config.write_text(HEADGATE.format(mock=place.mock) + "".join(models))
        home = self.env(place)["HEADGATE_HOME"]
        argv = [str(BIN / "headgate"), "serve", "--home", home, "--config", str(config), "--port", str(place.port)]
        return Command(argv, self.env(place))

    def headers(self, place: Place) -> dict[str, str]:
        limits = [word for pair in LIMITS.items() for word in pair]
        argv = [str(BIN / "headgate"), "keys", "create", "--name", "bench", "--json", *limits]
        env = self.env(place) | {"HEADGATE_PORT": str(place.port), "PATH": "/usr/bin:/bin"}
        done = subprocess.run(argv, env=env, cwd=place.home, capture_output=True, text=True, timeout=120)
        if done.returncode:
            raise NotRun(f"keys create: {(done.stderr or done.stdout).strip()[-200:]}")
        return {"Authorization": f"Bearer {json.loads(done.stdout)['key']}"}

    def model(self, model: str) -> str:
        return {"translated": "claude/mock"}.get(model, f"local/{model}")


@dataclass
class Live:
    """A target that runs and answers."""

    recipe: Recipe
    place: Place
    running: Running
    ready_at: float  # on the monotonic clock
    headers: Mapping[str, str] = field(default_factory=dict)
    idle: float = 0.0  # share of a core it burns unasked

    @property
    def name(self) -> str:
        return self.recipe.name
