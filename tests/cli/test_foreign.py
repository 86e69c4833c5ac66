"""A database that another secret key made: no command writes into it, and the doctor says so."""

import base64
import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Cli

KEY = base64.b64encode(bytes(range(32))).decode()
OTHER = base64.b64encode(b"\1" * 32).decode()
WRITERS = (("keys", "create", "--name", "lost"), ("db", "upgrade"), ("tenants", "list"), ("export", "--output", "o"))


@pytest.fixture
def made(tmp_path, template, monkeypatch):
    """A database that a home elsewhere made, with HEADGATE_SECRET_KEY."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(template, tmp_path / "shared.db")
    monkeypatch.setenv("HEADGATE_DATABASE_URL", f"sqlite:///{tmp_path}/shared.db")
    monkeypatch.setenv("HEADGATE_SECRET_KEY", KEY)
    Cli(tmp_path / "first")("keys", "create", "--name", "app")
    return tmp_path / "shared.db"


def rows(database: Path) -> list[tuple[object, ...]]:
    con = sqlite3.connect(database)
    try:
        told = (
            "SELECT name, id FROM keys UNION ALL SELECT action, seq FROM audit UNION ALL SELECT name, value FROM meta"
        )
        return sorted(con.execute(told).fetchall(), key=str)
    finally:
        con.close()


def doctor(cli: Cli, code: int) -> dict[str, tuple[str, str]]:
    said = json.loads(cli("doctor", "--json", code=code).stdout)
    return {finding["check"]: (finding["state"], finding["words"]) for finding in said}


@pytest.mark.parametrize("words", WRITERS, ids=lambda words: words[0])
@pytest.mark.parametrize("secret", [None, OTHER], ids=["forgotten", "wrong"])
def test_a_shell_without_the_right_secret_changes_nothing(made, tmp_path, monkeypatch, secret, words):
    monkeypatch.setenv("HEADGATE_SECRET_KEY", secret) if secret else monkeypatch.delenv("HEADGATE_SECRET_KEY")
    before = rows(made)
    home = tmp_path / "second"
    said = Cli(home)(*words, code=3).output
    assert f"{made}: was made with another secret key" in said
    assert f"neither HEADGATE_SECRET_KEY nor {home}/secrets.json" in said
    assert not home.exists()
    assert rows(made) == before
    monkeypatch.setenv("HEADGATE_SECRET_KEY", KEY)
    assert "app" in Cli(home)("keys", "list").stdout


def test_nor_does_a_home_with_a_secret_of_its_own(made, tmp_path, monkeypatch):
    monkeypatch.delenv("HEADGATE_SECRET_KEY")
    url = f"sqlite:///{made}"
    monkeypatch.delenv("HEADGATE_DATABASE_URL")
    cli = Cli(tmp_path / "second")
    cli("keys", "create", "--name", "own")
    monkeypatch.setenv("HEADGATE_DATABASE_URL", url)
    before = rows(made)
    assert "another secret key" in cli("keys", "create", "--name", "lost", code=3).output
    assert rows(made) == before
    assert doctor(cli, 1)["home"][0] == "fail"


def test_an_older_database_of_others_is_not_brought_up(made, tmp_path, monkeypatch):
    monkeypatch.delenv("HEADGATE_SECRET_KEY")
    con = sqlite3.connect(made)
    with con:
        con.execute("UPDATE alembic_version SET version_num = '0018'")
    cli = Cli(tmp_path / "second")
    assert "another secret key" in cli("db", "upgrade", code=3).output
    assert con.execute("SELECT version_num FROM alembic_version").fetchone() == ("0018",)
    con.close()


def test_the_doctor_fails_where_the_shell_forgot_the_secret(made, tmp_path, monkeypatch):
    monkeypatch.delenv("HEADGATE_SECRET_KEY")
    cli = Cli(tmp_path / "second")
    state, words = doctor(cli, 1)["home"]
    assert state == "fail"
    assert "was made with another secret key" in words
    assert not cli.home.exists()
    cli.home.mkdir()
    assert doctor(cli, 1)["home"][0] == "fail"
    assert list(cli.home.iterdir()) == []
    monkeypatch.setenv("HEADGATE_SECRET_KEY", KEY)
    assert doctor(cli, 0)["home"][0] == "ok"


@pytest.fixture
def restored(cli, tmp_path):
    """A copy of a home without its secrets.json."""
    cli("keys", "create", "--name", "app")
    shutil.copytree(cli.home, tmp_path / "copy")
    (tmp_path / "copy" / "secrets.json").unlink()
    return Cli(tmp_path / "copy")


def test_a_home_that_was_restored_without_its_secret_takes_it_back(cli, restored):
    before = rows(restored.home / "headgate.db")
    said = restored("keys", "create", "--name", "lost", code=3).output
    assert "put the secrets.json of the home that made it into this home" in said
    assert doctor(restored, 1)["home"][0] == "fail"
    assert not (restored.home / "secrets.json").exists()
    assert rows(restored.home / "headgate.db") == before
    shutil.copy2(cli.home / "secrets.json", restored.home)
    assert "app" in restored("keys", "list").stdout
    assert doctor(restored, 0)["home"][0] == "ok"


def test_serve_makes_no_secret_in_its_place(cli, restored):
    """As the program itself: in this process it would set up the log for good."""
    words = [sys.executable, "-m", "headgate", "serve", "--port", "0", "--home", str(restored.home)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3, done.stderr
    assert "was made with another secret key" in done.stderr
    assert not (restored.home / "secrets.json").exists()


def test_handing_an_entry_over_leaves_the_file_as_it_was(restored, tmp_path):
    text = "aliases:\n  quick: sandbox/chat\n"
    (tmp_path / "headgate.yaml").write_text(text)
    assert "another secret key" in restored("config", "adopt", "quick", code=3).output
    assert (tmp_path / "headgate.yaml").read_text() == text
