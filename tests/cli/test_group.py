"""The command line as a whole: quick, helpful, and honest in its exit codes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from headgate.cli import COMMANDS, group


def run(*words: str, home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "HEADGATE_HOME": str(home), **more}
    return subprocess.run(
        [sys.executable, "-m", "headgate", *words], env=environ, capture_output=True, text=True, timeout=60
    )


def test_every_command_is_where_the_list_says(cli):
    for name in COMMANDS:
        assert "Usage: " in cli(name, "--help").stdout
        command = group.get_command(click.Context(group), name)
        assert command is not None
        assert command.name == name


def test_help_lists_every_command_without_importing_any(tmp_path):
    code = "import sys; from headgate.cli import group\ntry: group(['--help'])\nexcept SystemExit: pass\n"
    code += (
        "print([m for m in sys.modules if m.startswith('headgate.cli.') or m in ('msgspec', 'fastapi', 'sqlalchemy')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    *shown, modules = done.stdout.splitlines()
    assert modules == "[]"
    assert all(any(line.strip().startswith(name) for line in shown) for name in COMMANDS)


def test_a_mistyped_command_is_corrected(cli):
    assert "Did you mean keys?" in cli("kesy", code=2).stderr
    assert "There is no command 'frobnicate'" in cli("frobnicate", code=2).stderr


def test_settings_that_cannot_be_used_are_exit_2_and_all_told(tmp_path):
    done = run("keys", "list", home=tmp_path, HEADGATE_PORT="x", HEADGATE_REDIS_URL="http://canary")
    assert done.returncode == 2
    assert "HEADGATE_PORT" in done.stderr
    assert "HEADGATE_REDIS_URL" in done.stderr
    assert "canary" not in done.stderr


def test_as_a_process_on_a_fresh_home(tmp_path):
    home = tmp_path / "home"
    made = run("keys", "create", "--name", "app", "--json", home=home)
    assert made.returncode == 0, made.stderr
    key = json.loads(made.stdout)["key"]
    assert made.stderr == ""
    raw = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert key.encode() not in raw
    assert oct(home.stat().st_mode & 0o777) == "0o700"


def test_a_reader_that_leaves_is_no_error(tmp_path):
    words = f"{sys.executable} -m headgate config schema | head -1"
    done = subprocess.run(["/bin/sh", "-c", words], capture_output=True, text=True, timeout=60)
    assert done.stdout == "{\n"
    assert "Traceback" not in done.stderr


def test_weak_secrets_stop_serve_before_anything_is_made(tmp_path):
    done = run("serve", "--host", "0.0.0.0", home=tmp_path / "home", HEADGATE_ADMIN_KEY="changeme")
    assert done.returncode == 2
    assert "HEADGATE_ADMIN_KEY is a well-known default" in done.stderr
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("words", [["--port", "70000"], ["--workers", "0"], ["--port", "x"]])
def test_serve_refuses_what_it_cannot_do(tmp_path, words):
    assert run("serve", *words, home=tmp_path).returncode == 2
