"""Pictures and documents named by URL, fetched for targets that take bytes alone.

A caller names the host: what is fetched goes through the egress rules, at the very address that was checked, and each
redirect is checked again. Nothing of the call goes along, no header and no credential.
"""

import asyncio
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterator
from time import monotonic
from typing import Any
from urllib.parse import urljoin

from headgate.core.call import Call
from headgate.core.chat import File, Image, Part, Request, ToolResult
from headgate.core.errors import BadRequest, UpstreamFailed
from headgate.dialects.base import Dialect
from headgate.dialects.contract import SOURCES, words
from headgate.dialects.fit import message_path, part_path, result_path
from headgate.providers.endpoint import USER_AGENT
from headgate.transport.base import Outbound, Sender
from headgate.transport.egress import Destination, check_url

MAX_SIZE = 20 * 1024 * 1024
MAX_TOTAL = 50 * 1024 * 1024
MAX_URLS = 32
AT_ONCE = 4
MAX_REDIRECTS = 5
QUICK = 1024 * 1024
"""Bytes that are encoded on the event loop; more would hold up other calls."""
PATIENCE = 10.0
"""Seconds for one URL, redirects included."""
REDIRECTS = frozenset((301, 302, 303, 307, 308))
SIGNS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
)
"""How the bytes of each kind begin; what a server calls them is not believed where they tell it themselves."""
BRANDS = {b"heic": "image/heic", b"heix": "image/heic", b"mif1": "image/heif", b"avif": "image/avif"}

Check = Callable[[str], Awaitable[Destination]]
Linked = Image | File


class Attacher:
    """Fetches. One per process; it holds nothing."""

    def __init__(self, sender: Sender, check: Check = check_url) -> None:
        """*check* returns where a URL leads, or raises ``BadRequest`` for one that may not be fetched."""
        self._sender = sender
        self._check = check

    async def attach(self, found: list[tuple[Linked, str]], deadline: float) -> None:
        """Put the bytes of every URL into its part; raise ``BadRequest`` naming the field of one that fails.

        *found* are the parts and the paths of their URLs, *deadline* is in monotonic seconds.
        """
        if len(found) > MAX_URLS:
            raise refused(found[MAX_URLS], f"only {MAX_URLS} are fetched for one request")
        by_url: dict[str, list[tuple[Linked, str]]] = {}
        for one in found:
            by_url.setdefault(one[0].url or "", []).append(one)
        room = Room()
        tasks = [asyncio.ensure_future(self._one(same, room, deadline)) for same in by_url.values()]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _one(self, same: list[tuple[Linked, str]], room: "Room", deadline: float) -> None:
        part = same[0][0]
        async with room.turn:
            try:
                async with asyncio.timeout(min(PATIENCE, max(deadline - monotonic(), 0.001))):
                    body, told = await self._fetch(part.url or "", room)
            except BadRequest as error:
                raise BadRequest(error.message, code=error.code, param=same[0][1]) from None
            except TimeoutError:
                raise refused(same[0], f"it took more than {PATIENCE:g} seconds") from None
            except (UpstreamFailed, ValueError) as error:
                raise refused(same[0], str(error)) from None
        kind = kind_of(body, told, picture=isinstance(part, Image))
        if kind is None:
            raise refused(same[0], "it is no picture" if isinstance(part, Image) else "it is no document known here")
        data = (b64encode(body) if len(body) <= QUICK else await asyncio.to_thread(b64encode, body)).decode()
        for other, _ in same:
            other.data, other.media_type, other.url = data, kind, None

    async def _fetch(self, url: str, room: "Room") -> tuple[bytes, str]:
        """Return the bytes at *url* and what the server calls them; raise ``ValueError`` saying why not."""
        for _ in range(MAX_REDIRECTS + 1):
            to = await self._check(url)
            origin = to.origin
            named = f"[{origin.host}]" if ":" in origin.host else origin.host
            usual = 443 if origin.tls else 80
            host = named if origin.port == usual else f"{named}:{origin.port}"
            head = (
                f"GET {to.target} HTTP/1.1\r\nhost: {host}\r\nuser-agent: {USER_AGENT}\r\n"
                "accept: image/*, application/pdf, */*;q=0.5\r\naccept-encoding: identity\r\n"
            )
            inbound = await self._sender.send(
                Outbound(origin, head.encode("ascii"), connect_timeout=5.0, headers_timeout=PATIENCE)
            )
            try:
                where = inbound.header(b"location")
                if inbound.status in REDIRECTS and where is not None:
                    url = urljoin(url, where.decode("latin-1"))
                    continue
                if inbound.status != 200:
                    raise ValueError(f"the server answered {inbound.status}")
                body = bytearray()
                while more := await inbound.read(PATIENCE):
                    body += more
                    room.take(len(more))
                    if len(body) > MAX_SIZE:
                        raise ValueError(f"it is over {MAX_SIZE // 2**20} MB")
                return bytes(body), (inbound.header(b"content-type") or b"").decode("latin-1")
            finally:
                inbound.close()
        raise ValueError("it was redirected too often")


class Room:
    """What one request may take of the gateway at a time, and in all."""

    def __init__(self) -> None:
        self.turn = asyncio.Semaphore(AT_ONCE)
        self._left = MAX_TOTAL

    def take(self, size: int) -> None:
        """Count bytes; raise ``ValueError`` past the bound."""
        self._left -= size
        if self._left < 0:
            raise ValueError(f"the URLs of this request lead to more than {MAX_TOTAL // 2**20} MB")


async def attach_links(call: Call, attacher: Attacher | None, spoken: Dialect | None, request: Any) -> None:
    """Fetch what *request* names by URL, for *spoken*, which takes none; nothing where there is nothing to fetch."""
    if attacher is None or not isinstance(request, Request):
        return
    keeps: Callable[[str], bool] | None = getattr(spoken, "keeps_url", None)
    found = [
        (part, path)
        for part, path in links(request)
        if (part.url or "")[:8].lower().startswith(("http://", "https://")) and not (keeps and keeps(part.url or ""))
    ]
    if found:
        await attacher.attach(found, call.deadline)


def links(request: Request) -> Iterator[tuple[Linked, str]]:
    """Yield every part that is a URL, with the path of the URL in the caller's own request."""
    source = request.extra.dialect if request.extra is not None else ""
    for number, message in enumerate(request.messages):
        for index, part in enumerate(message.parts):
            if isinstance(part, Image | File | ToolResult):
                at = part_path(source, message_path(source, request, number), message, index)
                yield from _below(part, at, source)


def _below(part: Part, at: str, source: str) -> Iterator[tuple[Linked, str]]:
    if isinstance(part, ToolResult):
        for index, inner in enumerate(part.parts):
            yield from _below(inner, result_path(source, at, index), source)
    elif isinstance(part, Image | File) and part.url is not None and part.data is None:
        row = "parts.image_url" if isinstance(part, Image) else "parts.file_url"
        spelt = words(source).SPELLINGS.get(row, "") if source in SOURCES else ""
        yield part, f"{at}.{spelt}" if spelt else at


def kind_of(body: bytes, told: str, *, picture: bool) -> str | None:
    """Return the media type of *body*, by its first bytes; ``None`` for what cannot be sent on."""
    for sign, kind in SIGNS:
        if body.startswith(sign):
            return kind if not picture or kind.startswith("image/") else None
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return "image/webp"
    if body[4:8] == b"ftyp" and body[8:12] in BRANDS:
        return BRANDS[body[8:12]]
    said = told.partition(";")[0].strip().lower()
    if picture or not body:
        return None
    if said.startswith(("audio/", "video/")):
        return said
    if said.startswith("text/") or said in ("application/json", "application/xml"):
        try:
            body.decode()
        except UnicodeDecodeError:
            return None
        return said
    return None


def refused(one: tuple[Linked, str], why: str) -> BadRequest:
    """The refusal of a URL that gave nothing."""
    part, path = one
    code = "invalid_image_url" if isinstance(part, Image) else "invalid_file_url"
    return BadRequest(
        f"The URL in '{path}' could not be fetched: {why}. Send the bytes (base64) instead.", code=code, param=path
    )
