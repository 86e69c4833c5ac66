"""``headgate doctor``."""

import errno
import json
import socket
import threading
from pathlib import Path

import pytest

from headgate.storage.upgrade import HEAD
from tests.cli.conftest import Cli
from tests.transport.certificates import certificate


def found(cli: Cli, *words: str, code: int = 0) -> dict[str, list[tuple[str, str]]]:
    """What was said, by check: (state, words) each."""
    said: dict[str, list[tuple[str, str]]] = {}
    for finding in json.loads(cli("doctor", "--json", *words, code=code).stdout):
        said.setdefault(finding["check"], []).append((finding["state"], finding["words"]))
    return said


@pytest.fixture(autouse=True)
def free_port(monkeypatch):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    monkeypatch.setenv("HEADGATE_PORT", str(port))
    return port


def test_a_home_that_is_not_there_yet_is_no_fault_and_is_not_made(bare):
    said = found(bare)
    assert "is not there yet" in said["home"][0][1]
    assert said["provider sandbox"] == [("ok", "embedded, needs no network")]
    assert not bare.home.exists()


def test_a_good_home(cli):
    cli("keys", "create", "--name", "x")
    said = found(cli)
    assert {state for findings in said.values() for state, _ in findings} == {"ok"}
    assert said["database"][0][1].endswith(f"schema {HEAD}")
    assert "0 bytes" in said["journal"][0][1]
    assert "is free" in said["port"][0][1]
    assert "✓ home" in cli("doctor").stdout


def test_faults_are_all_told(cli, tmp_path, monkeypatch):
    cli("keys", "list")
    (cli.home / "secrets.json").chmod(0o640)
    (cli.home / "journal").mkdir()
    (cli.home / "journal" / "dead.jsonl").write_text("{}\n")
    (cli.home / "journal" / "one.0000000000000000.log").write_bytes(b"x" * 20_000_000)
    (tmp_path / "headgate.yaml").write_text("routes: {fast: {targets: [nowhere/x]}}\nsandbax: on\n")
    monkeypatch.setenv("HEADGATE_PROT", "1")
    said = found(cli, code=1)
    assert said["home"][0][0] == "fail"
    assert "chmod 600" in said["home"][0][1]
    assert said["settings"] == [("warn", "HEADGATE_PROT is not a setting; did you mean HEADGATE_PORT?")]
    assert [state for state, _ in said["config"]] == ["fail", "fail"]
    assert "did you mean `sandbox`?" in said["config"][1][1]
    assert [state for state, _ in said["journal"]] == ["warn", "warn"]
    assert "20,000,000 bytes" in said["journal"][0][1]


def test_a_damaged_database(cli):
    cli("keys", "list")
    for file in cli.home.glob("headgate.db*"):
        file.unlink()
    (cli.home / "headgate.db").write_bytes(b"garbage" * 1000)
    said = found(cli, code=1)
    assert said["database"][0][0] == "fail"
    assert (cli.home / "headgate.db").read_bytes() == b"garbage" * 1000


def test_weak_secrets_on_an_open_address(cli, monkeypatch):
    monkeypatch.setenv("HEADGATE_HOST", "0.0.0.0")
    monkeypatch.setenv("HEADGATE_ADMIN_KEY", "canary")
    result = cli("doctor", "--json", code=1)
    assert "HEADGATE_ADMIN_KEY is shorter" in result.stdout
    assert "canary" not in result.output


def test_a_provider_that_cannot_be_reached(cli, tmp_path, free_port):
    text = f"providers: {{p: {{kind: openai-compatible, base_url: 'http://127.0.0.1:{free_port}/v1'}}, g: {{kind: groq}}}}\n"
    (tmp_path / "headgate.yaml").write_text(text)
    said = found(cli, code=1)
    assert said["provider p"][0][0] == "ok"
    assert "GROQ_API_KEY" in said["provider g"][0][1]
    said = found(cli, "--probe", code=1)
    assert "cannot be reached" in said["provider p"][0][1]


def test_a_provider_that_answers(cli, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        text = f"providers: {{p: {{kind: openai-compatible, base_url: 'http://127.0.0.1:{port}/v1'}}}}\n"
        (tmp_path / "headgate.yaml").write_text(text)
        assert "answers" in found(cli, "--probe")["provider p"][0][1]


@pytest.mark.parametrize(("answer", "state"), [(b"HTTP/1.1 200 OK\r\n\r\n", "ok"), (b"220 mail\r\n", "warn")])
def test_who_has_the_port(cli, monkeypatch, answer, state):
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("HEADGATE_PORT", str(server.getsockname()[1]))

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        assert found(cli)["port"][0][0] == state
        thread.join(5)


def test_files_that_a_gateway_would_not_start_with_are_a_fault(bare, tmp_path, monkeypatch):
    ours, others = certificate(tmp_path, "first"), certificate(tmp_path, "second")
    monkeypatch.setenv("HEADGATE_TLS_CERT", str(ours.cert))
    monkeypatch.setenv("HEADGATE_TLS_KEY", str(ours.key))
    assert found(bare)["settings"][0][0] == "ok"
    monkeypatch.setenv("HEADGATE_TLS_KEY", str(others.key))
    said = found(bare, code=1)
    assert said["settings"][0][0] == "fail" and str(ours.cert) in said["settings"][0][1]
    monkeypatch.setenv("HEADGATE_TLS_CERT", str(tmp_path / "nope.crt"))
    said = found(bare, code=1)
    assert said["settings"][0][0] == "fail" and "is free" in said["port"][0][1]


def test_a_journal_that_may_not_be_read_is_a_fault(cli, monkeypatch):
    cli("keys", "list")
    (cli.home / "journal").mkdir(exist_ok=True)

    def forbidden(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", forbidden)
    assert found(cli, code=1)["journal"] == [("fail", f"{cli.home / 'journal'} cannot be looked at: Permission denied")]
