"""Objects of an S3 bucket, <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html>, and of what speaks
like it: small ones in one request, larger ones in parts."""

import asyncio
import re
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from headgate.core.errors import HeadgateError
from headgate.core.redact import redact
from headgate.providers.endpoint import USER_AGENT, Endpoint
from headgate.providers.sigv4 import Credentials, Signer
from headgate.transport.base import Outbound, Sender, exchange

PART = 8 * 1024 * 1024
"""Bytes of a part, and of the largest object that is sent in one request."""
MAX_PARTS = 10_000
TRIES = 4
PAUSE = 0.5
ANSWER = 60.0
MAX_ANSWER = 1024 * 1024
LATER = frozenset((408, 409, 429, 500, 502, 503, 504))
_TAG = re.compile(r"<(UploadId|Code|Message)>([^<]*)</")


class S3Error(OSError):
    """The server refused, or could not be reached."""


class Bucket:
    """One bucket. *root* is its path at the endpoint: empty where the host itself names it."""

    def __init__(
        self, name: str, at: Endpoint, root: str, region: str, credentials: Credentials, sender: Sender
    ) -> None:
        self.name = name
        self._at = at
        self._root = at.path + root
        self._signer = Signer("s3", region)
        self._credentials = credentials
        self._sender = sender

    async def put(self, key: str, path: Path) -> None:
        """Store the file at *path*, in place of what is there. Raise :class:`S3Error`, or ``OSError`` for the file."""
        size = (await asyncio.to_thread(path.stat)).st_size
        if size <= PART:
            await self._ask("PUT", key, "", await asyncio.to_thread(path.read_bytes))
            return
        part = max(PART, -(-size // MAX_PARTS))
        upload = _tag(await self._ask("POST", key, "uploads="), "UploadId")
        try:
            tags = [
                await self._part(key, upload, number + 1, await asyncio.to_thread(_read, path, number * part, part))
                for number in range(-(-size // part))
            ]
            await self._complete(key, upload, tags)
        except BaseException:
            await asyncio.shield(self._abort(key, upload))
            raise

    async def get(self, key: str) -> bytes:
        """Return a small object. Raise :class:`S3Error`."""
        return await self._ask("GET", key, "")

    async def _part(self, key: str, upload: str, number: int, data: bytes) -> str:
        tags: list[str] = []
        await self._ask("PUT", key, f"partNumber={number}&uploadId={upload}", data, tags.append)
        return tags[0]

    async def _complete(self, key: str, upload: str, tags: list[str]) -> None:
        parts = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>" for number, tag in enumerate(tags, 1)
        )
        body = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
        answer = await self._ask("POST", key, f"uploadId={upload}", body)
        if b"<Error>" in answer:  # which comes with status 200
            raise S3Error(f"{self.name} did not put {key} together: {_words(answer)}")

    async def _abort(self, key: str, upload: str) -> None:
        try:
            await self._ask("DELETE", key, f"uploadId={upload}")
        except S3Error:
            return  # the bucket's own rules remove what was begun and not ended

    async def _ask(
        self, method: str, key: str, query: str, body: bytes = b"", tagged: Callable[[str], None] | None = None
    ) -> bytes:
        for tries in range(1, TRIES + 1):
            try:
                status, tag, answer = await self._once(method, key, query, body)
            except HeadgateError as error:
                status, tag, answer, why = 0, "", b"", str(error)
            else:
                why = f"{self.name} answered {status}: {_words(answer)}"
            if 200 <= status < 300:
                if tagged is not None:
                    tagged(tag)
                return answer
            if (status and status not in LATER) or tries == TRIES:
                raise S3Error(redact(why))
            await asyncio.sleep(PAUSE * 2 ** (tries - 1))
        raise AssertionError

    async def _once(self, method: str, key: str, query: str, body: bytes) -> tuple[int, str, bytes]:
        # The path is signed as it stands here, encoded once: names have no character that the request line must encode.
        path, now = f"{self._root}/{key}", datetime.now(UTC)
        headers = {"x-amz-content-sha256": sha256(body).hexdigest()}
        proof = self._signer.sign(
            self._credentials, method, self._at.host, path, body, now, query=query, headers=headers
        )
        lines = {"host": self._at.host, "user-agent": USER_AGENT, "accept-encoding": "identity", **headers, **proof}
        target = f"{path}?{query}" if query else path
        head = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        out = Outbound(self._at.origin, head.encode("ascii"), b"", body, headers_timeout=ANSWER)
        inbound, answer = await exchange(self._sender, out, max(MAX_ANSWER, 2 * PART), 2 * ANSWER, ANSWER)
        return inbound.status, (inbound.header(b"etag") or b"").decode("latin-1"), answer


def _read(path: Path, at: int, size: int) -> bytes:
    with path.open("rb") as file:
        file.seek(at)
        return file.read(size)


def _tag(answer: bytes, name: str) -> str:
    found = next((text for tag, text in _TAG.findall(answer.decode("utf-8", "replace")) if tag == name), "")
    if not re.fullmatch(r"[A-Za-z0-9._~-]{1,1024}", found):
        raise S3Error("the server named no upload")
    return found


def _words(answer: bytes) -> str:
    found = dict(_TAG.findall(answer[:65_536].decode("utf-8", "replace")))
    return " ".join(found[name] for name in ("Code", "Message") if name in found)[:300] or "nothing that can be read"
