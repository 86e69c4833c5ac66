"""Requests to OpenAI-compatible servers, byte by byte."""

from collections.abc import Callable

import pytest

from headgate import __version__
from headgate.core.secret import Secret
from headgate.dialects import embeddings, openai_chat, openai_completions
from headgate.providers import build
from headgate.providers.base import ProviderConfig, Target, Timeouts
from headgate.transport.base import Origin
from tests.providers.conftest import Senders

Make = Callable[..., Target]


def test_a_chat_request(senders: Senders, target: Make) -> None:
    config = ProviderConfig(kind="openai", api_key=Secret("sk-1"), headers={"OpenAI-Organization": "org-1"})
    provider = build("openai", config, senders)
    out = provider.outbound("chat", target(provider), b'{"a":1}', b"traceparent: 00-1\r\n")
    assert out.origin == Origin("api.openai.com", 443, True)
    assert out.head == (
        b"POST /v1/chat/completions HTTP/1.1\r\n"
        b"host: api.openai.com\r\n"
        b"accept: application/json\r\n"
        b"content-type: application/json\r\n"
        b"user-agent: headgate/" + __version__.encode() + b"\r\n"
        b"accept-encoding: identity\r\n"
        b"authorization: Bearer sk-1\r\n"
        b"openai-organization: org-1\r\n"
    )
    assert (out.extra, out.body) == (b"traceparent: 00-1\r\n", b'{"a":1}')
    assert (out.connect_timeout, out.headers_timeout) == (5.0, 30.0)


def test_the_head_is_rendered_once(senders: Senders, target: Make) -> None:
    provider = build("groq", ProviderConfig(kind="groq", api_key=Secret("gsk-1")), senders)
    one, two = (provider.outbound("chat", target(provider), body) for body in (b"1", b"2"))
    assert one.head is two.head


@pytest.mark.parametrize(
    ("operation", "line"),
    [
        ("chat", b"POST /v1/openai/chat/completions HTTP/1.1\r\n"),
        ("embeddings", b"POST /v1/openai/embeddings HTTP/1.1\r\n"),
        ("models", b"GET /v1/openai/models HTTP/1.1\r\n"),
    ],
)
def test_operations_have_their_paths(senders: Senders, target: Make, operation: str, line: bytes) -> None:
    provider = build("g", ProviderConfig(kind="deepinfra", api_key=Secret("k")), senders)
    head = provider.outbound(operation, target(provider), b"").head  # type: ignore[arg-type]
    assert head.startswith(line)
    assert (b"content-type" in head) == line.startswith(b"POST")


def test_dialects_and_operations_follow_the_row(senders: Senders) -> None:
    openai = build("openai", ProviderConfig(kind="openai"), senders)
    assert openai.dialects("chat")[0] is openai_chat
    assert openai_completions in openai.dialects("chat")
    sambanova = build("s", ProviderConfig(kind="sambanova"), senders)
    assert [one.name for one in sambanova.dialects("chat")] == ["openai-chat"]
    assert [one.name for one in openai.dialects("embeddings")] == [embeddings.name]
    assert openai.dialects("count_tokens") == ()
    assert not openai.supports("count_tokens")
    groq = build("groq", ProviderConfig(kind="groq"), senders)
    assert not groq.supports("embeddings")
    assert groq.dialects("embeddings") == ()


def test_any_server_by_its_base_url(senders: Senders, target: Make) -> None:
    config = ProviderConfig(kind="openai-compatible", base_url="http://127.0.0.1:9100/v1")
    provider = build("local", config, senders)
    out = provider.outbound("chat", target(provider, timeouts=Timeouts(connect=1.5, headers=2.5)), b"{}")
    assert out.origin == Origin("127.0.0.1", 9100, False)
    assert b"authorization" not in out.head
    assert (out.connect_timeout, out.headers_timeout) == (1.5, 2.5)


def test_configured_headers_go_over_ours(senders: Senders, target: Make) -> None:
    config = ProviderConfig(
        kind="openai-compatible",
        base_url="http://h/v1",
        api_key=Secret("sk-1"),
        headers={"Authorization": "Basic eA==", "User-Agent": "mine"},
    )
    provider = build("p", config, senders)
    head = provider.outbound("chat", target(provider), b"").head
    assert b"authorization: Basic eA==\r\n" in head
    assert b"sk-1" not in head
    assert b"user-agent: mine\r\n" in head


def test_each_dialect_has_its_path(senders: Senders, target: Make) -> None:
    provider = build("v", ProviderConfig(kind="vllm"), senders)
    for spoken, line in (
        ("openai-chat", b"POST /v1/chat/completions "),
        ("openai-completions", b"POST /v1/completions "),
        ("", b"POST /v1/chat/completions "),
    ):
        assert provider.outbound("chat", target(provider), b"{}", spoken=spoken).head.startswith(line)


def test_a_gateway_upstream_has_headers_of_its_own(senders: Senders, target: Make) -> None:
    config = ProviderConfig(
        kind="portkey",
        api_key=Secret("pk-1"),
        headers={"x-portkey-provider": "openai", "authorization": "Bearer sk-1"},
    )
    provider = build("portkey", config, senders)
    head = provider.outbound("chat", target(provider), b"{}").head
    assert b"x-portkey-api-key: pk-1\r\n" in head and b"x-portkey-provider: openai\r\n" in head
    assert head.count(b"authorization: ") == 1 and b"authorization: Bearer sk-1\r\n" in head
    assert b"x-portkey-trace-id" in provider.forward
    litellm = build("litellm", ProviderConfig(kind="litellm", api_key=Secret("sk-2")), senders)
    out = litellm.outbound("chat", target(litellm), b"{}")
    assert out.origin == Origin("127.0.0.1", 4000, False) and b"authorization: Bearer sk-2\r\n" in out.head


def test_a_proxy_or_http2_asks_for_the_general_sender(senders: Senders) -> None:
    build("a", ProviderConfig(kind="openai"), senders)
    build("b", ProviderConfig(kind="openai", proxy="http://proxy:3128"), senders)
    build("c", ProviderConfig(kind="openai", http2=True), senders)
    assert senders.asked == [(None, False), ("http://proxy:3128", False), (None, True)]


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (ProviderConfig(kind="openai-compatible"), "base_url is missing"),
        (ProviderConfig(kind="openai", base_url="nonsense"), "must begin with http"),
        (ProviderConfig(kind="openai", api_key=Secret("a\r\nb")), "api_key has a line break"),
        (ProviderConfig(kind="openai", headers={"host": "x"}), "set by the gateway itself"),
        (ProviderConfig(kind="opena"), "'opena' is not known; the kinds are anthropic"),
        (ProviderConfig(kind="sandbox", base_url="http://h"), "neither base_url nor api_key"),
    ],
)
def test_a_bad_configuration_names_the_provider(senders: Senders, config: ProviderConfig, says: str) -> None:
    with pytest.raises(ValueError, match=rf"providers\.mine: .*{says}"):
        build("mine", config, senders)


def test_a_credential_is_in_no_representation(senders: Senders) -> None:
    provider = build("p", ProviderConfig(kind="openai", api_key=Secret("sk-hunter2")), senders)
    assert "hunter2" not in repr(provider)
