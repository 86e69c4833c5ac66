"""The pages on adding a provider, followed to the letter: their files are written, their commands run."""

import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from headgate.config import Known, loads
from headgate.config.managed import Managed
from headgate.core.reference import Reference
from headgate.core.secret import Secret
from headgate.guardrails.kinds import KINDS as GUARDRAILS
from headgate.providers import kinds
from headgate.routing.kinds import KINDS as STRATEGIES
from tests.e2e.processes import HEADGATE, ROOT, Gateway, clean_environment, free_port

pytestmark = pytest.mark.xdist_group("e2e-how-to")

PAGES = ROOT / "docs" / "how-to"
FILE = re.compile(r"`([\w./-]+)`[^\n`]*:\n\n```\w+\n(.*?)```", re.DOTALL)
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def files(text: str) -> dict[str, str]:
    """The blocks that are files, by the name before each."""
    return {name: content for name, content in FILE.findall(text)}


def blocks(text: str, language: str) -> list[str]:
    return [content for kind, content in BLOCK.findall(text) if kind == language]


def run(command: str, gateway: Gateway) -> str:
    """Run a block of shell against *gateway*, which is not on the port that the page has."""
    command = command.replace("127.0.0.1:8080", f"127.0.0.1:{gateway.port}")
    env = clean_environment(HEADGATE_KEY=gateway.first_key)
    done = subprocess.run(["bash", "-ec", command], env=env, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


@contextmanager
def started(gateway: Gateway) -> Iterator[Gateway]:
    gateway.start(40)
    try:
        yield gateway
    finally:
        assert gateway.stop() == 0


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """The second Headgate of the page."""
    with started(Gateway(tmp_path_factory.mktemp("other"))) as other:
        yield other


def test_a_provider_by_its_base_url(tmp_path: Path, other: Gateway) -> None:
    text = (PAGES / "add-a-provider.md").read_text().partition("## A row")[0]
    config = files(text)["headgate.yaml"].replace(":9100", f":{other.port}")
    with started(Gateway(tmp_path, config=config, LOCAL_KEY=other.first_key)) as gateway:
        assert '"chat.completion"' in run(blocks(text, "sh")[1], gateway)


def test_a_provider_that_is_made_while_the_gateway_runs(tmp_path: Path, other: Gateway) -> None:
    text = (PAGES / "add-a-provider.md").read_text().partition("## While the gateway runs")[2]
    with started(Gateway(tmp_path)) as gateway:
        (tmp_path / "up.yaml").write_text(files(text)["up.yaml"].replace(":9100", f":{other.port}"))
        script, gone = blocks(text, "sh")[0].rsplit("\n", 2)[:2]
        assert gone.startswith("headgate providers delete up")
        made, again = script.split("headgate providers versions up")
        env = (
            f"export HEADGATE_HOME={tmp_path} LOCAL_KEY={other.first_key} PATH={HEADGATE.parent}:$PATH; cd {tmp_path}; "
        )
        assert "database" in run(env + made, gateway)
        ask = f"""sleep 2; curl -s {gateway.url}/v1/chat/completions -H "authorization: Bearer $HEADGATE_KEY" """
        ask += """-H "content-type: application/json" -d '{"model": "up/sandbox/chat", "messages": [{"role": "user", """
        ask += """"content": "Hello"}], "max_tokens": 20}'"""
        assert '"chat.completion"' in run(ask, gateway)
        run(env + "headgate providers versions up" + again + "\n" + gone, gateway)
        assert "model_not_found" in run(ask, gateway)


def test_copies_of_a_home_that_serves_and_one_put_back(tmp_path: Path) -> None:
    text = (PAGES / "back-up-and-restore.md").read_text()
    copied, snapshot, _, restored, _ = blocks(text, "sh")
    home = tmp_path / "home"
    env = f"export HEADGATE_HOME={home} PATH={HEADGATE.parent}:$PATH; cd {tmp_path}; "
    with started(Gateway(home)) as gateway:
        for _ in range(3):
            body = {"model": "sandbox/chat", "messages": [{"role": "user", "content": "Hello"}]}
            headers = {"authorization": f"Bearer {gateway.first_key}"}
            httpx2.post(f"{gateway.url}/v1/chat/completions", json=body, headers=headers).raise_for_status()
        assert "3 exchanges: as written" in run(env + copied, gateway)
        if shutil.which("sqlite3"):
            assert "3 exchanges: as written" in run(env + snapshot, gateway)
    free = f"export HEADGATE_PORT={free_port()}; "
    assert "3 exchanges: as written" in run(env + free + restored, gateway)
    assert run(env + "headgate keys list", gateway)


def test_a_provider_by_a_row(tmp_path: Path, other: Gateway) -> None:
    text = (PAGES / "add-a-provider.md").read_text().partition("## A row")[2]
    added, config = files(text)["src/headgate/providers/catalog.toml"], files(text)["headgate.yaml"]
    assert set(tomllib.loads(added)) == {"elsewhere"}
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "src/headgate/providers/catalog.toml").open("a") as catalog:
        catalog.write("\n" + added.replace(":9100", f":{other.port}"))
    env: dict[str, Any] = {"PYTHONPATH": str(tmp_path / "src"), "LOCAL_KEY": other.first_key}
    with started(Gateway(tmp_path / "home", config=config, **env)) as gateway:
        assert '"text_completion"' in run(blocks(text, "sh")[0], gateway)


@contextmanager
def serving(folder: Path, port: int) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "server.py"], cwd=folder)
    try:
        until = time.monotonic() + 20
        while time.monotonic() < until:
            try:
                httpx2.get(f"http://127.0.0.1:{port}", timeout=1)
                break
            except httpx2.ConnectError:
                time.sleep(0.05)
            except httpx2.HTTPError:
                break
        yield
    finally:
        process.terminate()
        process.wait(10)


def test_a_provider_with_a_wire_format_of_its_own(tmp_path: Path) -> None:
    text, port = (PAGES / "add-a-native-provider.md").read_text(), free_port()
    for name, content in files(text).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content.replace("9100", str(port)))
    project = tomllib.loads((tmp_path / "pyproject.toml").read_text())["project"]
    install(tmp_path, project["name"], project["version"], project["entry-points"])
    with serving(tmp_path, port):
        home = tmp_path / "home"
        config = (tmp_path / "headgate.yaml").read_text()
        with started(Gateway(home, config=config, PYTHONPATH=str(tmp_path))) as gateway:
            whole, stream = (run(block, gateway) for block in blocks(text, "sh"))
            assert '"content":"Pieces of eight"' in whole and '"completion_tokens":3' in whole
            assert stream.count("text_delta") == 2 and "event: message_stop" in stream and '"output_tokens":2' in stream
            asked = {"model": "polly/grey", "messages": [{"role": "user", "content": "Hi"}], "seed": 1}
            refused = httpx2.post(
                f"{gateway.url}/v1/chat/completions", json=asked, headers={"x-api-key": gateway.first_key}, timeout=20
            )
            assert refused.status_code == 400 and refused.json()["error"]["param"] == "seed"


def install(folder: Path, name: str, version: str, entries: dict[str, dict[str, str]]) -> None:
    """Do what an installer does with a package that lies on the path: write its metadata."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = [f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in given.items()) for group, given in entries.items()]
    (info / "entry_points.txt").write_text("\n".join(lines))


@pytest.mark.parametrize("page", sorted(page.name for page in PAGES.glob("*.md")))
def test_every_configuration_on_a_page_is_one(page: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("value")
    known = Known(kinds=kinds() | {"parrot", "elsewhere"}, strategies=STRATEGIES, guardrails=GUARDRAILS)
    variables = dict.fromkeys(re.findall(r"\$\{(\w+)", (PAGES / page).read_text()), "value")
    for block in blocks((PAGES / page).read_text(), "yaml"):
        if isinstance(found := yaml.safe_load(block), dict) and "providers" in found:
            block = re.sub(r"file:[^\s,}\]\"]+", f"file:{tmp_path}/secret", block)
            loads(block.encode(), variables, known, managed=Kept({}))


class Kept(Managed):
    """Managers that have every secret."""

    def look(self, reference: Reference) -> Secret:
        """Return one."""
        return Secret("value")
