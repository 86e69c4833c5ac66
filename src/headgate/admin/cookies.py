"""Who a browser's cookie stands for, and the cookies themselves.

They are ``__Host-`` cookies: of this host alone, over HTTPS alone, unseen by scripts. On this machine without HTTPS
(``http://127.0.0.1``, ``http://localhost``), where a browser would not keep such a one, they go without the prefix.
"""

import hmac

from starlette.requests import Request
from starlette.responses import Response

from headgate.access.entrance import Entrance
from headgate.access.sessions import LONGEST, SIGNED_OUT, Came, Opened
from headgate.access.types import Principal
from headgate.core.errors import Forbidden, NotAuthenticated
from headgate.core.secret import Secret
from headgate.storage.entry_rows import SessionRow

SESSION, CSRF, AWAY = "headgate_session", "headgate_csrf", "headgate_away"
CSRF_HEADER = "x-csrf-token"
SAFE = frozenset(("GET", "HEAD", "OPTIONS"))
LOOPBACK = frozenset(("127.0.0.1", "localhost", "[::1]"))
MAX_COOKIE = 4096


def came(request: Request) -> Came:
    """Return from where a request comes."""
    agent = "".join(c for c in request.headers.get("user-agent", "") if c.isprintable())
    return Came(request.client.host if request.client else None, agent)


async def by_cookie(to: Entrance, request: Request) -> Principal:
    """Return who a request's cookie stands for.

    Raise ``NotAuthenticated``, or ``Forbidden`` ``csrf_failed`` where it would change something and does not show that
    a page of ours sent it.
    """
    row = await session_by_cookie(to, request)
    who = await to.resolver.user(row.tenant_id, row.user_id)
    if who is None:
        raise NotAuthenticated(SIGNED_OUT)
    return who


async def session_by_cookie(to: Entrance, request: Request) -> SessionRow:
    """Return the session of a request's cookie; raise as :func:`by_cookie`."""
    cookie = request.cookies.get(named(request, SESSION), "")
    if not cookie or len(cookie) > MAX_COOKIE:
        raise NotAuthenticated(SIGNED_OUT)
    row, _ = await to.sessions.by_cookie(Secret(cookie))
    if request.method not in SAFE:
        check_origin(to, request)
        shown, wanted = request.headers.get(CSRF_HEADER, ""), to.sessions.csrf(row)
        if not hmac.compare_digest(shown.encode(), wanted.encode()):
            raise Forbidden(
                f"Send the value of the cookie {named(request, CSRF)} as the header {CSRF_HEADER}.", code="csrf_failed"
            )
    return row


def check_origin(to: Entrance, request: Request) -> None:
    """Raise ``Forbidden`` where a page that is neither ours nor listed has made its visitor's browser ask."""
    origin = request.headers.get("origin")
    if origin is None or origin in to.origins:
        return
    if origin.partition("://")[2] != base_url(to, request).partition("://")[2]:
        raise Forbidden("This request comes from a page of another origin.", code="csrf_failed")


def base_url(to: Entrance, request: Request) -> str:
    """Return where browsers reach the gateway, without a slash behind it."""
    said = to.public_url or f"{request.url.scheme}://{request.headers.get('host', 'localhost')}"
    return said.removesuffix("/")


def named(request: Request, name: str) -> str:
    """Return the name that a cookie has on this request's host."""
    return name if _is_bare(request) else f"__Host-{name}"


def let_in(to: Entrance, request: Request, response: Response, opened: Opened) -> None:
    """Put a new session into the browser, and beside it the word that its pages must show."""
    age = LONGEST["cookie"] // 1_000_000
    put(request, response, SESSION, opened.held.reveal(), age)
    put(request, response, CSRF, to.sessions.csrf(opened.row), age, script=True)


def send_away(request: Request, response: Response) -> None:
    """Take the session out of the browser."""
    for name in (SESSION, CSRF):
        put(request, response, name, "", 0)


def put(request: Request, response: Response, name: str, value: str, age: int, *, script: bool = False) -> None:
    """Set a cookie for *age* seconds; *script* lets pages read it."""
    response.set_cookie(
        named(request, name),
        value,
        max_age=age,
        path="/",
        secure=not _is_bare(request),
        httponly=not script,
        samesite="lax",
    )


def _is_bare(request: Request) -> bool:
    host = request.headers.get("host", "")
    name = host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]
    return request.url.scheme == "http" and name.lower() in LOOPBACK
