"""The life of a connection: requests in order, what is kept, what is refused and in whose words."""

import asyncio
import gzip
import re
import tracemalloc
import zlib

import pytest

from headgate.core.errors import HeadgateError
from headgate.transport.server import Link
from tests.transport.serving import Raw, Seen, serving

GET = b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n"
UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def post(body: bytes, *lines: bytes, target: bytes = b"/x") -> bytes:
    extra = b"".join(line + b"\r\n" for line in lines)
    return b"POST %b HTTP/1.1\r\nHost: a\r\n%bContent-Length: %d\r\n\r\n%b" % (target, extra, len(body), body)


async def test_one_connection_serves_many_requests() -> None:
    app = Seen()
    async with serving(app) as (server, port):
        client = await Raw.to(port)
        first = await client.ask(GET % b"one")
        assert (first.status, first.body) == (200, b"GET /one ")
        assert first.headers == {"content-type": "text/plain", "content-length": "9"}
        assert (await client.ask(post(b"two"))).body == b"POST /x two"
        chunked = b"POST /y HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        assert (await client.ask(chunked + b"2;x=1\r\nab\r\n1\r\nc\r\n0\r\nT: 1\r\n\r\n")).body == b"POST /y abc"
        assert (await client.ask(b"\r\n" + GET % b"four")).body == b"GET /four "
        assert server.connections == 1
        assert server.active == 0


async def test_a_large_body_arrives_whole() -> None:
    async with serving(Seen()) as (_, port):
        client = await Raw.to(port)
        body = bytes(range(256)) * 8192
        answer = await client.ask(post(body))
        assert answer.body == b"POST /x " + body
        assert (await client.ask(GET % b"after")).status == 200


async def test_pipelined_requests_are_answered_in_order() -> None:
    go = asyncio.Event()

    async def slow(link: Link) -> None:
        await go.wait()
        link.respond(200, b"", b"slow")

    app = Seen(slow=slow)
    async with serving(app) as (_, port):
        client = await Raw.to(port)
        await client.send(GET % b"slow" + post(b"second") + GET % b"third")
        await asyncio.sleep(0.05)
        assert app.requests == []
        go.set()
        bodies = [(await client.answer()).body for _ in range(3)]
        assert bodies == [b"slow", b"POST /x second", b"GET /third "]


async def test_reading_stops_while_requests_wait() -> None:
    go = asyncio.Event()

    async def slow(link: Link) -> None:
        await go.wait()
        link.respond(200, b"", b"")

    async with serving(Seen(slow=slow)) as (server, port):
        client = await Raw.to(port)
        one = post(b"z" * 1000)
        flood = GET % b"slow" + one * 20_000
        task = asyncio.create_task(client.send(flood))
        await asyncio.sleep(0.3)
        (conn,) = server._open
        assert len(conn._buffer) < 600_000, "a pipelining client fills our memory"
        assert not task.done(), "everything was taken in"
        go.set()
        statuses = [(await client.answer()).status for _ in range(20_001)]
        assert statuses == [200] * 20_001
        await task


@pytest.mark.parametrize(
    ("version", "connection", "kept"),
    [
        ("1.1", None, True),
        ("1.1", "close", False),
        ("1.1", "Keep-Alive", True),
        ("1.1", "foo, Close", False),
        ("1.0", None, False),
        ("1.0", "keep-alive", True),
        ("1.0", "Keep-Alive, foo", True),
        ("1.0", "close", False),
    ],
)
async def test_the_connection_is_kept_if_both_want_it(version: str, connection: str | None, kept: bool) -> None:
    line = f"Connection: {connection}\r\n" if connection else ""
    async with serving(Seen()) as (_, port):
        client = await Raw.to(port)
        answer = await client.ask(f"GET /x HTTP/{version}\r\nHost: a\r\n{line}\r\n".encode())
        assert answer.body == b"GET /x "
        if kept:
            assert answer.headers.get("connection") == ("keep-alive" if version == "1.0" else None)
            assert (await client.ask(GET % b"again")).status == 200
        else:
            assert answer.headers["connection"] == "close"
            assert await client.ended() == b""


async def test_a_client_of_http_1_0_needs_no_host_and_gets_streams_ended_by_closing() -> None:
    async def stream(link: Link) -> None:
        link.start(200, b"content-type: text/event-stream\r\n")
        link.write(b"data: 1\n\n")
        link.end()

    async with serving(Seen(stream=stream)) as (_, port):
        client = await Raw.to(port)
        answer = await client.ask(b"GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert "transfer-encoding" not in answer.headers
        assert answer.body == b"data: 1\n\n"


async def test_a_stream_is_one_frame_a_write() -> None:
    async def stream(link: Link) -> None:
        link.start(200, b"x: y\r\n")
        for part in (b"data: 1\n\n", b"", b"data: 2\n\n"):
            assert link.write(part) is None
        link.end()
        link.end()
        assert link.write(b"late") is None or True

    async with serving(Seen(stream=stream)) as (_, port):
        client = await Raw.to(port)
        await client.send(GET % b"stream" + GET % b"after")
        raw = await client.reader.readuntil(b"0\r\n\r\n")
        head, _, frames = raw.partition(b"\r\n\r\n")
        assert head == b"HTTP/1.1 200 OK\r\nx: y\r\ntransfer-encoding: chunked"
        assert frames == b"9\r\ndata: 1\n\n\r\n9\r\ndata: 2\n\n\r\n0\r\n\r\n"
        assert (await client.answer()).body == b"GET /after "


async def test_an_aborted_stream_has_no_clean_end() -> None:
    async def cut(link: Link) -> None:
        link.start(200, b"")
        link.write(b"part")
        await asyncio.sleep(0.01)
        link.abort()
        link.write(b"nothing more")
        link.end()
        assert link.closed

    async with serving(Seen(cut=cut)) as (_, port):
        client = await Raw.to(port)
        await client.send(GET % b"cut")
        assert (await client.ended()).endswith(b"4\r\npart\r\n")
        old = await Raw.to(port)
        await old.send(b"GET /cut HTTP/1.0\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            await old.reader.read()


@pytest.mark.parametrize("status", [204, 304])
async def test_answers_without_a_body(status: int) -> None:
    async def nothing(link: Link) -> None:
        link.respond(status, b"x: y\r\n", b"")

    async def stream(link: Link) -> None:
        link.start(status, b"")
        link.write(b"no")
        link.end()

    async with serving(Seen(nothing=nothing, stream=stream)) as (_, port):
        client = await Raw.to(port)
        answer = await client.ask(GET % b"nothing")
        assert (answer.status, answer.headers) == (status, {"x": "y"})
        assert (await client.ask(GET % b"stream")).headers == {}
        assert (await client.ask(GET % b"after")).body == b"GET /after "


async def test_head_has_the_length_and_no_body() -> None:
    async with serving(Seen()) as (_, port):
        client = await Raw.to(port)
        await client.send(b"HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n" + GET % b"next")
        assert (await client.answer(head=True)).headers["content-length"] == "8"
        assert (await client.answer()).body == b"GET /next "


async def test_a_refusal_leaves_the_connection_usable() -> None:
    async def refuse(link: Link) -> None:
        raise HeadgateError("no", code="nope")

    async def crash(link: Link) -> None:
        raise ZeroDivisionError("secret")

    async with serving(Seen(refuse=refuse, crash=crash)) as (server, port):
        client = await Raw.to(port)
        refused = await client.ask(GET % b"refuse")
        assert (refused.status, refused.error["code"]) == (500, "nope")
        crashed = await client.ask(GET % b"crash")
        assert (crashed.status, crashed.error["code"], crashed.error["type"]) == (500, "internal_error", "api_error")
        assert UUID7.fullmatch(crashed.headers["x-request-id"])
        assert b"secret" not in crashed.body and b"Zero" not in crashed.body
        assert (await client.ask(post(b"body", target=b"/crash"))).status == 500
        assert (await client.ask(GET % b"fine")).status == 200
    assert [type(e) for e in server.errors] == [ZeroDivisionError, ZeroDivisionError]  # type: ignore[attr-defined]


async def test_an_application_that_answers_twice_or_not_at_all() -> None:
    async def twice(link: Link) -> None:
        link.respond(200, b"", b"once")
        link.respond(200, b"", b"twice")

    async def never(link: Link) -> None:
        return

    async def half(link: Link) -> None:
        link.start(200, b"")
        link.write(b"x")

    async with serving(Seen(twice=twice, never=never, half=half)) as (server, port):
        client = await Raw.to(port)
        assert (await client.ask(GET % b"twice")).body == b"once"
        assert (await client.ask(GET % b"never")).status == 500
        await client.send(GET % b"half")
        assert (await client.ended()).endswith(b"\r\n\r\n1\r\nx\r\n")
    assert len(server.errors) == 3  # type: ignore[attr-defined]


async def test_the_application_sees_the_request_as_it_was() -> None:
    scopes = []

    async def app(scope, receive, send) -> None:
        scopes.append(scope)
        scope["extensions"]["headgate"].respond(200, b"", b"")

    async with serving(app) as (_, port):
        client = await Raw.to(port)
        head = b"GET /v1/models/a%2Fb%20c?x=%31&y HTTP/1.1\r\nHost: a:80\r\nX-One:  1 \r\nx-one: 2\r\n"
        await client.ask(head + b"Cookie: a=b\r\nCookie: c=d\r\nX-Api_Key: evil\r\nCONTENT_LENGTH: 5\r\nEmpty:\r\n\r\n")
        await client.ask(b"GET http://other:1/p?q HTTP/1.1\r\nHost: a\r\n\r\n")
    scope = scopes[0]
    assert (scope["type"], scope["http_version"], scope["method"], scope["scheme"]) == ("http", "1.1", "GET", "http")
    assert scope["path"] == "/v1/models/a/b c"
    assert scope["raw_path"] == b"/v1/models/a%2Fb%20c"
    assert scope["query_string"] == b"x=%31&y"
    assert scope["headers"] == [(b"host", b"a:80"), (b"x-one", b"1, 2"), (b"cookie", b"a=b; c=d"), (b"empty", b"")]
    assert scope["client"][0] == "127.0.0.1" and scope["server"] == ("127.0.0.1", port)
    assert (scopes[1]["path"], scopes[1]["query_string"]) == ("/p", b"q")
    assert (b"host", b"other:1") in scopes[1]["headers"]


async def test_errors_are_in_the_words_of_the_surface() -> None:
    async with serving(Seen()) as (server, port):
        plain = await (await Raw.to(port)).ask(b"POST /v1/chat/completions HTTP/1.1\r\n\r\n")
        assert plain.status == 400
        assert plain.headers["content-type"] == "application/json"
        assert UUID7.fullmatch(plain.headers["x-request-id"])
        assert set(plain.error) == {"message", "type", "param", "code"}
        assert (plain.error["type"], plain.error["code"]) == ("invalid_request_error", "invalid_host")
        other = await (await Raw.to(port)).ask(b"POST /v1/messages?beta=true HTTP/1.1\r\nHost: a b\r\n\r\n")
        assert other.json()["type"] == "error"
        assert other.error["type"] == "invalid_request_error"
        assert other.json()["request_id"] == other.headers["x-request-id"]
        large = await (await Raw.to(port)).ask(
            b"POST /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 20000001\r\n\r\n"
        )
        assert (large.status, large.error["type"]) == (413, "request_too_large")
        assert server.refused == {"invalid_host": 2, "request_too_large": 1}


# Sizes


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /" + b"a" * 8191 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 200),
        (b"GET /" + b"a" * 8192 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"GET /" + b"a" * 70_000, 414),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"".join(b"x%d: y\r\n" % n for n in range(99)) + b"\r\n", 200),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"".join(b"x%d: y\r\n" % n for n in range(100)) + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"x: y\r\n" * 100 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"x_y: y\r\n" * 100 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"x%d: y\r\n" * 9000 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nx: " + b"y" * 65_000 + b"\r\n\r\n", 200),
        (b"GET / HTTP/1.1\r\nHost: a\r\nx: " + b"y" * 65_536 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nx: " + b"y" * 70_000, 431),
    ],
)
async def test_a_head_has_bounds(head: bytes, status: int) -> None:
    async with serving(Seen()) as (_, port):
        client = await Raw.to(port)
        await client.send(head)
        answer = await client.answer()
        assert answer.status == status
        if status != 200:
            assert answer.headers["connection"] == "close"
            assert answer.error["type"] == "invalid_request_error"
            assert await client.ended() == b""


async def test_a_body_has_a_bound() -> None:
    app = Seen()
    async with serving(app, body=100_000) as (_, port):
        assert (await (await Raw.to(port)).ask(post(b"x" * 100_000))).status == 200
        for sent in (
            b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 100001\r\n\r\n",
            post(b"x" * 100_001),
            b"POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 100001\r\n\r\n",
            b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n186A1\r\n",
            b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            + b"2710\r\n%b\r\n" % (b"x" * 10_000) * 11,
        ):
            client = await Raw.to(port)
            answer = await client.ask(sent)
            assert (answer.status, answer.error["code"]) == (413, "request_too_large")
            assert answer.headers["connection"] == "close"
            assert await client.ended() == b""
        assert len(app.requests) == 1


async def test_a_refused_body_takes_no_memory() -> None:
    async with serving(Seen(), linger=0.2) as (_, port):
        client = await Raw.to(port)
        chunk = b"FFFFF\r\n" + bytes(0xFFFFF) + b"\r\n"
        await client.send(b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        tracemalloc.start()
        try:
            with pytest.raises(ConnectionError):
                for _ in range(60):
                    await client.send(chunk)
                    current, _ = tracemalloc.get_traced_memory()
                    assert current < 22_000_000 + len(chunk)
                await asyncio.sleep(0.4)
                raise ConnectionResetError
            current, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert current < 4_000_000, "the body that was refused is still held"


async def test_a_client_that_is_still_sending_gets_its_413() -> None:
    async with serving(Seen(), body=10_000) as (_, port):
        client = await Raw.to(port)
        sending = asyncio.create_task(client.send(post(b"x" * 3_000_000)))
        assert (await client.answer()).status == 413
        await asyncio.wait_for(asyncio.gather(sending, return_exceptions=True), 5)


async def test_the_application_may_set_a_lower_bound() -> None:
    async def small(link: Link) -> None:
        await link.body(1000)
        link.respond(200, b"", b"")

    async with serving(Seen(small=small)) as (_, port):
        for size, status in ((1000, 200), (1001, 413), (300_000, 413)):
            client = await Raw.to(port)
            assert (await client.ask(post(b"x" * size, target=b"/small"))).status == status


# Hosts, expectations, upgrades


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (b"Host: gateway.example.com:8080\r\n", 200),
        (b"Host: [::1]:8080\r\n", 200),
        (b"Host: head_gate\r\n", 200),
        (b"Host: a \r\n", 200),
        (b"", 400),
        (b"Host:\r\n", 400),
        (b"Host: a\r\nHost: a\r\n", 400),
        (b"Host: a\r\nhost: b\r\n", 400),
        (b"Host: x/../key/list?\r\n", 400),
        (b"Host: a@b\r\n", 400),
        (b"Host: a,b\r\n", 400),
        (b"Host: a:b\r\n", 400),
        (b"Host: a b\r\n", 400),
        (b"Host: \x80\r\n", 400),
        (b"Host: " + b"a" * 300 + b"\r\n", 400),
    ],
)
async def test_a_host_is_one_name(lines: bytes, status: int) -> None:
    app = Seen()
    async with serving(app) as (_, port):
        answer = await (await Raw.to(port)).ask(b"GET / HTTP/1.1\r\n" + lines + b"\r\n")
        assert answer.status == status
        assert len(app.requests) == (status == 200)


async def test_the_memory_of_hosts_is_bounded() -> None:
    async with serving(Seen()) as (server, port):
        client = await Raw.to(port)
        for n in range(300):
            assert (await client.ask(b"GET / HTTP/1.1\r\nHost: h%d\r\n\r\n" % n)).status == 200
        assert len(server.hosts) == 256


async def test_a_body_is_called_for_when_the_application_wants_it() -> None:
    head = b"POST /%b HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 5\r\n\r\n"

    async def refuse(link: Link) -> None:
        link.respond(401, b"", b"no")

    async with serving(Seen(refuse=refuse)) as (_, port):
        client = await Raw.to(port)
        await client.send(head % b"x")
        assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert (await client.ask(b"hello")).body == b"POST /x hello"
        assert (await client.ask(head % b"x" + b"hello")).body == b"POST /x hello", "it did not wait: no 100"
        answer = await client.ask(head % b"refuse")
        assert (answer.status, answer.headers["connection"]) == (401, "close")
        assert await client.ended() == b""


async def test_offers_to_upgrade_are_ignored() -> None:
    async with serving(Seen()) as (_, port):
        client = await Raw.to(port)
        offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
        for sent in (
            b"GET /x HTTP/1.1\r\nHost: a\r\n" + offer + b"\r\n",
            b"POST /x HTTP/1.1\r\nHost: a\r\n" + offer + b"Content-Length: 0\r\n\r\n",
            b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        ):
            assert (await client.ask(sent)).status == 200
        answer = await client.ask(b"POST /x HTTP/1.1\r\nHost: a\r\n" + offer + b"Content-Length: 5\r\n\r\nhello")
        assert answer.body == b"POST /x hello"
        assert (await client.ask(b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n")).status == 405
        assert await client.ended() == b""


# Compressed bodies


async def test_compressed_bodies_are_inflated() -> None:
    body = b'{"messages": []}' * 5000
    async with serving(Seen()) as (_, port):
        client = await Raw.to(port)
        noise = bytes(i * i % 251 for i in range(200_000))
        for plain in (body, noise):
            for coding, packed in (
                (b"gzip", gzip.compress(plain, mtime=0)),
                (b"X-Gzip", gzip.compress(plain[:100], mtime=0) + gzip.compress(plain[100:], mtime=0)),
                (b"deflate", zlib.compress(plain)),
                (b"identity", plain),
            ):
                answer = await client.ask(post(packed, b"Content-Encoding: " + coding))
                assert answer.body == b"POST /x " + plain
        assert (await client.ask(post(b"", b"Content-Encoding: gzip"))).body == b"POST /x "


@pytest.mark.parametrize(
    ("coding", "packed", "status", "code"),
    [
        (b"br", b"\x0b\x02\x80abc\x03", 415, "unsupported_media_type"),
        (b"zstd", b"x", 415, "unsupported_media_type"),
        (b"gzip, gzip", b"x", 415, "unsupported_media_type"),
        (b"gzip", b"not gzip", 400, "invalid_encoding"),
        (b"gzip", gzip.compress(b"x" * 1000, mtime=0)[:-9], 400, "invalid_encoding"),
        (b"gzip", gzip.compress(b"x", mtime=0) + b"junk", 400, "invalid_encoding"),
        (b"gzip", gzip.compress(b"", mtime=0) * 100, 400, "invalid_encoding"),
        (b"gzip", gzip.compress(bytes(20_000_001), mtime=0), 413, "request_too_large"),
        (b"deflate", zlib.compress(bytes(200_000_000)), 413, "request_too_large"),
    ],
)
async def test_compressed_bodies_that_are_not_what_they_say(coding, packed, status, code) -> None:
    async def read(link: Link) -> None:
        await link.body(20_000_000)
        link.respond(200, b"", b"")

    async with serving(Seen(read=read)) as (_, port):
        client = await Raw.to(port)
        answer = await client.ask(post(packed, b"Content-Encoding: " + coding, target=b"/read"))
        assert (answer.status, answer.error["code"]) == (status, code)


# Too many


async def test_no_more_connections_than_there_is_room_for() -> None:
    async with serving(Seen(), connections=3, linger=0.1) as (server, port):
        kept = [await Raw.to(port) for _ in range(3)]
        assert (await kept[0].ask(GET % b"x")).status == 200
        over = await Raw.to(port)
        answer = await over.ask(GET % b"x")
        assert (answer.status, answer.error["type"]) == (503, "overloaded_error")
        assert answer.error["code"] == "server_overloaded"
        assert int(answer.headers["retry-after"]) >= 1
        assert await over.ended() == b""
        over.close()
        kept.pop().close()
        await asyncio.sleep(0.2)
        assert server.connections == 2
        assert (await (await Raw.to(port)).ask(GET % b"x")).status == 200
        crowd = await asyncio.gather(*(Raw.to(port) for _ in range(200)))
        await asyncio.sleep(0.3)
        assert server.connections <= 3 + 128
        for client in (*crowd, *kept):
            client.close()
        await asyncio.sleep(0.3)
        assert server.connections <= 1
