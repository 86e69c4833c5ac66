"""Azure Key Vault: ``azure-keyvault:https://my-vault.vault.azure.net/secrets/openai``.

<https://learn.microsoft.com/rest/api/keyvault/secrets/get-secret/get-secret>. Who asks is the application of
``AZURE_TENANT_ID``, ``AZURE_CLIENT_ID`` and ``AZURE_CLIENT_SECRET`` or ``AZURE_FEDERATED_TOKEN_FILE``, or the managed
identity of the machine.
"""

from collections.abc import Mapping
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from headgate.config.managers.ask import ask, decoded, refused
from headgate.config.managers.types import Place, Unfetched
from headgate.core.secret import Secret
from headgate.providers.base import ProviderConfig
from headgate.providers.entra import LOGIN, SERVICE, entra
from headgate.providers.renewal import Renewed, asking, token
from headgate.providers.token_file import read_token

VERSION = "api-version=7.4"
PUBLIC = "vault.azure.net"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
MACHINE = "/metadata/identity/oauth2/token"


class _Error(msgspec.Struct):
    code: str = ""
    message: str = ""


class _Answer(msgspec.Struct):
    value: str | None = None
    error: _Error | None = None


_answer = msgspec.json.Decoder(_Answer)


class Azure:
    """See ``types.Manager``."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._tokens: dict[str, Renewed[bytes]] = {}
        """By what they are for: each cloud of Azure's has its own."""

    async def fetch(self, target: str) -> str:
        """See ``types.Manager``."""
        resource = _resource(urlsplit(target).hostname or "")
        if resource not in self._tokens:
            self._tokens[resource] = self._signing(resource)
        signing = self._tokens[resource]
        if (waiting := signing.fresh()) is not None:
            await waiting
        out = asking("GET", target, {}, query=VERSION, option="the vault's address")
        out.extra = signing.value
        status, body = await ask(self._place.sender, out)
        found = decoded(_answer, status, body)
        if status != 200:
            raise refused(status, f"{found.error.code}: {found.error.message}" if found.error is not None else "")
        if found.value is None:
            raise Unfetched("answered without a value")
        return found.value

    def _signing(self, resource: str) -> Renewed[bytes]:
        environ, sender = self._place.environ, self._place.sender
        tenant, client = (environ.get(f"AZURE_{name}_ID", "").strip() for name in ("TENANT", "CLIENT"))
        secret = environ.get("AZURE_CLIENT_SECRET", "").strip()
        file = environ.get("AZURE_FEDERATED_TOKEN_FILE", "").strip()
        if secret or file:
            if not (tenant and client):
                raise ValueError("AZURE_TENANT_ID and AZURE_CLIENT_ID belong to the credential of Azure's; set both")
            login = (environ.get("AZURE_AUTHORITY_HOST", "").strip() or LOGIN).rstrip("/")
            url = f"{login}/{quote(tenant, safe='')}/oauth2/v2.0/token"
            if secret:
                made = ProviderConfig(
                    kind="azure", tenant=tenant, client_id=client, client_secret=Secret(secret), token_url=url
                )
                return _whole(entra(made, sender, resource))
            form = {
                "client_id": client,
                "grant_type": "client_credentials",
                "scope": f"{resource}/.default",
                "client_assertion_type": ASSERTION,
                "client_assertion": read_token(file, "AZURE_FEDERATED_TOKEN_FILE"),
            }
            lines = {"content-type": "application/x-www-form-urlencoded"}
            return token(sender, asking("POST", url, lines, urlencode(form).encode()), SERVICE)
        return _whole(entra(_machine(environ, client), sender, resource))


def _machine(environ: Mapping[str, str], client: str) -> ProviderConfig:
    host = environ.get("AZURE_POD_IDENTITY_AUTHORITY_HOST", "").strip().rstrip("/")
    return ProviderConfig(
        kind="azure", managed_identity=True, client_id=client or None, token_url=f"{host}{MACHINE}" if host else None
    )


def _resource(host: str) -> str:
    """Return what a token for the vault at *host* is for: the domain of its cloud."""
    domain = host.partition(".")[2]
    return f"https://{domain if domain.startswith(('vault.', 'managedhsm.')) else PUBLIC}"


def _whole(found: Renewed[bytes] | None) -> Renewed[bytes]:
    if found is None:
        raise ValueError("there is no credential of Azure's: set AZURE_TENANT_ID, _CLIENT_ID and _CLIENT_SECRET")
    return found
