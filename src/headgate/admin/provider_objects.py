"""Providers as objects that are configured by file or by API: what is particular to them."""

from collections.abc import Mapping
from typing import Any

from fastapi import Request

from headgate.access.permissions import PLATFORM_TENANT
from headgate.admin.config import masked
from headgate.admin.configured import Objects
from headgate.admin.named import operations
from headgate.admin.versions import Rollback, Shown
from headgate.config.check_providers import name_fault
from headgate.config.routes import SANDBOX
from headgate.core.errors import BadRequest, Conflict, NotFound
from headgate.providers.catalog import row as catalogue
from headgate.storage.object_rows import SHARED, ObjectRow
from headgate.transport.egress import check_url

KIND = "provider"
MAX_OWN = 100
"""Providers that one tenant can have of its own: each is an account in every process."""


class ProviderObjects(Objects):
    """The providers that a caller may see and change.

    What is neither in the file nor made here, but found (a key in the environment, a sealed key of a service, a model
    server of this machine), is shown and is replaced by what is made under its name.
    """

    async def listed(self) -> list[Shown]:
        """See ``Objects.listed``; those that were found are among them."""
        known = await super().listed()
        names = {one.name for one in known}
        return [*known, *(one for one in self.found() if one.name not in names)]

    async def one(self, name: str, shared: bool | None = None) -> Shown:
        """See ``Objects.one``."""
        try:
            return await super().one(name, shared)
        except NotFound:
            for one in self.found() if shared is not False else ():
                if one.name == name:
                    return one
            raise

    def found(self) -> list[Shown]:
        """Return the accounts in force that nobody configured."""
        configured, compiled = self.to.live.effective.managers(), self.to.live.compiled
        return [
            found(name, self.shown(account))
            for name, account in compiled.accounts.items()
            if name not in configured and compiled.may_know(self.who.tenant_id, name)
        ]

    def for_all(self, asked: bool | None) -> bool:
        """Whether a new one is all tenants': without a word, what who administers the platform makes in its own
        tenant is."""
        return self.who.tenant_id == PLATFORM_TENANT and self.platform if asked is None else asked

    def shown(self, value: Any) -> Any:
        """Return what the file says of one, without secrets: a header is the usual place for one."""
        told = super().shown(value)
        return {name: masked(one, name) for name, one in told.items()} if isinstance(told, dict) else told

    def drawn(self, name: str, tenant: str, config: dict[str, Any], was: ObjectRow | None) -> ObjectRow:
        """See ``Objects.drawn``; raise ``Conflict`` for a name that another account has."""
        if (fault := name_fault(name)) is not None:
            raise BadRequest(f"name: {fault}.", code="invalid_value", param="name")
        if was is None and tenant != SHARED and self._has(name, tenant):
            raise Conflict(f"There is a provider {name!r} already: give yours another name.", param="name")
        return super().drawn(name, tenant, config, was)

    async def remove(self, name: str, request: Request, shared: bool | None = None, note: str = "") -> None:
        """See ``Objects.remove``; raise ``Conflict`` for one that was found, as there is no entry to take away."""
        if await self.row(name, shared) is None and (await self.one(name, shared)).managed_by == "found":
            raise Conflict(
                f"The provider {name!r} is in no configuration: it was found, in the environment or on this machine. "
                'Make one of its name with `"enabled": false` to do without it.',
                param="name",
            )
        await super().remove(name, request, shared, note)

    async def roll_back(self, name: str, asked: Rollback, request: Request) -> Shown:
        """See ``Objects.roll_back``: one that was removed comes back for whom it was."""
        if asked.shared is None and await self.row(name) is None:
            for tenant in self.tenants(None):
                if await self.to.objects.version(tenant, self.kind, name, asked.version) is not None:
                    asked = asked.model_copy(update={"shared": tenant == SHARED})
                    break
        return await super().roll_back(name, asked, request)

    def _has(self, name: str, tenant: str) -> bool:
        """Whether somebody else's account has the name; a tenant's own may be off, or not in force yet."""
        others = (over.providers for one, over in self.to.live.effective.own.items() if one != tenant)
        return name in self.to.live.compiled.of(None) or any(name in providers for providers in others)


async def reachable(objects: Objects, name: str, config: Mapping[str, Any], tenant: str) -> None:
    """Refuse what a tenant may not have of its own: an address that is not public, and too many of them.

    It is checked again whenever a connection is made. Who runs the gateway may name any address.
    """
    if tenant == SHARED:
        return
    own = await objects.to.objects.every(tenant, KIND)
    if len(own) >= MAX_OWN and all(row.name != name for row in own):
        raise Conflict(f"A tenant has at most {MAX_OWN} providers of its own; remove one first.", param="name")
    url = config.get("base_url") or catalogue(str(config["kind"])).base_url
    if url is not None and config["kind"] != SANDBOX:  # which is within this process
        await check_url(url, param="config.base_url")


def with_origin(accounts: list[dict[str, Any]], known: list[Shown]) -> list[dict[str, Any]]:
    """Return the *accounts* in force, each with what is *known* of who manages it and what it says; those that are
    switched off stand among them."""
    of = {one.name: one for one in known}
    on = {account["name"]: account for account in accounts}
    return [_told(on.get(name), of.get(name), name) for name in sorted({*on, *of})]


def _told(account: dict[str, Any] | None, one: Shown | None, name: str) -> dict[str, Any]:
    one = one or found(name, None)
    config = one.config or {}
    off = {
        "name": name,
        "kind": config.get("kind"),
        "base_url": config.get("base_url"),
        "passthrough": config.get("passthrough", "owned"),
        "keys": 0,
        "last_look": None,
    }
    return {**(account or off), **one.model_dump(mode="json"), "enabled": account is not None}


def found(name: str, config: Any) -> Shown:
    """Return what is shown of an account that nobody configured."""
    return Shown(
        name=name,
        managed_by="found",
        shared=True,
        platform=False,
        version=None,
        etag=None,
        config=config,
        updated_at=None,
    )


OPERATIONS = operations(KIND, "providers", below="/config", tag="config", check=reachable, of=ProviderObjects)[1:]
"""All but the list, which is that of the accounts in force."""
