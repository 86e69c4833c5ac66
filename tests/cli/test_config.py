"""``headgate config``."""

import json

from headgate.config.schema import schema
from tests.config.manager_doubles import VaultKv
from tests.config.test_load import EXAMPLE


def test_no_file(cli):
    assert "There is no configuration file" in cli("config", "check").stdout


def test_a_good_file(cli, tmp_path, monkeypatch):
    monkeypatch.setenv("LOCAL_KEY", "a")
    monkeypatch.setenv("CLAUDE_KEY", "b")
    (tmp_path / "headgate.yaml").write_text(EXAMPLE)
    assert cli("config", "check").stdout == f"{tmp_path / 'headgate.yaml'}: good\n"
    said = json.loads(cli("config", "check", "--json").stdout)
    assert said == {"file": str(tmp_path / "headgate.yaml"), "ok": True, "problems": [], "secrets": []}


def test_a_bad_file_is_exit_2_with_every_place(cli, tmp_path):
    path = tmp_path / "other.yaml"
    path.write_text("routs: {}\nroutes: {r: {targets: [x/y], attempts: 0}}\n")
    said = cli("config", "check", str(path), code=2).stderr.splitlines()
    assert said[0] == f"{path}:1:1: unknown key `routs`; did you mean `routes`?"
    assert said[1].startswith(f"{path}:2:24: routes.r.targets[0]: no provider `x`")
    assert said[2] == f"{path}:2:40: routes.r.attempts: must be from 1 to 10"
    assert said[3] == f"{path}: 3 fault(s)"
    shown = json.loads(cli("config", "check", str(path), "--json", code=2).stdout)
    assert shown["ok"] is False
    assert shown["problems"][0] == {
        "line": 1,
        "column": 1,
        "path": "",
        "message": "unknown key `routs`; did you mean `routes`?",
    }


def test_a_file_that_is_not_there(cli, tmp_path):
    assert "cannot be read" in cli("config", "check", str(tmp_path / "no.yaml"), code=2).stderr


def test_the_file_of_the_home_and_the_one_that_was_named(cli, tmp_path, monkeypatch):
    (cli.home / "headgate.yaml").write_text("sandbox: on\n")
    assert str(cli.home) in cli("config", "check").stdout
    monkeypatch.setenv("HEADGATE_CONFIG", str(tmp_path / "no.yaml"))
    assert "no.yaml: cannot be read" in cli("config", "check", code=2).stderr


def test_the_schema(cli):
    assert json.loads(cli("config", "schema").stdout) == json.loads(json.dumps(schema()))


def test_secrets_that_managers_keep_are_looked_for_and_not_shown(cli, tmp_path, monkeypatch):
    vault = VaultKv()
    vault.secrets = {"headgate": {"openai": "sk-canary-kept-elsewhere"}}
    for name, value in vault.environ.items():
        monkeypatch.setenv(name, value)
    path = tmp_path / "headgate.yaml"
    text = 'providers:\n  p: {kind: openai, api_key: "vault:secret/data/headgate#openai"}\n'
    try:
        path.write_text(text)
        place = f"{path}:2:30: providers.p.api_key"
        assert cli("config", "check").stdout.splitlines() == [
            f"{place}: vault:secret/data/headgate#openai resolves",
            f"{path}: good",
        ]
        before = len(vault.asked)
        doctor = cli("doctor").stdout
        assert len(vault.asked) == before + 1, "once for the configuration and its providers"
        assert "1 reference(s) to managers of secrets resolve" in doctor and "canary" not in doctor
        path.write_text(text + '  q: {kind: openai, api_key: "vault:secret/data/headgate#other"}\n')
        said = cli("config", "check", code=2)
        assert f"{place}: vault:secret/data/headgate#openai resolves" in said.stdout
        assert said.stderr.startswith(f"{path}:3:30: providers.q.api_key: the secret vault:secret/data/headgate#other")
        shown = json.loads(cli("config", "check", "--json", code=2).stdout)
        assert [(one["line"], one["ok"]) for one in shown["secrets"]] == [(2, True), (3, False)]
        assert "canary" not in str(shown)
    finally:
        vault.close()
