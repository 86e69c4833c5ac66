"""Servers that speak as managers of secrets do, by their documentation, and fail on demand."""

import base64
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import botocore.auth
import botocore.credentials
from botocore.awsrequest import AWSRequest

from tests.answering import Answer, Answering, Asked

TOKEN = "hvs.canary-login-0123456789"
AWS_KEY, AWS_SECRET, AWS_SESSION = "AKIADOUBLE", "canary/secret+login", "canary-session-login"
ROLE = "arn:aws:iam::123456789012:role/headgate"
REGION = "eu-central-1"


class ManagerDouble(Answering):
    """Answers late where it is told to, and knows how many asked at once."""

    def __init__(self, answers: Callable[[Asked], Answer], port: int = 0) -> None:
        self._answers = answers
        self.delay = 0.0
        self.most = 0
        """The most questions that were open at once."""
        self._open = 0
        self._lock = threading.Lock()
        super().__init__(self._late, port)

    def _late(self, asked: Asked) -> Answer:
        with self._lock:
            self._open += 1
            self.most = max(self.most, self._open)
        time.sleep(self.delay)
        with self._lock:
            self._open -= 1
        return self._answers(asked)


class VaultKv(ManagerDouble):
    """KV version 2 at ``secret``, version 1 at ``kv``: <https://developer.hashicorp.com/vault/api-docs/secret/kv>."""

    def __init__(self, port: int = 0) -> None:
        self.secrets: dict[str, dict[str, Any] | None] = {}
        """Path below the mount -> fields; ``None`` is one that was deleted."""
        super().__init__(self._answer, port)

    @property
    def environ(self) -> dict[str, str]:
        return {"VAULT_ADDR": self.url, "VAULT_TOKEN": TOKEN}

    def _answer(self, asked: Asked) -> Answer:
        if asked.headers.get("x-vault-token") != TOKEN or asked.headers.get("x-vault-request") != "true":
            return 403, {"errors": ["permission denied"]}
        parts = urlsplit(asked.path)
        mount, _, rest = parts.path.removeprefix("/v1/").partition("/")
        if mount == "secret" and not rest.startswith("data/"):
            return 404, {"errors": [], "warnings": ["Invalid path for a versioned K/V secrets engine."]}
        name = rest.removeprefix("data/") if mount == "secret" else rest
        if name not in self.secrets:
            return 404, {"errors": []}
        fields = self.secrets[name]
        if mount == "kv":
            return 200, {"request_id": "1", "lease_duration": 2764800, "data": fields}
        version = int(parse_qs(parts.query).get("version", ["3"])[0])
        metadata = {"created_time": "2026-11-22T00:00:00Z", "deletion_time": "", "destroyed": False, "version": version}
        return (404 if fields is None else 200), {"request_id": "1", "data": {"data": fields, "metadata": metadata}}


class AwsSecrets(ManagerDouble):
    """Secrets Manager, which checks signatures as botocore makes them; STS and a machine's metadata beside it."""

    def __init__(self) -> None:
        self.secrets: dict[str, Any] = {}
        self.keys = (AWS_KEY, AWS_SECRET, "")
        super().__init__(self._answer)

    @property
    def environ(self) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": AWS_KEY,
            "AWS_SECRET_ACCESS_KEY": AWS_SECRET,
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL_SECRETS_MANAGER": self.url,
        }

    def _answer(self, asked: Asked) -> Answer:
        if asked.path.startswith("/latest/") or asked.path.startswith("/task"):
            return self._metadata(asked)
        if asked.body.startswith(b"Action=AssumeRoleWithWebIdentity"):
            form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
            if (form["WebIdentityToken"], form["RoleArn"]) != ("canary-pod-token", ROLE):
                return 403, b"<ErrorResponse><Error><Code>InvalidIdentityToken</Code></Error></ErrorResponse>"
            self.keys = (AWS_KEY, AWS_SECRET, AWS_SESSION)
            return 200, (
                f"<R><Credentials><AccessKeyId>{AWS_KEY}</AccessKeyId><SecretAccessKey>{AWS_SECRET}</SecretAccessKey>"
                f"<SessionToken>{AWS_SESSION}</SessionToken></Credentials></R>"
            ).encode()
        if asked.headers.get("x-amz-target") != "secretsmanager.GetSecretValue" or asked.path != "/":
            return 400, {"__type": "UnknownOperationException"}
        if not self._signed(asked):
            return 400, {"__type": "InvalidSignatureException", "message": "The signature does not match"}
        name = asked.json["SecretId"]
        if name not in self.secrets:
            said = {"__type": "com.amazon#ResourceNotFoundException", "Message": "Secrets Manager can't find it."}
            return 400, said
        value = self.secrets[name]
        kind = "SecretBinary" if isinstance(value, bytes) else "SecretString"
        text = base64.b64encode(value).decode() if isinstance(value, bytes) else value
        return 200, {"ARN": "arn", "Name": name, "VersionId": "1", "CreatedDate": 1.5e9, kind: text}

    def _metadata(self, asked: Asked) -> Answer:
        self.keys = (AWS_KEY, AWS_SECRET, AWS_SESSION)
        lent = {"AccessKeyId": AWS_KEY, "SecretAccessKey": AWS_SECRET, "Token": AWS_SESSION, "Expiration": "2026"}
        if asked.path == "/task?id=1":
            return (200, lent) if asked.headers.get("authorization") == "canary-task" else (403, {})
        if (asked.method, asked.path) == ("PUT", "/latest/api/token"):
            return 200, b"imds-token"
        if asked.headers.get("x-aws-ec2-metadata-token") != "imds-token":
            return 401, b""
        role = "/latest/meta-data/iam/security-credentials/"
        return (200, b"worker") if asked.path == role else (200, lent) if asked.path == role + "worker" else (404, b"")

    def _signed(self, asked: Asked) -> bool:
        stated = asked.headers.get("authorization", "")
        names = stated.partition("SignedHeaders=")[2].partition(",")[0].split(";")
        key, secret, session = self.keys
        request = AWSRequest(
            "POST", self.url + asked.path, data=asked.body, headers={name: asked.headers[name] for name in names}
        )
        if session and asked.headers.get("x-amz-security-token") != session:
            return False
        stamp = asked.headers["x-amz-date"]
        signer = botocore.auth.SigV4Auth(botocore.credentials.Credentials(key, secret), "secretsmanager", REGION)
        request.context["timestamp"] = stamp
        request.context["signing"] = {}
        theirs = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
        return f"Credential={key}/{stamp[:8]}/{REGION}/" in stated and stated.endswith(f"Signature={theirs}")


class GoogleSecrets(ManagerDouble):
    """Secret Manager, the token service that lets a key file in, and the metadata server of a machine."""

    def __init__(self) -> None:
        self.secrets: dict[str, bytes] = {}
        super().__init__(self._answer)

    def _answer(self, asked: Asked) -> Answer:
        granted = {"access_token": "canary-google-login", "expires_in": 3599, "token_type": "Bearer"}
        if asked.path == "/token":
            form = parse_qs(asked.body.decode())
            good = form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"] and len(form["assertion"]) == 1
            return (200, granted) if good else (400, {})
        if asked.path == "/computeMetadata/v1/instance/service-accounts/default/token":
            return (200, granted) if asked.headers.get("metadata-flavor") == "Google" else (403, {})
        if asked.headers.get("authorization") != "Bearer canary-google-login":
            return 401, {"error": {"code": 401, "message": "Request had invalid authentication credentials."}}
        name = asked.path.removeprefix("/v1/").removesuffix(":access")
        if not asked.path.endswith(":access") or name not in self.secrets:
            return 404, {"error": {"code": 404, "message": f"Secret [{name}] not found.", "status": "NOT_FOUND"}}
        data = base64.b64encode(self.secrets[name]).decode()
        return 200, {"name": name, "payload": {"data": data, "dataCrc32c": "1"}}


class AzureVault(ManagerDouble):
    """A key vault, Entra ID, and the identity endpoint of a machine."""

    def __init__(self) -> None:
        self.secrets: dict[str, str] = {}
        super().__init__(self._answer)

    @property
    def environ(self) -> dict[str, str]:
        return {
            "AZURE_TENANT_ID": "tenant-1",
            "AZURE_CLIENT_ID": "client-1",
            "AZURE_CLIENT_SECRET": "canary-azure-login",
            "AZURE_AUTHORITY_HOST": self.url,
        }

    def _answer(self, asked: Asked) -> Answer:
        granted = {"access_token": "canary-azure-token", "expires_in": 3599, "token_type": "Bearer"}
        parts = urlsplit(asked.path)
        query = parse_qs(parts.query)
        if parts.path == "/tenant-1/oauth2/v2.0/token":
            form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
            by_secret = form.get("client_secret") == "canary-azure-login"
            by_pod = form.get("client_assertion") == "canary-pod-token" and form["client_assertion_type"].endswith(
                "jwt-bearer"
            )
            good = form["scope"] == "https://vault.azure.net/.default" and form["client_id"] == "client-1"
            return (200, granted) if good and (by_secret or by_pod) else (401, {"error": "invalid_client"})
        if parts.path == "/metadata/identity/oauth2/token":
            good = asked.headers.get("metadata") == "true" and query["resource"] == ["https://vault.azure.net"]
            return (200, {**granted, "expires_in": "3599"}) if good else (400, {})
        if asked.headers.get("authorization") != "Bearer canary-azure-token" or query.get("api-version") != ["7.4"]:
            return 401, {"error": {"code": "Unauthorized", "message": "AKV10000: Request is missing a Bearer token."}}
        name = parts.path.removeprefix("/secrets/")
        if name not in self.secrets:
            said = f"A secret with (name/id) {name} was not found in this key vault."
            return 404, {"error": {"code": "SecretNotFound", "message": said}}
        return 200, {"value": self.secrets[name], "id": f"{self.url}/secrets/{name}/1", "attributes": {"enabled": True}}
