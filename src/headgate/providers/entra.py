"""Access tokens of Microsoft Entra ID, fetched through our own transport.

Client credentials, <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>, or the
managed identity of the machine,
<https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token>.
"""

from urllib.parse import quote, urlencode

from headgate.providers.base import ProviderConfig
from headgate.providers.endpoint import credential
from headgate.providers.renewal import Renewed, asking, token
from headgate.transport.base import Outbound, Sender

LOGIN = "https://login.microsoftonline.com"
MACHINE = "http://169.254.169.254/metadata/identity/oauth2/token"
RESOURCE = "https://cognitiveservices.azure.com"
SERVICE = "Microsoft Entra ID"


def entra(config: ProviderConfig, sender: Sender, resource: str = RESOURCE) -> Renewed[bytes] | None:
    """Return the header line of a token for *config*, empty before the first one is there; ``None`` where it has a key.
    It is for *resource*, a service of Azure's.

    Raise ``ValueError``, saying what to change, for a credential that is not whole.
    """
    parts = (config.tenant, config.client_id, config.client_secret)
    if config.api_key is not None:
        if config.managed_identity or any(part is not None for part in parts):
            raise ValueError("has both api_key and an identity of Entra ID; keep one of them.")
        return None
    if config.managed_identity:
        if config.client_secret is not None or config.tenant is not None:
            raise ValueError("managed_identity needs neither tenant nor client_secret; take them out.")
        return token(sender, _of_machine(config, resource), SERVICE)
    if all(part is None for part in parts):
        return None
    if any(part is None for part in parts):
        raise ValueError("tenant, client_id and client_secret belong together; write all three.")
    return token(sender, _of_client(config, resource), SERVICE)


def _of_machine(config: ProviderConfig, resource: str) -> Outbound:
    query = {"api-version": "2018-02-01", "resource": resource}
    if config.client_id is not None:
        query["client_id"] = config.client_id
    return asking("GET", config.token_url or MACHINE, {"metadata": "true"}, query=urlencode(query))


def _of_client(config: ProviderConfig, resource: str) -> Outbound:
    url = config.token_url or f"{LOGIN}/{quote(config.tenant or '', safe='')}/oauth2/v2.0/token"
    form = {
        "client_id": config.client_id or "",
        "client_secret": credential(config.client_secret) or "",
        "grant_type": "client_credentials",
        "scope": f"{resource}/.default",
    }
    lines = {"content-type": "application/x-www-form-urlencoded"}
    return asking("POST", url, lines, urlencode(form).encode())
