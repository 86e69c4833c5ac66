"""``headgate keys``, against a home whose gateway does not run."""

import json

import pytest

from headgate.access.home import open_home
from headgate.access.keys import digest
from headgate.core.secret import Secret
from headgate.storage.feed import SqlKeyFeed


def test_create_prints_an_object_with_id_key_and_prefix(cli):
    made = json.loads(cli("keys", "create", "--name", "app", "--json").stdout)
    assert made["key"].startswith("hg_")
    assert made["key"].startswith(made["prefix"])
    assert len(made["id"]) == 36


async def test_what_create_prints_is_a_key_of_that_home(cli, tmp_path):
    import asyncio

    made = json.loads((await asyncio.to_thread(cli, "keys", "create", "--name", "app", "--json")).stdout)
    derived = open_home(tmp_path / "home").derived
    feed = SqlKeyFeed(tmp_path / "home" / "headgate.db")
    try:
        found = await feed.lookup(digest(Secret(made["key"]), derived))
        assert found is not None
        assert found.key is not None
        assert found.key.id == made["id"]
        assert (await feed.changes(0))[-1].object_id == made["id"]
    finally:
        feed.close()


def test_every_option_of_create(cli):
    words = ["keys", "create", "--name", "app", "--budget", "12.50", "--window", "week", "--rps", "2.5", "--rpm", "60"]
    words += ["--tpm", "9000", "--concurrency", "4", "--models", "fast, local/*", "--models", "claude/x", "--tags", "a"]
    words += ["--expires", "30d", "--json"]
    made = json.loads(cli(*words).stdout)
    assert made["budgets"] == [{"usd": "12.5", "window": "week"}]
    assert made["limits"] == {"rps": 2.5, "rpm": 60, "tpm": 9000, "concurrency": 4}
    assert made["models"] == ["claude/x", "fast", "local/*"]
    assert made["tags"] == ["a"]
    assert made["expires_at"] > made["created_at"]


def test_people_see_the_key_once(cli):
    shown = cli("keys", "create", "--name", "app").stdout
    key = next(word for word in shown.split() if word.startswith("hg_"))
    listed = cli("keys", "list").stdout
    assert "app" in listed
    assert key not in listed
    assert key[-4:] in listed


def test_list_revoke_rotate(cli):
    made = json.loads(cli("keys", "create", "--name", "app", "--json").stdout)
    turned = json.loads(cli("keys", "rotate", made["id"], "--overlap", "1h", "--json").stdout)
    assert turned["key"] != made["key"]
    assert turned["overlap_until"] > turned["rotated_at"]
    assert "no more" in cli("keys", "rotate", made["id"]).stdout
    assert json.loads(cli("keys", "revoke", made["id"], "--json").stdout)["status"] == "revoked"
    assert "Revoked" in cli("keys", "revoke", made["id"]).stdout
    assert "revoked" in cli("keys", "rotate", made["id"], code=1).stderr
    (listed,) = json.loads(cli("keys", "list", "--json").stdout)
    assert (listed["id"], listed["status"]) == (made["id"], "revoked")
    assert "key" not in listed


def test_an_admin_key(cli):
    assert json.loads(cli("keys", "create", "--name", "ops", "--admin", "--json").stdout)["key"].startswith("hga_")


def test_an_empty_home(cli):
    assert json.loads(cli("keys", "list", "--json").stdout) == []
    assert "There are no keys" in cli("keys", "list").stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--budget", "5"], "--budget and --window go together"),
        (["--window", "day"], "--budget and --window go together"),
        (["--window", "year", "--budget", "1"], "'year' is not one of"),
        (["--expires", "soon"], "is no time"),
        (["--rpm", "many"], "not a valid integer"),
        (["--key", "hga_x"], "--key goes with --url"),
    ],
)
def test_words_that_make_no_sense(cli, words, said):
    assert said in cli("keys", "create", "--name", "app", *words, code=2).stderr


@pytest.mark.parametrize("words", [["--budget", "-5", "--window", "day"], ["--rps", "0"], ["--expires", "2020-01-01"]])
def test_values_that_the_gateway_refuses(cli, words):
    said = cli("keys", "create", "--name", "app", *words, code=1).stderr
    assert said.startswith("headgate: ")
    assert "Traceback" not in said


def test_a_home_that_cannot_be_used_is_exit_3(cli):
    cli("keys", "list")
    (cli.home / "secrets.json").chmod(0o644)
    assert "secrets.json: is open to other users" in cli("keys", "list", code=3).stderr


def test_a_damaged_database_is_exit_3(cli):
    cli("keys", "list")
    for file in cli.home.glob("headgate.db*"):
        file.unlink()
    (cli.home / "headgate.db").write_bytes(b"not a database at all, and long enough to be looked at" * 100)
    assert "headgate.db" in cli("keys", "list", code=3).stderr


def test_a_name_with_markup_and_escapes_is_shown_as_it_is(cli):
    cli("keys", "create", "--name", "[red]x[/red]")
    assert "[red]x[/red]" in cli("keys", "list").stdout


def test_a_gateway_elsewhere_that_does_not_answer(cli):
    said = cli("keys", "list", "--url", "http://127.0.0.1:1", "--key", "hga_x", code=1).stderr
    assert "does not answer" in said
    assert "--url needs --key" in cli("keys", "list", "--url", "http://127.0.0.1:1", code=2).stderr
    for words in (("keys", "list", "--key", "hga_x"), ("chat", "hello", "--key", "hg_x")):
        assert "'gateway:8080' is no address of a gateway" in cli(*words, "--url", "gateway:8080", code=2).stderr
