"""Signatures: those that botocore's own signer makes."""

import random
from datetime import UTC, datetime

import botocore.auth
import botocore.credentials
import pytest
from botocore.awsrequest import AWSRequest

from headgate.core.secret import Secret
from headgate.providers.sigv4 import Credentials, Signer

NOW = datetime(2026, 11, 21, 23, 59, 59, tzinfo=UTC)
MODELS = (
    "amazon.nova-micro-v1%3A0",
    "us.anthropic.claude-sonnet-4-5-20250929-v1%3A0",
    "arn%3Aaws%3Abedrock%3Aus-east-1%3A012345678901%3Ainference-profile%2Fus.x",
    "plain~name",
)


def botocores(credentials, service, region, method, url, body, headers, now, monkeypatch):
    """What botocore's signer puts into the headers."""
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *a, **k: now.replace(tzinfo=None))
    theirs = botocore.credentials.Credentials(
        credentials.access_key_id,
        credentials.secret_access_key.reveal(),
        credentials.session_token.reveal() if credentials.session_token else None,
    )
    request = AWSRequest(method, url, data=body, headers=headers)
    botocore.auth.SigV4Auth(theirs, service, region).add_auth(request)
    return request.headers


def test_many_random_requests_are_signed_as_botocore_signs_them(monkeypatch):
    rng = random.Random(20261121)
    signers: dict[tuple[str, str], Signer] = {}
    for _ in range(400):
        service, region = rng.choice(("bedrock", "sts")), rng.choice(("us-east-1", "eu-central-1", "ap-south-2"))
        credentials = Credentials(
            "AKIA" + "".join(rng.choices("ABCDEFGHIJ234567", k=16)),
            Secret("".join(rng.choices("abcdefghijABCDEFG0123456789+/", k=40))),
            Secret("".join(rng.choices("abcdefABCDEF0123456789+/=", k=300))) if rng.random() < 0.5 else None,
        )
        method = rng.choice(("POST", "GET"))
        path = rng.choice(
            ("/", f"/model/{rng.choice(MODELS)}/converse", f"/model/{rng.choice(MODELS)}/converse-stream")
        )
        query = rng.choice(("", "a=1", "b=2&a=x%20y&a=%2F", "empty=&z"))
        host = rng.choice(("bedrock-runtime.us-east-1.amazonaws.com", "127.0.0.1:4010", "vpce-1.example"))
        body = rng.randbytes(rng.randrange(0, 3000))
        headers = {"content-type": "application/json", "x-amzn-bedrock-trace": "  a   b "} if rng.random() < 0.7 else {}
        now = datetime.fromtimestamp(rng.randrange(1_700_000_000, 1_900_000_000), UTC)
        signer = signers.setdefault((service, region), Signer(service, region))
        ours = signer.sign(credentials, method, host, path, body, now, query=query, headers=headers)
        url = f"https://{host}{path}" + (f"?{query}" if query else "")
        theirs = botocores(credentials, service, region, method, url, body, {**headers, "Host": host}, now, monkeypatch)
        assert ours["authorization"] == theirs["Authorization"], (method, url, headers)
        assert ours["x-amz-date"] == theirs["X-Amz-Date"]
        assert ours.get("x-amz-security-token") == theirs.get("X-Amz-Security-Token")


def test_the_derived_key_follows_the_day_and_the_secret():
    signer = Signer("bedrock", "us-east-1")
    one, other = (Credentials("AKIA1", Secret(secret)) for secret in ("a" * 40, "b" * 40))

    def signed(credentials, now):
        return signer.sign(credentials, "POST", "h", "/", b"", now)["authorization"]

    first = signed(one, NOW)
    assert signed(one, NOW.replace(day=22)) != first and signed(other, NOW) != first
    assert (
        signed(one, NOW)
        == first
        == Signer("bedrock", "us-east-1").sign(one, "POST", "h", "/", b"", NOW)["authorization"]
    )


@pytest.mark.parametrize("shown", [repr, str])
def test_credentials_are_not_printed(shown):
    assert "wJalr" not in shown(Credentials("AKIA1", Secret("wJalrXUtnFEMI"), Secret("wJalrtoken")))
