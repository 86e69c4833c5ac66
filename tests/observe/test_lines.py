"""Finished calls as lines of JSON and as webhooks."""

import base64
import hashlib
import hmac

import msgspec
import pytest

from headgate.base import Ways
from headgate.core.secret import Secret
from headgate.observe.config import LogConfig, ObserveConfig, WebhookConfig
from headgate.observe.lines import Lines, line
from headgate.observe.plans import plans
from tests.observe.sinks import ID, Server, raw

CANARY = "sk-canary1234567890abcdef"


def test_a_line_is_the_record_without_figures_and_addresses():
    found = msgspec.json.decode(line(raw(address="192.0.2.1", metadata={"a": 1})))
    assert found["event"] == "call"
    assert (found["id"], found["model_used"], found["metadata"]) == (ID, "local/big", {"a": 1})
    assert "address" not in found


@pytest.mark.parametrize(
    "fields",
    [
        {"error_message": f"bad key {CANARY}"},
        {"tags": (CANARY,)},
        {"metadata": {"deep": [{"x": f'"api_key": "{CANARY}"'}]}},
        {"metadata": {CANARY: 1}},
        {"model_requested": f"Bearer\n{CANARY[3:]}"},
        {"end_user": f"https://me:{CANARY[3:]}@host/"},
    ],
)
def test_no_credential_is_in_a_line(fields):
    written = line(raw(**fields))
    assert CANARY[3:] not in written
    assert "***" in written
    msgspec.json.decode(written)


def test_a_line_is_one_line_and_moves_no_cursor():
    written = line(raw(end_user="a\nb\x1b[2J\u2028\u202e\x7f\x9b"))
    assert written.count("\n") == 1
    assert written.isprintable() or written[:-1].isprintable()
    assert msgspec.json.decode(written)["end_user"] == "a\nb\x1b[2J\u2028\u202e\x7f\x9b"


async def test_files_are_put_aside_and_bounded(tmp_path):
    path = tmp_path / "logs" / "calls.jsonl"
    lines = Lines(str(path), max_bytes=2000, keep=2)
    for _ in range(20):
        await lines.send([raw()])
    await lines.close()
    assert sorted(p.name for p in path.parent.iterdir()) == ["calls.jsonl", "calls.jsonl.1", "calls.jsonl.2"]
    assert all(p.stat().st_size < 4000 for p in path.parent.iterdir())
    assert path.stat().st_mode & 0o777 == 0o600


async def test_lines_go_to_the_standard_output(capsys):
    ((_, make),) = plans(ObserveConfig(log=LogConfig(to="stdout")), {}, Ways, dict).values()
    sink = make()
    await sink.send([raw(), raw()])
    await sink.close()
    assert capsys.readouterr().out.count("\n") == 2


@pytest.mark.parametrize(
    ("secret", "key"), [("plain text", b"plain text"), ("whsec_" + base64.b64encode(b"k" * 24).decode(), b"k" * 24)]
)
async def test_a_webhook_is_signed_and_takes_what_was_asked_for(secret, key):
    with Server() as server:
        webhook = WebhookConfig(url=server.url + "/calls", secret=Secret(secret), status="failure")
        ((_, make),) = plans(ObserveConfig(webhook=webhook), {}, Ways, dict).values()
        sink = make()
        await sink.send([raw()])
        await sink.send([raw(), raw(status="failure", error_message=CANARY)])
        await sink.close()
        (asked,) = server.asked
    assert asked.path == "/calls"
    told = asked.json
    assert (told["type"], [call["status"] for call in told["data"]]) == ("calls.finished", ["failure"])
    assert CANARY.encode() not in asked.body
    signed = f"{asked.headers['webhook-id']}.{asked.headers['webhook-timestamp']}.".encode() + asked.body
    good = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert asked.headers["webhook-signature"] == f"v1,{good}"
