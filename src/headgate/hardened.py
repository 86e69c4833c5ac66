"""Headers that every answer of the control plane has: what a browser may do with it, and with the page it is in.

https://cheatsheetseries.owasp.org/cheatsheets/HTTP_Headers_Cheat_Sheet.html
"""

from headgate.transport.server_asgi import Event, Scope, Send

ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
"""Unless the answer says otherwise itself."""
HTTPS = (b"strict-transport-security", b"max-age=31536000")


def hardened(scope: Scope, send: Send) -> Send:
    """Return *send*, such that these headers are among those of the answer."""
    wanted = (*ALWAYS, HTTPS) if scope["scheme"] == "https" else ALWAYS

    async def sent(event: Event) -> None:
        if event["type"] == "http.response.start":
            headers = list(event.get("headers", ()))
            there = {name.lower() for name, _ in headers}
            event = {**event, "headers": headers + [header for header in wanted if header[0] not in there]}
        await send(event)

    return sent
