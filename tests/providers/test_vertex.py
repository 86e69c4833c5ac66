"""Vertex AI: its addresses, byte by byte, and the tokens of Google Cloud."""

import asyncio
import json
from base64 import urlsafe_b64decode
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from headgate.core.errors import UpstreamFailed
from headgate.core.secret import Secret
from headgate.dialects import anthropic_messages, count_gemini, count_tokens, gemini, gemini_array
from headgate.providers import build, renewal
from headgate.providers.base import ProviderConfig, Target, dialects_of
from headgate.providers.discover import from_environment
from headgate.providers.vertex import host, published
from headgate.transport.base import Inbound, Origin, Outbound, Sender
from tests.dialects import recorded
from tests.providers.conftest import Answer, Senders

Make = Callable[..., Target]
MACHINE = "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token"


@cache
def private() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)


def key_file(**fields: Any) -> str:
    pem = private().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    whole = {
        "type": "service_account",
        "project_id": "from-key",
        "client_email": "me@from-key.iam.gserviceaccount.com",
        "private_key": pem.decode(),
        "private_key_id": "kid-1",
        "token_uri": "https://oauth2.googleapis.com/token",
    }
    return json.dumps({**whole, **fields})


def config(**fields: Any) -> ProviderConfig:
    return ProviderConfig(kind="vertex", **{"project": "p-1", "region": "europe-west4", "token_url": MACHINE, **fields})


class Tokens:
    """Hands out one token after the other; all senders are this one."""

    def __init__(self, *answers: Answer, slow: bool = False) -> None:
        self.asked: list[Outbound] = []
        self.answers = list(answers)
        self.gate = asyncio.Event()
        if not slow:
            self.gate.set()

    def get(self, *, proxy: str | None = None, http2: bool = False, ca: str | None = None) -> Sender:
        return self

    async def send(self, out: Outbound) -> Inbound:
        self.asked.append(out)
        await self.gate.wait()
        return self.answers.pop(0)

    async def close(self) -> None:
        """Nothing is open."""


def granted(token: str, seconds: Any = 3600) -> Answer:
    return Answer(200, json.dumps({"access_token": token, "expires_in": seconds, "token_type": "Bearer"}).encode())


@pytest.mark.parametrize(
    ("region", "at"),
    [
        ("global", "aiplatform.googleapis.com"),
        ("us", "aiplatform.us.rep.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
        ("europe-west4", "europe-west4-aiplatform.googleapis.com"),
    ],
)
def test_where_a_location_is(senders: Senders, target: Make, region: str, at: str) -> None:
    assert host(region) == at
    provider = build("v", config(region=region), senders)
    out = provider.outbound("chat", target(provider, "gemini-2.5-pro"), b"{}", spoken="gemini")
    path = f"/v1beta1/projects/p-1/locations/{region}/publishers/google/models/gemini-2.5-pro:generateContent"
    assert out.head.startswith(f"POST {path} HTTP/1.1\r\nhost: {at}\r\n".encode())
    assert out.origin == Origin(at, 443, True)


@pytest.mark.parametrize(
    ("model", "publisher", "bare"),
    [
        ("gemini-2.5-pro", "google", "gemini-2.5-pro"),
        ("claude-opus-4-5@20251101", "anthropic", "claude-opus-4-5@20251101"),
        ("anthropic/claude-x", "anthropic", "claude-x"),
        ("publishers/google/models/gemini-3-pro", "google", "gemini-3-pro"),
        ("text-embedding-005", "google", "text-embedding-005"),
    ],
)
def test_who_publishes_a_model(model: str, publisher: str, bare: str) -> None:
    assert published(model) == (publisher, bare)


@pytest.mark.parametrize(
    ("operation", "spoken", "stream", "verb"),
    [
        ("chat", "gemini", True, "streamGenerateContent?alt=sse"),
        ("chat", "gemini-array", True, "streamGenerateContent"),
        ("count_tokens", "gemini-count-tokens", False, "countTokens"),
        ("embeddings", "vertex-embeddings", False, "predict"),
    ],
)
def test_what_googles_models_are_asked(
    senders: Senders, target: Make, operation: Any, spoken: str, stream: bool, verb: str
) -> None:
    provider = build("v", config(), senders)
    out = provider.outbound(operation, target(provider, "gemini-x"), b"{}", spoken=spoken, stream=stream)
    assert f"/publishers/google/models/gemini-x:{verb} HTTP/1.1\r\n".encode() in out.head and out.body == b"{}"


@pytest.mark.parametrize(("stream", "verb"), [(False, "rawPredict"), (True, "streamRawPredict")])
def test_claude_is_asked_in_its_own_words(senders: Senders, target: Make, stream: bool, verb: str) -> None:
    provider = build("v", config(), senders)
    body = b'{"model":"claude-x","max_tokens":5,"messages":[],"n":1.50}'
    made = target(provider, "claude-x@1")
    out = provider.outbound("chat", made, body, b"anthropic-beta: a\r\n", spoken="anthropic-messages", stream=stream)
    path = f"/v1/projects/p-1/locations/europe-west4/publishers/anthropic/models/claude-x@1:{verb}"
    assert out.head.startswith(f"POST {path} HTTP/1.1\r\n".encode()) and b"anthropic-beta: a\r\n" in out.extra
    assert out.body == b'{"anthropic_version":"vertex-2023-10-16","max_tokens":5,"messages":[],"n":1.50}'
    counted = provider.outbound("count_tokens", made, body, spoken="anthropic-count-tokens")
    assert b"/publishers/anthropic/models/count-tokens:rawPredict " in counted.head
    assert json.loads(counted.body)["model"] == "claude-x"


def test_each_model_speaks_its_publishers_dialect(senders: Senders, target: Make) -> None:
    provider = build("v", config(), senders)
    google, claude = target(provider, "gemini-2.5-pro"), target(provider, "claude-x")
    assert dialects_of(google, "chat") == (gemini, gemini_array)
    assert dialects_of(claude, "chat") == (anthropic_messages,)
    assert dialects_of(google, "count_tokens") == (count_gemini,)
    assert dialects_of(claude, "count_tokens") == (count_tokens,)
    assert dialects_of(claude, "embeddings") == ()
    assert set(provider.dialects("chat")) == {gemini, gemini_array, anthropic_messages}
    assert provider.supports("embeddings") and not provider.supports("models")


def test_recorded_paths_are_the_ones_that_are_asked(senders: Senders, target: Make) -> None:
    same = 0
    for row in recorded.every("vertex"):
        path, stream = row["request"]["path"], row["api"].endswith("stream")
        _, _, _, project, _, region, *_ = path.split("/")
        provider = build("v", config(project=project, region=region), senders)
        made = target(provider, path.rpartition("/")[2].partition(":")[0])
        out = provider.outbound("chat", made, b"", spoken="gemini-array", stream=stream)
        asked = out.head.partition(b" HTTP")[0].decode()
        assert asked.partition("/projects/")[2] == path.partition("/projects/")[2]
        same += 1
    assert same == 27


def test_any_path_of_its_own(senders: Senders) -> None:
    provider = build("v", config(), senders)
    provider.renewed.value = b"authorization: Bearer t\r\n"  # type: ignore[attr-defined]
    out = provider.raw("GET", "/v1/projects/p-1/locations/europe-west4/models", b"", [], b"")
    assert b"authorization: Bearer t\r\n" in out.extra
    path = "/v1/projects/p/locations/r/publishers/google/models/gemini-x:generateContent"
    heard = provider.heard("POST", path)
    assert heard is not None and (heard.model, heard.dialect) == ("gemini-x", gemini)
    assert provider.heard("POST", path.replace("google", "anthropic")) is None


def test_an_api_key_needs_no_project_and_no_token(senders: Senders, target: Make) -> None:
    provider = build("v", ProviderConfig(kind="vertex", api_key=Secret("AIza1")), senders)
    head = provider.outbound("chat", target(provider, "gemini-x"), b"", spoken="gemini").head
    assert head.startswith(b"POST /v1beta1/publishers/google/models/gemini-x:generateContent HTTP/1.1\r\n")
    assert b"x-goog-api-key: AIza1\r\n" in head and provider.prepare is None


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"region": "Europe West"}, "region is no location"),
        ({"project": None}, "project is missing"),
        ({"project": "a/b"}, "project is no id"),
        ({"token_url": None}, "credentials are missing"),
        ({"token_url": "ftp://h"}, "token_url must begin with http"),
        ({"token_url": None, "credentials": Secret("/nowhere/key.json")}, "cannot be read: No such file"),
        ({"token_url": None, "credentials": Secret('{"type":5}')}, "no key file of Google's"),
        ({"token_url": None, "credentials": Secret('{"type":"external_account"}')}, "neither a service account's key"),
        ({"token_url": None, "credentials": Secret(key_file(token_uri="http://evil.example/token"))}, "not https"),
    ],
)
def test_a_bad_configuration_says_what_to_change(senders: Senders, fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=rf"providers\.mine: .*{says}") as refused:
        build("mine", config(**fields), senders)
    assert "PRIVATE" not in str(refused.value)


def test_the_environment_of_googles_own_tools(tmp_path: Path) -> None:
    file = tmp_path / "key.json"
    file.write_text(key_file())
    environ = {"GOOGLE_APPLICATION_CREDENTIALS": str(file)}
    found = from_environment(environ)["vertex"]
    assert (found.project, found.region) == ("from-key", None) and found.credentials is not None
    found = from_environment({**environ, "GOOGLE_CLOUD_PROJECT": "p", "GOOGLE_CLOUD_LOCATION": "eu"})["vertex"]
    assert (found.project, found.region) == ("p", "eu")
    file.write_text(key_file(type="external_account"))
    assert "vertex" not in from_environment(environ)
    assert "vertex" not in from_environment({"GOOGLE_APPLICATION_CREDENTIALS": "/nowhere"})


# --- tokens ---


async def test_a_service_account_signs_for_its_token(tmp_path: Path, target: Make) -> None:
    file = tmp_path / "key.json"
    file.write_text(key_file())
    for credentials in (str(file), key_file()):
        tokens = Tokens(granted("t-1"))
        provider = build("v", config(token_url=None, project=None, credentials=Secret(credentials)), tokens)
        assert provider.prepare is not None
        waiting = provider.prepare()
        assert waiting is not None
        await waiting
        assert provider.prepare() is None
        out = provider.outbound("chat", target(provider, "gemini-x"), b"", spoken="gemini")
        assert out.extra == b"authorization: Bearer t-1\r\n" and b"/projects/from-key/" in out.head
        asked = tokens.asked[0]
        assert asked.head.startswith(b"POST /token HTTP/1.1\r\nhost: oauth2.googleapis.com\r\n")
        form = parse_qs(asked.body.decode())
        assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
        check(form["assertion"][0])


def check(assertion: str) -> None:
    head, claims, signature = assertion.split(".")
    private().public_key().verify(decoded(signature), f"{head}.{claims}".encode(), PKCS1v15(), hashes.SHA256())
    assert json.loads(decoded(head)) == {"alg": "RS256", "typ": "JWT", "kid": "kid-1"}
    said = json.loads(decoded(claims))
    assert said["iss"] == "me@from-key.iam.gserviceaccount.com" and said["aud"] == "https://oauth2.googleapis.com/token"
    assert said["exp"] - said["iat"] == 3600 and said["scope"].endswith("/auth/cloud-platform")


def decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


async def test_a_users_login_and_a_machine() -> None:
    login = json.dumps({"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r"})
    tokens = Tokens(granted("t"))
    provider = build("v", config(token_url=None, credentials=Secret(login)), tokens)
    await first(provider)
    assert parse_qs(tokens.asked[0].body.decode())["refresh_token"] == ["r"]
    tokens = Tokens(granted("t", "3599"))
    await first(build("v", config(), tokens))
    head = tokens.asked[0].head
    assert head.startswith(b"GET /computeMetadata/v1/instance/service-accounts/default/token HTTP/1.1\r\n")
    assert b"metadata-flavor: Google\r\n" in head


async def first(provider: Any) -> None:
    waiting = provider.prepare()
    assert waiting is not None
    await waiting


async def test_one_fetch_serves_all_who_wait() -> None:
    tokens = Tokens(granted("t"), slow=True)
    provider = build("v", config(), tokens)
    assert provider.prepare is not None
    waiting = [asyncio.ensure_future(one) for one in (provider.prepare(), provider.prepare()) if one is not None]
    await asyncio.sleep(0)
    waiting[0].cancel()  # one who leaves takes it from nobody else
    tokens.gate.set()
    await waiting[1]
    assert len(tokens.asked) == 1 and provider.prepare() is None


async def test_a_token_is_renewed_before_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(renewal, "monotonic", lambda: now)
    tokens = Tokens(granted("t-1"), Answer(500, b""), granted("t-2"), granted("t-3", 0))
    provider: Any = build("v", config(), tokens)
    await first(provider)
    now += 3600 - renewal.EARLY + 1
    assert provider.prepare() is None, "the old one is still good"
    await asyncio.sleep(0.01)
    assert len(tokens.asked) == 2 and provider.renewed.value.endswith(b"t-1\r\n"), "that try failed"
    assert provider.prepare() is None and len(tokens.asked) == 2
    now += renewal.AGAIN + 1
    assert provider.prepare() is None
    await asyncio.sleep(0.01)
    assert provider.renewed.value.endswith(b"t-2\r\n")
    now += 4000
    await first(provider)
    assert provider.renewed.value.endswith(b"t-3\r\n")


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Answer(400, b'{"error":"invalid_grant"}'), "refused the gateway's own credential"),
        (Answer(200, b"<html>"), "answered without a token"),
        (Answer(200, b'{"access_token":"a\\r\\nx: y","expires_in":5}'), "answered without a token"),
    ],
)
async def test_a_token_that_is_not_given(answer: Answer, says: str) -> None:
    provider = build("v", config(), Tokens(answer))
    with pytest.raises(UpstreamFailed, match=says) as failed:
        await first(provider)
    assert (failed.value.status, failed.value.code, failed.value.billed) == (502, "upstream_auth_error", "none")
    assert answer.closed


async def test_a_broken_private_key_is_told() -> None:
    broken = key_file(private_key="-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n")
    provider = build("v", config(token_url=None, credentials=Secret(broken)), Tokens())
    with pytest.raises(UpstreamFailed, match="private key in the credentials cannot be read"):
        await first(provider)
