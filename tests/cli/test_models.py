"""``headgate models``."""

import json

CONFIG = """
providers: {local: {kind: openai-compatible, base_url: "http://127.0.0.1:1/v1"}}
models: {local/mock: {price: {input: 1.5, output: 2}, context: 1000}}
routes: {fast: {targets: [local/mock]}}
"""


def test_the_whole_registry_and_what_the_file_adds(cli, tmp_path):
    (tmp_path / "headgate.yaml").write_text(CONFIG)
    rows = {row["id"]: row for row in json.loads(cli("models", "--json").stdout)}
    assert len(rows) > 100
    assert rows["local/mock"] | {"kind": "chat"} == {
        "id": "local/mock", "kind": "chat", "input": "1.5", "output": "2", "context": 1000, "max_output": None,
    }  # fmt: skip
    assert "openai/gpt-4o" in rows


def test_what_can_be_called_now(cli, tmp_path):
    (tmp_path / "headgate.yaml").write_text(CONFIG)
    ids = [row["id"] for row in json.loads(cli("models", "--usable", "--json").stdout)]
    assert {"fast", "local/mock", "sandbox/chat"} <= set(ids)
    assert "openai/gpt-4o" not in ids


def test_a_search(cli):
    shown = cli("models", "sandbox/").stdout
    assert "sandbox/chat" in shown
    assert "gpt-4o" not in shown
    assert "No model has such a name" in cli("models", "no-such-model-anywhere").stdout


def test_a_bad_configuration_is_exit_2(cli, tmp_path):
    (tmp_path / "headgate.yaml").write_text("routs: {}\n")
    assert "unknown key `routs`" in cli("models", code=2).stderr
