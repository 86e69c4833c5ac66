"""WebSockets to upstreams: the handshake, over a connection of its own. https://www.rfc-editor.org/rfc/rfc6455#section-4.1"""

import asyncio
import base64
import os
import ssl
from collections.abc import Awaitable
from functools import cache
from urllib.parse import unquote, urlsplit

from wsproto.utilities import generate_accept_token

from headgate.core.errors import UpstreamFailed
from headgate.transport import failures
from headgate.transport.base import Outbound, Sender
from headgate.transport.dial import explain, trust
from headgate.transport.websocket import WebSocket

MAX_HEAD = 64 * 1024
HELD = 64 * 1024


class Refusal(UpstreamFailed):
    """The upstream answered the handshake with something else than a WebSocket; ``body`` is the beginning of it."""

    def __init__(self, host: str, status: int, body: bytes) -> None:
        super().__init__(
            f"{host} opened no WebSocket (status {status}).",
            status=502,
            code="upstream_error",
            retry=False,
            upstream_status=status,
        )
        self.body = body


class Outlet:
    """A stream to an upstream, as :class:`headgate.transport.websocket.WebSocket` wants it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def read(self) -> bytes:
        """Return the next bytes, ``b""`` at the end."""
        try:
            return await self._reader.read(HELD)
        except OSError:
            return b""

    def write(self, data: bytes) -> Awaitable[None] | None:
        """Send; return what to await where the upstream is behind."""
        if self._writer.is_closing():
            return None
        self._writer.write(data)
        return self._drained() if self._writer.transport.get_write_buffer_size() > HELD else None

    def close(self) -> None:
        """Close once everything written is sent."""
        self._writer.close()

    async def _drained(self) -> None:
        try:
            await self._writer.drain()
        except OSError:
            pass  # reading tells of the end


async def open_socket(out: Outbound, limit: int, sender: Sender | None = None) -> WebSocket:
    """Open the WebSocket that *out*, a signed GET, asks for; *limit* bounds a message in bytes.

    It goes the way that *sender* goes: through its proxy, trusting whom it trusts. Raise ``UpstreamFailed``, of which
    ``Refusal`` is an answer that was no upgrade.
    """
    pinned = getattr(sender, "pinned", None)
    origin = out.origin if pinned is None else await pinned(out.origin)
    proxy, ca_file = getattr(sender, "proxy", None), getattr(sender, "ca_file", None)
    try:
        async with asyncio.timeout(out.connect_timeout):
            context = await asyncio.to_thread(_trust, ca_file) if origin.tls else None
            if proxy is not None:
                reader, writer = await _through(proxy, out, context, ca_file)
            else:
                reader, writer = await asyncio.open_connection(
                    origin.address or origin.host,
                    origin.port,
                    ssl=context,
                    server_hostname=origin.host if context else None,
                    limit=MAX_HEAD,
                )
    except TimeoutError:
        reason = f"no answer in {out.connect_timeout:g} seconds"
        raise failures.not_connected(origin, reason, same_target=False) from None
    except OSError as error:
        raise explain(origin, error) from error
    try:
        async with asyncio.timeout(out.headers_timeout):
            await _shake_hands(out, reader, writer)
    except TimeoutError:
        writer.close()
        raise failures.too_slow(origin, "handshake", out.headers_timeout) from None
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        writer.close()
        raise failures.no_answer(origin, unseen=False) from None
    except BaseException:
        writer.close()
        raise
    return WebSocket(Outlet(reader, writer), client=True, limit=limit)


async def _shake_hands(out: Outbound, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    key = base64.b64encode(os.urandom(16))
    writer.write(
        b"%b%bconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: %b\r\n\r\n"
        % (out.head, out.extra, key)
    )
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    words = first.split(" ", 2)
    status = int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
    if status == 101 and headers.get("sec-websocket-accept") == generate_accept_token(key).decode():
        return
    raise Refusal(out.origin.host, status, await reader.read(MAX_HEAD) if status >= 400 else b"")


async def _through(
    proxy: str, out: Outbound, context: ssl.SSLContext | None, ca_file: str | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect through *proxy*: https://www.rfc-editor.org/rfc/rfc9110#name-connect."""
    origin, at = out.origin, urlsplit(proxy)
    if origin.address is not None:
        raise failures.not_connected(origin, "a pinned address is not kept to on this way", same_target=False)
    secure = await asyncio.to_thread(_trust, ca_file) if at.scheme == "https" else None
    port = at.port or (443 if secure else 80)
    reader, writer = await asyncio.open_connection(at.hostname, port, ssl=secure, limit=MAX_HEAD)
    try:
        host = f"[{origin.host}]" if ":" in origin.host else origin.host
        head = f"CONNECT {host}:{origin.port} HTTP/1.1\r\nhost: {host}:{origin.port}\r\n"
        if at.username is not None:
            pair = f"{unquote(at.username)}:{unquote(at.password or '')}"
            head += f"proxy-authorization: Basic {base64.b64encode(pair.encode()).decode()}\r\n"
        writer.write(f"{head}\r\n".encode())
        words = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n", 1)[0].split(b" ")
        if len(words) < 2 or not words[1].startswith(b"2"):
            told = words[1][:3].decode("latin-1") if len(words) > 1 else "no status"
            raise failures.not_connected(origin, f"the proxy refused ({told})", same_target=False)
        if context is not None:
            await writer.start_tls(context, server_hostname=origin.host)
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        writer.close()
        raise failures.not_connected(origin, "the proxy gave no answer", same_target=False) from None
    except BaseException:
        writer.close()
        raise
    return reader, writer


@cache
def _trust(ca_file: str | None) -> ssl.SSLContext:
    return trust(ca_file)
