"""``/config/providers``: the accounts in force, what is known of their state, and their keys, which are never shown."""

import asyncio
from typing import Annotated, Any

from fastapi import Depends
from pydantic import Field, SecretStr, field_validator
from starlette.requests import Request

from headgate.access.permissions import PLATFORM_TENANT
from headgate.access.types import Principal
from headgate.access.vault import sealed_row
from headgate.admin.fields import Answer, Body, Text, UtcTime, instant, object_id
from headgate.admin.parts import AdminParts
from headgate.admin.provider_objects import KIND, OPERATIONS, ProviderObjects, with_origin
from headgate.admin.route import Route, author, caller, parts
from headgate.admin.waiting import waited
from headgate.core.errors import BadRequest, Forbidden, NotFound
from headgate.core.secret import Secret
from headgate.providers.discovery import look
from headgate.storage.object_rows import SHARED
from headgate.storage.provider_keys import ProviderKeyRow

MAX_KEYS = 100
"""Keys of one provider."""


class NewProviderKey(Body):
    """A key to be sealed."""

    key: SecretStr = Field(min_length=1, max_length=16_384)
    name: Annotated[Text, Field(max_length=100)] = ""

    @field_validator("key")
    @classmethod
    def one_line(cls, value: SecretStr) -> SecretStr:
        """Refuse what cannot stand in a header; the key itself is not repeated."""
        text = value.get_secret_value()
        if not (text.isascii() and text.isprintable()) or text != text.strip():
            raise ValueError("must be printable ASCII without blanks around it; is there a line break in it?")
        return value


class ProviderKey(Answer):
    """What may be shown of a key."""

    id: str
    provider: str
    name: str
    prefix: str
    last4: str
    created_at: UtcTime


class ProviderKeys(Answer):
    """Every sealed key of a provider, oldest first."""

    data: list[ProviderKey]


class Looked(Answer):
    """What a look at a provider found."""

    ok: bool
    """It answered with its models."""
    error: str | None
    """Why not, in its words."""
    latency_ms: float
    models: int


class Providers(Answer):
    """The accounts in force, by name."""

    data: list[dict[str, Any]]
    keyed: list[str]
    """Names that a key can be given to: these accounts, and every provider that needs nothing but a key."""


async def list_providers(
    who: Annotated[Principal, Depends(caller)], to: Annotated[AdminParts, Depends(parts)]
) -> Providers:
    """Return every account with its kind, address, number of keys, what was last found there, and who manages it:
    ``file``, ``database``, or ``found`` by its key or on this machine."""
    names = await asyncio.to_thread(to.provider_names, who.tenant_id)
    known = await ProviderObjects(KIND, who, to).listed()
    return Providers(data=with_origin(to.providers(who.tenant_id), known), keyed=sorted(names))


async def list_provider_keys(
    provider: str, who: Annotated[Principal, Depends(caller)], to: Annotated[AdminParts, Depends(parts)]
) -> ProviderKeys:
    """Return what may be shown of the keys of a provider that were entered here; those of the file are not listed."""
    return ProviderKeys(data=[_shown(row) for row in await to.provider_keys.list(who.tenant_id, provider)])


async def add_provider_key(
    request: Request,
    provider: str,
    body: NewProviderKey,
    who: Annotated[Principal, Depends(caller)],
    to: Annotated[AdminParts, Depends(parts)],
) -> ProviderKey:
    """Seal a key. It is used within a second, in turn with the account's others, and never shown again.

    Accounts that all tenants share are the installation's, and so are their keys; a tenant gives keys to its own
    accounts, and brings others with its virtual keys.
    """
    own = to.live.effective.own.get(who.tenant_id)
    if who.tenant_id != PLATFORM_TENANT and (own is None or provider not in own.providers):
        raise Forbidden(
            "Accounts that all tenants share, and their keys, are the installation's. To have calls signed with a key "
            "of this tenant, give it to a virtual key ('provider_keys' of /api/v1/config/virtual-keys), or to a "
            "provider of its own (POST /api/v1/config/providers).",
            param="provider",
        )
    await _refuse_unknown(provider, who, to)
    if len(await to.provider_keys.list(who.tenant_id, provider)) >= MAX_KEYS:
        raise BadRequest(f"{provider!r} has {MAX_KEYS} keys; remove one first.", param="provider")
    key, sealer = Secret(body.key.get_secret_value()), to.ring.envelope
    row = await waited(lambda: sealed_row(key, provider, body.name, who.tenant_id, sealer))
    await to.provider_keys.create(who.tenant_id, row, author(request))
    return _shown(row)


async def remove_provider_key(
    request: Request,
    provider: str,
    id: str,
    who: Annotated[Principal, Depends(caller)],
    to: Annotated[AdminParts, Depends(parts)],
) -> ProviderKey:
    """Delete a key: no new call is signed with it after a second."""
    row = await to.provider_keys.remove(who.tenant_id, provider, object_id(id, "key of a provider"), author(request))
    if row is None:
        raise NotFound("There is no such key of a provider.", param="id")
    return _shown(row)


async def look_at_provider(
    provider: str, who: Annotated[Principal, Depends(caller)], to: Annotated[AdminParts, Depends(parts)]
) -> Looked:
    """Ask a provider for its models with the keys that it has now: whether they are taken, and what can be called."""
    await _refuse_unknown(provider, who, to)
    account = to.live.compiled.of(who.tenant_id).get(provider)
    if account is None:
        raise BadRequest(f"{provider!r} is off, or has no key yet: switch it on or give it one.", param="provider")
    if account.kind == "sandbox" or not account.supports("models"):
        raise BadRequest(
            f"{provider!r} has no list of models to ask for: send it a call instead.",
            code="unsupported_operation",
            param="provider",
        )
    found = await look(account)
    await asyncio.to_thread(to.looked, provider, found)
    return Looked(ok=found.ok, error=found.error, latency_ms=found.latency_ms, models=len(found.models))


async def _refuse_unknown(provider: str, who: Principal, to: AdminParts) -> None:
    names = await asyncio.to_thread(to.provider_names, who.tenant_id)  # it may look for servers on this machine
    if provider in names:
        return
    made = [await to.objects.get(tenant, KIND, provider) for tenant in (who.tenant_id, SHARED)]
    if not any(made):  # one that was made a moment ago may not be in force here yet
        raise NotFound(
            f"There is no provider {provider[:64]!r}. A key can be given to: {', '.join(sorted(names))[:1000]}.",
            param="provider",
        )


def _shown(row: ProviderKeyRow) -> ProviderKey:
    return ProviderKey(
        id=row.id,
        provider=row.provider,
        name=row.name,
        prefix=row.key_prefix,
        last4=row.last4,
        created_at=instant(row.created_at),
    )


KEYS = "/config/providers/{provider}/keys"
ROUTES = (
    *OPERATIONS,
    Route(
        method="GET",
        path="/config/providers",
        permission="config:view",
        endpoint=list_providers,
        summary="The providers in force",
        object="provider",
        tag="config",
    ),
    Route(
        method="GET",
        path=KEYS,
        permission="provider_keys:view",
        endpoint=list_provider_keys,
        summary="Keys of a provider, without the keys",
        object="provider_key",
        tag="config",
    ),
    Route(
        method="POST",
        path=KEYS,
        permission="provider_keys:create",
        endpoint=add_provider_key,
        summary="Seal a key of a provider",
        object="provider_key",
        writes=("key", "name"),
        tag="config",
        status=201,
    ),
    Route(
        method="DELETE",
        path=KEYS + "/{id}",
        permission="provider_keys:delete",
        endpoint=remove_provider_key,
        summary="Delete a key of a provider",
        object="provider_key",
        tag="config",
    ),
    Route(
        method="POST",
        path="/config/providers/{provider}/look",
        permission="provider_keys:create",
        endpoint=look_at_provider,
        summary="Try the keys of a provider",
        object="provider",
        tag="config",
    ),
)
"""Routes of providers and their keys."""
