"""``headgate encryption``."""

import base64
import json

from headgate.access.home import SECRETS

ONE, TWO = (base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2))


def test_status_and_rotating_on_a_home(cli, monkeypatch):
    assert "Nothing is sealed." in cli("encryption", "status").stdout
    cli("providers", "keys", "add", "openai", input="sk-canary-000000000000000\n")
    shown = cli("encryption", "status").stdout
    assert "provider keys" in shown and "secret-" in shown and "this gateway" in shown
    done = cli("encryption", "rotate", "--new-key")
    assert done.stdout.startswith("1 values are now under home-")
    found = json.loads(cli("encryption", "status", "--json").stdout)
    assert found["keys"][0]["id"].startswith("home-") and found["due"] == 0
    assert "All that opens is under home-" in cli("encryption", "rotate").stdout
    assert "sk-canary" not in (cli.home / SECRETS).read_text()

    monkeypatch.setenv("HEADGATE_ENCRYPTION_KEYS", f"k1={ONE}")
    assert "1 are not under the first key" in cli("encryption", "status").output
    refused = cli("encryption", "rotate", "--new-key", code=1)
    assert "HEADGATE_ENCRYPTION_KEYS" in refused.output and ONE not in refused.output
    assert json.loads(cli("encryption", "rotate", "--json").stdout) == {"key_id": "k1", "rotated": 1, "failed": []}

    monkeypatch.setenv("HEADGATE_ENCRYPTION_KEYS", f"k2={TWO}")
    lost = cli("encryption", "status", code=1)
    assert "The key k1 is not there" in lost.output and "the key is missing" in lost.stdout
    assert "the key k1 is not there, and 1 provider keys cannot be opened" in cli("doctor", code=1).stdout
    failed = cli("encryption", "rotate", code=1)
    assert "stays as it was" in failed.output and "'k1'" in failed.output
    monkeypatch.setenv("HEADGATE_ENCRYPTION_KEYS", f"k2={TWO},k1={ONE}")
    cli("encryption", "rotate")
    assert json.loads(cli("encryption", "status", "--json").stdout)["missing"] == []


def test_a_setting_that_is_none_is_told(cli, monkeypatch):
    monkeypatch.setenv("HEADGATE_ENCRYPTION_KEYS", "k1=short")
    assert "'k1' must be 32 bytes in base64" in cli("encryption", "status", code=2).output
