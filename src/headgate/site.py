"""The dashboard: a static site, built from ``dashboard/``, served from memory by the control plane.

One build serves any path prefix: the word that stands for it is replaced as the files are read. Each page's policy
names the digests of its own inline scripts, so no other script can run: https://www.w3.org/TR/CSP3/.
"""

import asyncio
import gzip
import hashlib
import re
from base64 import b64encode
from pathlib import Path

import msgspec

from headgate.control import Headers, answer, answer_error
from headgate.core.errors import MethodNotAllowed, NotFound
from headgate.transport.server_asgi import Scope, Send

BUILT = Path(__file__).with_name("dashboard")
WORD = b"/__headgate__"
INLINE = re.compile(rb"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL)
ASSETS = "/_next/"
ICON = "/icon.svg"
"""Browsers ask for it by its old name too, whatever a page says."""
TYPES = {
    ".html": b"text/html; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".css": b"text/css; charset=utf-8",
    ".txt": b"text/x-component",
    ".json": b"application/json",
    ".svg": b"image/svg+xml",
    ".ico": b"image/x-icon",
    ".woff2": b"font/woff2",
}
TEXT = frozenset((".html", ".js", ".css", ".txt", ".json", ".svg"))
POLICY = (
    "default-src 'none'; script-src 'self'{scripts}; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
GUARDS: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
]
HOLDING = b"""<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="3">
<title>Headgate</title></head><body><h1>Headgate is running</h1>
<p>The API answers already. The dashboard is being built, once; this page turns into it when it is ready.</p>
<p><a href="docs">What the API can do</a></p></body></html>"""
OFF = b"The dashboard is switched off (HEADGATE_DASHBOARD)."


class File(msgspec.Struct, frozen=True):
    """One file as it is sent."""

    headers: Headers
    body: bytes
    packed: bytes
    """The same, gzipped; empty where that gains nothing."""
    tag: bytes


class Site:
    """Answers what is neither the API nor known to it."""

    def __init__(self, root: Path = BUILT, *, prefix: str = "", on: bool = True) -> None:
        """*root* holds the built site, now or later; *prefix* is the path that browsers see before every path."""
        self._root = root
        self._prefix = prefix.rstrip("/").encode()
        self._on = on
        self._files: dict[str, File] = {}
        self._lock = asyncio.Lock()

    async def __call__(self, scope: Scope, send: Send) -> None:
        """Answer one request for a page or a file of one."""
        path = scope["raw_path"].decode("latin-1")
        headers = dict(scope["headers"])
        if not self._on and path == "/":
            await answer(send, 404, [(b"content-type", b"text/plain")], OFF)
            return
        if self._on and not self._files:
            await self._load()
        file = self._files.get(path)
        if file is None and (self._files or path != "/"):
            if b"text/html" not in headers.get(b"accept", b"") or "/404" not in self._files:
                await answer_error(send, NotFound(f"There is nothing at {path[:200]!r}. /docs lists what there is."))
                return
            await self._send(send, 404, self._files["/404"], headers)
        elif scope["method"] not in ("GET", "HEAD"):
            await answer_error(send, MethodNotAllowed(f"{path[:200]} takes GET.", headers={"allow": "GET"}))
        elif file is None:
            policy = (b"content-security-policy", POLICY.format(scripts="").encode())
            await answer(send, 200, [(b"content-type", TYPES[".html"]), policy, *GUARDS], HOLDING)
        else:
            await self._send(send, 200, file, headers)

    async def _send(self, send: Send, status: int, file: File, asked: dict[bytes, bytes]) -> None:
        if status == 200 and asked.get(b"if-none-match") == file.tag:
            # All of them: a browser puts those of this answer in place of those it kept, the policy among them.
            await answer(send, 304, [line for line in file.headers if line[0] != b"content-type"], b"")
        elif file.packed and b"gzip" in asked.get(b"accept-encoding", b""):
            packed = [*file.headers, (b"content-encoding", b"gzip"), (b"vary", b"accept-encoding")]
            await answer(send, status, packed, file.packed)
        else:
            await answer(send, status, file.headers, file.body)

    async def _load(self) -> None:
        async with self._lock:
            if not self._files:
                self._files = await asyncio.to_thread(read, self._root, self._prefix)


def read(root: Path, prefix: bytes) -> dict[str, File]:
    """Return the files of a built site by the path that each is asked for; nothing where it is not built yet."""
    found: dict[str, File] = {}
    for file in sorted(root.rglob("*")) if (root / "index.html").is_file() else ():
        if file.is_file() and file.suffix in TYPES:
            name = "/" + file.relative_to(root).as_posix()
            made = made_of(file.read_bytes(), file.suffix, prefix, asset=name.startswith(ASSETS))
            found[name] = made
            if file.suffix == ".html":
                found["/" if name == "/index.html" else name.removesuffix(".html")] = made
            elif name == ICON:
                found["/favicon.ico"] = made
    return found


def made_of(body: bytes, kind: str, prefix: bytes, *, asset: bool) -> File:
    """Return a file as it is sent."""
    if kind in TEXT:
        body = body.replace(WORD, prefix)
    tag = b'"%b"' % hashlib.sha256(body).hexdigest()[:32].encode()
    cached = b"public, max-age=31536000, immutable" if asset else b"no-cache"
    headers: Headers = [(b"content-type", TYPES[kind]), (b"etag", tag), (b"cache-control", cached), *GUARDS]
    if kind == ".html":
        digests = {b64encode(hashlib.sha256(script).digest()).decode() for script in INLINE.findall(body)}
        scripts = "".join(f" 'sha256-{digest}'" for digest in sorted(digests))
        headers.append((b"content-security-policy", POLICY.format(scripts=scripts).encode()))
    packed = gzip.compress(body, 6, mtime=0) if kind in TEXT and len(body) > 1000 else b""
    return File(headers, body, packed, tag)
