"""The bounded cache: what is used stays, what is not goes, and both indexes agree."""

import random

from headgate.access.cache import Cache
from headgate.access.types import Principal


def who(id: str, user: str | None = None) -> Principal:
    return Principal(kind="key", id=id, tenant_id=f"t{len(id)}", name=id, user_id=user)


def agree(cache: Cache) -> None:
    for generation in (cache._young, cache._old):
        entries = [(t, id, d) for t, ids in generation.by_tenant.items() for id, ds in ids.items() for d in ds]
        assert all(ids and all(ids.values()) for ids in generation.by_tenant.values())
        assert {d for _, _, d in entries} == set(generation.by_digest)
        for tenant, id, digest in entries:
            found = generation.by_digest[digest]
            assert (found.tenant_id, found.id) == (tenant, id)


def test_it_never_holds_more_than_its_size_and_keeps_what_is_used():
    cache = Cache(100)
    cache.put(b"hot", who("hot"))
    for i in range(10_000):
        cache.put(b"%d" % i, who(str(i)))
        assert cache.get(b"hot") is not None
        assert len(cache) <= 101
    assert cache.get(b"0") is None
    agree(cache)


def test_any_order_of_uses_keeps_both_indexes_together():
    rng = random.Random(5)
    cache = Cache(20)
    for _ in range(20_000):
        n = rng.randrange(40)
        act = rng.randrange(7)
        if act < 2:
            cache.put(b"%d" % n, who(str(n % 13), str(n % 3)))
        elif act < 4:
            cache.get(b"%d" % n)
        elif act == 4:
            cache.drop(b"%d" % n)
        elif n < 38:
            cache.drop_id(f"t{len(str(n % 13))}", str(n % 13))
        elif act == 5:
            cache.drop_if("t1", lambda one, user=str(n % 3): one.user_id == user)  # type: ignore[misc]
        else:
            cache.drop_tenant(f"t{n % 3}")
        assert len(cache) <= 21
    agree(cache)


def test_a_rotated_key_is_dropped_whole():
    cache = Cache(10)
    cache.put(b"a", who("k"))
    cache.put(b"b", who("k"))
    cache.put(b"c", who("o"))
    cache.drop_id("t1", "k")
    assert [cache.get(d) is None for d in (b"a", b"b", b"c")] == [True, True, False]
