"""``/clients``: services that come in by OAuth2's client credentials. A secret is shown once, when it is made."""

import secrets
from collections.abc import Mapping
from time import time_ns
from typing import Annotated, Any

import msgspec
from fastapi import Response
from pydantic import Field

from headgate.access.keys import Derived
from headgate.access.permissions import PERMISSIONS
from headgate.access.resolve import permitted
from headgate.access.tokens import held_digest
from headgate.admin.crud import Asked, By, Kind, PageOf, Parts, Who, Within, found, routes_of, tag_of, told
from headgate.admin.fields import Answer, Body, Instant, Text, UtcTime, instant, micros, object_id, optional_instant
from headgate.admin.grants import may_give, may_touch
from headgate.admin.levels import Name, stored
from headgate.admin.route import Route
from headgate.admin.sso import entrance
from headgate.core.errors import BadRequest
from headgate.core.ids import new_id, now
from headgate.core.secret import Secret
from headgate.storage.entry_rows import ClientRow

PREFIX = "hgc_"
MAX_OVERLAP = 90 * 86_400
Scopes = Annotated[tuple[Annotated[Text, Field(max_length=64)], ...], Field(max_length=len(PERMISSIONS))]


class NewClient(Body):
    """A client."""

    name: Name
    scopes: Scopes = ("gateway:use",)
    """What its tokens may: permissions that you have yourself."""
    expires_at: Instant | None = None
    is_active: bool = True


class ClientChanges(Body):
    """What is to be otherwise."""

    name: Name = ""
    scopes: Scopes = ()
    expires_at: Instant | None = None
    is_active: bool = True


class ClientRotation(Body):
    """How a client is to change its secret."""

    overlap: Annotated[float, Field(ge=0, le=MAX_OVERLAP)] = 0
    """Seconds for which the present secret stays good beside the new one."""


class Client(Answer):
    """A client, without its secret. Its id is its ``client_id``."""

    id: str
    name: str
    last4: str
    scopes: list[str]
    is_active: bool
    expires_at: UtcTime | None
    overlap_until: UtcTime | None
    created_at: UtcTime
    updated_at: UtcTime


class MadeClient(Client):
    """A client with its secret, shown this once."""

    client_secret: str


class ClientPage(PageOf[Client]):
    """A page of clients."""


async def create_client(body: NewClient, who: Who, to: Parts, by: By, response: Response) -> MadeClient:
    """Make a client. It can ask for tokens at once."""
    store = entrance(to)
    row = await _made(Asked(who, to, by, None), body)
    secret, fields = rotated(row, store.derived, 0)
    row = msgspec.structs.replace(row, **fields)
    with told("client"):
        await store.clients.add(who.tenant_id, row, by)
    response.headers["etag"] = tag_of(row)
    return MadeClient(**_shown(row).model_dump(), client_secret=secret.reveal())


async def rotate_client(
    id: str, who: Who, to: Parts, by: By, inside: Within, body: ClientRotation | None = None
) -> MadeClient:
    """Give a client a new secret."""
    store = entrance(to)
    was: ClientRow = found(await store.clients.find(who.tenant_id, object_id(id, "client"), inside), "client")
    await _touched(Asked(who, to, by, inside), was)  # the new secret is the caller's to use
    secret, fields = rotated(was, store.derived, body.overlap if body is not None else 0)
    with told("client"):
        row = found(await store.clients.set(who.tenant_id, was.id, fields, by, within=inside), "client")
    return MadeClient(**_shown(row).model_dump(), client_secret=secret.reveal())


def rotated(was: ClientRow, derived: Derived, overlap: float) -> tuple[Secret, dict[str, Any]]:
    """Return a new secret, and the columns that make it a client's."""
    secret = Secret(PREFIX + secrets.token_urlsafe(32))
    former = {"former_hash": was.secret_hash, "former_until": now() + int(overlap * 1_000_000)}
    return secret, {
        "secret_hash": held_digest(secret, derived),
        "last4": secret.reveal()[-4:],
        **(former if overlap else {"former_hash": None, "former_until": None}),
    }


async def _changed(asked: Asked, row: ClientRow, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    await _touched(asked, row)
    columns = stored(dict(fields))
    if "scopes" in fields:
        _may(asked.who, fields["scopes"])
    if "expires_at" in fields:
        columns["expires_at"] = _end(fields["expires_at"])
    return columns


async def _made(asked: Asked, body: NewClient) -> ClientRow:
    """The row of a client that has no secret yet."""
    _may(asked.who, body.scopes)
    return ClientRow(
        id=new_id(),
        tenant_id=asked.who.tenant_id,
        name=body.name,
        secret_hash=b"",
        last4="",
        scopes=msgspec.json.encode(sorted(set(body.scopes))).decode(),
        is_active=body.is_active,
        expires_at=_end(body.expires_at),
        created_at=now(),
        updated_at=now(),
    )


async def _touched(asked: Asked, row: ClientRow) -> None:
    """Refuse who may do less than the client does now, by its scopes and by the roles that it was given."""
    roles = await entrance(asked.to).reader.client_roles(row.tenant_id, row.id)
    may_touch(asked.who, permitted(row, roles))


def _may(who: Any, scopes: tuple[str, ...]) -> None:
    for scope in scopes:
        if scope not in PERMISSIONS:
            raise BadRequest(f"There is no permission {scope!r}.", code="invalid_parameter", param="scopes")
    may_give(who, scopes, "tenant", "scopes")


def _end(at: Any) -> int | None:
    end = micros(at) if at is not None else None
    if end is not None and end <= time_ns() // 1000:
        raise BadRequest("expires_at is in the past.", code="invalid_parameter", param="expires_at")
    return end


def _shown(row: ClientRow) -> Client:
    return Client(
        id=row.id,
        name=row.name,
        last4=row.last4,
        scopes=msgspec.json.decode(row.scopes),
        is_active=row.is_active,
        expires_at=optional_instant(row.expires_at),
        overlap_until=optional_instant(row.former_until),
        created_at=instant(row.created_at),
        updated_at=instant(row.updated_at),
    )


KIND = Kind(
    word="client",
    things="clients",
    store=lambda to: entrance(to).clients,
    shown=_shown,
    answer=Client,
    page=ClientPage,
    new=NewClient,
    changes=ClientChanges,
    made=_made,
    changed=_changed,
    removing=_touched,
)
ROUTES = (
    *(route for route in routes_of(KIND) if route.method != "POST"),
    Route(
        method="POST",
        path="/clients",
        permission="clients:create",
        endpoint=create_client,
        summary="Make a client",
        tag="clients",
        status=201,
        object="client",
        writes=tuple(NewClient.model_fields),
    ),
    Route(
        method="POST",
        path="/clients/{id}/rotate",
        permission="clients:update",
        endpoint=rotate_client,
        summary="Give a client a new secret",
        tag="clients",
        object="client",
        writes=tuple(ClientRotation.model_fields),
    ),
)
