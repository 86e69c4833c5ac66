"""Every row of the catalogue can be used as it stands."""

import pytest

from headgate.models.registry import Registry
from headgate.providers import BUILTIN, build, catalog, kinds
from headgate.providers.base import ProviderConfig
from headgate.providers.endpoint import endpoint
from tests.providers.conftest import Senders

LISTED = sorted(catalog.rows())
NOWHERE = {"openai-compatible", "azure", "bedrock", "bedrock-openai", "gateway"}
"""Kinds that say nothing of where the service is."""
WITH_MORE = {"vertex", "bedrock"}
"""Kinds that cannot be built without a configuration of their own; their tests do it."""


def test_the_usual_services_are_there() -> None:
    wanted = "openai groq xai mistral deepseek together openrouter ollama vllm fireworks perplexity cerebras nvidia"
    assert {*wanted.split(), "huggingface", "gemini", "anthropic", "sandbox", "openai-compatible"} <= set(LISTED)


@pytest.mark.parametrize("kind", LISTED)
def test_a_row_names_a_place_and_its_documentation(kind: str) -> None:
    row = catalog.row(kind)
    if kind in WITH_MORE:
        return
    assert (row.base_url is None) == (kind in NOWHERE)
    if row.base_url is None:
        assert not row.key_env, "a key in the environment brings in a provider that has no address"
        return
    at = endpoint(row.base_url)
    local = at.origin.host in ("127.0.0.1", "sandbox.invalid")
    assert at.origin.tls != local
    assert bool(row.key_env) != local
    assert row.doc.startswith("https://") or kind == "sandbox"
    assert "chat" in row.operations


@pytest.mark.parametrize("kind", LISTED)
def test_a_row_builds(kind: str, senders: Senders) -> None:
    url = "https://its.example/v1" if kind in NOWHERE else None
    if kind in WITH_MORE:
        return
    provider = build("mine", ProviderConfig(kind=kind, base_url=url), senders)
    assert (provider.name, provider.kind) == ("mine", kind)
    assert provider.supports("chat")
    assert {b"idempotency-key", b"traceparent"} <= provider.forward or kind == "sandbox"


def test_no_two_services_read_the_same_variable() -> None:
    names = [name for row in catalog.rows().values() for name in row.key_env]
    assert len(names) == len(set(names))


def test_what_differs_is_in_the_rows() -> None:
    assert not catalog.row("mistral").stream_usage  # it answers 422 to stream_options
    assert catalog.row("openai").max_tokens_field == "max_completion_tokens"
    assert catalog.row("xai").timeouts.total == 900
    assert catalog.row("ollama").price is not None
    assert catalog.row("nobody-knows-it") == catalog.Row()


def test_every_kind_can_be_configured() -> None:
    assert kinds() >= set(LISTED) >= set(BUILTIN)


def test_a_model_of_openais_completes_texts_only_if_it_is_known_to() -> None:
    class Account:
        name = kind = "openai"

    registry = Registry()
    for model, speaks in (
        ("gpt-3.5-turbo-instruct", ("openai-completions",)),
        ("gpt-4o", ("openai-chat", "openai-responses")),
        ("a-model-of-tomorrow", ("openai-chat", "openai-responses")),
    ):
        assert registry.target(Account(), model).abilities.profile.speaks == speaks  # type: ignore[arg-type]
