"""Whose AWS account pays: keys from the configuration, from a profile, or those of a role.

Profiles: <https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html>; roles:
<https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>.
"""

import re
from collections.abc import Mapping
from configparser import ConfigParser
from configparser import Error as ProfileError
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

from headgate.core.secret import Secret
from headgate.providers.base import ProviderConfig
from headgate.providers.endpoint import USER_AGENT, Endpoint, credential, endpoint, fields, render
from headgate.providers.renewal import PATIENCE, Renewed, failed
from headgate.providers.sigv4 import Credentials, Signer
from headgate.transport.base import Outbound, Sender, exchange

STS = "AWS STS"
FILE = "~/.aws/credentials"
REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-\d{1,2}\Z")
LASTS = 3600.0
"""Seconds that a role's keys are asked for; every role allows as much."""
MAX_ANSWER = 64 * 1024


def suffix(region: str) -> str:
    """Return the domain below which the services of *region* are."""
    return "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"


def static(config: ProviderConfig) -> Credentials | None:
    """Return the keys that *config* names, itself or by a profile; ``None`` where it has a bearer key instead.

    Raise ``ValueError``, saying what to change, for a credential that is not whole.
    """
    if config.api_key is not None:
        if config.access_key_id or config.secret_access_key or config.profile or config.role_arn:
            raise ValueError("has both api_key and keys of an AWS account; keep one of them.")
        return None
    if config.access_key_id is None and config.secret_access_key is None:
        if config.profile is None:
            raise ValueError(
                "has no credential: write access_key_id: ${AWS_ACCESS_KEY_ID} and secret_access_key: "
                "${AWS_SECRET_ACCESS_KEY}, or a profile of ~/.aws/credentials, or an api_key of Bedrock."
            )
        return from_profile(config.profile, config.credentials)
    if config.profile is not None:
        raise ValueError("has both a profile and an access_key_id; keep one of them.")
    return checked(config.access_key_id, config.secret_access_key, config.session_token)


def from_profile(profile: str, file: Secret | None) -> Credentials:
    """Read the keys of *profile* from *file*, the usual one if ``None``; raise ``ValueError`` where they are not."""
    where = file.reveal() if file is not None else FILE
    try:
        parser = ConfigParser(interpolation=None)
        parser.read_string(Path(where).expanduser().read_text("utf-8"))
    except (OSError, UnicodeDecodeError, ProfileError) as error:
        raise ValueError(f"the file of AWS credentials cannot be read: {type(error).__name__}.") from None
    if not parser.has_section(profile):
        raise ValueError(f"profile {profile!r} is not in the file of AWS credentials.")
    section = parser[profile]
    secret, token = section.get("aws_secret_access_key"), section.get("aws_session_token")
    return checked(
        section.get("aws_access_key_id"), Secret(secret) if secret else None, Secret(token) if token else None
    )


def checked(key: str | None, secret: Secret | None, token: Secret | None) -> Credentials:
    """Return these keys; raise ``ValueError`` where they are not whole, or cannot be sent."""
    if not key or not secret:
        raise ValueError("access_key_id and secret_access_key belong together; write both.")
    for one in (Secret(key), secret, token):
        credential(one)
    return Credentials(key, secret, token)


def from_environment(environ: Mapping[str, str]) -> ProviderConfig | None:
    """Return the account that *environ* describes as AWS's own tools read it; ``None`` without a region, or keys."""

    def given(*names: str) -> str | None:
        return next((value for name in names if (value := environ.get(name, "").strip())), None)

    def secret(name: str) -> Secret | None:
        value = given(name)
        return Secret(value) if value else None

    region = given("AWS_REGION", "AWS_DEFAULT_REGION")
    if region is None or not REGION.match(region):
        return None
    bearer = secret("AWS_BEARER_TOKEN_BEDROCK")
    keys, profile = given("AWS_ACCESS_KEY_ID"), given("AWS_PROFILE")
    if bearer is not None:
        found = ProviderConfig(kind="bedrock", region=region, api_key=bearer)
    elif keys is not None:
        found = ProviderConfig(
            kind="bedrock",
            region=region,
            access_key_id=keys,
            secret_access_key=secret("AWS_SECRET_ACCESS_KEY"),
            session_token=secret("AWS_SESSION_TOKEN"),
        )
    elif profile is not None:
        file = secret("AWS_SHARED_CREDENTIALS_FILE")
        found = ProviderConfig(kind="bedrock", region=region, profile=profile, credentials=file)
    else:
        return None
    try:
        static(found)
        credential(bearer)
    except ValueError:
        return None  # nobody asked for this account: what is wrong with it must not keep the gateway from starting
    return found


def role(config: ProviderConfig, region: str, base: Credentials, sender: Sender) -> Renewed[Credentials | None]:
    """Return the keys of the role of *config*, ``None`` before the first ones are there; *base* is who asks for it.

    Raise ``ValueError`` for a ``token_url`` that is none.
    """
    try:
        at = endpoint(config.token_url or f"https://sts.{region}.{suffix(region)}")
    except ValueError as error:
        raise ValueError(str(error).replace("base_url", "token_url")) from None
    signer = Signer("sts", region)

    async def fetch() -> tuple[Credentials | None, float]:
        asked = _ask(at, config.role_arn or "", base, signer)
        answer, data = await exchange(sender, asked, MAX_ANSWER, PATIENCE)
        body = data.decode("utf-8", "replace")
        if answer.status != 200:
            raise failed(STS, f"refused to lend the role (status {answer.status}, {tag('Code', body)[:100]})")
        key, secret, token = (tag(name, body) for name in ("AccessKeyId", "SecretAccessKey", "SessionToken"))
        try:
            return checked(key, Secret(secret), Secret(token)), LASTS
        except ValueError:
            raise failed(STS, "answered without keys") from None

    return Renewed(fetch, None, (sender, at, region, config.role_arn, base))


def _ask(at: Endpoint, arn: str, base: Credentials, signer: Signer) -> Outbound:
    form = {
        "Action": "AssumeRole",
        "Version": "2011-06-15",
        "RoleArn": arn,
        "RoleSessionName": "headgate",
        "DurationSeconds": str(int(LASTS)),
    }
    body = urlencode(form).encode()
    typed = {"content-type": "application/x-www-form-urlencoded"}
    proof = signer.sign(base, "POST", at.host, f"{at.path}/", body, datetime.now(UTC), headers=typed)
    common = {"accept-encoding": "identity", "user-agent": USER_AGENT}
    head = render("POST", at, "/", fields(common, typed, proof))
    return Outbound(at.origin, head, b"", body, headers_timeout=PATIENCE)


def tag(name: str, document: str) -> str:
    """Return the text of the first element *name* of STS's answer; empty where there is none."""
    found = re.search(f"<{name}>([^<]*)</{name}>", document)
    return found[1].strip() if found else ""
