"""Pages of other origins: those listed may read the answers, others may not, and nobody is asked who he is before."""

import asyncio
from typing import Any

import pytest

from headgate.surfaces.cors import Cors
from headgate.transport.server import bind, start

PAGE = b"https://app.test"


async def refuse(scope, receive, send):
    scope["extensions"]["headgate"].respond(401, b"content-type: text/plain\r\n", b"who?")


async def asked(origins: tuple[str, ...], method: bytes = b"GET", *lines: bytes) -> tuple[int, dict[bytes, bytes]]:
    sock = bind("127.0.0.1", 0)
    server = await start(Cors(refuse, origins), [sock])
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", sock.getsockname()[1])
        writer.write(b"%b /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n%b\r\n" % (method, b"".join(lines)))
        head = (await reader.read(100_000)).partition(b"\r\n\r\n")[0].split(b"\r\n")
        writer.close()
    finally:
        server.abort()
        await server.drain(0, 1)
    headers: dict[bytes, bytes] = {}
    for line in head[1:]:
        name, _, value = line.partition(b": ")
        assert name not in headers, "a header twice is read in two ways"
        headers[name] = value
    return int(head[0].split()[1]), headers


def origin(name: bytes = PAGE) -> bytes:
    return b"origin: %b\r\n" % name


PREFLIGHT = (
    b"access-control-request-method: POST\r\n",
    b"access-control-request-headers: authorization, x-stainless-os\r\n",
)


async def test_a_listed_origin():
    status, headers = await asked(("https://app.test",), b"GET", origin())
    assert status == 401  # what it may read includes errors
    assert headers[b"access-control-allow-origin"] == PAGE and headers[b"access-control-allow-credentials"] == b"true"
    assert headers[b"vary"] == b"origin" and b"x-request-id" in headers[b"access-control-expose-headers"]


async def test_a_preflight_asks_nobody_who_he_is():
    status, headers = await asked(("https://app.test",), b"OPTIONS", origin(), *PREFLIGHT)
    assert status == 204 and headers[b"access-control-allow-origin"] == PAGE
    assert headers[b"access-control-allow-headers"] == b"authorization, x-stainless-os"
    assert b"POST" in headers[b"access-control-allow-methods"]


@pytest.mark.parametrize(
    "other", [b"https://app.test.evil.test", b"http://app.test", b"https://app.test:8443", b"null", b"*"]
)
@pytest.mark.parametrize("method", [b"GET", b"OPTIONS"])
async def test_another_origin(other, method):
    status, headers = await asked(("https://app.test",), method, origin(other), *PREFLIGHT)
    assert status == (401 if method == b"GET" else 204)
    assert not [name for name in headers if name.startswith(b"access-control-")] and headers[b"vary"] == b"origin"


async def test_everybody_but_without_cookies():
    for method in (b"GET", b"OPTIONS"):
        _, headers = await asked(("*",), method, origin(), *PREFLIGHT)
        assert headers[b"access-control-allow-origin"] == b"*" and b"access-control-allow-credentials" not in headers


async def test_who_is_no_page_gets_no_more_than_before():
    _, headers = await asked(("https://app.test",))
    assert set(headers) == {b"content-type", b"connection", b"content-length"}


async def test_names_that_are_none():
    odd = b"access-control-request-headers: x\x01y, <script>\r\n".replace(b"\x01", b"(")
    _, headers = await asked(("https://app.test",), b"OPTIONS", origin(), PREFLIGHT[0], odd)
    assert headers[b"access-control-allow-headers"] == b"authorization, content-type"


@pytest.mark.parametrize(
    "wrong", ["app.test", "https://app.test/", "https://app.test/x", "file://", "https://*", "null"]
)
def test_what_is_no_origin(wrong: Any):
    with pytest.raises(ValueError, match="is not an origin"):
        Cors(refuse, (wrong,))
