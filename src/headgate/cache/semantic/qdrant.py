"""The index in Qdrant, over its REST API: https://api.qdrant.tech/api-reference."""

import asyncio
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any
from uuid import UUID

import msgspec

from headgate.cache.semantic.log import Signer
from headgate.cache.semantic.types import Down, Item, Near, Vector, share
from headgate.core.errors import UpstreamFailed
from headgate.core.secret import Secret
from headgate.dialects.wire import ODD
from headgate.providers.endpoint import USER_AGENT, Endpoint, endpoint, fields, render
from headgate.transport.base import Outbound, Sender, exchange

LARGEST = 4 * 1024 * 1024
OPENING = 10.0
_encode = msgspec.json.Encoder().encode


class QdrantIndex:
    """See ``Index``. One collection for each length of vectors, ``headgate_near_384``, made on first use.

    Each point is signed with its place: what was swapped or made by somebody else is not found.
    """

    def __init__(
        self, sender: Sender, url: str, api_key: Secret | None, name: str, seconds: float, signer: Signer
    ) -> None:
        """*seconds* is how long an answer is waited for. Raise ``ValueError`` for a *url* that is none."""
        self._sender = sender
        self._at: Endpoint = endpoint(url)
        lines = {"user-agent": USER_AGENT, "accept-encoding": "identity", "content-type": "application/json"}
        self._lines = fields(lines, {"api-key": api_key.reveal()} if api_key else {})
        self._name = name
        self._seconds = seconds
        self._signer = signer
        self._opening = asyncio.Lock()
        self._made: set[str] = set()

    async def add(self, item: Item) -> None:
        """See ``Index``."""
        collection = await self._collection(len(item.vector))
        payload = {
            "cache": self._name,
            "tenant": item.tenant_id,
            "scope": item.scope.hex(),
            "key": item.key.hex(),
            "asked": item.text,
            "expires": item.expires,
            "tag": self._tag(item.tenant_id, item.scope.hex(), item.key.hex(), item.text),
        }
        point = {"id": self._id(item.tenant_id, item.key), "vector": list(item.vector), "payload": payload}
        await self._call("PUT", f"/collections/{collection}/points?wait=true", {"points": [point]})

    async def nearest(self, tenant_id: str, scope: bytes, vector: Vector, count: int, now: int) -> list[Near]:
        """See ``Index``."""
        collection = await self._collection(len(vector))
        conditions = [*self._of(tenant_id), _is("scope", scope.hex()), {"key": "expires", "range": {"gt": now}}]
        query: dict[str, Any] = {"query": list(vector), "filter": {"must": conditions}, "limit": count}
        query |= {"with_payload": True, "with_vector": True}
        answer = await self._call("POST", f"/collections/{collection}/points/query", query)
        found = []
        for point in answer.get("points", ()):
            held = point.get("payload") or {}
            key, text = str(held.get("key")), str(held.get("asked"))
            if held.get("tag") == self._tag(tenant_id, scope.hex(), key, text):
                similarity, expires = share(float(point["score"])), int(held.get("expires", 0))
                found.append(
                    Near(
                        key=bytes.fromhex(key),
                        text=text,
                        similarity=similarity,
                        expires=expires,
                        vector=Vector("f", point["vector"]),
                    )
                )
        return found

    async def forget(self, tenant_id: str | None, keys: Sequence[bytes] | None = None) -> None:
        """See ``Index``."""
        conditions = self._of(tenant_id)
        if keys is not None:
            conditions.append({"key": "key", "match": {"any": [key.hex() for key in keys]}})
        await self._delete(conditions)

    async def counts(self, tenant_id: str | None) -> tuple[int, int]:
        """See ``Index``."""
        entries = size = 0
        for collection in await self._collections():
            wanted = {"filter": {"must": self._of(tenant_id)}, "exact": True}
            count = int((await self._call("POST", f"/collections/{collection}/points/count", wanted))["count"])
            entries += count
            size += count * (4 * int(collection.rpartition("_")[2]) + 512)
        return entries, size

    async def sweep(self, now: int) -> None:
        """See ``Index``."""
        await self._delete([*self._of(None), {"key": "expires", "range": {"lte": now}}])

    async def close(self) -> None:
        """See ``Index``."""

    def _of(self, tenant_id: str | None) -> list[dict[str, Any]]:
        mine = [_is("cache", self._name)]
        return mine if tenant_id is None else [*mine, _is("tenant", tenant_id)]

    def _id(self, tenant_id: str, key: bytes) -> str:
        name = b"%b\0%b\0%b" % (self._name.encode(), tenant_id.encode(), key)
        return str(UUID(bytes=blake2b(name, digest_size=16).digest()))

    def _tag(self, tenant_id: str, scope: str, key: str, text: str) -> str:
        return self._signer.tag(tenant_id, scope, f"{key}{text}".encode("utf-8", "replace")).hex()

    async def _delete(self, conditions: list[dict[str, Any]]) -> None:
        for collection in await self._collections():
            wanted = {"filter": {"must": conditions}}
            await self._call("POST", f"/collections/{collection}/points/delete?wait=true", wanted)

    async def _collections(self) -> list[str]:
        found = (await self._call("GET", "/collections", None)).get("collections", ())
        names = [str(one.get("name")) for one in found]
        return [name for name in names if name.startswith("headgate_near_") and name.rpartition("_")[2].isdecimal()]

    async def _collection(self, size: int) -> str:
        name = f"headgate_near_{size}"
        if name not in self._made:
            async with self._opening:
                if name not in self._made:
                    await self._make(name, size)
                    self._made.add(name)
        return name

    async def _make(self, name: str, size: int) -> None:
        if not (await self._call("GET", f"/collections/{name}/exists", None)).get("exists"):
            shape = {"vectors": {"size": size, "distance": "Cosine"}}
            try:
                await self._call("PUT", f"/collections/{name}", shape, OPENING)
            except Down:  # another process may have made it meanwhile
                if not (await self._call("GET", f"/collections/{name}/exists", None)).get("exists"):
                    raise
        kinds: dict[str, Any] = {"tenant": {"type": "keyword", "is_tenant": True}, "expires": "integer"}
        for field in ("tenant", "cache", "scope", "key", "expires"):
            wanted = {"field_name": field, "field_schema": kinds.get(field, "keyword")}
            await self._call("PUT", f"/collections/{name}/index?wait=true", wanted, OPENING)

    async def _call(self, method: str, path: str, body: Any, seconds: float | None = None) -> Any:
        """Return ``result`` of the answer to *method* on *path*."""
        seconds = seconds or self._seconds
        head = render(method, self._at, path, self._lines)
        raw = b"" if body is None else _encode(body)
        out = Outbound(self._at.origin, head, body=raw, connect_timeout=seconds, headers_timeout=seconds)
        try:
            answer, said = await exchange(self._sender, out, LARGEST, seconds)
            if answer.status >= 300:
                raise Down(f"Qdrant answered with status {answer.status}")
            return msgspec.json.decode(said)["result"]
        except UpstreamFailed as error:
            raise Down(f"Qdrant: {error.code}") from error
        except (*ODD, KeyError, TypeError) as error:
            raise Down("Qdrant answered in another form than agreed") from error


def _is(field: str, value: str) -> dict[str, Any]:
    return {"key": field, "match": {"value": value}}
