"""Proxies that are believed and those that are not, names that are answered to, and a certificate that changes."""

import asyncio
import os
import ssl
from typing import Any

import pytest

from headgate.transport.server import bind, start
from headgate.transport.server_edge import Edge
from headgate.transport.server_tls import Certificate
from tests.transport.certificates import certificate

PROXY = "10.0.0.9"


def seen(edge: Edge, client: str | None = PROXY, **headers: str) -> tuple[Any, str, bytes]:
    named = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    scope: dict[str, Any] = {
        "client": (client, 1) if client else None,
        "scheme": "http",
        "headers": [(b"host", b"inner:8080"), *named.items()],
    }
    edge.correct(scope, named)
    return scope["client"] and scope["client"][0], scope["scheme"], dict(scope["headers"])[b"host"]


@pytest.mark.parametrize(
    ("client", "forwarded", "found"),
    [
        (PROXY, "203.0.113.7", "203.0.113.7"),
        (PROXY, "1.1.1.1, 203.0.113.7", "203.0.113.7"),  # what the client itself said comes first
        (PROXY, "203.0.113.7, 10.1.1.1, 10.2.2.2", "203.0.113.7"),
        (PROXY, "10.1.1.1", "10.1.1.1"),
        (PROXY, "[2001:db8::7]:4711", "2001:db8::7"),
        (PROXY, "2001:db8::7", "2001:db8::7"),
        (PROXY, "203.0.113.7:4711", "203.0.113.7"),
        (PROXY, "203.0.113.7, unknown", PROXY),
        (PROXY, "<script>", PROXY),
        (PROXY, "", PROXY),
        (PROXY, ",".join(["10.0.0.1"] * 10_000), "10.0.0.1"),
        ("::ffff:10.0.0.9", "203.0.113.7", "203.0.113.7"),
        ("192.0.2.1", "203.0.113.7", "192.0.2.1"),
        ("not an address", "203.0.113.7", "not an address"),
        (None, "203.0.113.7", None),
    ],
)
def test_whose_word_is_taken_for_a_clients_address(client, forwarded, found):
    assert seen(Edge(["10.0.0.0/8"]), client, x_forwarded_for=forwarded)[0] == found


def test_scheme_and_host():
    edge = Edge([PROXY], ["gateway.test", "*.corp.test"])
    said = {"x_forwarded_proto": "https", "x_forwarded_host": "a.corp.test:8443"}
    assert seen(edge, **said)[1:] == ("https", b"a.corp.test:8443")
    assert seen(edge, "10.0.0.8", **said)[1:] == ("http", b"inner:8080")
    for host in ("elsewhere.test", "corp.test", "evil.test/x", "a b", ""):
        assert seen(edge, x_forwarded_host=host, x_forwarded_proto="gopher")[1:] == ("http", b"inner:8080")


def test_names():
    edge = Edge((), ["gateway.test", "*.corp.test", "[::1]", "127.0.0.1"])
    good = (b"gateway.test", b"GATEWAY.test:443", b"x.corp.test", b"x.y.corp.test:1", b"[::1]:8080", b"127.0.0.1")
    bad = (b"gateway.test.evil.test", b"evil-corp.test", b"corp.test", b"evilgateway.test", b"[::2]", b"127.0.0.11")
    assert [edge.goes_by(host) for host in good + bad] == [True] * len(good) + [False] * len(bad)
    assert Edge().goes_by(b"anything")


@pytest.mark.parametrize("proxy", ["10.0.0.1/8", "gateway.test", "10.0.0.0/33", ""])
def test_what_is_no_proxy(proxy):
    with pytest.raises(ValueError):
        Edge([proxy])


async def ask(port: int, head: bytes, **tls: Any) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, **tls)
    writer.write(head)
    answer = await reader.read(100_000)
    writer.close()
    return answer


async def told(scope, receive, send):
    client, host = scope["client"][0], dict(scope["headers"])[b"host"].decode()
    text = f"{client} {scope['scheme']} {host}"
    scope["extensions"]["headgate"].respond(200, b"", text.encode())


async def test_on_the_wire():
    sock = bind("127.0.0.1", 0)
    port = sock.getsockname()[1]
    edge = Edge(["127.0.0.1"], ["gateway.test"])
    server = await start(told, [sock], edge=edge)
    try:
        head = b"GET / HTTP/1.1\r\nhost: %b\r\nconnection: close\r\n%b\r\n"
        said = b"x-forwarded-for: 203.0.113.7\r\nx-forwarded-proto: https\r\n"
        assert (await ask(port, head % (b"gateway.test", said))).endswith(b"203.0.113.7 https gateway.test")
        refused = await ask(port, head % (b"elsewhere.test", said))
        assert refused.startswith(b"HTTP/1.1 400 ") and b"invalid_host" in refused
    finally:
        server.abort()
        await server.drain(0, 1)


async def test_a_new_certificate_is_taken_and_a_broken_one_is_not(tmp_path):
    first, second = certificate(tmp_path, "first"), certificate(tmp_path, "second")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    os.link(first.cert, cert)
    os.link(first.key, key)
    served = Certificate(cert, key)
    sock = bind("127.0.0.1", 0)
    port = sock.getsockname()[1]
    server = await start(told, [sock], ssl_context=served.context)
    head = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"

    async def is_served(pair: Any) -> bool:
        trust = ssl.create_default_context(cafile=pair.cert)
        try:
            return (await ask(port, head, ssl=trust)).endswith(b"127.0.0.1 https x")
        except ssl.SSLCertVerificationError:
            return False

    try:
        assert await is_served(first) and not await is_served(second)
        assert not served.refresh()
        os.replace(second.cert, cert)  # the key of the first: they do not fit
        with pytest.raises(ValueError, match="cannot be used"):
            served.refresh()
        assert await is_served(first)
        os.replace(second.key, key)
        assert served.refresh()
        second = second._replace(cert=cert)
        assert await is_served(second) and not await is_served(first)
        cert.write_text("nonsense")
        with pytest.raises(ValueError):
            served.refresh()
        cert.unlink()
        with pytest.raises(ValueError, match="cannot be read"):
            served.refresh()
        with pytest.raises(ValueError):
            Certificate(cert, key)
    finally:
        server.abort()
        await server.drain(0, 1)


def test_old_protocols_are_not_spoken(tmp_path):
    assert Certificate(*certificate(tmp_path)).context.minimum_version == ssl.TLSVersion.TLSv1_2
