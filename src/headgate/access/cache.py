"""Principals by a digest of their credential, the least used forgotten: a hit costs one look into a dict, mostly."""

from collections.abc import Callable

from headgate.access.types import Principal


class Generation:
    """Some entries, found by digest and by tenant and id; thrown away whole."""

    __slots__ = ("by_digest", "by_tenant")

    def __init__(self) -> None:
        self.by_digest: dict[bytes, Principal] = {}
        self.by_tenant: dict[str, dict[str, tuple[bytes, ...]]] = {}
        """Tenant -> id -> digests: a key that was rotated has two for a while."""


class Cache:
    """At most *size* entries in two generations: what was not used while the young one filled goes with the old one.

    This forgets as an LRU list does, within a factor of two, and without writing anything on most hits.
    """

    def __init__(self, size: int) -> None:
        self._half = max(size // 2, 1)
        self._young = Generation()
        self._old = Generation()

    def __len__(self) -> int:
        return len(self._young.by_digest) + len(self._old.by_digest)

    def get(self, digest: bytes) -> Principal | None:
        """Return the entry of *digest*."""
        found = self._young.by_digest.get(digest)
        if found is None:
            found = self._old.by_digest.get(digest)
            if found is not None:
                self.drop(digest)
                self.put(digest, found)
        return found

    def put(self, digest: bytes, who: Principal) -> None:
        """Keep an entry."""
        if len(self._young.by_digest) >= self._half:
            self._old, self._young = self._young, Generation()
        young = self._young
        young.by_digest[digest] = who
        mine = young.by_tenant.setdefault(who.tenant_id, {})
        others = mine.get(who.id, ())
        if digest not in others:
            mine[who.id] = (*others, digest)

    def drop(self, digest: bytes) -> None:
        """Forget one credential."""
        for generation in (self._young, self._old):
            who = generation.by_digest.pop(digest, None)
            if who is not None:
                rest = tuple(d for d in generation.by_tenant[who.tenant_id][who.id] if d != digest)
                if rest:
                    generation.by_tenant[who.tenant_id][who.id] = rest
                else:
                    _forget(generation, who.tenant_id, who.id)

    def drop_id(self, tenant_id: str, id: str) -> None:
        """Forget every credential of one principal."""
        for generation in (self._young, self._old):
            if id in generation.by_tenant.get(tenant_id, ()):
                for digest in generation.by_tenant[tenant_id][id]:
                    del generation.by_digest[digest]
                _forget(generation, tenant_id, id)

    def drop_if(self, tenant_id: str, test: Callable[[Principal], bool]) -> None:
        """Forget those of a tenant who pass *test*."""
        for generation in (self._young, self._old):
            mine = generation.by_tenant.get(tenant_id, {})
            for id in [id for id, digests in mine.items() if test(generation.by_digest[digests[0]])]:
                self.drop_id(tenant_id, id)

    def drop_tenant(self, tenant_id: str) -> None:
        """Forget everybody of a tenant."""
        for generation in (self._young, self._old):
            for digests in generation.by_tenant.pop(tenant_id, {}).values():
                for digest in digests:
                    del generation.by_digest[digest]

    def clear(self) -> None:
        """Forget everything."""
        self._young, self._old = Generation(), Generation()


def _forget(generation: Generation, tenant_id: str, id: str) -> None:
    mine = generation.by_tenant[tenant_id]
    del mine[id]
    if not mine:
        del generation.by_tenant[tenant_id]
