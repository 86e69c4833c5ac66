"""The bounded cache: what is used stays, what is not goes, and both indexes agree."""

import random

from headgate.access.cache import Cache
from headgate.access.types import Principal


def who(id: str, user: str | None = None) -> Principal:
    return Principal(kind="key", id=id, tenant_id="t", name=id, user_id=user)


def agree(cache: Cache) -> None:
    for generation in (cache._young, cache._old):
        listed = {d for digests in generation.by_id.values() for d in digests}
        assert listed == set(generation.by_digest)
        for id, digests in generation.by_id.items():
            assert {generation.by_digest[d].id for d in digests} == {id}


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
        act = rng.randrange(6)
        if act < 2:
            cache.put(b"%d" % n, who(str(n % 13), str(n % 3)))
        elif act < 4:
            cache.get(b"%d" % n)
        elif act == 4:
            cache.drop(b"%d" % n)
        elif n < 38:
            cache.drop_key(str(n % 13))
        else:
            cache.drop_where("user", str(n % 3))
        assert len(cache) <= 21
    agree(cache)


def test_a_rotated_key_is_dropped_whole():
    cache = Cache(10)
    cache.put(b"a", who("k"))
    cache.put(b"b", who("k"))
    cache.put(b"c", who("other"))
    cache.drop_key("k")
    assert [cache.get(d) is None for d in (b"a", b"b", b"c")] == [True, True, False]
