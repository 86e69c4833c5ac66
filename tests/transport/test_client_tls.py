"""TLS to upstreams: verified against real certificates, each made for one test and wrong in one way."""

import asyncio
import socket
import ssl
import threading
from pathlib import Path

import pytest

from headgate.transport.base import Origin, Outbound
from headgate.transport.dial import trust
from tests.transport.authority import Authority
from tests.transport.upstream import HEAD, OK, Peer, failure, fetch, repeat, sender, settle, upstream

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


async def test_pooled_and_verified(authority: Authority) -> None:
    async with (
        upstream(repeat(OK), authority.server("IP:127.0.0.1")) as up,
        sender(ca_file=str(authority.cert)) as made,
    ):
        for _ in range(3):
            assert await fetch(made, up.out()) == (200, b"ok")
        assert await fetch(made, up.out(b"x" * 1_000_000)) == (200, b"ok")
        assert len(up.peers) == 1


async def test_name_is_checked_while_the_address_is_pinned(authority: Authority) -> None:
    """The name that was asked for goes into the handshake, wherever the connection goes to."""
    context = authority.server("DNS:api.example.com")
    names: list[str | None] = []
    context.sni_callback = lambda _, name, __: names.append(name)
    async with upstream(repeat(OK), context) as up, sender(ca_file=str(authority.cert)) as made:
        origin = Origin("api.example.com", up.port, True, "127.0.0.1")
        assert await fetch(made, Outbound(origin, HEAD)) == (200, b"ok")
        assert names == ["api.example.com"]


@pytest.mark.parametrize("wrong", ["name", "expired", "self-signed", "unknown authority", "old protocol", "plain text"])
async def test_refused(authority: Authority, wrong: str) -> None:
    """One code, nothing sent, no try without TLS, and not again to the same target."""
    context = authority.wrong(wrong)
    seen: list[bytes] = []

    async def script(peer: Peer) -> None:
        if wrong == "plain text":
            await peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        seen.append(await peer.reader.read(65536))

    ca_file = None if wrong == "unknown authority" else str(authority.cert)
    async with upstream(script, context) as up, sender(ca_file=ca_file) as made:
        error = await failure(
            made.send(Outbound(Origin("127.0.0.1", up.port, True), HEAD + b"authorization: secret\r\n"))
        )
        assert (error.status, error.code, error.billed) == (502, "upstream_tls_error", "none")
        assert (error.retry, error.same_target) == (True, False)
        assert made.counts.open == 0
        await asyncio.sleep(0.02)
        assert not any(b"secret" in data or b"POST" in data for data in seen)


async def test_silent_handshake() -> None:
    """Within the time to connect, or closed in the middle of it."""

    async def script(peer: Peer) -> None:
        await peer.reader.read(65536)
        if not peer.number:
            await peer.gone()

    async with upstream(script) as up, sender() as made:
        out = Outbound(Origin("127.0.0.1", up.port, True), HEAD, connect_timeout=0.5)
        error = await failure(made.send(out))
        assert (error.code, error.billed, error.same_target) == ("upstream_connect_error", "none", False)
        await asyncio.wait_for(up.peers[0].left.wait(), 1)
        error = await failure(made.send(out))
        assert error.code == "upstream_tls_error"
        assert made.counts.open == 0


async def test_bodies_and_cuts(authority: Authority) -> None:
    """A body that lasts until the close is whole only if TLS was closed in order."""

    async def script(peer: Peer) -> None:
        await peer.request()
        if peer.number == 0:
            await peer.send(CHUNKED + b"5\r\nhello\r\n0\r\n\r\n")
            await peer.reply(CHUNKED + b"5\r\nhello\r\n")
            peer.reset()
        else:
            await peer.send(b"HTTP/1.1 200 OK\r\n\r\nhello")
            await asyncio.sleep(0.02)
            if peer.number == 1:
                peer.reset()

    async with (
        upstream(script, authority.server("IP:127.0.0.1")) as up,
        sender(ca_file=str(authority.cert)) as made,
    ):
        assert await fetch(made, up.out()) == (200, b"hello")
        for _ in range(2):
            error = await failure(fetch(made, up.out()))
            assert error.code == "upstream_stream_interrupted"
        assert await fetch(made, up.out()) == (200, b"hello")


@pytest.mark.asyncio(loop_factories=["uvloop"])
async def test_cut_without_a_farewell(authority: Authority) -> None:
    """TCP's end without TLS's, under a body that lasts until the close: anyone on the way could have done it.

    (asyncio's own loop does not tell the two apart.)
    """
    context = authority.server("IP:127.0.0.1")

    def serve(listener: socket.socket) -> None:
        raw, _ = listener.accept()
        tls = context.wrap_socket(raw, server_side=True)
        tls.recv(65536)
        tls.sendall(b"HTTP/1.1 200 OK\r\n\r\nhello")
        tls.shutdown(socket.SHUT_WR)  # TCP's alone
        tls.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        async with sender(ca_file=str(authority.cert)) as made:
            response = await made.send(Outbound(Origin("127.0.0.1", listener.getsockname()[1], True), HEAD))
            assert await response.read(2) == b"hello"
            assert (await failure(response.read(2))).code == "upstream_stream_interrupted"
        thread.join()


async def test_backpressure_and_close(authority: Authority) -> None:
    total = 30_000_000

    async def script(peer: Peer) -> None:
        while True:
            await peer.reply(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % total)
            for _ in range(300):
                await peer.send(b"x" * 100_000)

    async with (
        upstream(script, authority.server("IP:127.0.0.1")) as up,
        sender(ca_file=str(authority.cert)) as made,
    ):
        response = await made.send(up.out())
        await asyncio.sleep(0.2)
        assert sum(map(len, response.chunks)) < 1_000_000
        assert len(await response.read_all(5, total)) == total
        assert made.counts.idle == 1
        response = await made.send(up.out())
        response.close()
        await settle(lambda: up.peers[0].left.is_set())
        assert made.counts.open == 0


async def test_no_such_file_of_certificates(tmp_path: Path) -> None:
    """Nothing is trusted in its place; and once it is there, it is read."""
    file = tmp_path / "ca.pem"
    own = Authority(tmp_path)
    cert = file.read_bytes()
    async with upstream(repeat(OK), own.server("IP:127.0.0.1")) as up, sender(ca_file=str(file)) as made:
        for broken in (None, b"", b"hello"):
            file.unlink() if broken is None else file.write_bytes(broken)
            error = await failure(made.send(up.out()))
            assert (error.status, error.code, error.billed) == (502, "upstream_tls_error", "none")
        file.write_bytes(cert)
        assert await fetch(made, up.out()) == (200, b"ok")


def test_what_is_trusted(authority: Authority) -> None:
    context = trust(str(authority.cert))
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert any(("commonName", "Test CA") in part for ca in context.get_ca_certs() for part in ca["subject"])
