"""The gateways that this one is compared with, each in the setting that serves it best."""

import json
from pathlib import Path

from .. import bodies
from ..targets import Command, Place, Recipe
from .envs import HERE, node_env, pinned, program, python_env


class FastApi(Recipe):
    """A fixed point: the proxy that one would write in an afternoon, FastAPI with pydantic and httpx2."""

    name = "fastapi"
    python = True

    def prepare(self) -> None:
        python_env("fastapi")

    def version(self) -> str:
        return f"{pinned('fastapi', 'fastapi')} + httpx2 {pinned('fastapi', 'httpx2')}"

    def command(self, place: Place) -> Command:
        argv = [str(python_env("fastapi") / "uvicorn"), "fastapi_app:app", "--app-dir", str(HERE)]
        argv += ["--port", str(place.port), "--no-access-log", "--log-level", "warning"]
        return Command(argv, {"UPSTREAM": f"http://127.0.0.1:{place.mock}", "PYTHONDONTWRITEBYTECODE": "1"})


class LiteLlm(Recipe):
    """LiteLLM's proxy, with opentelemetry-sdk: without it every request retries a failing import."""

    name = "litellm"
    python = True
    ready = "/health/liveliness"
    starts_within = 120.0

    def prepare(self) -> None:
        python_env("litellm")

    def version(self) -> str:
        return f"{pinned('litellm', 'litellm')} + opentelemetry-sdk {pinned('litellm', 'opentelemetry-sdk')}"

    def command(self, place: Place) -> Command:
        base = f"http://127.0.0.1:{place.mock}/v1"
        models = [
            {"model_name": model, "litellm_params": {"model": f"openai/{model}", "api_base": base, "api_key": "unused"}}
            for model in bodies.MODELS
        ]
        # The well-known sk-1234 is refused as a master key.
        config = {"model_list": models, "general_settings": {"master_key": "sk-bench-4f1c9a77"}}
        file = place.home / "litellm.yaml"
        file.write_text(json.dumps(config))  # JSON is YAML
        argv = [str(python_env("litellm") / "litellm"), "--config", str(file), "--host", "127.0.0.1"]
        argv += ["--port", str(place.port), "--num_workers", "1"]
        return Command(argv, {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"})

    def headers(self, place: Place) -> dict[str, str]:
        return {"Authorization": "Bearer sk-bench-4f1c9a77"}


class Portkey(Recipe):
    """Portkey's open gateway, with @hono/node-server 1.3.3: with the version npm chooses its streams answer 500."""

    name = "portkey"
    ready = "/"

    def prepare(self) -> None:
        program("node")
        node_env("portkey")

    def version(self) -> str:
        lock = json.loads((HERE / "portkey/package-lock.json").read_text())
        return str(lock["packages"]["node_modules/@portkey-ai/gateway"]["version"])

    def command(self, place: Place) -> Command:
        server = node_env("portkey") / "node_modules/@portkey-ai/gateway/build/start-server.js"
        return Command([program("node"), str(server), f"--port={place.port}", "--headless"], {"NODE_ENV": "production"})

    def headers(self, place: Place) -> dict[str, str]:
        host = f"http://127.0.0.1:{place.mock}/v1"
        return {"Authorization": "Bearer unused", "x-portkey-provider": "openai", "x-portkey-custom-host": host}


class TensorZero(Recipe):
    """TensorZero's gateway as its Python package embeds it: observability off, no key check."""

    name = "tensorzero"
    ready_status = b"404"  # it has no health path; an answer is enough

    def prepare(self) -> None:
        python_env("tensorzero")

    def version(self) -> str:
        return f"{pinned('tensorzero', 'tensorzero')} embedded"

    def command(self, place: Place) -> Command:
        lines = ["[gateway]", "observability.enabled = false"]
        for model in bodies.MODELS:
            lines += [f"[models.{model}]", 'routing = ["local"]', f"[models.{model}.providers.local]"]
            lines += ['type = "openai"', f'model_name = "{model}"', 'api_key_location = "none"']
            lines += [f'api_base = "http://127.0.0.1:{place.mock}/v1/"']
        file = place.home / "tensorzero.toml"
        file.write_text("\n".join(lines) + "\n")
        argv = [str(python_env("tensorzero") / "python"), str(HERE / "tensorzero_server.py"), str(file)]
        return Command([*argv, str(self.announcement(place))])

    def announcement(self, place: Place) -> Path:
        return place.home / "port"

    def port(self, place: Place) -> int | None:
        """The embedded gateway takes a port of its own choice and cannot be told one."""
        try:
            return int(self.announcement(place).read_text())
        except (OSError, ValueError):
            return None

    def path(self, door: str) -> str:
        return "/openai" + door

    def model(self, model: str) -> str:
        return f"tensorzero::model_name::{model}"


class SglangRouter(Recipe):
    """SGLang's router in Rust: picks a worker and passes on; no key check."""

    name = "sglang"

    def prepare(self) -> None:
        python_env("sglang")

    def version(self) -> str:
        return f"sglang-router {pinned('sglang', 'sglang-router')}"

    def command(self, place: Place) -> Command:
        argv = [str(python_env("sglang") / "sglang-router"), "launch", "--host", "127.0.0.1"]
        argv += ["--port", str(place.port), "--worker-urls", f"http://127.0.0.1:{place.mock}"]
        argv += ["--policy", "round_robin", "--log-level", "warn", "--prometheus-port", str(place.spare_port)]
        return Command(argv)


PEERS: tuple[Recipe, ...] = (FastApi(), LiteLlm(), Portkey(), TensorZero(), SglangRouter())
