"""``Idempotency-Key``: a request that was answered is not done again, and its answer is given again to the last byte.

An answer is kept for a day, sealed: it may hold a secret that is shown once. What came to nothing may be tried again.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from headgate.access.envelope import LONG_LIVED, Direct
from headgate.access.types import Principal
from headgate.access.vault import Unsealable
from headgate.admin.parts import AdminParts
from headgate.core.errors import BadRequest, Conflict, Refused
from headgate.storage.idempotency import Kept

HEADER = "idempotency-key"
LONGEST = 255
SAME = ("content-type", "etag", "location")
"""Headers that an answer keeps, besides those that every one has."""

Handler = Callable[[Request], Awaitable[Response]]


class OtherRequest(Refused):
    """422: the key came with another request before."""

    status = 422
    code = "idempotency_mismatch"


async def once(request: Request, handler: Handler) -> Response:
    """Answer *request* by *handler*, unless it was answered before."""
    word = request.headers.get(HEADER)
    if word is None or request.method != "POST":
        return await handler(request)
    if not (0 < len(word) <= LONGEST and word.isascii() and word.isprintable()):
        raise BadRequest(f"{HEADER} takes 1 to {LONGEST} printable characters.", code="invalid_parameter", param=HEADER)
    to: AdminParts = request.app.state.parts
    own: Principal = request.state.own
    who: Principal = request.state.who
    tenant_id, key = who.tenant_id, f"{own.kind}:{own.id}:{word}"
    kept = await to.tenancy.answers.begin(tenant_id, key, _digest(request))
    if kept is not None:
        return await asyncio.to_thread(_again, kept, to, tenant_id, key, _digest(request))
    doing = asyncio.ensure_future(_do(request, handler, to, tenant_id, key))
    return await asyncio.shield(doing)  # who leaves does not leave it half done


async def _do(request: Request, handler: Handler, to: AdminParts, tenant_id: str, key: str) -> Response:
    answers = to.tenancy.answers
    try:
        response = await handler(request)
    except BaseException:
        await answers.forget(tenant_id, key)
        raise
    if response.status_code >= 500:
        await answers.forget(tenant_id, key)
        return response
    headers = {name: response.headers[name] for name in SAME if name in response.headers}
    try:
        body = await asyncio.to_thread(_sealer(to).seal, bytes(response.body), _about(tenant_id, key))
    except Unsealable:  # what was asked for is done, whether or not the answer can be kept
        await answers.forget(tenant_id, key)
        return response
    await answers.keep(tenant_id, key, response.status_code, headers, body)
    return response


def _again(kept: Kept, to: AdminParts, tenant_id: str, key: str, digest: bytes) -> Response:
    if kept.request != digest:
        raise OtherRequest("This key came with another request before. Take a new one for each.", param=HEADER)
    if kept.status is None:
        raise Conflict("The same request is being worked on.", code="idempotency_in_progress", param=HEADER)
    try:
        body = _sealer(to).open(kept.body, _about(tenant_id, key))
    except Unsealable:
        raise Conflict("What was answered can no longer be read.", code="idempotency_in_progress") from None
    return Response(body, kept.status, {**kept.headers, "idempotency-replayed": "true"})


def _sealer(to: AdminParts) -> Direct:
    return to.ring.direct(LONG_LIVED)  # what earlier versions sealed answers for


def _digest(request: Request) -> bytes:
    whole = hashlib.sha256(f"{request.method} {request.url.path}?{request.url.query}\n".encode())
    whole.update(request._body)
    return whole.digest()


def _about(tenant_id: str, key: str) -> bytes:
    return "\0".join(("answer", tenant_id, key)).encode()
