"""What the rules say of models by their names."""

import pytest

from headgate.dialects.base import PLAIN
from headgate.models.profiles import ruled, rules
from headgate.models.table import Tables

USUAL = ("none", "low", "medium", "high", "xhigh")


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4.1-mini", "text-embedding-3-small", "gpt-3.5-turbo"])
def test_most_models_are_obliging(model: str) -> None:
    assert ruled("openai", model).profile is PLAIN


@pytest.mark.parametrize("model", ["o1", "o3-mini", "o3-2025-04-16", "o4-mini", "gpt-5", "gpt-5-nano-2025-08-07"])
@pytest.mark.parametrize("kind", ["openai", "azure"])
def test_reasoning_models_of_openai(kind: str, model: str) -> None:
    found = ruled(kind, model)
    assert (found.profile.sampling, found.profile.penalties, found.reasons) == (False, False, True)
    assert found.max_tokens_field == "max_completion_tokens"


@pytest.mark.parametrize(
    ("model", "efforts"),
    [
        ("gpt-5", ("minimal", "low", "medium", "high")),
        ("gpt-5-pro", ("high",)),
        ("gpt-5-codex", ("low", "medium", "high")),
        ("gpt-5.1", ("none", "low", "medium", "high")),
        ("gpt-5.4", USUAL),
        ("gpt-5.5", USUAL),
        ("gpt-5.6-sol", USUAL),
        ("gpt-5.5-pro", ("medium", "high", "xhigh")),
        ("gpt-6-sol", (*USUAL, "max")),
        ("gpt-6-astra", (*USUAL[1:], "max")),
        ("gpt-oss-120b", ("low", "medium", "high")),
        ("gpt-5-chat-latest", ()),
    ],
)
def test_efforts_of_openai(model: str, efforts: tuple[str, ...]) -> None:
    assert ruled("openai", model).profile.efforts == efforts


@pytest.mark.parametrize(
    ("model", "by"), [("gpt-5.5", "openai-responses"), ("gpt-5.6-luna", "openai-responses"), ("gpt-5.4", None)]
)
def test_tools_go_by_responses_where_chat_refuses_them(model: str, by: str | None) -> None:
    assert ruled("openai", model).profile.tools_by == by
    assert ruled("openrouter", f"openai/{model}").profile.tools_by is None


def test_what_is_off_by_default_takes_sampling() -> None:
    assert (ruled("openai", "gpt-5.2").profile.sampling, ruled("openai", "gpt-5.2").reasons) == (True, False)
    assert ruled("openai", "gpt-5.2-pro").profile.sampling is False
    assert ruled("openai", "gpt-4o-search-preview").profile.sampling is False


@pytest.mark.parametrize(
    ("model", "sampling", "thinking", "forced", "reasons"),
    [
        ("claude-3-5-haiku-20241022", True, ("disabled",), True, False),
        ("claude-3-7-sonnet-20250219", True, ("enabled", "disabled"), True, False),
        ("claude-sonnet-4-20250514", True, ("enabled", "disabled"), True, False),
        ("claude-opus-4-5", True, ("enabled", "disabled"), True, False),
        ("claude-sonnet-4-6", True, ("adaptive", "enabled", "disabled"), True, False),
        ("claude-opus-4-7", False, ("adaptive", "disabled"), True, False),
        ("claude-opus-4-8", False, ("adaptive", "disabled"), True, False),
        ("claude-sonnet-5", False, ("adaptive", "disabled"), True, False),
        ("claude-haiku-5-5", False, ("adaptive", "disabled"), True, False),
        ("claude-opus-5-5", False, ("adaptive",), False, True),
        ("claude-fable-5", False, ("adaptive",), False, True),
        ("claude-mythos-5-1", False, ("adaptive",), False, True),
    ],
)
def test_claude(model: str, sampling: bool, thinking: tuple[str, ...], forced: bool, reasons: bool) -> None:
    for kind, name in (
        ("anthropic", model),
        ("vertex", f"{model}@default"),
        ("bedrock", f"us.anthropic.{model}-v1:0"),
    ):
        found = ruled(kind, name)
        assert (found.profile.sampling, found.profile.thinking) == (sampling, thinking), kind
        assert (found.profile.forced_tools, found.reasons, found.profile.cache_points) == (forced, reasons, True)


def test_claude_takes_system_messages_midway_from_its_own_house_alone() -> None:
    assert ruled("anthropic", "claude-opus-4-8").profile.system_midway
    assert ruled("anthropic", "claude-sonnet-5").profile.system_midway
    assert not ruled("anthropic", "claude-opus-4-7").profile.system_midway
    assert not ruled("bedrock", "anthropic.claude-opus-4-8").profile.system_midway


@pytest.mark.parametrize(
    ("model", "thinking", "reasons"),
    [
        ("gemini-2.0-flash", ("disabled",), False),
        ("gemini-2.5-flash", ("enabled", "disabled"), True),
        ("gemini-2.5-flash-lite", ("enabled", "disabled"), False),
        ("gemini-2.5-pro", ("enabled",), True),
        ("gemini-3-pro-preview", ("level",), True),
        ("gemini-3.5-flash", ("level",), True),
        ("gemini-2.5-flash-image", (), None),
    ],
)
def test_gemini_thinks_by_budget_or_by_level(model: str, thinking: tuple[str, ...], reasons: bool | None) -> None:
    for kind in ("gemini", "vertex"):
        assert (ruled(kind, model).profile.thinking, ruled(kind, model).reasons) == (thinking, reasons)


def test_gemini_levels() -> None:
    assert ruled("gemini", "gemini-3.5-flash").profile.efforts == ("minimal", "low", "medium", "high")
    assert ruled("gemini", "gemini-3.1-pro-preview").profile.efforts == ("low", "medium", "high")
    assert ruled("gemini", "gemini-3.8-flash").profile.efforts == ("low", "medium", "high")
    assert ruled("gemini", "gemini-3.8-flash").profile.sampling is False


def test_grok_and_others() -> None:
    assert ruled("xai", "grok-4.3").profile.efforts == USUAL
    assert ruled("xai", "grok-4.7").profile.efforts == USUAL[1:]
    assert ruled("xai", "grok-build-0.1").profile.efforts == ("default",)
    assert not ruled("xai", "grok-4.3").profile.stop
    assert ruled("xai", "grok-4.20-non-reasoning").profile is PLAIN
    assert not ruled("groq", "llama3-8b-8192").profile.penalties
    assert ruled("mistral", "mistral-small-latest").profile.efforts == ("none", "high")
    assert ruled("deepseek", "deepseek-reasoner").reasons and not ruled("deepseek", "deepseek-chat").reasons


def test_every_rule_speaks_of_something() -> None:
    """A rule that no listed model is under was mistyped, or has outlived its model."""
    tables = Tables()
    names = [(kind, model.name.lower()) for kind in tables.kinds() for model in tables.of(kind).models]
    for rule in rules():
        assert any(rule.applies(kind, name) for kind, name in names), rule
        assert "stop" not in rule.efforts if isinstance(rule.efforts, tuple) else True
