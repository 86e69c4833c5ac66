"""Azure OpenAI: its addresses, byte by byte, and the tokens of Entra ID."""

import asyncio
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import pytest

from headgate.core.errors import UpstreamFailed
from headgate.core.secret import Secret
from headgate.dialects import openai_chat, openai_completions, openai_responses
from headgate.providers import build, renewal
from headgate.providers.base import ProviderConfig, Target, Timeouts
from headgate.transport.base import Inbound, Origin, Outbound, Sender
from tests.dialects import recorded
from tests.providers.conftest import Answer, Senders

Make = Callable[..., Target]
HOST = "https://res.openai.azure.com"


def config(**fields: Any) -> ProviderConfig:
    return ProviderConfig(kind="azure", **{"base_url": HOST, "api_key": Secret("k-1"), **fields})


@pytest.mark.parametrize("base", [HOST, f"{HOST}/", f"{HOST}/openai", f"{HOST}/openai/v1/"])
def test_by_v1_a_deployment_is_a_model(senders: Senders, target: Make, base: str) -> None:
    provider = build("azure", config(base_url=base), senders)
    out = provider.outbound("chat", target(provider, "gpt"), b"{}", b"traceparent: 00\r\n", spoken="openai-chat")
    assert out.head.startswith(b"POST /openai/v1/chat/completions HTTP/1.1\r\nhost: res.openai.azure.com\r\n")
    assert b"api-key: k-1\r\n" in out.head and b"authorization" not in out.head
    assert (out.origin, out.extra) == (Origin("res.openai.azure.com", 443, True), b"traceparent: 00\r\n")
    assert provider.outbound("models", target(provider), b"").head.startswith(b"GET /openai/v1/models HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("spoken", "operation", "path"),
    [
        ("openai-chat", "chat", b"chat/completions"),
        ("openai-completions", "chat", b"completions"),
        ("openai-embeddings", "embeddings", b"embeddings"),
        ("openai-images", "images", b"images/generations"),
        ("openai-speech", "speech", b"audio/speech"),
        ("openai-transcriptions", "transcription", b"audio/transcriptions"),
        ("openai-translations", "transcription", b"audio/translations"),
        ("", "chat", b"chat/completions"),
    ],
)
def test_by_a_date_the_path_names_the_deployment(
    senders: Senders, target: Make, spoken: str, operation: Any, path: bytes
) -> None:
    provider = build("azure", config(api_version="2024-10-21"), senders)
    out = provider.outbound(operation, target(provider, "my dep/1"), b"{}", spoken=spoken)
    line = b"POST /openai/deployments/my%20dep%2F1/" + path + b"?api-version=2024-10-21 HTTP/1.1\r\n"
    assert out.head.startswith(line) and out.head.endswith(b"api-key: k-1\r\n")
    listed = provider.outbound("models", target(provider), b"").head
    assert listed.startswith(b"GET /openai/models?api-version=2024-10-21 HTTP/1.1\r\n")
    assert (b"content-type" in out.head) == (operation != "transcription"), "a form brings its own"
    by_v1 = build("azure", config(), senders)
    head = by_v1.outbound(operation, target(by_v1, "d"), b"{}", spoken=spoken).head
    assert head.startswith(b"POST /openai/v1/" + path + b" HTTP/1.1\r\n")


def test_recorded_paths_are_the_ones_that_are_asked(senders: Senders, target: Make) -> None:
    paths = set()
    for row in recorded.every("azure"):
        version, path = row["request"]["query"].get("api-version"), row["request"]["path"]
        if version is None:
            continue
        provider = build("azure", config(base_url=f"https://{row['request']['host']}", api_version=version), senders)
        deployment, operation = path.split("/")[3], "embeddings" if path.endswith("embeddings") else "chat"
        out = provider.outbound(operation, target(provider, deployment), b"")  # type: ignore[arg-type]
        assert out.head.startswith(f"POST {path}?api-version={version} HTTP/1.1\r\n".encode())
        paths.add(path)
    assert len(paths) == 3


def test_a_preview_is_asked_for_in_the_query(senders: Senders, target: Make) -> None:
    provider = build("azure", config(api_version="preview", headers={"x-ms-a": "b"}, api_key=None), senders)
    head = provider.outbound("chat", target(provider, timeouts=Timeouts(connect=1.5)), b"").head
    assert head.startswith(b"POST /openai/v1/chat/completions?api-version=preview HTTP/1.1\r\n")
    assert head.endswith(b"x-ms-a: b\r\n") and provider.prepare is None


def test_what_it_offers(senders: Senders) -> None:
    provider = build("azure", config(), senders)
    assert {openai_chat, openai_completions} <= set(provider.dialects("chat"))
    assert all(provider.supports(one) for one in ("embeddings", "images", "speech", "transcription"))
    assert not provider.supports("count_tokens") and not provider.supports("moderations")
    assert provider.dialects("rerank") == () and openai_responses in provider.dialects("chat")
    dated = build("azure", config(api_version="2024-10-21"), senders)
    assert openai_responses not in dated.dialects("chat"), "its path there names no deployment"


def test_any_path_of_its_own(senders: Senders) -> None:
    by_v1 = build("azure", config(), senders)
    out = by_v1.raw("GET", "/openai/v1/files", b"", [(b"accept", b"x")], b"")
    assert out.head.startswith(b"GET /openai/v1/files HTTP/1.1\r\n") and b"api-key: k-1\r\n" in out.extra
    heard = by_v1.heard("POST", "/openai/v1/chat/completions")
    assert heard is not None and heard.dialect is openai_chat
    dated = build("azure", config(api_version="2024-10-21"), senders)
    path = "/openai/deployments/d/chat/completions"
    assert dated.raw("POST", path, b"", [], b"").head.startswith(f"POST {path}?api-version=2024-10-21 ".encode())
    assert dated.raw("POST", path, b"api-version=x", [], b"").head.startswith(f"POST {path}?api-version=x ".encode())
    heard = dated.heard("POST", path)
    assert heard is not None and heard.dialect is openai_chat
    assert dated.heard("GET", path) is None


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"base_url": None}, "base_url is missing"),
        ({"api_version": "2024"}, "api_version '2024' is neither 'v1' nor a date"),
        ({"tenant": "t"}, "both api_key and an identity"),
        ({"api_key": None, "tenant": "t", "client_id": "c"}, "belong together"),
        ({"api_key": None, "managed_identity": True, "tenant": "t"}, "needs neither tenant nor client_secret"),
        ({"api_key": None, "managed_identity": True, "token_url": "ftp://h"}, "token_url must begin with http"),
    ],
)
def test_a_bad_configuration_says_what_to_change(senders: Senders, fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=rf"providers\.mine: .*{says}"):
        build("mine", config(**fields), senders)


class Login(Senders):
    """Answers every request alike, and remembers them."""

    def __init__(self, *answers: Answer) -> None:
        super().__init__()
        self.answers, self.sent = list(answers), list[Outbound]()

    def get(self, *, proxy: str | None = None, http2: bool = False, ca: str | None = None) -> Sender:
        return self

    async def send(self, out: Outbound) -> Inbound:
        self.sent.append(out)
        await asyncio.sleep(0)
        return self.answers[min(len(self.sent), len(self.answers)) - 1]

    async def close(self) -> None: ...


def granted(token: str, seconds: int | str = 3600) -> Answer:
    return Answer(200, json.dumps({"access_token": token, "expires_in": seconds, "token_type": "Bearer"}).encode())


CLIENT = {"api_key": None, "tenant": "t 1", "client_id": "c", "client_secret": Secret("s&1")}


async def test_client_credentials_are_asked_for_once(target: Make) -> None:
    login = Login(granted("tok-1"))
    provider = build("azure", config(**CLIENT), login)
    assert provider.prepare is not None
    waits = [provider.prepare() for _ in range(5)]
    for wait in waits:
        assert wait is not None
        await wait
    assert provider.prepare() is None and len(login.sent) == 1 and login.answers[0].closed
    asked = login.sent[0]
    assert asked.head.startswith(b"POST /t%201/oauth2/v2.0/token HTTP/1.1\r\nhost: login.microsoftonline.com\r\n")
    assert {k: v[0] for k, v in parse_qs(asked.body.decode()).items()} == {
        "client_id": "c",
        "client_secret": "s&1",
        "grant_type": "client_credentials",
        "scope": "https://cognitiveservices.azure.com/.default",
    }
    out = provider.outbound("chat", target(provider), b"{}", b"a: b\r\n")
    assert out.extra == b"authorization: Bearer tok-1\r\na: b\r\n" and b"api-key" not in out.head
    assert b"authorization: Bearer tok-1\r\n" in provider.raw("GET", "/files", b"", [], b"").extra
    assert "s&1" not in repr(asked)


async def test_the_identity_of_the_machine() -> None:
    login = Login(granted("tok", "86400"))
    identity = {"api_key": None, "managed_identity": True, "client_id": "me"}
    provider = build("azure", config(**identity), login)
    assert provider.prepare is not None
    wait = provider.prepare()
    assert wait is not None
    await wait
    head = login.sent[0].head.decode()
    assert head.startswith("GET /metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2F")
    assert "&client_id=me HTTP/1.1\r\nhost: 169.254.169.254\r\n" in head and "metadata: true\r\n" in head
    other = Login(granted("tok"))
    here = build("azure", config(**identity, token_url="http://127.0.0.1:9/msi?x=1"), other)
    assert here.prepare is not None
    wait = here.prepare()
    assert wait is not None
    await wait
    assert other.sent[0].head.startswith(b"GET /msi?x=1&api-version=2018-02-01&resource=")


async def test_a_token_is_renewed_before_it_ends(monkeypatch: pytest.MonkeyPatch, target: Make) -> None:
    clock = [1000.0]
    monkeypatch.setattr(renewal, "monotonic", lambda: clock[0])
    login = Login(granted("one", 3600), Answer(500, b""), granted("two", 3600))
    provider = build("azure", config(**CLIENT), login)
    assert provider.prepare is not None
    wait = provider.prepare()
    assert wait is not None
    await wait
    clock[0] += 3301  # within the last five minutes: calls go on with the old token
    assert provider.prepare() is None
    await asyncio.sleep(0.01)
    assert provider.outbound("chat", target(provider), b"").extra == b"authorization: Bearer one\r\n"
    clock[0] += 10
    assert provider.prepare() is None and len(login.sent) == 2  # it failed, and is not asked again at once
    clock[0] += 30
    assert provider.prepare() is None
    await asyncio.sleep(0.01)
    assert provider.outbound("chat", target(provider), b"").extra == b"authorization: Bearer two\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        Answer(401, b'{"error":"invalid_client"}'),
        Answer(200, b"<html>"),
        Answer(200, b'{"x":' + b"[" * 9000),
        granted("t", "soon"),
        granted("a\r\nb: c"),
    ],
)
async def test_without_a_token_the_call_fails_by_name(answer: Answer) -> None:
    login = Login(answer)
    provider = build("azure", config(**CLIENT), login)
    assert provider.prepare is not None
    for _ in range(2):
        wait = provider.prepare()
        assert wait is not None
        with pytest.raises(UpstreamFailed) as caught:
            await wait
        assert (caught.value.code, caught.value.status) == ("upstream_auth_error", 502)
    assert len(login.sent) == 2


async def test_who_leaves_takes_the_token_from_nobody() -> None:
    login = Login(granted("tok"))
    provider = build("azure", config(**CLIENT), login)
    assert provider.prepare is not None
    first, second = provider.prepare(), provider.prepare()
    assert first is not None and second is not None
    leaving = asyncio.ensure_future(first)
    await asyncio.sleep(0)
    leaving.cancel()
    await second
    assert provider.prepare() is None and len(login.sent) == 1
