"""References to managers of secrets in a configuration, in settings, and in what was made through the API."""

import asyncio
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from headgate import settings
from headgate.admin.config import masked
from headgate.admin.origins import settings_of
from headgate.config import ConfigError, loads
from headgate.config import managed as managed_module
from headgate.config.effective import CONFIG, effective
from headgate.config.known import known
from headgate.config.managed import Managed
from headgate.config.parse import compose
from headgate.config.shape import Shape
from headgate.config.watch import Watcher
from headgate.settings import SettingsError
from tests.config.conftest import KNOWN
from tests.config.manager_doubles import VaultKv
from tests.config.test_effective import row

VALUE = "sk-canary-kept-elsewhere"
TEXT = """
providers:
  p:
    kind: openai
    api_key: "vault:secret/data/headgate#openai"
    api_keys: ["vault:secret/data/headgate#${WHICH:-second}", 'sk-plain']
"""


@pytest.fixture(autouse=True)
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(managed_module, "PAUSES", ())


@pytest.fixture
def vault() -> Iterator[VaultKv]:
    double = VaultKv()
    double.secrets = {"headgate": {"openai": VALUE, "second": f"{VALUE}-2"}}
    yield double
    double.close()


def faults(text: str, environ: dict[str, str], **given: Any) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        loads(text.encode(), environ, KNOWN, **given)
    assert "canary" not in str(refused.value)
    return [f"{one.line}:{one.column} {one.path}: {one.message}" for one in refused.value.problems]


def test_a_reference_stands_for_its_secret(vault: VaultKv) -> None:
    managed = Managed(vault.environ)
    config = loads(TEXT.encode(), vault.environ, KNOWN, managed=managed)
    account = config.providers["p"]
    assert account.api_key is not None and account.api_key.reveal() == VALUE
    assert [key.reveal() for key in account.api_keys] == [f"{VALUE}-2", "sk-plain"]
    assert len(vault.asked) == 1
    assert [(one.line, one.column, one.path) for one in managed.used] == [
        (5, 14, "providers.p.api_key"),
        (6, 16, "providers.p.api_keys[0]"),
    ]
    loads(TEXT.encode(), vault.environ, KNOWN, managed=managed)
    assert len(vault.asked) == 1  # what is there is not asked for again


def test_what_is_shown_is_the_reference(vault: VaultKv) -> None:
    config = loads(TEXT.encode(), vault.environ, KNOWN)
    shown = masked(msgspec.to_builtins(config, enc_hook=lambda value: value.source or str(value)))
    account = shown["providers"]["p"]
    assert account["api_key"] == "vault:secret/data/headgate#openai"
    assert account["api_keys"] == ["vault:secret/data/headgate#second", "***"]
    assert masked({"headers": {"a": "vault:a/b#canary"}}) == {"headers": {"a": "***"}}
    arn = "aws-secretsmanager:arn:aws:secretsmanager:eu-central-1:123456789012:secret:headgate-AbCdEf"
    assert masked({"secret_access_key": arn}) == {"secret_access_key": arn}
    assert "canary" not in str(shown) + repr(config)


def test_one_that_cannot_be_had_is_a_fault_of_its_line(vault: VaultKv) -> None:
    environ = {**vault.environ, "WHICH": "third"}
    assert faults(TEXT, environ) == [
        "6:16 providers.p.api_keys[0]: the secret vault:secret/data/headgate#third cannot be fetched: "
        "HashiCorp Vault: the secret has no field `third`"
    ]
    vault.says = (403, {"errors": ["permission denied"]})
    told = faults(TEXT, environ)
    assert [one.partition(" ")[0] for one in told] == ["5:14", "6:16"]
    assert told[0].endswith("HashiCorp Vault: answered 403 (permission denied)")
    assert "VAULT_ADDR is not set" in faults(TEXT, {})[0]


def test_one_that_is_written_wrong_is_a_fault_and_nobody_is_asked(vault: VaultKv) -> None:
    text = TEXT.replace("#openai", "").replace("vault:secret/data/headgate#$", "valut:canary#$")
    told = faults(text, vault.environ)
    assert told[0].startswith("5:14 providers.p.api_key: is no reference to HashiCorp Vault: it is written vault:")
    assert "did you mean `vault:`" in told[1] and vault.asked == []


def test_only_where_a_secret_stands_is_it_one(vault: VaultKv) -> None:
    text = "providers: {p: {kind: openai, headers: {x-a: 'vault:secret/data/headgate#openai'}}}"
    assert loads(text.encode(), vault.environ, KNOWN).providers["p"].headers == {
        "x-a": "vault:secret/data/headgate#openai"
    }
    assert vault.asked == []


@pytest.mark.parametrize("tenant", ["", "t"])
@pytest.mark.parametrize(
    "said", ["vault:secret/data/headgate#openai", "valut:x", "file:/etc/passwd", "${HOME}", "aws-secretsmanager:a"]
)
def test_what_is_made_through_the_api_never_refers(vault: VaultKv, tenant: str, said: str) -> None:
    guard = {"kind": "lakera", "api_key": said}
    environ, managed = {**vault.environ, "HOME": "/root"}, Managed(vault.environ)
    found = effective(b"", environ, known({}), [row("guardrail", "g", guard, tenant)], managed=managed)
    assert found.rows == () and found.config.guardrails == {}
    told = {problem.path: problem.message for problem in found.left_out}
    assert "must not refer to" in told["guardrails.g.api_key"]
    assert "canary" not in str(found.left_out) and vault.asked == [] and managed.used == ()
    plain = effective(b"", environ, known({}), [row("guardrail", "g", {**guard, "api_key": "lk-1:x"}, tenant)])
    assert "guardrails.g.api_key" not in {problem.path for problem in plain.left_out}


def test_no_account_that_stands_in_the_database_refers(vault: VaultKv) -> None:
    managed = Managed(vault.environ)
    shape = Shape("headgate.yaml", {}, managed=managed)
    shape.owned["providers", "p"] = "database"
    root = compose(TEXT.encode(), "headgate.yaml")
    assert root is not None
    shape.read(root, CONFIG, ())
    assert [problem.path for problem in shape.problems] == ["providers.p.api_key", "providers.p.api_keys[0]"]
    assert all(one.message.startswith("must not refer to") for one in shape.problems)
    assert shape.used == [] and not shape.lacking and vault.asked == []


async def test_a_file_with_a_secret_that_is_away_is_refused_and_tried_again(
    vault: VaultKv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(managed_module, "REST", 0.0)
    path = tmp_path / "headgate.yaml"
    path.write_text("{}\n")
    managed, taken = Managed(vault.environ), list[Any]()
    watcher = Watcher(
        path,
        lambda data: loads(data, vault.environ, KNOWN, managed=managed),
        taken.append,
        seen=b"{}\n",
        settle=0.01,
    )
    vault.says = (503, {})
    path.write_text(TEXT)
    await watcher.look()
    await watcher.look(always=True)
    assert taken == [] and watcher.refused == 1 and managed.failing
    vault.says = None
    await watcher.look(always=True)
    assert taken[0].providers["p"].api_key.reveal() == VALUE
    assert watcher.problems == () and not managed.failing


async def test_a_new_secret_that_is_none_leaves_the_old_one_until_it_is_mended(
    vault: VaultKv, caplog: pytest.LogCaptureFixture
) -> None:
    managed, taken = Managed(vault.environ), list[str]()

    def read(data: bytes) -> str:
        key = loads(data, vault.environ, KNOWN, managed=managed).providers["p"].api_key
        assert key is not None
        return key.reveal()

    text = TEXT.encode()
    watcher = Watcher(None, read, taken.append, seen=text, interval=0.01)
    assert read(text) == VALUE
    used = {one.reference for one in managed.used}
    running = asyncio.create_task(watcher.run())
    for openai, problems in (("sk-canary\nbroken", 1), ("sk-canary-mended", 0)):
        vault.secrets["headgate"] = {"openai": openai, "second": "x"}
        assert await asyncio.to_thread(managed.renew, used)
        watcher.renew()
        async with asyncio.timeout(10):
            while len(watcher.problems) != problems or (not problems and not taken):
                await asyncio.sleep(0.01)
    running.cancel()
    assert taken == ["sk-canary-mended"]
    errors = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(errors) == 1 and "is not printable ASCII" in errors[0] and "canary" not in errors[0]


class TestSettings:
    def test_a_secret_is_fetched_once_at_the_start(self, vault: VaultKv, tmp_path: Path) -> None:
        vault.secrets["headgate"] = {"db": "postgresql://u:canary@h/d", "admin": "hga_canary"}
        (tmp_path / "token").write_text("canary-metrics\n")
        environ = vault.environ | {
            "HEADGATE_DATABASE_URL": "vault:secret/data/headgate#db",
            "HEADGATE_ADMIN_KEY": "vault:secret/data/headgate#admin",
            "HEADGATE_METRICS_TOKEN": f"file:{tmp_path}/token",
        }
        made = settings.load(environ)
        assert made.database() == "postgresql://u:canary@h/d" and len(vault.asked) == 1
        assert made.admin_key is not None and made.admin_key.reveal() == "hga_canary"
        assert made.metrics_token is not None and made.metrics_token.reveal() == "canary-metrics"
        told = {one.name: one.value for one in settings_of(made, environ)}
        assert told["database_url"] == "vault:secret/data/headgate#db"
        assert told["metrics_token"] == f"file:{tmp_path}/token"
        assert "canary" not in json.dumps(told) + repr(made)

    def test_what_is_wrong_is_told_with_the_settings_name(self, vault: VaultKv) -> None:
        environ = vault.environ | {
            "HEADGATE_DATABASE_URL": "vault:secret/data/headgate#db",
            "HEADGATE_ADMIN_KEY": "vault:canary",
            "HEADGATE_METRICS_TOKEN": "file:/nowhere/at/all",
        }
        with pytest.raises(SettingsError) as refused:
            settings.load(environ)
        admin, metrics, database = sorted(refused.value.problems, key=lambda one: "DATABASE" in one)
        assert admin.startswith("HEADGATE_ADMIN_KEY is no reference to HashiCorp Vault: it is written")
        assert metrics.startswith("HEADGATE_METRICS_TOKEN the secret's file /nowhere/at/all cannot be read")
        assert database == (
            "HEADGATE_DATABASE_URL: the secret vault:secret/data/headgate#db cannot be fetched: "
            "HashiCorp Vault: the secret has no field `db`"
        )
        assert "canary" not in str(refused.value)

    def test_what_was_fetched_is_checked_as_what_is_written(self, vault: VaultKv) -> None:
        with pytest.raises(SettingsError, match="HEADGATE_DATABASE_URL must be sqlite"):
            settings.load(vault.environ | {"HEADGATE_DATABASE_URL": "vault:secret/data/headgate#openai"})
