"""The commands that look at the configuration in force, where the database is PostgreSQL: it is spoken to in a loop."""

import json

import pytest

from tests.cli.conftest import Cli

CONFIG = """
providers:
  up: {kind: openai-compatible, base_url: "http://h/v1", price: {input: 1, output: 1}}
"""


class OnServer(Cli):
    """On a database of a server."""

    def __init__(self, home, url: str) -> None:
        super().__init__(home)
        self.url = url

    def __call__(self, *words, code: int = 0, **options):
        return super().__call__(*words, code=code, env={"HEADGATE_DATABASE_URL": self.url}, **options)


@pytest.fixture
def cli(tmp_path, monkeypatch, migrated):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "headgate.yaml").write_text(CONFIG)
    return OnServer(tmp_path / "home", migrated)


def test_routes_and_other_names(cli):
    cli("route", "set", "fast", "-", input='{"targets": ["up/m"]}')
    cli("route", "set", "fast", "-", input='{"targets": ["up/m", "up/n"]}')
    assert json.loads(cli("route", "show", "fast").stdout)["config"]["targets"] == ["up/m", "up/n"]
    assert "up/m" in cli("route", "explain", "fast").stdout
    cli("route", "rollback", "fast", "1")
    cli("alias", "set", "quick", "-", input="fast")
    assert "quick" in cli("alias", "list").stdout
    cli("alias", "delete", "quick")
    cli("route", "delete", "fast")


def test_providers_and_their_keys(cli):
    cli("providers", "keys", "add", "openai", input="sk-abc\n")
    cli("providers", "set", "other", "-", input='{"kind": "openai-compatible", "base_url": "https://example.com/v1"}')
    assert json.loads(cli("providers", "show", "other").stdout)["config"]["base_url"] == "https://example.com/v1"
    assert "1" in cli("providers", "versions", "other").stdout
    cli("providers", "delete", "other")
    assert "openai" in cli("models", "--json").stdout


def test_caches_guards_and_alerts(cli):
    cli("cache", "set", "answers", "-", input='{"ttl": 60}')
    cli("cache", "stats")
    cli("cache", "clear")
    cli("guard", "set", "words", "-", input='{"kind": "keywords", "words": ["secret"]}')
    assert "words" in cli("guard", "list").stdout
    cli("alerts", "list")
    assert cli("doctor", "--json").stdout
