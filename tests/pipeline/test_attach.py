"""Fetching what callers name by URL: over real sockets, to a server of our own that only the tests may reach."""

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator
from time import monotonic
from typing import Any

import pytest

from headgate.core.chat import File, Image, Request
from headgate.core.errors import BadRequest
from headgate.dialects import anthropic_messages, gemini, openai_chat
from headgate.dialects.base import Abilities
from headgate.pipeline import attach
from headgate.pipeline.attach import Attacher, attach_links, kind_of, links
from headgate.transport.base import Origin
from headgate.transport.client import Http1Sender
from headgate.transport.egress import Destination, check_url

PNG = b"\x89PNG\r\n\x1a\n" + b"picture"
PDF = b"%PDF-1.7 paper"
TO = Abilities(model="gemini-2.5-flash", name="google/gemini-2.5-flash", kind="gemini")


class Web:
    """A server on a port of its own: ``pages`` by path, status, headers and body each."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.asked: list[str] = []
        self.heads: list[bytes] = []
        self.port = 0
        self.open: set[asyncio.Task[Any]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.open.add(task)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                path = head.split(b" ")[1].decode()
                self.asked.append(path)
                self.heads.append(head)
                if path == "/slow":
                    await asyncio.sleep(30)
                status, headers, body = self.pages.get(path, (404, {}, b""))
                lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
                writer.write(f"HTTP/1.1 {status} x\r\ncontent-length: {len(body)}\r\n{lines}\r\n".encode() + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self.open.discard(task)
            writer.close()

    async def check(self, url: str) -> Destination:
        """The real rules, but for names that stand for this server."""
        for name in ("one.test", "two.test"):
            if url.startswith(f"http://{name}/"):
                return Destination(Origin(name, self.port, False, "127.0.0.1"), url.removeprefix(f"http://{name}"))
        return await check_url(url)


@pytest.fixture
async def web() -> AsyncIterator[Web]:
    web = Web()
    server = await asyncio.start_server(web.serve, "127.0.0.1", 0)
    web.port = server.sockets[0].getsockname()[1]
    yield web
    server.close()
    for task in list(web.open):
        task.cancel()
    await asyncio.sleep(0.01)


@pytest.fixture
async def attacher(web: Web) -> AsyncIterator[Attacher]:
    sender = Http1Sender()
    yield Attacher(sender, web.check)
    await sender.close()


class FakeCall:
    """What of a call matters here."""

    def __init__(self) -> None:
        self.deadline = monotonic() + 60


async def put_in(attacher: Attacher | None, request: Request) -> None:
    await attach_links(FakeCall(), attacher, gemini, request)  # type: ignore[arg-type]


def asked(*urls: str) -> Request:
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return openai_chat.read_request(
        json.dumps(
            {"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": "x"}, *parts]}]}
        ).encode()
    )


async def test_pictures_are_put_in(web: Web, attacher: Attacher) -> None:
    web.pages["/a"] = (200, {"content-type": "text/html"}, PNG)
    web.pages["/moved"] = (302, {"location": "/a?x=1"}, b"")
    web.pages["/a?x=1"] = (200, {}, PNG)
    web.pages["/away"] = (301, {"location": "http://two.test/a"}, b"")
    request = asked("http://one.test/a", "http://one.test/moved", "http://one.test/away", "http://one.test/a")
    await put_in(attacher, request)
    written = json.loads(gemini.write_request(request, TO, drop=False).body)
    inline = {"inlineData": {"mimeType": "image/png", "data": b64encode(PNG).decode()}}
    assert written["contents"][0]["parts"][1:] == [inline] * 4
    assert web.asked.count("/a") == 2, "the same URL is fetched once"
    assert all(b"authorization" not in head and b"cookie" not in head for head in web.heads)
    assert any(b"host: two.test" in head for head in web.heads)


async def test_documents_and_what_tools_answered(web: Web, attacher: Attacher) -> None:
    web.pages["/d"] = (200, {"content-type": "application/octet-stream"}, PDF)
    web.pages["/t"] = (200, {"content-type": "text/plain; charset=utf-8"}, "ä".encode())
    document = {"type": "document", "source": {"type": "url", "url": "http://one.test/d"}}
    image = {"type": "image", "source": {"type": "url", "url": "http://one.test/p"}}
    web.pages["/p"] = (200, {}, PNG)
    text = {"type": "document", "source": {"type": "url", "url": "http://one.test/t"}}
    turns = [
        {"role": "user", "content": [document, text]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": [image]}]},
    ]
    body = json.dumps({"model": "m", "max_tokens": 5, "messages": turns}).encode()
    request = anthropic_messages.read_request(body)
    assert [path for _, path in links(request)] == [
        "messages[0].content[0]",
        "messages[0].content[1]",
        "messages[2].content[0].content[0]",
    ]
    await put_in(attacher, request)
    written = json.loads(gemini.write_request(request, TO, drop=False).body)
    kinds = [
        part["inlineData"]["mimeType"] for turn in written["contents"] for part in turn["parts"] if "inlineData" in part
    ]
    assert kinds == ["application/pdf", "text/plain", "image/png"]


@pytest.mark.parametrize(
    ("url", "code", "why"),
    [
        ("http://one.test/gone", "invalid_image_url", "404"),
        ("http://one.test/page", "invalid_image_url", "no picture"),
        ("http://one.test/loop", "invalid_image_url", "redirected too often"),
        ("http://one.test/big", "invalid_image_url", "over 0 MB"),
        ("http://one.test/inside", "url_not_allowed", "may not be fetched"),
        ("http://127.0.0.1:1/x", "url_not_allowed", "may not be fetched"),
        ("http://169.254.169.254/latest", "url_not_allowed", "may not be fetched"),
        ("http://one.test/slow", "invalid_image_url", "took more than"),
    ],
)
async def test_what_cannot_be_fetched_names_its_field(
    web: Web, attacher: Attacher, monkeypatch: pytest.MonkeyPatch, url: str, code: str, why: str
) -> None:
    monkeypatch.setattr(attach, "MAX_SIZE", 5000)
    if url.endswith("/slow"):
        monkeypatch.setattr(attach, "PATIENCE", 0.3)
    web.pages["/page"] = (200, {"content-type": "image/png"}, b"<html>")
    web.pages["/loop"] = (302, {"location": "/loop"}, b"")
    web.pages["/inside"] = (302, {"location": "http://10.0.0.1/x"}, b"")
    web.pages["/big"] = (200, {}, PNG + bytes(6000))
    web.pages["/ok"] = (200, {}, PNG)
    with pytest.raises(BadRequest, match=why) as refused:
        await put_in(attacher, asked("http://one.test/ok", url))
    assert (refused.value.code, refused.value.param) == (code, "messages[0].content[2].image_url.url")


async def test_all_of_a_request_together_is_bounded(
    web: Web, attacher: Attacher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attach, "MAX_TOTAL", 3000)
    for name in "abcd":
        web.pages[f"/{name}"] = (200, {}, PNG + bytes(1000))
    await put_in(attacher, asked("http://one.test/a", "http://one.test/b"))
    with pytest.raises(BadRequest, match="more than"):
        await put_in(attacher, asked(*(f"http://one.test/{name}" for name in "abcd")))
    with pytest.raises(BadRequest, match="only 32") as refused:
        await put_in(attacher, asked(*(f"http://one.test/{number}" for number in range(40))))
    assert refused.value.param == "messages[0].content[33].image_url.url"


async def test_what_is_not_to_be_fetched_stays(web: Web, attacher: Attacher) -> None:
    own = asked("gs://bucket/x.png", "https://generativelanguage.googleapis.com/v1beta/files/abc")
    await put_in(attacher, own)
    written = json.loads(gemini.write_request(own, TO, drop=False).body)
    assert [part["fileData"]["fileUri"] for part in written["contents"][0]["parts"][1:]] == [
        "gs://bucket/x.png",
        "https://generativelanguage.googleapis.com/v1beta/files/abc",
    ]
    inline = asked("data:image/png;base64,AAAA")
    await put_in(attacher, inline)
    await put_in(None, asked("http://one.test/a"))
    assert web.asked == []


@pytest.mark.parametrize(
    ("body", "told", "picture", "kind"),
    [
        (PNG, "", True, "image/png"),
        (b"\xff\xd8\xff\xe0", "", True, "image/jpeg"),
        (b"GIF89a", "", True, "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "", True, "image/webp"),
        (b"\0\0\0\x18ftypheic", "", True, "image/heic"),
        (PDF, "", True, None),
        (PDF, "", False, "application/pdf"),
        (PNG, "application/pdf", False, "image/png"),
        (b"<svg/>", "image/svg+xml", True, None),
        (b"a,b", "text/csv; charset=utf-8", False, "text/csv"),
        (b"\xff\xfe", "text/plain", False, None),
        (b"ID3", "audio/mpeg", False, "audio/mpeg"),
        (b"\0\1", "application/octet-stream", False, None),
        (b"", "text/plain", False, None),
    ],
)
def test_a_kind_is_told_by_the_first_bytes(body: bytes, told: str, picture: bool, kind: Any) -> None:
    assert kind_of(body, told, picture=picture) == kind


def test_parts_are_what_is_looked_for() -> None:
    request = asked("http://one.test/a")
    request.messages[0].parts.append(File(url="http://one.test/b", data="AAAA"))
    found = [part for part, _ in links(request)]
    assert found == [Image(url="http://one.test/a")]
