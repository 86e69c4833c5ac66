"""Principals by digest, the least used ones forgotten: a hit costs one look into a dict, most of the time."""

from headgate.access.types import Principal


class Generation:
    """Some entries, found by digest and by key id; thrown away whole."""

    __slots__ = ("by_digest", "by_id")

    def __init__(self) -> None:
        self.by_digest: dict[bytes, Principal] = {}
        self.by_id: dict[str, tuple[bytes, ...]] = {}
        """A key that was rotated has two digests for a while."""


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
        others = young.by_id.get(who.id, ())
        if digest not in others:
            young.by_id[who.id] = (*others, digest)

    def drop(self, digest: bytes) -> None:
        """Forget one credential."""
        for generation in (self._young, self._old):
            who = generation.by_digest.pop(digest, None)
            if who is not None:
                rest = tuple(d for d in generation.by_id[who.id] if d != digest)
                if rest:
                    generation.by_id[who.id] = rest
                else:
                    del generation.by_id[who.id]

    def drop_key(self, id: str) -> None:
        """Forget every credential of one key."""
        for generation in (self._young, self._old):
            for digest in generation.by_id.pop(id, ()):
                del generation.by_digest[digest]

    def drop_where(self, kind: str, id: str) -> None:
        """Forget what belongs to the tenant, user or app *id*; everything, if *kind* is none of these."""
        field = f"{kind}_id"
        if field not in ("tenant_id", "user_id", "app_id"):
            self.clear()
            return
        for generation in (self._young, self._old):
            for key in {w.id for w in generation.by_digest.values() if getattr(w, field) == id}:
                self.drop_key(key)

    def clear(self) -> None:
        """Forget everything."""
        self._young, self._old = Generation(), Generation()
