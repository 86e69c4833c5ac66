"""Access tokens of Microsoft Entra ID, fetched through our own transport and kept until they expire.

Client credentials, <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>, or the
managed identity of the machine,
<https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token>.
"""

import asyncio
from collections.abc import Awaitable
from time import monotonic
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from headgate.core.errors import UpstreamFailed
from headgate.core.secret import Secret
from headgate.providers.base import ProviderConfig
from headgate.providers.endpoint import USER_AGENT, credential, endpoint, fields, render
from headgate.transport.base import Inbound, Outbound, Sender

LOGIN = "https://login.microsoftonline.com"
MACHINE = "http://169.254.169.254/metadata/identity/oauth2/token"
RESOURCE = "https://cognitiveservices.azure.com"
EARLY = 300.0
"""Seconds before its end that a token is renewed; until then calls go on with the old one."""
AGAIN = 30.0
"""Seconds between tries to renew a token that is still good."""
PATIENCE = 15.0
MAX_ANSWER = 256 * 1024


class _Granted(msgspec.Struct):
    access_token: str
    expires_in: int | str
    """Seconds; a machine's own service tells them as text."""


_granted = msgspec.json.Decoder(_Granted)


class Entra:
    """The token of one account. ``header`` is its header line, empty before the first one is there."""

    __slots__ = ("_ask", "_ends", "_fetching", "_renew", "_sender", "header")

    def __init__(self, ask: Outbound, sender: Sender) -> None:
        """*ask* is the request that is answered with a token."""
        self._ask = ask
        self._sender = sender
        self._renew = self._ends = 0.0
        self._fetching: asyncio.Task[None] | None = None
        self.header = b""

    def fresh(self) -> Awaitable[None] | None:
        """Return ``None`` where the token is good, else what to wait for; it raises ``UpstreamFailed``."""
        now = monotonic()
        if now < self._renew:
            return None
        if self._fetching is None or self._fetching.done():
            self._fetching = asyncio.ensure_future(self._fetch())
            self._fetching.add_done_callback(_seen)
        if now < self._ends:
            self._renew = now + AGAIN
            return None
        return asyncio.shield(self._fetching)  # one caller who leaves takes the token from nobody else

    async def _fetch(self) -> None:
        inbound = await self._sender.send(self._ask)
        try:
            token, seconds = await _read(inbound)
        finally:
            inbound.close()
        now = monotonic()
        self._ends = now + max(seconds - 10, 0)
        self._renew = now + max(seconds - EARLY, seconds / 2)
        self.header = f"authorization: Bearer {token}\r\n".encode()


def _seen(task: "asyncio.Task[None]") -> None:
    """Look at a failure that nobody waits for; the next call that needs the token meets it again."""
    if not task.cancelled():
        task.exception()


async def _read(inbound: Inbound) -> tuple[str, float]:
    """Return the token and the seconds it lasts."""
    try:
        body = await inbound.read_all(PATIENCE, MAX_ANSWER, PATIENCE)
        if inbound.status != 200:
            raise failed(f"refused the gateway's own credential (status {inbound.status})")
        granted = _granted.decode(body)
        return credential(Secret(granted.access_token)) or "", float(granted.expires_in)
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError):
        raise failed("answered without a token") from None


def failed(what: str) -> UpstreamFailed:
    """The failure of a call that cannot be signed."""
    return UpstreamFailed(
        f"Microsoft Entra ID {what}. The operator of this gateway must look at it.",
        status=502,
        code="upstream_auth_error",
    )


def entra(config: ProviderConfig, sender: Sender) -> Entra | None:
    """Return what fetches tokens for *config*; ``None`` where it has a key.

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
        return Entra(_of_machine(config), sender)
    if all(part is None for part in parts):
        return None
    if any(part is None for part in parts):
        raise ValueError("tenant, client_id and client_secret belong together; write all three.")
    return Entra(_of_client(config), sender)


def _of_machine(config: ProviderConfig) -> Outbound:
    query = {"api-version": "2018-02-01", "resource": RESOURCE}
    if config.client_id is not None:
        query["client_id"] = config.client_id
    return _outbound("GET", config.token_url or MACHINE, {"metadata": "true"}, query=urlencode(query))


def _of_client(config: ProviderConfig) -> Outbound:
    url = config.token_url or f"{LOGIN}/{quote(config.tenant or '', safe='')}/oauth2/v2.0/token"
    form = {
        "client_id": config.client_id or "",
        "client_secret": credential(config.client_secret) or "",
        "grant_type": "client_credentials",
        "scope": f"{RESOURCE}/.default",
    }
    lines = {"content-type": "application/x-www-form-urlencoded"}
    return _outbound("POST", url, lines, body=urlencode(form).encode())


def _outbound(method: str, url: str, lines: dict[str, str], *, query: str = "", body: bytes = b"") -> Outbound:
    try:
        at = endpoint(urlsplit(url)._replace(query="", fragment="").geturl())
    except ValueError as error:
        raise ValueError(str(error).replace("base_url", "token_url")) from None
    asked = "&".join(part for part in (urlsplit(url).query, query) if part)
    common = {"accept": "application/json", "accept-encoding": "identity", "user-agent": USER_AGENT}
    head = render(method, at, f"?{asked}" if asked else "", fields(common, lines))
    return Outbound(at.origin, head, b"", body, headers_timeout=PATIENCE)
