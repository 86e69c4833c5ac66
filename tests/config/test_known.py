"""The real catalogue and the real steps, as a file may name them."""

from headgate.config import loads
from headgate.config.known import known
from tests.config.test_load import ENVIRON, EXAMPLE


def test_the_example_against_the_real_catalogue():
    assert list(loads(EXAMPLE.encode(), ENVIRON, known({})).routes) == ["fast"]


def test_providers_of_the_environment_and_of_this_machine_are_known():
    found = known({"GROQ_API_KEY": "gsk_x"}, providers=["ollama"])
    assert {"sandbox", "groq", "ollama"} <= found.providers
    assert "openai" not in found.providers
    assert found.variables["openai"] == "OPENAI_API_KEY"
    assert {"openai", "anthropic", "sandbox", "openai-compatible"} <= found.kinds
    assert "openai-compatible" in found.needs_base_url
    assert "openai/gpt-4o" in found.models


def test_an_account_of_bedrock_needs_no_more_than_its_region():
    text = "providers: {aws: {kind: bedrock, region: us-east-1, api_key: x}}"
    assert loads(text.encode(), {}, known({})).providers["aws"].region == "us-east-1"
