"""Requests to Ollama, byte by byte."""

from collections.abc import Callable

import pytest

from headgate.core.secret import Secret
from headgate.models.config import ModelConfig
from headgate.models.registry import Registry
from headgate.providers import build
from headgate.providers.base import ProviderConfig, Target
from headgate.transport.base import Origin
from tests.providers.conftest import Senders

Make = Callable[..., Target]


@pytest.mark.parametrize(
    ("operation", "line"),
    [
        ("chat", b"POST /api/chat HTTP/1.1\r\n"),
        ("embeddings", b"POST /api/embed HTTP/1.1\r\n"),
        ("models", b"GET /v1/models HTTP/1.1\r\n"),
    ],
)
def test_operations_have_their_paths(senders: Senders, target: Make, operation: str, line: bytes) -> None:
    provider = build("here", ProviderConfig(kind="ollama"), senders)
    out = provider.outbound(operation, target(provider), b"{}")  # type: ignore[arg-type]
    assert out.origin == Origin("127.0.0.1", 11434, False)
    assert out.head.startswith(line + b"host: 127.0.0.1:11434\r\n") and b"authorization" not in out.head


def test_it_speaks_its_own_dialects(senders: Senders) -> None:
    provider = build("here", ProviderConfig(kind="ollama"), senders)
    spoken = [one.name for op in ("chat", "embeddings", "rerank") for one in provider.dialects(op)]
    assert spoken == ["ollama-chat", "ollama-embed"]
    assert getattr(provider.dialects("chat")[0], "takes_urls", True) is False


@pytest.mark.parametrize("base", ["https://ollama.com", "https://ollama.com/api", "https://ollama.com/v1"])
def test_its_makers_cloud_takes_a_key(senders: Senders, target: Make, base: str) -> None:
    provider = build("cloud", ProviderConfig(kind="ollama", base_url=base, api_key=Secret("k")), senders)
    out = provider.outbound("chat", target(provider), b"")
    assert out.origin == Origin("ollama.com", 443, True)
    assert out.head.startswith(b"POST /api/chat HTTP/1.1\r\n") and b"authorization: Bearer k\r\n" in out.head


def test_the_compatible_api_is_another_kind(senders: Senders) -> None:
    config = ProviderConfig(kind="openai-compatible", base_url="http://127.0.0.1:11434/v1")
    assert build("compatible", config, senders).dialects("chat")[0].name == "openai-chat"


def test_its_paths_are_heard(senders: Senders) -> None:
    provider = build("here", ProviderConfig(kind="ollama"), senders)
    heard = provider.heard("POST", "/api/chat")
    assert heard is not None and (heard.operation, heard.dialect.name) == ("chat", "ollama-chat")
    assert provider.heard("POST", "/api/pull") is None


def test_only_a_context_that_the_configuration_states_reaches_the_dialect(senders: Senders) -> None:
    provider = build("here", ProviderConfig(kind="ollama"), senders)
    registry = Registry({"here/qwen": ModelConfig(context=8192)}, {"here": ProviderConfig(kind="ollama")})
    assert registry.target(provider, "qwen").abilities.context == 8192
    assert registry.target(provider, "llama3").abilities.context is None
