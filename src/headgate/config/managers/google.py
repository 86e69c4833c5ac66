"""Google Secret Manager: ``gcp-secretmanager:projects/my-project/secrets/openai/versions/latest``.

<https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions/access>. Who asks is the key
file that ``GOOGLE_APPLICATION_CREDENTIALS`` names, or the machine or pod that this runs on.
"""

import re
from base64 import b64decode

import msgspec

from headgate.config.managers.ask import ask, decoded, refused
from headgate.config.managers.types import Place, Unfetched
from headgate.core.secret import Secret
from headgate.providers.base import ProviderConfig
from headgate.providers.google_auth import google_token, read_key
from headgate.providers.renewal import Renewed, asking

ENDPOINT = "CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER"
MACHINE = "metadata.google.internal"
TOKEN = "/computeMetadata/v1/instance/service-accounts/default/token"
LOCATION = re.compile(r"projects/[^/]+/locations/([^/]+)/")


class _Payload(msgspec.Struct):
    data: str = ""


class _Error(msgspec.Struct):
    message: str = ""


class _Answer(msgspec.Struct):
    payload: _Payload | None = None
    error: _Error | None = None


_answer = msgspec.json.Decoder(_Answer)


class Google:
    """See ``types.Manager``."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._token: Renewed[bytes] | None = None

    async def fetch(self, target: str) -> str:
        """See ``types.Manager``."""
        if self._token is None:
            self._token = self._signing()
        if (waiting := self._token.fresh()) is not None:
            await waiting
        location = LOCATION.match(target)
        base = f"https://secretmanager.{location[1]}.rep.googleapis.com" if location else ""
        base = self._place.environ.get(ENDPOINT, "").strip() or base or "https://secretmanager.googleapis.com"
        name = target if "/versions/" in target else f"{target}/versions/latest"
        out = asking("GET", f"{base.rstrip('/')}/v1/{name}:access", {}, option=ENDPOINT)
        out.extra = self._token.value
        status, body = await ask(self._place.sender, out)
        found = decoded(_answer, status, body)
        if status != 200 or found.payload is None:
            raise refused(status, found.error.message if found.error is not None else "")
        try:
            return b64decode(found.payload.data, validate=True).decode()
        except ValueError:
            raise Unfetched("holds bytes under that name, and no text") from None

    def _signing(self) -> Renewed[bytes]:
        environ = self._place.environ
        named = environ.get("GOOGLE_APPLICATION_CREDENTIALS", "").strip()
        if named:
            file = Secret(named)
            return google_token(ProviderConfig(kind="vertex", credentials=file), read_key(file), self._place.sender)
        host = environ.get("GCE_METADATA_HOST", "").strip() or MACHINE
        machine = ProviderConfig(kind="vertex", token_url=f"http://{host}{TOKEN}")
        return google_token(machine, None, self._place.sender)
