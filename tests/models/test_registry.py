"""What the gateway takes to be true of a model, and from where."""

from types import SimpleNamespace
from typing import Any

import pytest

from headgate.core.money import Price
from headgate.models.registry import ModelConfig, Registry
from headgate.providers.base import PriceConfig, ProviderConfig, Timeouts


def provider(name: str, kind: str) -> Any:
    return SimpleNamespace(name=name, kind=kind)


def test_shipped_data_is_found_by_kind_whatever_the_providers_name() -> None:
    at = Registry().target(provider("mine", "openai"), "gpt-4o-mini")
    assert (at.name, at.model) == ("mine/gpt-4o-mini", "gpt-4o-mini")
    assert at.price == Price(150_000, 600_000, 75_000)
    assert (at.context, at.max_output, at.reasoning) == (128_000, 16_384, False)
    assert at.abilities.max_tokens_field == "max_completion_tokens"
    assert at.abilities.stream_usage
    assert (at.abilities.model, at.abilities.name, at.abilities.max_output) == ("gpt-4o-mini", at.name, 16_384)


def test_the_configuration_goes_over_the_data_field_by_field() -> None:
    written = ModelConfig(
        price=PriceConfig(input=1.0, output=2.0), context=5, reasoning=True, max_tokens_field="max_tokens"
    )
    at = Registry({"openai/gpt-4o": written}).target(provider("openai", "openai"), "gpt-4o")
    assert at.price == Price(1_000_000, 2_000_000)
    assert (at.context, at.max_output, at.reasoning) == (5, 16_384, True)
    assert at.abilities.reasoning
    assert at.abilities.max_tokens_field == "max_tokens"


def test_an_unlisted_model_has_the_providers_price_or_none() -> None:
    accounts = {"local": ProviderConfig(kind="openai-compatible", price=PriceConfig(input=0.0, output=0.0))}
    registry = Registry({}, accounts)
    assert registry.target(provider("local", "openai-compatible"), "x").price == Price(0, 0)
    assert registry.target(provider("other", "openai-compatible"), "x").price is None
    assert registry.target(provider("openai", "openai"), "gpt-99").price is None


def test_models_on_your_own_machine_cost_nothing_and_that_is_stated() -> None:
    assert Registry().target(provider("ollama", "ollama"), "qwen:7b").price == Price(0, 0)


def test_any_sandbox_model_has_the_sandboxs_price() -> None:
    for model in ("chat", "anything"):
        assert Registry().target(provider("sandbox", "sandbox"), model).price == Price(100_000, 400_000)


def test_reasoning_unasked_is_not_the_same_as_being_able_to() -> None:
    registry = Registry()
    opus = registry.target(provider("anthropic", "anthropic"), "claude-opus-4-5")
    assert (opus.reasoning, opus.abilities.reasoning) == (False, True)
    o3 = registry.target(provider("openai", "openai"), "gpt-5")
    assert (o3.reasoning, o3.abilities.reasoning) == (True, True)
    plain = registry.target(provider("openai", "openai"), "gpt-4o")
    assert (plain.reasoning, plain.abilities.reasoning) == (False, False)
    never = Registry({"openai/gpt-5": ModelConfig(reasoning=False)}).target(provider("openai", "openai"), "gpt-5")
    assert (never.reasoning, never.abilities.reasoning) == (False, False)


def test_time_limits_come_from_the_nearest_that_has_one() -> None:
    accounts = {"xai": ProviderConfig(kind="xai", timeouts=Timeouts(connect=2.0, idle=9.0))}
    registry = Registry({"xai/grok-4.3": ModelConfig(timeouts=Timeouts(idle=1.0))}, accounts)
    assert registry.target(provider("xai", "xai"), "grok-4.3").timeouts == Timeouts(connect=2.0, idle=1.0, total=900)
    assert Registry().target(provider("openai", "openai"), "gpt-4o").timeouts == Timeouts()


@pytest.mark.parametrize(
    ("said", "usual", "found"), [(None, "mistral", False), (True, "mistral", True), (False, "groq", False)]
)
def test_stream_usage_may_be_overridden(said: bool | None, usual: str, found: bool) -> None:
    registry = Registry({}, {"p": ProviderConfig(kind=usual, stream_usage=said)})
    assert registry.target(provider("p", usual), "m").abilities.stream_usage is found


def test_bare_names_lead_to_the_usable_providers() -> None:
    registry = Registry({"local/mock": ModelConfig(), "local/org/x": ModelConfig(), "gone/y": ModelConfig()})
    usable = [provider("openai", "openai"), provider("second", "openai"), provider("local", "openai-compatible")]
    names = registry.bare_names(usable)
    assert names["gpt-4o"] == ("openai/gpt-4o", "second/gpt-4o")
    assert (names["mock"], names["org/x"]) == (("local/mock",), ("local/org/x",))
    assert "y" not in names and "claude-opus-4-5" not in names


def test_the_listing_is_what_is_known_at_the_usable_providers() -> None:
    written = ModelConfig(price=PriceConfig(input=1.0, output=2.0), context=7)
    registry = Registry({"local/mock": written, "sandbox/chat": ModelConfig()})
    listed = registry.listing([provider("sandbox", "sandbox"), provider("local", "openai-compatible")])
    assert [model.id for model in listed] == ["local/mock", "sandbox/chat", "sandbox/embed"]
    mock = listed[0]
    assert (mock.owned_by, mock.kind, mock.context, mock.price) == ("local", "chat", 7, Price(1_000_000, 2_000_000))
    assert listed[2].kind == "embedding"
    assert all(model.created > 1_700_000_000 for model in listed)
