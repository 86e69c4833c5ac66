"""Who asks AWS, in the order of AWS's own tools: keys in the environment, a profile, the role of a pod, a task or a
machine. <https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html>
"""

import asyncio
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import msgspec

from headgate.config.managers.ask import ask, decoded, refused
from headgate.config.managers.types import Place, Unfetched
from headgate.core.secret import Secret
from headgate.providers.bedrock_credentials import FILE, checked, from_profile, suffix, tag
from headgate.providers.endpoint import USER_AGENT, endpoint, fields, render
from headgate.providers.sigv4 import Credentials
from headgate.providers.token_file import read_token
from headgate.transport.base import Outbound

CONTAINER = "http://169.254.170.2"
MACHINE = "http://169.254.169.254"
LASTS = "900"
"""Seconds that a role's keys are asked for: the least there is, for one round of questions."""


class _Lent(msgspec.Struct):
    key: str = msgspec.field(default="", name="AccessKeyId")
    secret: str = msgspec.field(default="", name="SecretAccessKey")
    token: str = msgspec.field(default="", name="Token")


_lent = msgspec.json.Decoder(_Lent)


class Account:
    """The keys, found once; those who need them at the same time wait for one search."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._found: asyncio.Task[Credentials] | None = None

    async def credentials(self, region: str) -> Credentials:
        """Return the keys; raise ``Unfetched``, or ``ValueError`` where there are none."""
        if self._found is None or _may_come(self._found):
            self._found = asyncio.create_task(self._find(region))
        return await asyncio.shield(self._found)

    async def _find(self, region: str) -> Credentials:
        environ = self._place.environ
        if environ.get("AWS_ACCESS_KEY_ID", "").strip():
            secret, token = (_secret(environ.get(f"AWS_{name}", "")) for name in ("SECRET_ACCESS_KEY", "SESSION_TOKEN"))
            return checked(environ["AWS_ACCESS_KEY_ID"].strip(), secret, token)
        if environ.get("AWS_ROLE_ARN") and environ.get("AWS_WEB_IDENTITY_TOKEN_FILE"):
            return await self._of_pod(region)
        file, profile = environ.get("AWS_SHARED_CREDENTIALS_FILE", ""), environ.get("AWS_PROFILE", "")
        if profile or _is_there(file or FILE):
            return from_profile(profile or "default", _secret(file))
        for name, base in (
            ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", CONTAINER),
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", ""),
        ):
            if environ.get(name):
                return await self._of_task(base + environ[name])
        if environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
            raise ValueError("there are no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
        return await self._of_machine()

    async def _of_pod(self, region: str) -> Credentials:
        """Exchange the token that the cluster wrote for keys of the role, at AWS STS."""
        environ = self._place.environ
        form = {
            "Action": "AssumeRoleWithWebIdentity",
            "Version": "2011-06-15",
            "RoleArn": environ["AWS_ROLE_ARN"],
            "RoleSessionName": environ.get("AWS_ROLE_SESSION_NAME") or "headgate",
            "DurationSeconds": LASTS,
            "WebIdentityToken": read_token(environ["AWS_WEB_IDENTITY_TOKEN_FILE"], "AWS_WEB_IDENTITY_TOKEN_FILE"),
        }
        url = environ.get("AWS_ENDPOINT_URL_STS") or f"https://sts.{region}.{suffix(region)}"
        lines = {"content-type": "application/x-www-form-urlencoded"}
        out = _asking("POST", url, "/", lines, urlencode(form).encode())
        status, body = await ask(self._place.sender, out)
        text = body.decode("utf-8", "replace")
        if status != 200:
            raise _of_sts(refused(status, tag("Code", text)))
        key, secret, token = (tag(name, text) for name in ("AccessKeyId", "SecretAccessKey", "SessionToken"))
        return checked(key, _secret(secret), _secret(token))

    async def _of_task(self, url: str) -> Credentials:
        environ = self._place.environ
        file = environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "")
        proof = environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")
        if file:
            proof = read_token(file, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
        return await self._lent(url, {"authorization": proof} if proof else {}, "the task")

    async def _of_machine(self) -> Credentials:
        base = self._place.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT", "").rstrip("/") or MACHINE
        out = _asking("PUT", base, "/latest/api/token", {"x-aws-ec2-metadata-token-ttl-seconds": "300"})
        status, body = await self._machine(out)
        if status != 200:
            raise refused(status, "it lends no token")
        lines = {"x-aws-ec2-metadata-token": body.decode("ascii", "replace")}
        above = "/latest/meta-data/iam/security-credentials/"
        status, body = await self._machine(_asking("GET", base, above, lines))
        role = body.decode("ascii", "replace").strip().partition("\n")[0]
        if status != 200 or not role:
            raise ValueError("there are no AWS credentials: this machine has no role, and AWS_ACCESS_KEY_ID is not set")
        return await self._lent(f"{base}{above}{role}", lines, "the machine")

    async def _machine(self, out: Outbound) -> tuple[int, bytes]:
        try:
            return await ask(self._place.sender, out)
        except Unfetched:
            raise Unfetched(
                "there are no AWS credentials: AWS_ACCESS_KEY_ID is not set, no profile is there, and no "
                "machine of AWS's answers"
            ) from None

    async def _lent(self, url: str, lines: dict[str, str], whose: str) -> Credentials:
        parts = urlsplit(url)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        base = parts._replace(path="", query="", fragment="").geturl()
        status, body = await ask(self._place.sender, _asking("GET", base, path, lines))
        if status != 200:
            raise Unfetched(f"the credentials of {whose} were refused (status {status})", later=status >= 500)
        found = decoded(_lent, status, body)
        return checked(found.key, _secret(found.secret), _secret(found.token))


def _may_come(search: "asyncio.Task[Credentials]") -> bool:
    """Whether a search is over that found nothing, and another may."""
    if not search.done() or search.cancelled():
        return search.cancelled()
    error = search.exception()
    return isinstance(error, Unfetched) and error.later


def _asking(method: str, base: str, path: str, lines: dict[str, str], body: bytes = b"") -> Outbound:
    try:
        at = endpoint(base)
    except ValueError as error:
        raise ValueError(str(error).replace("base_url", "the address of the credentials")) from None
    common = {"accept-encoding": "identity", "user-agent": USER_AGENT}
    return Outbound(at.origin, render(method, at, path, fields(common, lines)), b"", body)


def _of_sts(error: Unfetched) -> Unfetched:
    return Unfetched(f"was not asked: AWS STS {error}", later=error.later)


def _is_there(file: str) -> bool:
    return Path(file).expanduser().is_file()


def _secret(text: str) -> Secret | None:
    return Secret(text.strip()) if text.strip() else None
