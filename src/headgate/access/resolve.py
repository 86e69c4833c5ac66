"""From a token to a principal: our own access tokens, and those of issuers that a tenant trusts."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from time import time
from typing import Any, TypeGuard

import msgspec

from headgate.access.assemble import Assembler, grants_of
from headgate.access.jwks import KeySets
from headgate.access.jwt import MAX_TOKEN, BadToken, Token, check_claims, import_keys, read, verify
from headgate.access.keys import is_usable
from headgate.access.permissions import PERMISSIONS, ROLES
from headgate.access.sessions import owner
from headgate.access.tokens import Access, Signer, looks_like_token
from headgate.access.types import Grants, Principal
from headgate.core.ids import now
from headgate.storage.entry_rows import ClientRow, EntryReader, IssuerRow
from headgate.storage.tenancy_rows import Found, HeldRole

log = logging.getLogger("headgate.access")

MAX_SUBJECT = 255


class Meaning(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What an issuer's claims mean here. Claims are named by their path: ``realm_access.roles``."""

    tenant: str | None = None
    """The claim with the tenant's id, for an issuer of the whole installation; else it is the issuer's own tenant."""
    team: str | None = None
    """The claim with the id of a team, whose limits and lists then bind."""
    user: str | None = None
    """The claim with the e-mail address of a user, whose limits and lists then bind."""
    roles: str | None = None
    """The claim with what ``role_map`` translates: one word or a list of them."""
    role_map: Mapping[str, str] = {}
    permissions: tuple[str, ...] = ("gateway:use",)
    """What every token of the issuer may."""


class TokenResolver:
    """Turns tokens into principals. What it finds may be cached until the principal's ``expires_at``."""

    def __init__(self, reader: EntryReader, signer: Signer, keys: KeySets, assembler: Assembler) -> None:
        self._reader = reader
        self._signer = signer
        self._keys = keys
        self._assembler = assembler
        self._prepared = False

    def takes(self, credential: bytes) -> bool:
        """Whether *credential* is for this resolver to judge."""
        return len(credential) <= MAX_TOKEN and looks_like_token(credential)

    async def resolve(self, credential: bytes) -> Principal | None:
        """Return whom a token stands for, ``None`` where it proves nothing; raise ``Unavailable``."""
        if not self._prepared:
            await asyncio.to_thread(self._signer.prepare)
            self._prepared = True
        try:
            token = read(credential)
            if self._signer.made(token):
                return await self._own(self._signer.access(token))
            return await self._trusted(token)
        except BadToken as error:
            log.info("refused a token: %s", error)
            return None

    async def user(self, tenant_id: str, id: str) -> Principal | None:
        """Return a user as he is now, ``None`` where he or his tenant is off."""
        found = await self._reader.user(tenant_id, id)
        return self._assembler.user(found) if found is not None and is_usable(found, now()) else None

    def _service(self, found: Found | None, id: str, name: str, grants: Grants) -> Principal | None:
        if found is None:
            return None
        levels = (found.tenant, found.team, found.user)
        if not all(level.is_active for level in levels if level is not None):
            return None
        return self._assembler.client(found, id, name, grants)

    async def _own(self, access: Access) -> Principal | None:
        if access.kind == "user":
            row = await self._reader.session(access.sid)
            if row is None or row.user_id != access.sub or row.stamp != access.stamp:
                return None
            if await owner(self._reader, row) is None:
                return None
            who = await self.user(row.tenant_id, row.user_id)
            end = min(access.exp * 1_000_000, row.expires_at)
        else:
            client = await self._reader.client(access.sub)
            if client is None or client.tenant_id != access.tid or not is_good(client):
                return None
            roles = await self._reader.client_roles(client.tenant_id, client.id)
            grants = permitted(client, roles, access.scope)
            found = await self._reader.service(client.tenant_id, None, None)
            who = self._service(found, client.id, client.name, grants)
            end = min(access.exp * 1_000_000, client.expires_at or access.exp * 1_000_000)
        return who and msgspec.structs.replace(who, expires_at=end)

    async def _trusted(self, token: Token) -> Principal | None:
        issuer, audience = token.claims.get("iss"), token.claims.get("aud")
        if not is_word(issuer, 512):
            raise BadToken("it names no issuer")
        meant = audience if isinstance(audience, list) else [audience]
        rows = [row for row in await self._reader.issuers(issuer) if row.audience in meant]
        if len(rows) != 1:
            raise BadToken("nobody trusts its issuer for its audience, or more than one does")
        row = rows[0]
        verify(token, await self._issuers_keys(row, token))
        check_claims(token.claims, issuer=row.issuer, audience=row.audience, now=time())
        subject = token.claims.get("sub")
        if not is_word(subject, MAX_SUBJECT):
            raise BadToken("it names no subject")
        return await self._mapped(row, token.claims, subject)

    async def _issuers_keys(self, row: IssuerRow, token: Token) -> list[Any]:
        if row.jwks_url is not None:
            return await self._keys.keys(row.jwks_url, token)
        return import_keys(msgspec.json.decode(row.keys or "{}"))

    async def _mapped(self, row: IssuerRow, claims: Mapping[str, Any], subject: str) -> Principal | None:
        meaning = msgspec.json.decode(row.mapping, type=Meaning)
        tenant = claim(claims, meaning.tenant) if meaning.tenant else row.tenant_id
        team, email = claim(claims, meaning.team), claim(claims, meaning.user)
        if not is_word(tenant, 64):
            raise BadToken("it names no tenant")
        allowed = frozenset(meaning.permissions)
        for role in mapped_roles(claims, meaning.roles, meaning.role_map):
            allowed |= ROLES.get(role, frozenset())
        found = await self._reader.service(
            tenant,
            team if is_word(team, 64) else None,
            email.lower() if is_word(email, 254) else None,
        )
        if found is None or (found.team is None and team is not None):
            raise BadToken("its tenant or its team is not known")
        grants: Grants = (("tenant", allowed & PERMISSIONS.keys()),)
        who = self._service(found, f"{row.id}:{subject}", f"{row.name}: {subject}", grants)
        return who and msgspec.structs.replace(who, expires_at=int(claims["exp"] * 1_000_000))


def is_good(client: ClientRow) -> bool:
    """Whether a client may come in now."""
    return client.is_active and (client.expires_at is None or client.expires_at > now())


def permitted(client: ClientRow, roles: tuple[HeldRole, ...], asked: str = "") -> Grants:
    """Return what a client may: its scopes and its roles', or those of them that were *asked* for."""
    scopes = msgspec.json.decode(client.scopes, type=frozenset[str]) & PERMISSIONS.keys()
    whole: Grants = (("tenant", scopes), *grants_of(roles, client.tenant_id))
    if not asked:
        return whole
    return tuple((scope, allowed & frozenset(asked.split())) for scope, allowed in whole)


def is_word(value: Any, longest: int) -> TypeGuard[str]:
    """Whether a claim is a text that a store can be asked for."""
    return isinstance(value, str) and 0 < len(value) <= longest and value.isprintable()


def claim(claims: Mapping[str, Any], path: str | None) -> Any:
    """Return the claim of that name or, where none has it, of that path; ``None`` where there is none."""
    if not path or path in claims:
        return claims.get(path) if path else None
    found: Any = claims
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found


def mapped_roles(claims: Mapping[str, Any], path: str | None, roles: Mapping[str, str]) -> list[str]:
    """Return the roles that the groups in a claim stand for, each once."""
    found = claim(claims, path)
    return roles_of_groups(found if isinstance(found, list) else [found], roles)


def roles_of_groups(groups: Sequence[Any], roles: Mapping[str, str]) -> list[str]:
    """Return the roles that *groups* stand for, each once; beyond the thousandth group none is looked at."""
    return list(dict.fromkeys(roles[group] for group in groups[:1000] if isinstance(group, str) and group in roles))
