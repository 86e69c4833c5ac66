"""``headgate models``."""

import json

import pytest

from tests.models.test_build import wheels

CONFIG = """
providers: {local: {kind: openai-compatible, base_url: "http://127.0.0.1:1/v1"}}
models: {local/mock: {price: {input: 1.5, output: 2}, context: 1000}}
routes: {fast: {targets: [local/mock]}}
"""


def rows(cli, *words):
    return {row["id"]: row for row in json.loads(cli("models", *words, "--json").stdout)}


def test_the_whole_registry_and_what_the_file_adds(cli, tmp_path):
    (tmp_path / "headgate.yaml").write_text(CONFIG)
    found = rows(cli)
    assert len(found) > 700
    mock = found["local/mock"]
    assert (mock["kind"], mock["context"], mock["max_output"], mock["usable"]) == ("chat", 1000, None, True)
    assert mock["price"] == {"input": "1.5", "output": "2"}
    assert found["openai/gpt-4o"]["usable"] is False


def test_what_can_be_called_now(cli, tmp_path):
    (tmp_path / "headgate.yaml").write_text(CONFIG)
    ids = rows(cli, "--usable")
    assert {"fast", "local/mock", "sandbox/chat"} <= set(ids)
    assert "openai/gpt-4o" not in ids


def test_a_search(cli):
    shown = cli("models", "sandbox/").stdout
    assert "sandbox/chat" in shown
    assert "gpt-4o" not in shown
    assert "No model is like that" in cli("models", "list", "no-such-model-anywhere").stdout


@pytest.mark.parametrize(
    ("words", "has", "lacks"),
    [
        (("--provider", "anthropic", "--status", "active"), "anthropic/claude-opus-4-5", "openai/gpt-4o"),
        (("--kind", "rerank"), "cohere/rerank-v3.5", "cohere/command-r-08-2024"),
        (("--capability", "vision", "--capability", "reasoning"), "openai/gpt-5", "openai/gpt-4o"),
        (("gpt", "--max-price", "0.2"), "openai/gpt-4o-mini", "openai/gpt-4o"),
        (("--min-context", "1000000"), "gemini/gemini-2.5-pro", "openai/gpt-4o"),
        (("--use-case", "embedding"), "openai/text-embedding-3-small", "openai/gpt-4o"),
        (("--region", "eu", "--provider", "bedrock"), "bedrock/eu.anthropic.claude-opus-4-7", "openai/gpt-4o"),
        (("--status", "deprecated"), "openai/gpt-4-32k", "openai/gpt-4o"),
    ],
)
def test_filters(cli, words, has, lacks):
    found = rows(cli, *words)
    assert has in found and lacks not in found


def test_a_bad_configuration_is_exit_2(cli, tmp_path):
    (tmp_path / "headgate.yaml").write_text("routs: {}\n")
    assert "unknown key `routs`" in cli("models", code=2).stderr


def test_tables_are_refreshed_into_the_home_and_forgotten(cli, tmp_path):
    wheels(tmp_path)
    assert "kinds of provider" in cli("models", "refresh", "--from-dir", str(tmp_path)).stdout
    found = rows(cli, "--provider", "openai")
    assert "openai/gpt-x" in found and "openai/gpt-4o" not in found
    assert found["openai/gpt-x"]["price"]["tiers"] == [{"above": 200000, "input": "2", "output": "30"}]
    assert "anthropic/claude-opus-4-5" in rows(cli)  # what the refresh has no table of stays as shipped
    assert "Forgot" in cli("models", "seed").stdout
    assert "openai/gpt-4o" in rows(cli)
    (tmp_path / "empty").mkdir()
    assert "neither a wheel" in cli("models", "refresh", "--from-dir", str(tmp_path / "empty"), code=1).stderr


def test_a_table_is_exported_changed_and_imported(cli, tmp_path):
    file = tmp_path / "groq.json"
    table = json.loads(cli("models", "export", "groq").stdout)
    table["models"] = [{"name": "mine", "price": {"input": 4}}]
    file.write_text(json.dumps(table))
    assert "1 models of groq" in cli("models", "import", str(file)).stdout
    assert list(rows(cli, "--provider", "groq")) == ["groq/mine"]
    file.write_text("{}")
    assert "no table of models" in cli("models", "import", str(file), code=1).stderr
    (tmp_path / "No Kind.json").write_text("{}")
    assert "not named after" in cli("models", "import", str(tmp_path / "No Kind.json"), code=1).stderr
    assert "no table of 'nothing'" in cli("models", "export", "nothing", code=1).stderr
