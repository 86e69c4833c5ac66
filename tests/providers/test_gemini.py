"""The Gemini API: its addresses, byte by byte."""

from collections.abc import Callable
from typing import Any

import pytest

from headgate.core.secret import Secret
from headgate.dialects import count_gemini, embed_content, gemini, gemini_array, gemini_embeddings
from headgate.providers import build
from headgate.providers.base import ProviderConfig, Target
from headgate.transport.base import Origin
from tests.dialects import recorded
from tests.providers.conftest import Senders

Make = Callable[..., Target]


def config(**fields: Any) -> ProviderConfig:
    return ProviderConfig(kind="gemini", **{"api_key": Secret("k-1"), **fields})


@pytest.mark.parametrize(
    ("operation", "spoken", "stream", "verb"),
    [
        ("chat", "gemini", False, "generateContent"),
        ("chat", "gemini", True, "streamGenerateContent?alt=sse"),
        ("chat", "gemini-array", False, "generateContent"),
        ("chat", "gemini-array", True, "streamGenerateContent"),
        ("count_tokens", "gemini-count-tokens", False, "countTokens"),
        ("embeddings", "gemini-embeddings", False, "batchEmbedContents"),
        ("embeddings", "gemini-embed-content", False, "embedContent"),
    ],
)
def test_the_path_names_the_model_and_what_to_do(
    senders: Senders, target: Make, operation: Any, spoken: str, stream: bool, verb: str
) -> None:
    provider = build("g", config(), senders)
    made = target(provider, "gemini-2.5-flash")
    out = provider.outbound(
        operation, made, b"{}", b"traceparent: 00\r\n", b"key=x&alt=sse", spoken=spoken, stream=stream
    )
    assert out.head == (
        f"POST /v1beta/models/gemini-2.5-flash:{verb} HTTP/1.1\r\nhost: generativelanguage.googleapis.com\r\n".encode()
        + out.head.partition(b"googleapis.com\r\n")[2]
    )
    assert b"x-goog-api-key: k-1\r\n" in out.head and b"content-type: application/json\r\n" in out.head
    assert (out.origin, out.extra) == (Origin("generativelanguage.googleapis.com", 443, True), b"traceparent: 00\r\n")


@pytest.mark.parametrize(
    ("base", "path"),
    [
        ("http://h:1", "/v1beta/models/m"),
        ("http://h:1/v1", "/v1/models/m"),
        ("http://h:1/v1beta/", "/v1beta/models/m"),
        ("http://h:1/v1beta/openai", "/v1beta/models/m"),
        ("http://h:1/google", "/google/v1beta/models/m"),
        ("http://h:1/google/v1alpha", "/google/v1alpha/models/m"),
    ],
)
def test_the_version_is_that_of_the_base_url(senders: Senders, target: Make, base: str, path: str) -> None:
    provider = build("g", config(base_url=base), senders)
    head = provider.outbound("chat", target(provider, "m"), b"", spoken="gemini").head
    assert head.startswith(f"POST {path}:generateContent HTTP/1.1\r\nhost: h:1\r\n".encode())


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("models/m", "models/m"),
        ("tunedModels/my-1", "tunedModels/my-1"),
        ("a b?c\r\nx: y", "models/a%20b%3Fc%0D%0Ax:%20y"),
        ("ä/b", "models/%C3%A4/b"),
    ],
)
def test_a_models_name_cannot_leave_its_place(senders: Senders, target: Make, model: str, path: str) -> None:
    provider = build("g", config(), senders)
    head = provider.outbound("chat", target(provider, model), b"", spoken="gemini").head
    assert head.startswith(f"POST /v1beta/{path}:generateContent HTTP/1.1\r\n".encode())


def test_recorded_paths_are_the_ones_that_are_asked(senders: Senders, target: Make) -> None:
    provider, paths = build("g", config(), senders), set()
    for row in recorded.every("gemini"):
        path, stream = row["request"]["path"], row["api"].endswith("stream")
        model = path.rpartition("/")[2].partition(":")[0]
        out = provider.outbound("chat", target(provider, model), b"", spoken="gemini", stream=stream)
        assert out.head.startswith(f"POST {path}{'?alt=sse' if stream else ''} HTTP/1.1\r\n".encode())
        paths.add(path)
    assert len(paths) >= 4


def test_what_it_offers(senders: Senders, target: Make) -> None:
    provider = build("g", config(), senders)
    assert provider.dialects("chat") == (gemini, gemini_array)
    assert provider.dialects("count_tokens") == (count_gemini,)
    assert provider.dialects("embeddings") == (gemini_embeddings, embed_content)
    assert provider.supports("models") and not provider.supports("rerank") and provider.dialects("rerank") == ()
    assert provider.prepare is None
    listed = provider.outbound("models", target(provider), b"").head
    assert listed.startswith(b"GET /v1beta/models?pageSize=1000 HTTP/1.1\r\n") and b"content-type" not in listed


def test_any_path_of_its_own(senders: Senders) -> None:
    provider = build("g", config(), senders)
    out = provider.raw("GET", "/v1beta/files", b"pageSize=2", [(b"accept", b"x")], b"")
    assert out.head.startswith(b"GET /v1beta/files?pageSize=2 HTTP/1.1\r\n")
    assert b"x-goog-api-key: k-1\r\n" in out.extra
    heard = provider.heard("POST", "/v1beta/models/a%2Fb:streamGenerateContent")
    assert heard is not None
    assert (heard.operation, heard.dialect, heard.model, heard.stream) == ("chat", gemini_array, "a/b", True)
    for method, path in (
        ("GET", "/v1beta/models/m:generateContent"),
        ("POST", "/v1beta/models/m:predict"),
        ("POST", "/x"),
    ):
        assert provider.heard(method, path) is None
