"""What the gateway takes to be true of a model, and from where."""

from types import SimpleNamespace
from typing import Any

import pytest

from headgate.core.money import Price
from headgate.dialects.base import PLAIN
from headgate.models.config import ModelConfig, ProfileConfig
from headgate.models.registry import Registry
from headgate.providers.base import PriceConfig, ProviderConfig, Timeouts
from headgate.providers.discovery import Learned


def provider(name: str, kind: str) -> Any:
    return SimpleNamespace(name=name, kind=kind)


def test_shipped_data_is_found_by_kind_whatever_the_providers_name() -> None:
    at = Registry().target(provider("mine", "openai"), "gpt-4o-mini")
    assert (at.name, at.model) == ("mine/gpt-4o-mini", "gpt-4o-mini")
    assert at.price is not None
    assert (at.price.input, at.price.output, at.price.cached, at.price.tiers) == (150_000, 600_000, 75_000, ())
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
    assert [model.id for model in listed][:3] == ["local/mock", "sandbox/chat", "sandbox/embed"]
    mock = listed[0]
    assert (mock.owned_by, mock.kind, mock.context) == ("local", "chat", 7)
    assert listed[2].kind == "embedding"
    assert all(model.created > 1_700_000_000 for model in listed[1:])


def test_what_is_switched_off_is_not_listed_but_can_be_asked_for() -> None:
    at = provider("openai", "openai")
    listed = {model.id for model in Registry().listing([at])}
    assert "openai/gpt-4o" in listed and "openai/gpt-4-vision-preview" not in listed
    old = next(e for e in Registry().entries({"openai": "openai"}) if e.status == "deprecated" and e.price)
    assert Registry().target(at, old.id.partition("/")[2]).price is not None
    kept = Registry({old.id: ModelConfig(status="active")})
    assert old.id in {model.id for model in kept.listing([at])}


def test_a_deployment_takes_the_facts_of_the_model_it_is() -> None:
    written = {"azure/mine": ModelConfig(base="azure/gpt-5", max_output=9)}
    at = Registry(written).target(provider("azure", "azure"), "mine")
    assert at.price is not None and at.price.output == 10_000_000
    assert (at.context, at.max_output, at.model) == (272_000, 9, "mine")
    assert (at.abilities.max_tokens_field, at.abilities.profile.sampling) == ("max_completion_tokens", False)


def test_a_profile_is_the_rules_then_what_was_discovered_then_the_configuration() -> None:
    at = provider("mine", "anthropic")
    rules = Registry().target(at, "claude-opus-4-7").abilities.profile
    assert (rules.sampling, rules.thinking, rules.cache_points) == (False, ("adaptive", "disabled"), True)
    told = {"mine": {"claude-opus-4-7": Learned(context=5, efforts=("low", "max"), thinking=("adaptive",))}}
    seen = Registry(discovered=told).target(at, "claude-opus-4-7")
    assert (seen.context, seen.abilities.profile.efforts) == (5, ("low", "max"))
    written = ModelConfig(context=6, profile=ProfileConfig(sampling=True, efforts=["low"], tools_by="openai-chat"))
    over = Registry({"mine/claude-opus-4-7": written}, discovered=told).target(at, "claude-opus-4-7")
    profile = over.abilities.profile
    assert (over.context, profile.sampling, profile.efforts, profile.thinking) == (6, True, ("low",), ("adaptive",))
    assert profile.tools_by == "openai-chat"
    assert Registry().target(provider("mine", "mistral"), "open-mistral-7b").abilities.profile is PLAIN


def test_a_provider_is_listed_by_what_it_was_seen_to_have() -> None:
    at = provider("openai", "openai")
    seen = Registry({"openai/mine": ModelConfig()}, discovered={"openai": {"gpt-4o": Learned(), "new": Learned()}})
    assert [m.id for m in seen.listing([at])] == ["openai/gpt-4o", "openai/mine", "openai/new"]
    assert set(seen.bare_names([at])) == {"gpt-4o", "mine", "new"}


def test_models_of_one_dialect_say_so() -> None:
    speaks = Registry().target(provider("openai", "openai"), "gpt-5-pro").abilities.profile.speaks
    assert speaks == ("openai-responses",)


def test_an_entry_has_everything() -> None:
    written = ModelConfig(regions=["eu"], compliance=["gdpr"], use_cases=["code"], capabilities=["tools"])
    entries = {e.id: e for e in Registry({"b/us.anthropic.claude-opus-4-7": written}).entries({"b": "bedrock"})}
    assert any(not entry.usable and entry.provider == "openai" for entry in entries.values())
    entry = entries["b/us.anthropic.claude-opus-4-7"]
    assert (entry.usable, entry.regions, entry.compliance) == (True, ("eu",), ("gdpr",))
    assert (entry.use_cases, entry.capabilities) == (("code",), ("chat", "tools"))
    other = entries["b/eu.anthropic.claude-opus-4-7"]
    assert (other.regions, "hipaa" in other.compliance) == (("eu",), True)
    assert {"chat", "summarization", "classification", "extraction", "research", "code"} == set(other.use_cases)
    assert other.price is not None and other.source.startswith("https://")
    gpt = next(e for e in Registry().entries() if e.id == "openai/gpt-4o-2024-08-06")
    assert (gpt.cutoff, gpt.released, gpt.version, gpt.usable) == ("2023-10", "2024-08-06", "2024-08-06", False)
