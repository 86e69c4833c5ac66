"""The rules and the dashboard that are shipped: they name what ``/metrics`` has, and a real Prometheus takes them."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from headgate.alerts.watch import InForce, Watch
from headgate.live import Live
from headgate.observe.metrics import Metrics, Page
from headgate.observe.outlets import Outlets
from headgate.routing.board import Post
from headgate.routing.health import Told as Standing
from headgate.routing.types import Measured
from tests.answering import Answering
from tests.e2e.processes import ROOT, free_port
from tests.observe.sinks import Told, eventually
from tests.observe.test_metrics import facts

PROMETHEUS = ROOT / "deploy" / "prometheus"
RULES = PROMETHEUS / "headgate.rules.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "headgate.json"
NAME = re.compile(r"\bheadgate_[a-z0-9_]+")
needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
needs_prometheus = pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus is not installed")


@pytest.fixture
def page(tmp_path: Path) -> Iterator[str]:
    """A page with everything that a gateway can have on it."""
    metrics, outlets = Metrics(), Outlets(tmp_path)
    metrics.know(["local"], ["local/mock"])
    office = (ROOT / "src" / "headgate" / "office.py").read_text()
    for name in re.findall(r'metrics\.gauge\(\s*"(\w+)"', office):
        metrics.gauge(name, "help", lambda: 1)
    metrics.states(lambda: [Post(0, 0.0, [Standing("local/mock", "open", measured=Measured())])])
    metrics.add([facts(), facts(status="failure")])
    metrics.more(outlets.write)
    metrics.more(Watch("sqlite://", "n1", lambda: InForce({}, {}, frozenset()), list).write)
    metrics.more(_others)
    live = SimpleNamespace(
        watcher=SimpleNamespace(loaded=1, refused=1, problems=()),
        base=SimpleNamespace(managed=SimpleNamespace(failing={})),
    )
    metrics.more(partial(Live.write, live))  # type: ignore[arg-type]
    outlets.set({"otlp": ("x", Told)})
    yield metrics.render().decode()
    outlets.stop()


def _others(page: Page) -> None:
    """What those write who count only once they have something to do."""
    for file in ("payload_keeper.py", "archive/exporter.py"):
        source = (ROOT / "src" / "headgate" / "observe" / file).read_text()
        for name, kind, text in re.findall(r'\("(\w+)", "(counter|gauge)", "([^"]+)"', source):
            page.family(name, kind, text)
            page.line(name, (), 0)


def names(page: str) -> set[str]:
    families = {line.split()[2] for line in page.splitlines() if line.startswith("# TYPE")}
    return families | {s.name for f in text_string_to_metric_families(page) for s in f.samples}


def test_rules_and_dashboard_name_what_there_is(page: str) -> None:
    known = names(page)
    dashboard = json.loads(DASHBOARD.read_text())
    shown = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    for text in (RULES.read_text(), *shown):
        assert set(NAME.findall(text)) <= known


def test_every_metric_is_on_the_dashboard(page: str) -> None:
    families = {line.split()[2] for line in page.splitlines() if line.startswith("# TYPE")}
    missing = {name for name in families if name not in DASHBOARD.read_text()}
    assert missing == set()


def test_no_two_panels_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken
        assert at["x"] + at["w"] <= 24
        taken |= cells


@needs_promtool
@pytest.mark.parametrize(
    "args",
    [
        ["check", "rules", "headgate.rules.yml"],
        ["check", "config", "prometheus.yml"],
        ["test", "rules", "headgate.rules.test.yml"],
    ],
    ids=" ".join,
)
def test_promtool_finds_nothing_wrong(args: list[str]) -> None:
    done = subprocess.run(["promtool", *args], cwd=PROMETHEUS, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_promtool_takes_the_page(page: str) -> None:
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=page, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode in (0, 3), done.stderr  # 3: what it would name otherwise
    assert "error" not in done.stderr.lower().replace("error_rate", "")


@needs_prometheus
def test_a_real_prometheus_scrapes_and_evaluates(page: str, tmp_path: Path) -> None:
    kind = {"content-type": "text/plain; version=0.0.4; charset=utf-8"}
    server = Answering(lambda asked: (200, page.encode(), kind))
    config = (PROMETHEUS / "prometheus.yml").read_text().replace("127.0.0.1:8080", server.host)
    (tmp_path / "prometheus.yml").write_text(config.replace("15s", "1s"))
    shutil.copy(RULES, tmp_path)
    url = f"http://127.0.0.1:{(port := free_port())}"
    command = ["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, f"--web.listen-address=127.0.0.1:{port}"], cwd=tmp_path, stdout=log, stderr=log
        )
    try:

        def ask(path: str, **query: str) -> Any:
            try:
                return httpx2.get(f"{url}/api/v1/{path}", params=query, timeout=5).json()["data"]
            except (httpx2.HTTPError, ValueError):
                return None

        eventually(lambda: (ask("query", query="headgate_requests_total") or {}).get("result"), within=20)

        def rules() -> list[dict[str, Any]]:
            return [rule for group in (ask("rules") or {"groups": []})["groups"] for rule in group["rules"]]

        eventually(lambda: rules() and all(rule["health"] == "ok" for rule in rules()), within=20)
        assert len(rules()) == RULES.read_text().count("expr:")
    finally:
        process.terminate()
        process.wait(20)
        server.close()
