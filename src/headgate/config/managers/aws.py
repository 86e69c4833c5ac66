"""AWS Secrets Manager: ``aws-secretsmanager:headgate/openai``.

<https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html>. The region is that of the ARN,
or ``AWS_REGION``; the endpoint ``AWS_ENDPOINT_URL_SECRETS_MANAGER`` or ``AWS_ENDPOINT_URL`` where one is set.
"""

from datetime import UTC, datetime

import msgspec

from headgate.config.managers.ask import ask, decoded, refused
from headgate.config.managers.aws_account import Account
from headgate.config.managers.types import Place, Unfetched
from headgate.providers.bedrock_credentials import REGION, suffix
from headgate.providers.endpoint import USER_AGENT, endpoint, fields, render
from headgate.providers.sigv4 import Signer
from headgate.transport.base import Outbound

ENDPOINTS = ("AWS_ENDPOINT_URL_SECRETS_MANAGER", "AWS_ENDPOINT_URL")
SERVICE = "secretsmanager"


class _Answer(msgspec.Struct):
    text: str | None = msgspec.field(default=None, name="SecretString")
    kind: str = msgspec.field(default="", name="__type")
    lower: str | None = msgspec.field(default=None, name="message")
    upper: str | None = msgspec.field(default=None, name="Message")


_answer = msgspec.json.Decoder(_Answer)


class Aws:
    """See ``types.Manager``."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._account = Account(place)

    async def fetch(self, target: str) -> str:
        """See ``types.Manager``."""
        out = await self._asking(target)
        status, body = await ask(self._place.sender, out)
        found = decoded(_answer, status, body)
        if status != 200:
            kind = found.kind.rpartition("#")[2]
            raise refused(status, ": ".join(word for word in (kind, found.lower or found.upper) if word))
        if found.text is None:
            raise Unfetched("holds bytes under that name, and no text")
        return found.text

    async def _asking(self, target: str) -> Outbound:
        environ = self._place.environ
        arn = target.split(":")
        region = arn[3] if len(arn) > 1 else environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or ""
        if not REGION.match(region):
            raise ValueError("AWS_REGION is not set, or is no region such as eu-central-1")
        given = next((environ[name].strip() for name in ENDPOINTS if environ.get(name)), "")
        try:
            at = endpoint(given or f"https://{SERVICE}.{region}.{suffix(region)}")
        except ValueError as error:
            raise ValueError(str(error).replace("base_url", ENDPOINTS[0])) from None
        credentials = await self._account.credentials(region)
        body = msgspec.json.encode({"SecretId": target})
        typed = {"content-type": "application/x-amz-json-1.1", "x-amz-target": f"{SERVICE}.GetSecretValue"}
        signer = Signer(SERVICE, region)
        proof = signer.sign(credentials, "POST", at.host, f"{at.path}/", body, datetime.now(UTC), headers=typed)
        common = {"accept-encoding": "identity", "user-agent": USER_AGENT}
        return Outbound(at.origin, render("POST", at, "/", fields(common, typed, proof)), b"", body)
