"""``/encryption``: under which keys secrets are sealed, and sealing them under another. For the whole installation."""

import asyncio
from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import Depends, Request
from pydantic import Field

from headgate.access.envelope import Envelope
from headgate.access.permissions import PLATFORM_TENANT
from headgate.access.sealed import head, key_id
from headgate.access.vault import KeyAway, Unsealable, about
from headgate.admin.fields import Answer, Body, Text
from headgate.admin.parts import AdminParts
from headgate.admin.route import Route, author, parts
from headgate.admin.sso import secret_about
from headgate.admin.waiting import waited
from headgate.billing.deliver import about as channel_about
from headgate.core.errors import BadRequest, Conflict
from headgate.storage.sealed import PLACES
from headgate.storage.sealed_sql import SealedRow

BATCH = 100
"""Values of one request: a transaction is over before others wait for it."""
ABOUT: dict[str, Callable[[SealedRow], bytes]] = {
    "provider_keys": lambda row: about(row.tenant_id, row.provider, row.id),
    "channels": lambda row: channel_about(row.tenant_id, row.id),
    "identity_providers": lambda row: secret_about(row.tenant_id, row.id),
}
KINDS = tuple(place.kind for place in PLACES if place.lasting)
Parts = Annotated[AdminParts, Depends(parts)]
Kind = Literal["provider_keys", "channels", "identity_providers", "payloads", "answers"]


class EncryptionKey(Answer):
    """A key that others are wrapped under."""

    id: str
    seals: bool
    """It is the first: what is sealed from now on is under it."""
    service: bool
    """A key service has it."""


class SealedValues(Answer):
    """How many values of one kind are under one key."""

    kind: Kind
    key_id: str | None
    """``null``: sealed by an earlier version, directly under the secret key; or damaged."""
    count: int
    opens: bool
    """The key is there."""
    lasting: bool
    """They stay until they are removed, and are what rotating is about. Others go by themselves, by their age."""


class Encryption(Answer):
    """The keys, the first first, and what is under them."""

    keys: list[EncryptionKey]
    values: list[SealedValues]
    missing: list[str]
    """Ids of keys that values are under, and that are not there."""
    due: int
    """Lasting values that are not under the first key."""


class ToRotate(Body):
    """Which values to seal anew."""

    new_key: bool = False
    """Make a new first key before, in the gateway's home."""
    after: Annotated[Text, Field(pattern="^[a-z_]{1,32}:[ -~]{0,128}$")] | None = None
    """What the answer before gave as ``next``."""


class NotRotated(Answer):
    """A value that stays as it was, and why."""

    kind: Kind
    id: str
    words: str


class RotatedValues(Answer):
    """What became of some values. Ask again, with ``after``, until ``next`` is ``null``."""

    key_id: str
    """The key that they are under now."""
    rotated: int
    failed: list[NotRotated]
    next: str | None


async def show_encryption(to: Parts) -> Encryption:
    """Return the keys, and how many values of which kind are under each."""
    ids = await asyncio.to_thread(lambda: to.ring.ids)
    keys = [EncryptionKey(id=id, seals=id == ids[0], service=to.ring.get(id).waits) for id in ids]
    values: dict[tuple[str, str | None], SealedValues] = {}
    for place, start, count in await to.encryption.counted():
        try:
            id, opens = key_id(start), True
        except Unsealable:
            id, opens = None, False
        opens = opens and (id is None or id in ids)
        one = SealedValues(kind=place.kind, key_id=id, count=count, opens=opens, lasting=place.lasting)  # type: ignore[arg-type]
        values[one.kind, f"{id} {opens}"] = one
    found = list(values.values())
    return Encryption(
        keys=keys,
        values=found,
        missing=sorted({one.key_id for one in found if one.key_id is not None and not one.opens}),
        due=sum(one.count for one in found if one.lasting and one.key_id != ids[0]),
    )


async def rotate_encryption(request: Request, to: Parts, body: ToRotate | None = None) -> RotatedValues:
    """Wrap the data keys of at most a hundred values anew, under the first key. Safe to repeat, and at any time."""
    body = body or ToRotate()
    if body.new_key:
        try:
            made = await asyncio.to_thread(to.ring.grow)
        except ValueError as error:
            raise Conflict(str(error), param="new_key") from None
        await to.encryption.noted(made, author(request), PLATFORM_TENANT)
    kind, _, after = (body.after or f"{KINDS[0]}:").partition(":")
    if kind not in KINDS:
        raise BadRequest(f"after must begin with one of {', '.join(KINDS)}.", code="invalid_parameter", param="after")
    first = to.ring.first.id
    rows = await to.encryption.due(kind, head(first), after, BATCH)
    made_anew, failed = await waited(lambda: _renewed(to.ring.envelope, kind, rows))
    done = await to.encryption.put(kind, made_anew, key_id=first, author=author(request), tenant_id=PLATFORM_TENANT)
    more = f"{kind}:{rows[-1].id}" if len(rows) == BATCH else _next(kind)
    return RotatedValues(key_id=first, rotated=done, failed=failed, next=more)


def _renewed(
    envelope: Envelope, kind: str, rows: list[SealedRow]
) -> tuple[list[tuple[SealedRow, bytes]], list[NotRotated]]:
    done: list[tuple[SealedRow, bytes]] = []
    failed: list[NotRotated] = []
    for row in rows:
        try:
            done.append((row, envelope.renewed(row.value, ABOUT[kind](row))))
        except KeyAway:
            raise
        except Unsealable as error:
            failed.append(NotRotated(kind=kind, id=row.id, words=str(error)))  # type: ignore[arg-type]
    return done, failed


def _next(kind: str) -> str | None:
    rest = KINDS[KINDS.index(kind) + 1 :]
    return f"{rest[0]}:" if rest else None


ROUTES = (
    Route(
        method="GET",
        path="/encryption",
        permission="encryption:view",
        endpoint=show_encryption,
        summary="Under which keys secrets are sealed",
        tag="encryption",
        object="encryption_key",
    ),
    Route(
        method="POST",
        path="/encryption/rotate",
        permission="encryption:rotate",
        endpoint=rotate_encryption,
        summary="Seal secrets under the first key",
        tag="encryption",
        object="encryption_key",
        writes=("new_key", "after"),
    ),
)
