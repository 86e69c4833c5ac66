"""Requests to Cohere, byte by byte."""

from collections.abc import Callable

import pytest

from headgate import __version__
from headgate.core.secret import Secret
from headgate.providers import build
from headgate.providers.base import ProviderConfig, Target
from headgate.providers.discover import from_environment
from headgate.transport.base import Origin
from tests.providers.conftest import Senders

Make = Callable[..., Target]


@pytest.mark.parametrize(
    ("operation", "line"),
    [
        ("chat", b"POST /v2/chat HTTP/1.1\r\n"),
        ("embeddings", b"POST /v2/embed HTTP/1.1\r\n"),
        ("rerank", b"POST /v2/rerank HTTP/1.1\r\n"),
        ("models", b"GET /v1/models HTTP/1.1\r\n"),
    ],
)
def test_operations_have_their_paths(senders: Senders, target: Make, operation: str, line: bytes) -> None:
    provider = build("co", ProviderConfig(kind="cohere", api_key=Secret("k")), senders)
    out = provider.outbound(operation, target(provider), b"{}", b"traceparent: 0\r\n")  # type: ignore[arg-type]
    assert out.origin == Origin("api.cohere.com", 443, True)
    typed = b"content-type: application/json\r\n" if line.startswith(b"POST") else b""
    assert out.head == (
        line + b"host: api.cohere.com\r\naccept: application/json\r\n" + typed
        + b"user-agent: headgate/" + __version__.encode() + b"\r\naccept-encoding: identity\r\nauthorization: Bearer k\r\n"
    )  # fmt: skip
    assert (out.extra, out.body) == (b"traceparent: 0\r\n", b"{}")
    assert provider.supports(operation)  # type: ignore[arg-type]


def test_it_speaks_its_own_dialects(senders: Senders) -> None:
    provider = build("co", ProviderConfig(kind="cohere"), senders)
    spoken = [one.name for op in ("chat", "embeddings", "rerank", "images") for one in provider.dialects(op)]
    assert spoken == ["cohere-chat", "cohere-embed", "cohere-rerank"]
    assert not provider.supports("images") and provider.prepare is None


@pytest.mark.parametrize("base", ["http://h:9/x", "http://h:9/x/", "http://h:9/x/v1", "http://h:9/x/v2"])
def test_a_base_url_may_end_in_a_version(senders: Senders, target: Make, base: str) -> None:
    provider = build("co", ProviderConfig(kind="cohere", base_url=base), senders)
    assert provider.outbound("chat", target(provider), b"").head.startswith(b"POST /x/v2/chat HTTP/1.1\r\n")


def test_the_compatible_api_is_another_kind(senders: Senders) -> None:
    with pytest.raises(ValueError, match="openai-compatible"):
        build("co", ProviderConfig(kind="cohere", base_url="https://api.cohere.ai/compatibility/v1"), senders)


def test_any_path_of_its_api_is_signed_and_some_are_heard(senders: Senders) -> None:
    provider = build("co", ProviderConfig(kind="cohere", api_key=Secret("k")), senders)
    out = provider.raw("POST", "/v1/tokenize", b"a=1", [(b"x-client-name", b"me")], b"{}")
    assert out.head == b"POST /v1/tokenize?a=1 HTTP/1.1\r\nhost: api.cohere.com\r\n"
    assert b"authorization: Bearer k\r\n" in out.extra and b"x-client-name: me\r\n" in out.extra
    for path, name in (("/v2/chat", "cohere-chat"), ("/v2/embed", "cohere-embed"), ("/v2/rerank", "cohere-rerank")):
        heard = provider.heard("POST", path)
        assert heard is not None and heard.dialect.name == name
    assert provider.heard("POST", "/v1/tokenize") is None and provider.heard("GET", "/v2/chat") is None


@pytest.mark.parametrize("variable", ["COHERE_API_KEY", "CO_API_KEY"])
def test_it_is_found_by_its_key(variable: str) -> None:
    assert from_environment({variable: "k"})["cohere"].api_key == Secret("k")
