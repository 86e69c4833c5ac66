"""Requests to Anthropic, byte by byte."""

from collections.abc import Callable

import pytest

from headgate import __version__
from headgate.core.secret import Secret
from headgate.dialects import anthropic_messages
from headgate.providers import build
from headgate.providers.base import ProviderConfig, Target
from headgate.transport.base import Origin
from tests.providers.conftest import Senders

Make = Callable[..., Target]


def test_a_request_by_key(senders: Senders, target: Make) -> None:
    provider = build("claude", ProviderConfig(kind="anthropic", api_key=Secret("sk-ant-api03-1")), senders)
    out = provider.outbound("chat", target(provider), b"{}")
    assert out.origin == Origin("api.anthropic.com", 443, True)
    assert out.head == (
        b"POST /v1/messages HTTP/1.1\r\n"
        b"host: api.anthropic.com\r\n"
        b"accept: application/json\r\n"
        b"content-type: application/json\r\n"
        b"user-agent: headgate/" + __version__.encode() + b"\r\n"
        b"accept-encoding: identity\r\n"
        b"x-api-key: sk-ant-api03-1\r\n"
    )
    assert out.extra == b"anthropic-version: 2023-06-01\r\n"


def test_the_callers_version_goes_on_and_only_that(senders: Senders, target: Make) -> None:
    provider = build("claude", ProviderConfig(kind="anthropic"), senders)
    lines = b"anthropic-beta: a\r\nanthropic-version: 2026-10-21\r\n"
    out = provider.outbound("chat", target(provider), b"{}", lines)
    assert (out.head + out.extra).count(b"anthropic-version") == 1
    assert out.extra == lines


def test_a_configured_version_is_the_default(senders: Senders, target: Make) -> None:
    config = ProviderConfig(kind="anthropic", headers={"Anthropic-Version": "2026-10-21"})
    provider = build("claude", config, senders)
    assert provider.outbound("chat", target(provider), b"{}").extra == b"anthropic-version: 2026-10-21\r\n"


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("sk-ant-oat01-1", b"authorization: Bearer sk-ant-oat01-1\r\n"),
        ("Bearer any-token", b"authorization: Bearer any-token\r\n"),
        ("sk-ant-api03-1", b"x-api-key: sk-ant-api03-1\r\n"),
    ],
)
def test_tokens_are_sent_as_bearer_and_keys_as_keys(senders: Senders, target: Make, key: str, line: bytes) -> None:
    provider = build("claude", ProviderConfig(kind="anthropic", api_key=Secret(key)), senders)
    head = provider.outbound("chat", target(provider), b"{}").head
    assert line in head
    assert (b"x-api-key" in head) != (b"authorization" in head)


@pytest.mark.parametrize("base", ["http://127.0.0.1:9200", "http://127.0.0.1:9200/", "http://127.0.0.1:9200/v1"])
def test_a_base_url_may_end_in_the_version_or_not(senders: Senders, target: Make, base: str) -> None:
    provider = build("claude", ProviderConfig(kind="anthropic", base_url=base), senders)
    head = provider.outbound("count_tokens", target(provider), b"{}").head
    assert head.startswith(b"POST /v1/messages/count_tokens HTTP/1.1\r\nhost: 127.0.0.1:9200\r\n")


def test_a_known_query_goes_on_and_others_do_not(senders: Senders, target: Make) -> None:
    provider = build("claude", ProviderConfig(kind="anthropic"), senders)
    lines = {
        query: provider.outbound("chat", target(provider), b"{}", b"", query).head.partition(b"\r\n")[0]
        for query in (b"", b"beta=true", b"api_key=1")
    }
    assert lines[b"beta=true"] == b"POST /v1/messages?beta=true HTTP/1.1"
    assert lines[b""] == lines[b"api_key=1"] == b"POST /v1/messages HTTP/1.1"


def test_what_it_offers(senders: Senders) -> None:
    provider = build("claude", ProviderConfig(kind="anthropic"), senders)
    assert provider.dialects("chat") == (anthropic_messages,)
    assert provider.supports("count_tokens")
    assert not provider.supports("embeddings")
    assert provider.dialects("embeddings") == ()
