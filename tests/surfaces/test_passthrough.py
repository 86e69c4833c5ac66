"""Paths, header lines and prices of calls that are passed on to a provider's own API."""

from collections.abc import Sequence
from typing import Any

import pytest

from headgate.access.types import Budget, Principal
from headgate.core.call import Call
from headgate.core.errors import BadRequest, NotFound
from headgate.core.money import Price
from headgate.core.secret import Secret
from headgate.dialects import anthropic_messages, embeddings, openai_chat, transcriptions
from headgate.pipeline.forward import fee
from headgate.pipeline.onward import onward
from headgate.providers.base import ProviderConfig
from headgate.providers.catalog import row
from headgate.providers.compatible import Compatible
from headgate.providers.endpoint import endpoint
from headgate.providers.gemini import Gemini
from headgate.providers.raw import below
from headgate.providers.twin import twin
from headgate.surfaces.passthrough import divided
from headgate.transport.base import Outbound


@pytest.mark.parametrize(
    ("rest", "path"),
    [
        (b"up/files", "/files"),
        (b"up", "/"),
        (b"up/", "/"),
        (b"up/files/", "/files/"),
        (b"up/a.b/..c/c..", "/a.b/..c/c.."),
        (b"up/model/arn%3Aaws%3Abedrock%2Fx/converse", "/model/arn%3Aaws%3Abedrock%2Fx/converse"),
        (b"up/v1beta/models/m:generateContent", "/v1beta/models/m:generateContent"),
        (b"up/a;b=1/@c", "/a;b=1/@c"),
    ],
)
def test_a_path_is_taken_as_it_came(rest: bytes, path: str) -> None:
    assert divided(rest) == ("up", path)


@pytest.mark.parametrize(
    "rest",
    [
        b"", b"/x", b"-up/x", b"u p/x", b"up//x", b"up/..", b"up/../x", b"up/./x", b"up/%2e%2e/x", b"up/.%2E/x", b"up/a%2F..",
        b"up/%252e%252e", b"up/%25252e.", b"up/..%5Cx", b"up/a%0A", b"up/a%250a", b"up/a%7f", b"up/%", b"up/%1", b"up/a b",
        b"up/\xff", b"up/a\"b", b"up/a#b",
        b"up/chat/%63ompletions", b"up/chat%2d", b"up/%5f", b"up/%7Ex", b"up/a%31", b"up/" + b"x" * 2048,
    ],
)  # fmt: skip
def test_a_path_that_can_be_read_in_two_ways_is_refused(rest: bytes) -> None:
    with pytest.raises(NotFound):
        divided(rest)


@pytest.mark.parametrize(
    ("base", "path", "found"),
    [
        ("https://h/v1", "/files", "/files"),
        ("https://h/v1", "/v1/files", "/files"),
        ("https://h/v1", "/v1", "/v1"),
        ("https://h/v1", "/v10/files", "/v10/files"),
        ("https://h/openai/v1", "/openai/v1/files", "/files"),
        ("https://h/openai/v1", "/v1/files", "/files"),
        ("https://h/openai/v1", "/openai/files", "/openai/files"),
        ("https://h", "/v1/files", "/v1/files"),
    ],
)
def test_a_path_may_repeat_the_end_of_the_base_url(base: str, path: str, found: str) -> None:
    assert below(endpoint(base), path) == found


def sent(headers: Sequence[tuple[bytes, bytes]] = (), path: str = "/files", query: bytes = b"") -> Outbound:
    config = ProviderConfig(
        kind="openai", base_url="https://h:8443/v1", api_key=Secret("sk-1"), headers={"X-Team": "blue"}
    )
    sender: Any = None
    provider = Compatible("up", config, row("openai"), sender)
    return provider.raw("PUT", path, query, headers, b"{}")


def test_a_call_is_signed_as_ours() -> None:
    out = sent([(b"content-type", b"text/x"), (b"x-team", b"red"), (b"user-agent", b"me"), (b"openai-project", b"p")])
    assert out.head == b"PUT /v1/files HTTP/1.1\r\nhost: h:8443\r\n" and out.body == b"{}"
    lines = out.extra.decode().split("\r\n")
    assert {"authorization: Bearer sk-1", "content-type: text/x", "x-team: blue", "openai-project: p"} <= set(lines)
    assert sum(line.startswith("user-agent: ") for line in lines) == 1 and "user-agent: me" not in lines
    assert "accept-encoding: identity" in lines


def test_a_query_goes_along() -> None:
    assert sent(query=b"after=a%20b&limit=2").head.startswith(b"PUT /v1/files?after=a%20b&limit=2 HTTP/1.1\r\n")


def test_what_a_path_stands_for() -> None:
    config, sender = ProviderConfig(kind="openai", base_url="https://h/v1"), None
    provider = Compatible("up", config, row("openai"), sender)  # type: ignore[arg-type]
    for path, operation, dialect in (
        ("/chat/completions", "chat", openai_chat),
        ("/v1/embeddings", "embeddings", embeddings),
        ("/v1/audio/transcriptions", "transcription", transcriptions),
    ):
        heard = provider.heard("POST", path)
        assert heard is not None and (heard.operation, heard.dialect) == (operation, dialect)
    assert provider.heard("GET", "/chat/completions") is None
    assert provider.heard("POST", "/chat/completions/") is None
    assert provider.heard("POST", "/files") is None


@pytest.mark.parametrize(
    "path",
    [
        "/chat/completions/", "/Chat/Completions", "/v1/chat/COMPLETIONS", "/chat;a=1/completions", "/chat%2Fcompletions",
        "/chat/completions%2F", "/chat%2F%2Fcompletions", "/v1%252Fchat/completions", "/embeddings;/",
    ],
)  # fmt: skip
def test_what_may_be_taken_for_a_known_path(path: str) -> None:
    sender: Any = None
    provider = Compatible("up", ProviderConfig(kind="openai", base_url="https://h/v1"), row("openai"), sender)
    assert provider.heard("POST", path) is None
    assert twin(provider, path) is not None


def test_of_googles_paths_too() -> None:
    sender: Any = None
    provider = Gemini("g", ProviderConfig(kind="gemini", base_url="https://h"), row("gemini"), sender)
    for path in (
        "/v1beta/models/m%3AgenerateContent",
        "/v1beta/models/m:generatecontent",
        "/v1beta/Models/m:embedContent/",
    ):
        assert provider.heard("POST", path) is None and twin(provider, path) is not None
    for path in ("/v1beta/models/m:batchGenerateContent", "/v1beta/files", "/upload/v1beta/files"):
        assert twin(provider, path) is None


def test_anthropics_paths_are_known_with_either_base() -> None:
    from headgate.providers.anthropic import Anthropic

    sender: Any = None
    for base in ("https://h", "https://h/v1"):
        provider = Anthropic("c", ProviderConfig(kind="anthropic", base_url=base), row("anthropic"), sender)
        heard = provider.heard("POST", "/v1/messages")
        assert heard is not None and heard.dialect is anthropic_messages
        assert provider.raw("GET", "/v1/files", b"", [], b"").head.startswith(b"GET /v1/files HTTP")
        own = provider.raw("GET", "/v1/files", b"", [(b"anthropic-version", b"2026-10-21")], b"").extra
        assert own.count(b"anthropic-version: ") == 1 and b"anthropic-version: 2026-10-21" in own


def test_lines_of_one_connection_and_credentials_stay_here() -> None:
    given = [
        (b"connection", b"keep-alive, X-Once"), (b"x-once", b"1"), (b"authorization", b"Bearer hg_x"),
        (b"x-api-key", b"hg_x"), (b"x-goog-api-key", b"hg_x"), (b"cookie", b"a=b"), (b"x-headgate-user", b"u"),
        (b"x-forwarded-host", b"h"), (b"expect", b"100-continue"), (b"content-length", b"5"),
        (b"x-kept", b"yes"), (b"x-bad", b"a\r\nx-evil: 1"), (b"traceparent", b"00-1"),
    ]  # fmt: skip
    assert onward(given) == [(b"x-kept", b"yes"), (b"traceparent", b"00-1")]


def called(budget: bool) -> Call:
    who = Principal(kind="key", id="k", tenant_id="t", name="n", budgets=(Budget(1, "day"),) if budget else ())
    call = Call(surface="passthrough", operation="raw", dialect=openai_chat, link=None, headers=[], t0=0.0)
    call.who = who
    return call


class At:
    """A target of which only the price matters."""

    name = "up/*"

    def __init__(self, price: Price | None) -> None:
        self.price = price
        self.provider = self


@pytest.mark.parametrize(
    ("method", "price", "budget", "cost"),
    [
        ("GET", None, True, Price()),
        ("DELETE", Price(input=5), True, Price()),
        ("POST", None, False, None),
        ("POST", Price(input=5), False, None),
        ("POST", Price(input=5, request=7), True, Price(request=7)),
        ("POST", Price(), True, Price()),  # a machine of one's own: everything was written to cost nothing
    ],
)
def test_what_a_call_costs(method: str, price: Price | None, budget: bool, cost: Price | None) -> None:
    at: Any = At(price)
    assert fee(called(budget), at, method) == cost


@pytest.mark.parametrize("price", [None, Price(input=5)])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_under_a_budget_a_cost_must_be_known(method: str, price: Price | None) -> None:
    at: Any = At(price)
    with pytest.raises(BadRequest) as refused:
        fee(called(True), at, method)
    assert refused.value.code == "price_unknown" and "price: {request: ...}" in refused.value.message
