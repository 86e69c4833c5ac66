"""``/auth/token``: OAuth2's client credentials (RFC 6749, 4.4). A service shows its id and secret, and gets a token."""

import hmac
from base64 import b64decode
from typing import Any
from urllib.parse import parse_qs, unquote_plus

import msgspec
from fastapi import Request
from starlette.concurrency import run_in_threadpool

from headgate.access.bad import network_of
from headgate.access.entrance import Entrance
from headgate.access.resolve import is_good, permitted
from headgate.access.tokens import Access, held_digest
from headgate.admin.crud import Parts
from headgate.admin.fields import Answer
from headgate.admin.route import OPEN, Route
from headgate.admin.sso import entrance
from headgate.core.errors import BadRequest, NotAuthenticated
from headgate.core.ids import now
from headgate.core.secret import Secret
from headgate.storage.entry_rows import ClientRow

MAX_WORD = 4096


class WrongClient(NotAuthenticated):
    """401: this id with this secret is no client's."""

    code = "invalid_client"

    def __init__(self) -> None:
        super().__init__("The client's id or secret is wrong, or the client is off or expired.")


class ClientToken(Answer):
    """An access token of a client."""

    access_token: str
    token_type: str = "Bearer"
    expires_in: int
    """Seconds."""
    scope: str


async def token(request: Request, to: Parts) -> ClientToken:
    """Return an access token: ``grant_type=client_credentials`` and, if less than all is wanted, ``scope``.

    Id and secret come by HTTP's Basic scheme, or as ``client_id`` and ``client_secret`` in the form.
    """
    gate = entrance(to)
    form = await _form(request)
    if form.get("grant_type") != "client_credentials":
        raise BadRequest("grant_type must be client_credentials.", code="invalid_parameter", param="grant_type")
    id, secret = _credentials(request, form)
    client = await _client(gate, request, id, secret)
    roles = await gate.reader.client_roles(client.tenant_id, client.id)
    asked = form.get("scope", "")
    granted = frozenset[str]().union(*(allowed for _, allowed in permitted(client, roles, asked)))
    if asked and not granted:
        raise BadRequest("The client has none of what it asks for.", code="invalid_scope", param="scope")
    signer = gate.sessions.signer
    await run_in_threadpool(signer.prepare)
    access = signer.sign(Access(kind="client", sub=client.id, tid=client.tenant_id, scope=asked and " ".join(granted)))
    return ClientToken(access_token=access.reveal(), expires_in=signer.life, scope=" ".join(sorted(granted)))


async def _client(gate: Entrance, request: Request, id: str, secret: str) -> ClientRow:
    network = network_of(request.client.host if request.client else None)
    await gate.failures.check(network)
    client = await gate.reader.client(id) if id.replace("-", "").isalnum() and len(id) <= 64 else None
    shown = held_digest(Secret(secret), gate.derived)
    hashes = [client.secret_hash] if client is not None else [b""]
    if client is not None and client.former_hash is not None and (client.former_until or 0) > now():
        hashes.append(client.former_hash)
    right = any([hmac.compare_digest(shown, hashed) for hashed in hashes])  # all of them, whichever fits
    if client is None or not right or not is_good(client):
        await gate.failures.count(network)
        raise WrongClient
    return client


async def _form(request: Request) -> dict[str, str]:
    """Return the fields of the body, which may be a form, as RFC 6749 has it, or JSON."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await request.body()
    try:
        if kind == "application/json":
            found: dict[str, Any] = msgspec.json.decode(body, type=dict[str, str])
        else:
            pairs = parse_qs(body.decode("ascii"), keep_blank_values=True, strict_parsing=bool(body), max_num_fields=20)
            found = {name: values[0] for name, values in pairs.items() if len(values) == 1}
            if len(found) != len(pairs):
                raise ValueError("a field stands twice")
    except (ValueError, msgspec.MsgspecError):
        raise BadRequest("The body is not a form: grant_type=client_credentials&...", code="invalid_form") from None
    if any(len(value) > MAX_WORD or not value.isascii() for value in found.values()):
        raise BadRequest("A field of the form is too long, or not ASCII.", code="invalid_form")
    return found


def _credentials(request: Request, form: dict[str, str]) -> tuple[str, str]:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        id, _, secret = b64decode(given.strip(), validate=True).decode("ascii").partition(":")
    except ValueError:
        raise WrongClient from None
    return unquote_plus(id), unquote_plus(secret)


ROUTES = (
    Route(
        method="POST",
        path="/auth/token",
        permission=OPEN,
        endpoint=token,
        summary="Get a token by a client's secret",
        tag="auth",
        object="client",
        foreign=True,
    ),
)
