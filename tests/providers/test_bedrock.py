"""Requests to Bedrock: where they go, how they are signed, and whose keys they are signed with."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import botocore.auth
import botocore.credentials
import pytest
from botocore.awsrequest import AWSRequest

from headgate.core.errors import UpstreamFailed
from headgate.core.secret import Secret
from headgate.dialects.converse import bedrock_converse
from headgate.providers import bedrock_credentials, build, renewal
from headgate.providers.base import ProviderConfig, Target
from headgate.providers.discover import from_environment
from headgate.transport.base import Origin, Outbound
from tests.providers.conftest import Answer, Senders

Make = Callable[..., Target]
KEYS: dict[str, Any] = {"access_key_id": "AKIAONE", "secret_access_key": Secret("s" * 40)}
ARN = "arn:aws:bedrock:us-east-1:012345678901:inference-profile/us.anthropic.claude-3-7-sonnet-20250219-v1:0"


def config(**fields: Any) -> ProviderConfig:
    return ProviderConfig(**{"kind": "bedrock", "region": "us-east-1", **fields})


def lines(out: Outbound) -> dict[str, str]:
    """The header lines of a request."""
    text = (out.head + out.extra).decode("latin-1").split("\r\n")[1:-1]
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in text)}


def first_line(out: Outbound) -> str:
    return out.head.decode().split("\r\n")[0]


def check_signature(out: Outbound, method: str, url: str, secret: str = "s" * 40) -> None:
    """What AWS would check: the same request, signed anew with the same key at the same time."""
    given = lines(out)
    assert f"Credential={given['authorization'].split('Credential=')[1].split('/')[0]}/" in given["authorization"]
    signed = given["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    key = given["authorization"].split("Credential=")[1].split("/")[0]
    region, service = given["authorization"].split("Credential=")[1].split("/")[2:4]
    headers = {name: given[name] for name in signed}
    request = AWSRequest(method, url, data=out.body, headers=headers)
    signer = botocore.auth.SigV4Auth(botocore.credentials.Credentials(key, secret), service, region)
    request.context["timestamp"] = given["x-amz-date"]
    expected = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    assert given["authorization"].endswith(f"Signature={expected}")
    assert {"host", "x-amz-date"} <= set(signed)
    assert {name for name in given if name.startswith("x-amz-")} <= set(signed), "all of AWS's own must be signed"


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("amazon.nova-micro-v1:0", "amazon.nova-micro-v1%3A0"),
        ("us.anthropic.claude-sonnet-4-5", "us.anthropic.claude-sonnet-4-5"),
        (ARN, "arn%3Aaws%3Abedrock%3Aus-east-1%3A012345678901%3Ainference-profile%2Fus.anthropic.claude-3-7-sonnet-20250219-v1%3A0"),
        ("../../x?y#z", "..%2F..%2Fx%3Fy%23z"),
    ],
)  # fmt: skip
def test_the_model_stands_in_the_path_and_the_request_is_signed(
    senders: Senders, target: Make, model: str, path: str
) -> None:
    provider = build("aws", config(**KEYS, session_token=Secret("token")), senders)
    for stream, verb in ((False, "converse"), (True, "converse-stream")):
        out = provider.outbound(
            "chat", target(provider, model), b'{"messages":[]}', b"traceparent: x\r\n", stream=stream
        )
        assert out.origin == Origin("bedrock-runtime.us-east-1.amazonaws.com", 443, True)
        assert first_line(out) == f"POST /model/{path}/{verb} HTTP/1.1"
        check_signature(out, "POST", f"https://bedrock-runtime.us-east-1.amazonaws.com/model/{path}/{verb}")
        given = lines(out)
        assert given["x-amz-security-token"] == "token" and given["content-type"] == "application/json"
        assert (
            given["traceparent"] == "x"
            and "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token," in given["authorization"]
        )


def test_a_bearer_key_needs_no_signature(senders: Senders, target: Make) -> None:
    provider = build("aws", config(api_key=Secret("bedrock-api-key-1")), senders)
    given = lines(provider.outbound("chat", target(provider), b"{}"))
    assert given["authorization"] == "Bearer bedrock-api-key-1" and "x-amz-date" not in given
    assert provider.prepare is None


def test_what_it_offers(senders: Senders) -> None:
    provider = build("aws", config(**KEYS), senders)
    assert provider.dialects("chat") == (bedrock_converse,) and provider.dialects("embeddings") == ()
    assert provider.supports("chat") and not provider.supports("count_tokens")
    assert bedrock_converse.takes_urls is False


def test_other_regions_and_other_addresses(senders: Senders, target: Make) -> None:
    china = build("aws", config(**KEYS, region="cn-north-1"), senders)
    assert china.outbound("chat", target(china), b"").origin.host == "bedrock-runtime.cn-north-1.amazonaws.com.cn"
    endpoint = build("aws", config(**KEYS, base_url="https://vpce-1.example/below"), senders)
    out = endpoint.outbound("chat", target(endpoint), b"")
    assert first_line(out) == "POST /below/model/m/converse HTTP/1.1"
    check_signature(out, "POST", "https://vpce-1.example/below/model/m/converse")


def test_any_path_is_signed_and_a_clients_own_signature_left_out(senders: Senders) -> None:
    provider = build("aws", config(**KEYS, headers={"X-Amz-Custom": "c"}), senders)
    headers = [
        (b"content-type", b"application/json"),
        (b"x-amzn-bedrock-trace", b"ENABLED"),
        (b"x-amz-date", b"20200101T000000Z"),
        (b"x-amz-content-sha256", b"abc"),
        (b"x-amz-security-token", b"theirs"),
    ]
    out = provider.raw("POST", "/model/m%3A0/invoke", b"a=1&b", headers, b"{}")
    assert first_line(out) == "POST /model/m%3A0/invoke?a=1&b HTTP/1.1"
    check_signature(out, "POST", "https://bedrock-runtime.us-east-1.amazonaws.com/model/m%3A0/invoke?a=1&b=")
    given = lines(out)
    assert given["x-amzn-bedrock-trace"] == "ENABLED" and "x-amz-security-token" not in given
    assert given["x-amz-custom"] == "c" and out.extra.count(b"\r\nx-amz-date: ") == 1


def test_known_paths_are_heard(senders: Senders) -> None:
    provider = build("aws", config(**KEYS), senders)
    heard = provider.heard("POST", "/model/m%3A0/converse-stream")
    assert heard is not None
    assert (heard.operation, heard.dialect, heard.model, heard.stream) == ("chat", bedrock_converse, "m:0", True)
    assert provider.heard("POST", "/model/m/converse") is not None
    assert provider.heard("GET", "/model/m/converse") is None and provider.heard("POST", "/model/m/invoke") is None


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({**KEYS, "region": None}, "region"),
        ({**KEYS, "region": "evil.example/"}, "region"),
        ({}, "has no credential"),
        ({"access_key_id": "AKIA"}, "belong together"),
        ({"secret_access_key": Secret("s")}, "belong together"),
        ({**KEYS, "api_key": Secret("k")}, "keep one of them"),
        ({**KEYS, "profile": "p"}, "keep one of them"),
        ({"access_key_id": "AK\nIA", "secret_access_key": Secret("s")}, "line break"),
        ({**KEYS, "role_arn": "arn:aws:iam::1:role/x", "token_url": "nowhere"}, "token_url"),
        ({"profile": "p", "credentials": Secret("/nowhere/at/all")}, "cannot be read"),
    ],
)
def test_what_cannot_be_signed_is_told_at_once(senders: Senders, fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says) as refused:
        build("aws", config(**fields), senders)
    assert str(refused.value).startswith("providers.aws: ") and "s" * 40 not in str(refused.value)


FILE = """\
[default]
aws_access_key_id = AKIADEFAULT
aws_secret_access_key = dddd%dddd

[work]
aws_access_key_id=AKIAWORK
aws_secret_access_key=wwww
aws_session_token=tttt

[half]
aws_access_key_id=AKIAHALF
"""


def test_a_profile_is_read_from_the_file(senders: Senders, target: Make, tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    file.write_text(FILE)
    provider = build("aws", config(profile="work", credentials=Secret(str(file))), senders)
    out = provider.outbound("chat", target(provider), b"{}")
    assert "Credential=AKIAWORK/" in lines(out)["authorization"] and lines(out)["x-amz-security-token"] == "tttt"
    assert bedrock_credentials.from_profile("default", Secret(str(file))).secret_access_key.reveal() == "dddd%dddd"
    for profile in ("half", "none"):
        with pytest.raises(ValueError, match=r"belong together|is not in the file"):
            build("aws", config(profile=profile, credentials=Secret(str(file))), senders)


def test_the_usual_file_is_in_the_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text(FILE)
    assert bedrock_credentials.from_profile("default", None).access_key_id == "AKIADEFAULT"


def test_the_environment_is_read_as_awss_own_tools_do(tmp_path: Path) -> None:
    region = {"AWS_REGION": "eu-west-1"}
    keys = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "s"}
    file = tmp_path / "credentials"
    file.write_text(FILE)

    def found(**environ: str) -> ProviderConfig | None:
        return from_environment(environ).get("bedrock")

    assert found(**region, **keys) == ProviderConfig(
        kind="bedrock", region="eu-west-1", access_key_id="AKIA", secret_access_key=Secret("s")
    )
    whole = found(AWS_DEFAULT_REGION="us-east-2", **keys, AWS_SESSION_TOKEN="t")
    assert whole is not None and (whole.region, whole.session_token) == ("us-east-2", Secret("t"))
    bearer = found(**region, **keys, AWS_BEARER_TOKEN_BEDROCK="b")
    assert bearer is not None and bearer.api_key == Secret("b") and bearer.access_key_id is None
    profile = found(**region, AWS_PROFILE="work", AWS_SHARED_CREDENTIALS_FILE=str(file))
    assert profile is not None and profile.profile == "work"
    for nothing in (keys, region, {**region, "AWS_ACCESS_KEY_ID": "AKIA"}, {**region, "AWS_PROFILE": "none"}):
        assert found(**nothing) is None
    assert found(AWS_REGION="evil.example", **keys) is None


class Sts:
    """Lends a role, each time with other keys."""

    def __init__(self) -> None:
        self.asked: list[Outbound] = []
        self.status = 200

    def get(self, **_: Any) -> "Sts":
        return self

    async def send(self, out: Outbound) -> Answer:
        self.asked.append(out)
        await asyncio.sleep(0)
        n = len(self.asked)
        if self.status != 200:
            return Answer(self.status, b"<Error><Code>AccessDenied</Code></Error>")
        keys = f"<AccessKeyId>ASIA{n}</AccessKeyId><SecretAccessKey>secret{n}</SecretAccessKey><SessionToken>token{n}</SessionToken>"
        return Answer(200, f"<AssumeRoleResponse><Credentials>{keys}</Credentials></AssumeRoleResponse>".encode())

    async def close(self) -> None:
        """Nothing is open."""


async def test_a_role_is_assumed_once_and_its_keys_kept(target: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr(renewal, "monotonic", lambda: clock[0])
    sts = Sts()
    role = "arn:aws:iam::123456789012:role/gateway"
    provider: Any = build("aws", config(**KEYS, role_arn=role), sts)

    async def prepared() -> str:
        waiting = provider.prepare()
        if waiting is not None:
            await waiting
        out = provider.outbound("chat", target(provider), b"{}")
        key = lines(out)["authorization"].split("Credential=")[1].split("/")[0]
        number = key.removeprefix("ASIA")
        check_signature(
            out, "POST", "https://bedrock-runtime.us-east-1.amazonaws.com/model/m/converse", f"secret{number}"
        )
        assert lines(out)["x-amz-security-token"] == f"token{number}"
        return key

    assert await asyncio.gather(*(prepared() for _ in range(5))) == ["ASIA1"] * 5
    (ask,) = sts.asked
    assert ask.origin == Origin("sts.us-east-1.amazonaws.com", 443, True) and first_line(ask) == "POST / HTTP/1.1"
    assert b"Action=AssumeRole" in ask.body and b"role%2Fgateway" in ask.body
    check_signature(ask, "POST", "https://sts.us-east-1.amazonaws.com/")
    clock[0] += 3000
    assert await prepared() == "ASIA1" and len(sts.asked) == 1
    clock[0] += 400  # soon over: others are fetched, and nobody waits for them
    assert provider.prepare() is None
    await asyncio.sleep(0.05)
    assert await prepared() == "ASIA2" and len(sts.asked) == 2
    clock[0] += 10_000
    assert await prepared() == "ASIA3"


async def test_a_role_that_is_refused_fails_the_call_and_is_asked_for_again() -> None:
    sts = Sts()
    sts.status = 403
    provider: Any = build(
        "aws", config(**KEYS, role_arn="arn:aws:iam::1:role/x", token_url="http://127.0.0.1:9/sts"), sts
    )
    for _ in range(2):
        with pytest.raises(UpstreamFailed) as failed:
            await provider.prepare()
        assert failed.value.code == "upstream_auth_error" and "AccessDenied" in failed.value.message
    assert [first_line(ask) for ask in sts.asked] == ["POST /sts/ HTTP/1.1"] * 2
    sts.status = 200
    await provider.prepare()
    assert provider.prepare() is None
