"""Kinds from other packages."""

from importlib.metadata import EntryPoint
from typing import Any

import pytest

from headgate import providers
from headgate.core import plugins
from headgate.providers.base import Provider, ProviderConfig, Senders


def made_elsewhere(name: str, config: ProviderConfig, senders: Senders) -> Provider:
    from headgate.providers.catalog import Row
    from headgate.providers.compatible import Compatible

    return Compatible(name, config, Row(base_url="http://elsewhere.example/v1"), senders.get())


def install(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    entry = EntryPoint(name, "tests.providers.test_build:made_elsewhere", "headgate.providers")
    monkeypatch.setattr(plugins, "installed", lambda kind: [entry] if kind == "providers" else [])


def test_an_installed_kind_is_built(monkeypatch: pytest.MonkeyPatch, senders: Any) -> None:
    install(monkeypatch, "elsewhere")
    assert "elsewhere" in providers.kinds()
    provider = providers.build("mine", ProviderConfig(kind="elsewhere"), senders)
    assert (provider.name, provider.kind) == ("mine", "elsewhere")


@pytest.mark.parametrize("name", ["anthropic", "groq"])
def test_nobody_replaces_ours_by_installing_a_package(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    install(monkeypatch, name)
    with pytest.raises(ValueError, match="already defined"):
        providers.kinds()


def test_a_built_in_kind_reads_no_entry_points(monkeypatch: pytest.MonkeyPatch, senders: Any) -> None:
    monkeypatch.setattr(plugins, "installed", lambda kind: pytest.fail("not needed"))
    assert providers.build("a", ProviderConfig(kind="groq"), senders).kind == "groq"
