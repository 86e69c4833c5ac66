"""Secrets that managers keep: asked as their documentation has it, bounded, and told in words where they fail."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from headgate.config import managed as managed_module
from headgate.config.managed import Managed
from headgate.config.managers import MANAGERS
from headgate.core.reference import FORMS, Reference, reference
from headgate.core.secret import Secret
from tests.config.manager_doubles import (
    AWS_KEY,
    AWS_SECRET,
    ROLE,
    TOKEN,
    AwsSecrets,
    AzureVault,
    GoogleSecrets,
    ManagerDouble,
    VaultKv,
)

VALUE = "sk-canary-kept-elsewhere"


@pytest.fixture
def made() -> Iterator[Any]:
    doubles: list[ManagerDouble] = []

    def make(kind: Callable[[], ManagerDouble]) -> ManagerDouble:
        doubles.append(kind())
        return doubles[-1]

    yield make
    for double in doubles:
        double.close()


@pytest.fixture(autouse=True)
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(managed_module, "PAUSES", (0.01, 0.01))


def got(text: str, environ: dict[str, str]) -> str:
    """The secret, or why there is none."""
    named = reference(text)
    assert named is not None
    managed = Managed(environ)
    managed.fetch([named])
    found = managed.look(named)
    if isinstance(found, Secret):
        assert found.source == text and VALUE not in repr(found)
        return found.reveal()
    assert found is not None and "canary" not in found
    return found


def test_every_form_has_a_manager() -> None:
    assert list(MANAGERS) == list(FORMS)


class TestVault:
    def test_both_versions_of_the_engine(self, made: Any) -> None:
        vault = made(VaultKv)
        vault.secrets = {"team/headgate": {"openai": VALUE, "count": 3, "data": {"x": 1}}, "old": None}
        assert got("vault:secret/data/team/headgate#openai", vault.environ) == VALUE
        assert got("vault:kv/team/headgate#openai", vault.environ) == VALUE
        assert got("vault:secret/data/team/headgate?version=2#openai", vault.environ) == VALUE
        assert vault.asked[-1].path == "/v1/secret/data/team/headgate?version=2"
        assert got("vault:kv/team/headgate#count", vault.environ) == "HashiCorp Vault: the secret is no text"
        assert "has no field `other`" in got("vault:kv/team/headgate#other", vault.environ)
        assert "answered 404 (this version of it is deleted)" in got("vault:secret/data/old#x", vault.environ)

    def test_who_asks(self, made: Any, tmp_path: Path) -> None:
        vault = made(VaultKv)
        vault.secrets = {"a": {"k": VALUE}}
        file = tmp_path / "token"
        environ = {**vault.environ, "VAULT_TOKEN": f"file:{file}", "VAULT_NAMESPACE": "team/a"}
        assert "the file that VAULT_TOKEN names cannot be read" in got("vault:kv/a#k", environ)
        for content in (b"x" * 70_000, b"\xff"):
            file.write_bytes(content)
            assert "VAULT_TOKEN names cannot be read: it is no token" in got("vault:kv/a#k", environ)
        file.write_text(TOKEN + "\n")
        assert got("vault:kv/a#k", environ) == VALUE
        assert vault.asked[-1].headers["x-vault-namespace"] == "team/a"
        assert "VAULT_TOKEN is not set" in got("vault:kv/a#k", {"VAULT_ADDR": vault.url})
        assert "VAULT_ADDR is not set" in got("vault:kv/a#k", {"VAULT_TOKEN": TOKEN})
        assert "VAULT_ADDR must begin with http" in got("vault:kv/a#k", {**vault.environ, "VAULT_ADDR": "vault:8200"})
        assert "403 (permission denied)" in got("vault:kv/a#k", {**vault.environ, "VAULT_TOKEN": "other"})

    def test_a_path_without_data_is_told_what_it_would_be(self, made: Any) -> None:
        vault = made(VaultKv)
        assert "Invalid path for a versioned K/V" in got("vault:secret/headgate#openai", vault.environ)
        assert "it is kv/data/headgate" in got("vault:kv/headgate#openai", vault.environ)
        assert "there is no such secret" in got("vault:secret/data/headgate#openai", vault.environ)


class TestAws:
    def test_it_is_signed_as_botocore_signs(self, made: Any) -> None:
        aws = made(AwsSecrets)
        arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:headgate/openai-AbCdEf"
        aws.secrets = {"headgate/openai": VALUE, arn: json.dumps({"key": VALUE}), "bytes": b"\xff"}
        assert got("aws-secretsmanager:headgate/openai", aws.environ) == VALUE
        assert got(f"aws-secretsmanager:{arn}#key", {**aws.environ, "AWS_REGION": "us-east-1"}) == VALUE
        assert "no JSON object" in got("aws-secretsmanager:headgate/openai#key", aws.environ)
        assert "holds bytes" in got("aws-secretsmanager:bytes", aws.environ)
        why = got("aws-secretsmanager:nothing", aws.environ)
        assert why.endswith("answered 400 (ResourceNotFoundException: Secrets Manager can't find it.)")
        wrong = {**aws.environ, "AWS_SECRET_ACCESS_KEY": "other"}
        assert "InvalidSignatureException" in got("aws-secretsmanager:headgate/openai", wrong)
        assert "AWS_REGION is not set" in got("aws-secretsmanager:x", {**aws.environ, "AWS_REGION": ""})

    def test_it_is_asked_as_others_understand_it(self, made: Any) -> None:
        boto3 = pytest.importorskip("boto3")
        from moto.server import ThreadedMotoServer

        server = ThreadedMotoServer("127.0.0.1", 0)
        server.start()
        try:
            url = "http://{}:{}".format(*server.get_host_and_port())
            client = boto3.client(
                "secretsmanager",
                endpoint_url=url,
                region_name="eu-central-1",
                aws_access_key_id=AWS_KEY,
                aws_secret_access_key=AWS_SECRET,
            )
            arn = client.create_secret(Name="headgate/openai", SecretString=json.dumps({"key": VALUE}))["ARN"]
            environ = {"AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": AWS_KEY, "AWS_SECRET_ACCESS_KEY": AWS_SECRET}
            assert got(f"aws-secretsmanager:{arn}#key", environ) == VALUE
            named = {**environ, "AWS_DEFAULT_REGION": "eu-central-1"}
            assert got("aws-secretsmanager:headgate/openai#key", named) == VALUE
            assert "ResourceNotFoundException" in got("aws-secretsmanager:other", named)
        finally:
            server.stop()

    def test_a_profile(self, made: Any, tmp_path: Path) -> None:
        aws = made(AwsSecrets)
        aws.secrets = {"a": VALUE}
        file = tmp_path / "credentials"
        file.write_text(f"[default]\naws_access_key_id = {AWS_KEY}\naws_secret_access_key = {AWS_SECRET}\n")
        environ = {name: aws.environ[name] for name in ("AWS_REGION", "AWS_ENDPOINT_URL_SECRETS_MANAGER")}
        assert got("aws-secretsmanager:a", {**environ, "AWS_SHARED_CREDENTIALS_FILE": str(file)}) == VALUE
        named = {**environ, "AWS_SHARED_CREDENTIALS_FILE": str(file), "AWS_PROFILE": "other"}
        assert "profile 'other' is not in the file" in got("aws-secretsmanager:a", named)

    def test_the_role_of_a_pod_a_task_and_a_machine(self, made: Any, tmp_path: Path) -> None:
        aws = made(AwsSecrets)
        aws.secrets = {"a": VALUE}
        file = tmp_path / "token"
        file.write_text("canary-pod-token\n")
        environ = {name: aws.environ[name] for name in ("AWS_REGION", "AWS_ENDPOINT_URL_SECRETS_MANAGER")}
        environ["AWS_SHARED_CREDENTIALS_FILE"] = str(tmp_path / "none")
        pod = {"AWS_ROLE_ARN": ROLE, "AWS_WEB_IDENTITY_TOKEN_FILE": str(file), "AWS_ENDPOINT_URL_STS": aws.url}
        assert got("aws-secretsmanager:a", environ | pod) == VALUE
        assert aws.asked[-1].headers["x-amz-security-token"]
        refused = got("aws-secretsmanager:a", environ | pod | {"AWS_ROLE_ARN": "arn:other"})
        assert refused.endswith("was not asked: AWS STS answered 403 (InvalidIdentityToken)")
        task = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{aws.url}/task?id=1"}
        assert (
            got("aws-secretsmanager:a", environ | task | {"AWS_CONTAINER_AUTHORIZATION_TOKEN": "canary-task"}) == VALUE
        )
        assert "of the task were refused (status 403)" in got("aws-secretsmanager:a", environ | task)
        assert got("aws-secretsmanager:a", environ | {"AWS_EC2_METADATA_SERVICE_ENDPOINT": aws.url}) == VALUE
        off = environ | {"AWS_EC2_METADATA_DISABLED": "true"}
        assert "there are no AWS credentials" in got("aws-secretsmanager:a", off)

    def test_credentials_that_may_come_later_are_looked_for_again(self, made: Any, tmp_path: Path) -> None:
        aws = made(AwsSecrets)
        aws.secrets, answers, failed = {"a": VALUE}, aws.by, list[Any]()

        def once(asked: Any) -> tuple[int, Any]:
            if b"AssumeRoleWithWebIdentity" in asked.body and not failed:
                failed.append(asked)
                return 503, b""
            found: tuple[int, Any] = answers(asked)
            return found

        aws.by = once
        file = tmp_path / "token"
        file.write_text("canary-pod-token")
        environ = {name: aws.environ[name] for name in ("AWS_REGION", "AWS_ENDPOINT_URL_SECRETS_MANAGER")}
        pod = {"AWS_ROLE_ARN": ROLE, "AWS_WEB_IDENTITY_TOKEN_FILE": str(file), "AWS_ENDPOINT_URL_STS": aws.url}
        assert got("aws-secretsmanager:a", environ | pod) == VALUE
        assert failed


class TestGoogle:
    @pytest.fixture
    def google(self, made: Any) -> Any:
        google = made(GoogleSecrets)
        google.secrets = {
            "projects/p/secrets/openai/versions/latest": VALUE.encode() + b"\n",
            "projects/p/locations/europe-west4/secrets/j/versions/3": json.dumps({"key": VALUE}).encode(),
            "projects/p/secrets/bytes/versions/latest": b"\xff",
        }
        return google

    def test_the_token_of_a_machine(self, google: Any) -> None:
        environ = {"GCE_METADATA_HOST": google.host, "CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER": google.url + "/"}
        for version in ("", "/versions/latest"):
            assert got(f"gcp-secretmanager:projects/p/secrets/openai{version}", environ) == VALUE
        assert got("gcp-secretmanager:projects/p/locations/europe-west4/secrets/j/versions/3#key", environ) == VALUE
        assert "no text" in got("gcp-secretmanager:projects/p/secrets/bytes", environ)
        assert "answered 404 (Secret [projects/p/" in got("gcp-secretmanager:projects/p/secrets/none", environ)

    def test_the_token_of_a_service_account(self, google: Any, tmp_path: Path) -> None:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import rsa

        private = rsa.generate_private_key(65537, 2048).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file = tmp_path / "key.json"
        environ = {
            "GOOGLE_APPLICATION_CREDENTIALS": str(file),
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER": google.url,
        }
        assert "a file that cannot be read" in got("gcp-secretmanager:projects/p/secrets/openai", environ)
        key = {"type": "service_account", "client_email": "g@p", "token_uri": f"{google.url}/token"}
        file.write_text(json.dumps({**key, "private_key": private.decode()}))
        assert got("gcp-secretmanager:projects/p/secrets/openai", environ) == VALUE
        google.says = (403, {})
        assert "refused the gateway's own credential" in got("gcp-secretmanager:projects/p/secrets/openai", environ)


class TestAzure:
    def test_an_application_a_pod_and_a_machine(self, made: Any, tmp_path: Path) -> None:
        azure = made(AzureVault)
        azure.secrets = {"openai": VALUE, "openai/0123abcd": json.dumps({"key": VALUE})}
        name = f"azure-keyvault:{azure.url}/secrets/openai"
        assert got(name, azure.environ) == VALUE
        assert got(f"{name}/0123abcd#key", azure.environ) == VALUE
        file = tmp_path / "token"
        file.write_text("canary-pod-token")
        pod = {key: value for key, value in azure.environ.items() if key != "AZURE_CLIENT_SECRET"}
        assert got(name, {**pod, "AZURE_FEDERATED_TOKEN_FILE": str(file)}) == VALUE
        assert got(name, {"AZURE_POD_IDENTITY_AUTHORITY_HOST": azure.url}) == VALUE
        assert "SecretNotFound: A secret with" in got(f"azure-keyvault:{azure.url}/secrets/none", azure.environ)
        assert "refused the gateway's own" in got(name, {**azure.environ, "AZURE_CLIENT_SECRET": "other"})
        assert "AZURE_TENANT_ID and AZURE_CLIENT_ID" in got(name, {"AZURE_CLIENT_SECRET": "x"})

    @pytest.mark.parametrize(
        ("host", "cloud"),
        [
            ("v.vault.azure.net", "vault.azure.net"),
            ("v.vault.azure.cn", "vault.azure.cn"),
            ("h.corp", "vault.azure.net"),
        ],
    )
    def test_a_token_is_for_the_cloud_of_the_vault(self, host: str, cloud: str) -> None:
        from headgate.config.managers.azure import _resource

        assert _resource(host) == f"https://{cloud}"


ASKS = {
    "vault": ("vault:kv/a#k", lambda url: {"VAULT_ADDR": url, "VAULT_TOKEN": TOKEN}),
    "aws": (
        "aws-secretsmanager:a",
        lambda url: {
            "AWS_ENDPOINT_URL": url,
            "AWS_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": AWS_KEY,
            "AWS_SECRET_ACCESS_KEY": AWS_SECRET,
        },
    ),
    "google": (
        "gcp-secretmanager:projects/p/secrets/s",
        lambda url: {
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER": url,
            "GCE_METADATA_HOST": url.removeprefix("http://"),
        },
    ),
    "azure": ("azure-keyvault:{url}/secrets/s", lambda url: {"AZURE_POD_IDENTITY_AUTHORITY_HOST": url}),
}
TOKENS = ("/computeMetadata/", "/metadata/identity/")
GRANTED = {"access_token": "t", "expires_in": 60}


@pytest.mark.parametrize("manager", ASKS)
@pytest.mark.parametrize(
    ("says", "words", "times"),
    [
        ((403, {"errors": ["no"]}), "answered 403", 1),
        ((404, {}), "answered 404", 1),
        ((503, {}), "answered 503", 3),
        ((200, {}), "", 1),
        ((200, b"<html>sk-canary-in-garbage"), "not in its own words", 1),
        ((200, b"\xff\xfe"), "not in its own words", 1),
        ((200, b"[" * 100_000), "not in its own words", 1),
        ((200, {"data": {"k": "x" * 70_000}, "SecretString": "x" * 70_000, "value": "x" * 70_000}), "", 1),
        ((200, b'{"value": "' + b"x" * 1_100_000 + b'"}'), "longer than 1048576 bytes", 3),
        ((302, b""), "", 1),
    ],
)
def test_any_other_answer_is_none(made: Any, manager: str, says: Any, words: str, times: int) -> None:
    def answers(asked: Any) -> tuple[int, Any]:
        return (200, GRANTED) if asked.path.startswith(TOKENS) else says

    double = made(lambda: ManagerDouble(answers))
    text, environ = ASKS[manager]
    named = reference(text.format(url=double.url))
    assert named is not None
    managed = Managed(environ(double.url))
    managed.fetch([named])
    why = managed.look(named)
    assert isinstance(why, str) and why.startswith(FORMS[named.scheme].manager) and words in why
    assert "canary" not in why and "xxxx" not in why and len(why) < 600
    assert sum(not one.path.startswith(TOKENS) for one in double.asked) == times
    asked = len(double.asked)
    managed.fetch([named])
    assert len(double.asked) == asked  # it is left alone for a while


def test_one_that_never_answers_is_left_and_takes_nothing_from_others(
    made: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(managed_module, "WHOLE", 0.3)
    vault = made(VaultKv)
    vault.secrets = {"a": {"k": VALUE}}
    never = threading.Event()
    silent = made(lambda: ManagerDouble(lambda asked: (never.wait(5), (200, {}))[1]))
    one, other = Reference("vault", "kv/a", "k"), Reference("aws-secretsmanager", "a")
    managed = Managed({**ASKS["aws"][1](silent.url), **vault.environ})
    managed.fetch([one, other])
    never.set()
    found = managed.look(one)
    assert isinstance(found, Secret) and found.reveal() == VALUE
    assert managed.look(other) == "AWS Secrets Manager: gave no answer in time"


def test_who_is_closed_waits_for_nobody(made: Any) -> None:
    never = threading.Event()
    silent = made(lambda: ManagerDouble(lambda asked: (never.wait(10), (200, {}))[1]))
    named = Reference("aws-secretsmanager", "a")
    managed = Managed(ASKS["aws"][1](silent.url))
    asking = threading.Thread(target=managed.fetch, args=([named],))
    asking.start()
    while not silent.asked:
        time.sleep(0.01)
    began = time.monotonic()
    managed.close()
    asking.join(5)
    never.set()
    assert time.monotonic() - began < 2 and managed.look(named) is None
    managed.fetch([named])
    assert len(silent.asked) == 1


def test_many_are_asked_for_at_once_and_each_place_once(made: Any) -> None:
    vault = made(VaultKv)
    vault.delay = 0.2
    vault.secrets = {str(number): {"a": "a" * 9, "b": "b" * 9} for number in range(8)}
    managed = Managed(vault.environ)
    managed.fetch([Reference("vault", f"secret/data/{number}", field) for number in range(8) for field in "ab"])
    assert len(vault.asked) == 8 and vault.most > 3 and managed.failing == {}


def test_what_was_had_stays_and_is_told_once(made: Any, caplog: pytest.LogCaptureFixture) -> None:
    vault = made(VaultKv)
    vault.secrets = {"a": {"k": "one-one-one"}}
    named = Reference("vault", "kv/a", "k")
    managed = Managed(vault.environ)
    managed.fetch([named])

    def now() -> str:
        found = managed.look(named)
        assert isinstance(found, Secret)
        return found.reveal()

    assert not managed.renew([named]) and now() == "one-one-one"
    vault.secrets["a"] = {"k": "two-two-two"}
    assert managed.renew([named]) and now() == "two-two-two"
    vault.says = (503, {"errors": ["Vault is sealed"]})
    assert not managed.renew([named]) and not managed.renew([named]) and now() == "two-two-two"
    assert managed.failing == {named: "HashiCorp Vault: answered 503 (Vault is sealed)"}
    told = [record.getMessage() for record in caplog.records]
    assert told == [
        "the secret vault:kv/a#k stays as it was, for it cannot be fetched: "
        "HashiCorp Vault: answered 503 (Vault is sealed)"
    ]
    vault.says = None
    assert not managed.renew([named]) and managed.failing == {}
    assert caplog.records[-1].getMessage() == "the secret vault:kv/a#k can be fetched again"
    assert not managed.renew([]) and managed.look(named) is None  # nobody refers to it any more


def test_nobody_there_is_told_in_words() -> None:
    gone = VaultKv()
    gone.close()
    assert "Could not connect to 127.0.0.1" in got("vault:kv/a#k", gone.environ)
