"""ASGI applications, FastAPI's among them, on our server."""

import asyncio
import gzip
import time
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse

from tests.transport.serving import Raw, serving

THIS = Path(__file__).read_bytes()
GET = b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n"


def post(target: bytes, body: bytes, *lines: bytes) -> bytes:
    extra = b"".join(line + b"\r\n" for line in lines)
    return b"POST %b HTTP/1.1\r\nHost: a\r\n%bContent-Length: %d\r\n\r\n%b" % (target, extra, len(body), body)


def fastapi() -> FastAPI:
    app = FastAPI()

    @app.get("/items/{item}")
    async def item(item: int, q: str | None = None) -> dict[str, Any]:
        return {"item": item, "q": q}

    @app.post("/echo")
    async def echo(request: Request) -> Response:
        return Response(await request.body(), media_type="text/plain")

    @app.post("/count")
    async def count(request: Request) -> dict[str, Any]:
        sizes = [len(chunk) async for chunk in request.stream()]
        return {"total": sum(sizes), "pieces": len(sizes)}

    @app.post("/json")
    async def document(document: dict[str, Any]) -> dict[str, Any]:
        return document

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def parts():
            for n in range(3):
                yield f"part {n}\n"
                await asyncio.sleep(0.01)

        return StreamingResponse(parts())

    @app.get("/file")
    async def file() -> FileResponse:
        return FileResponse(__file__)

    @app.get("/boom")
    async def boom() -> None:
        raise RuntimeError("secret inside")

    @app.get("/late-boom")
    async def late() -> StreamingResponse:
        async def parts():
            yield "begun"
            await asyncio.sleep(0.01)
            raise RuntimeError("secret inside")

        return StreamingResponse(parts())

    @app.get("/empty", status_code=204)
    async def empty() -> None: ...

    @app.get("/headers")
    async def headers(request: Request) -> Response:
        return JSONResponse(
            {"url": str(request.url), "client": request.client.host if request.client else None},
            headers={"x-one": "1", "set-cookie": "a=b"},
        )

    return app


async def test_fastapi() -> None:
    async with serving(fastapi()) as (_, port):
        client = await Raw.to(port)
        answer = await client.ask(b"GET /items/7?q=a%20b HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (answer.status, answer.json()) == (200, {"item": 7, "q": "a b"})
        assert (await client.ask(GET % b"items/x")).status == 422
        assert (await client.ask(GET % b"nowhere")).status == 404
        assert (await client.ask(post(b"/items/7", b""))).status == 405
        assert (await client.ask(post(b"/echo", b"hello"))).body == b"hello"
        assert (await client.ask(post(b"/json", b'{"a":[1]}', b"Content-Type: application/json"))).json() == {"a": [1]}
        assert (await client.ask(GET % b"empty")).status == 204
        told = (await client.ask(b"GET /headers?x HTTP/1.1\r\nHost: me:99\r\n\r\n")).json()
        assert told == {"url": "http://me:99/headers?x", "client": "127.0.0.1"}
        stream = await client.ask(GET % b"stream")
        assert stream.body == b"part 0\npart 1\npart 2\n"
        assert stream.headers["transfer-encoding"] == "chunked"
        assert (await client.ask(GET % b"file")).body == THIS
        await client.send(b"HEAD /file HTTP/1.1\r\nHost: a\r\n\r\n" + GET % b"items/1")
        await client.answer(head=True)
        assert (await client.answer()).json()["item"] == 1


async def test_bodies_stream_into_the_application() -> None:
    async with serving(fastapi()) as (_, port):
        client = await Raw.to(port)
        body = bytes(3_000_000)
        answer = await client.ask(post(b"/count", body))
        assert answer.json()["total"] == 3_000_000
        assert answer.json()["pieces"] > 5, "it came as one"
        chunks = b"".join(b"%x\r\n%b\r\n" % (n, b"y" * n) for n in range(1, 900)) + b"0\r\n\r\n"
        answer = await client.ask(b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
        assert answer.body == b"y" * sum(range(900))
        expecting = b"POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        await client.send(expecting)
        await client.reader.readuntil(b"100 Continue\r\n\r\n")
        assert (await client.ask(b"hi")).body == b"hi"


async def test_compressed_bodies_come_plain() -> None:
    async with serving(fastapi(), body=100_000) as (_, port):
        client = await Raw.to(port)
        headers = (b"Content-Encoding: gzip", b"Content-Type: application/json")
        assert (await client.ask(post(b"/json", gzip.compress(b'{"a": 1}'), *headers))).json() == {"a": 1}
        bomb = await client.ask(post(b"/json", gzip.compress(bytes(1_000_000)), *headers))
        assert (bomb.status, bomb.error["code"]) == (413, "request_too_large")
        broken = await client.ask(post(b"/json", b"not gzip", *headers))
        assert (broken.status, broken.error["code"]) == (400, "invalid_encoding")


async def test_failures_tell_the_client_nothing() -> None:
    async with serving(fastapi()) as (server, port):
        client = await Raw.to(port)
        answer = await client.ask(GET % b"boom")
        assert answer.status == 500
        assert b"secret" not in answer.body
        assert (await client.ask(GET % b"items/1")).status == 200
        await client.send(GET % b"late-boom")
        raw = await client.ended()
        assert raw.endswith(b"5\r\nbegun\r\n") and b"secret" not in raw, "a clean end to a broken stream"
    assert [str(e) for e in server.errors] == ["secret inside"] * 2  # type: ignore[attr-defined]


async def test_a_failure_of_the_server_kind() -> None:
    async def app(scope, receive, send) -> None:
        raise RuntimeError("secret")

    async with serving(app) as (server, port):
        client = await Raw.to(port)
        answer = await client.ask(GET % b"x")
        assert (answer.status, answer.error["code"]) == (500, "internal_error")
        assert "x-request-id" in answer.headers
    assert len(server.errors) == 1  # type: ignore[attr-defined]


async def test_receive_tells_of_the_end() -> None:
    events: list[Any] = []

    async def app(scope, receive, send) -> None:
        events.append(await receive())
        waiting = asyncio.create_task(receive())
        await asyncio.sleep(0.01)
        assert not waiting.done()
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        await send({"type": "http.response.body", "body": b"b"})
        events.append(await asyncio.wait_for(waiting, 1))
        events.append(await asyncio.wait_for(receive(), 1))

    async with serving(app) as (_, port):
        client = await Raw.to(port)
        assert (await client.ask(post(b"/", b"body"))).body == b"ab"
        await asyncio.sleep(0.01)
    assert events == [
        {"type": "http.request", "body": b"body", "more_body": False},
        {"type": "http.disconnect"},
        {"type": "http.disconnect"},
    ]


@pytest.mark.parametrize("reading", [True, False])
async def test_receive_tells_of_a_client_that_left(reading: bool) -> None:
    left = asyncio.Event()

    async def app(scope, receive, send) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        left.set()
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"nobody hears"})

    async with serving(app) as (server, port):
        client = await Raw.to(port)
        size = 200_000 if reading else 0
        await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
        await asyncio.sleep(0.03)
        began = time.monotonic()
        client.close()
        await asyncio.wait_for(left.wait(), 1)
        assert time.monotonic() - began < 5
    assert server.errors == []  # type: ignore[attr-defined]


async def test_a_stream_of_starlette_stops_when_the_client_leaves() -> None:
    stopped = asyncio.Event()

    async def app(scope, receive, send) -> None:
        async def parts():
            try:
                while True:
                    yield b"x" * 1000
                    await asyncio.sleep(0.01)
            finally:
                stopped.set()

        await StreamingResponse(parts())(scope, receive, send)

    async with serving(app) as (server, port):
        client = await Raw.to(port)
        await client.send(GET % b"x")
        await client.reader.read(100)
        client.close()
        await asyncio.wait_for(stopped.wait(), 1)
        await asyncio.sleep(0.05)
        assert server.active == 0


async def test_sending_waits_for_the_client() -> None:
    sent = 0

    async def app(scope, receive, send) -> None:
        nonlocal sent
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"50000000")]})
        for _ in range(500):
            await send({"type": "http.response.body", "body": bytes(100_000), "more_body": True})
            sent += 100_000
        await send({"type": "http.response.body"})

    async with serving(app) as (_, port):
        client = await Raw.to(port)
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await client.send(GET % b"x")
        await asyncio.sleep(0.2)
        assert sent < 20_000_000
        client.writer.transport.resume_reading()  # type: ignore[attr-defined]
        answer = await client.answer()
        assert len(answer.body) == 50_000_000
        assert "transfer-encoding" not in answer.headers


async def test_lengths_are_kept_to() -> None:
    def app_that_sends(length: int, *parts: bytes):
        async def app(scope, receive, send) -> None:
            start = {"type": "http.response.start", "status": 200, "headers": [(b"Content-Length", b"%d" % length)]}
            await send(start)
            for n, part in enumerate(parts):
                await send({"type": "http.response.body", "body": part, "more_body": n < len(parts) - 1})

        return app

    async with serving(app_that_sends(6, b"abc", b"def")) as (_, port):
        assert (await (await Raw.to(port)).ask(GET % b"x")).body == b"abcdef"
    for parts in ((b"ab", b"cd"), (b"abc", b"defgh"), (b"short",), (b"much too long",)):
        async with serving(app_that_sends(6, *parts)) as (server, port):
            client = await Raw.to(port)
            await client.send(GET % b"x")
            raw = await client.ended()
            assert len(raw.partition(b"\r\n\r\n")[2]) < 6, "a whole answer was made of a broken one"
        assert len(server.errors) == 1  # type: ignore[attr-defined]
    async with serving(app_that_sends(6, b"")) as (_, port):
        client = await Raw.to(port)
        await client.send(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await client.answer(head=True)).headers["content-length"] == "6"


@pytest.mark.parametrize(
    "header",
    [(b"x", b"a\r\nset-cookie: b"), (b"x\r\ny", b"z"), (b"x", b"a\nb"), (b"x", b"\0")],
)
async def test_headers_cannot_be_split(header: tuple[bytes, bytes]) -> None:
    async def app(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [header]})
        await send({"type": "http.response.body"})

    async with serving(app) as (server, port):
        answer = await (await Raw.to(port)).ask(GET % b"x")
        assert answer.status == 500
        assert "set-cookie" not in answer.headers
    assert [type(e) for e in server.errors] == [ValueError]  # type: ignore[attr-defined]


async def test_events_out_of_order_are_errors() -> None:
    async def body_first(scope, receive, send) -> None:
        await send({"type": "http.response.body"})

    async def twice(scope, receive, send) -> None:
        for _ in range(2):
            await send({"type": "http.response.start", "status": 200})

    async def after(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 200})
        for _ in range(2):
            await send({"type": "http.response.body"})

    async def unknown(scope, receive, send) -> None:
        await send({"type": "websocket.send"})

    for app, status in ((body_first, 500), (twice, 500), (after, 200), (unknown, 500)):
        async with serving(app) as (server, port):
            assert (await (await Raw.to(port)).ask(GET % b"x")).status == status
        assert [type(e) for e in server.errors] == [RuntimeError]  # type: ignore[attr-defined]


async def test_an_application_may_close_the_connection() -> None:
    async def app(scope, receive, send) -> None:
        headers = [(b"Connection", b"close"), (b"Transfer-Encoding", b"chunked"), (b"x", b"y")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"bye"})

    async with serving(app) as (_, port):
        client = await Raw.to(port)
        answer = await client.ask(GET % b"x")
        assert answer.headers == {"x": "y", "connection": "close", "content-length": "3"}
        assert await client.ended() == b""


async def test_a_cancelled_request_does_not_hang_its_client() -> None:
    async def app(scope, receive, send) -> None:
        raise asyncio.CancelledError

    async with serving(app) as (server, port):
        client = await Raw.to(port)
        await client.send(GET % b"x")
        assert await client.ended() == b""
        assert server.active == 0
