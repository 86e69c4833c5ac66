"""The page that adds a strategy, followed to the letter."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "how-to" / "add-a-strategy.md").read_text("utf-8")


def block(language: str) -> str:
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return found[0]


def run(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environ = {
        "PATH": os.environ["PATH"],
        "HEADGATE_HOME": str(tmp_path / "home"),
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT / 'src'}",
    }
    command = [sys.executable, "-m", "headgate", *words]
    return subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60)


def install(tmp_path: Path) -> None:
    """What pip does with a package of one file."""
    project = tomllib.loads(block("toml"))["project"]
    (tmp_path / "rested.py").write_text(block("python"))
    info = tmp_path / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    lines = [
        f"[{group}]\n" + "".join(f"{name} = {at}\n" for name, at in entries.items())
        for group, entries in project["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("\n".join(lines))


def test_the_page_adds_a_strategy(tmp_path):
    install(tmp_path)
    (tmp_path / "headgate.yaml").write_text(block("yaml"))
    said = re.findall(r"It says `(.*?)`", PAGE)[0]
    done = run(tmp_path, *block("sh").split()[1:])
    assert done.returncode == 0, done.stderr
    assert said in done.stdout
    assert "rested: rested" in done.stdout


def test_its_settings_are_checked_like_any_other(tmp_path):
    install(tmp_path)
    (tmp_path / "headgate.yaml").write_text(block("yaml").replace("seconds: 30", "seconds: 0"))
    done = run(tmp_path, "config", "check")
    assert done.returncode == 2
    assert "4:40: routes.calm.strategy[0].seconds: must be from 1 to 3,600" in done.stdout + done.stderr
