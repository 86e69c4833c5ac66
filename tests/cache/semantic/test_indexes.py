"""One contract, over every index of near questions."""

import asyncio
import random
from array import array
from collections.abc import AsyncIterator
from math import sqrt

import pytest

from headgate.cache.semantic.log import Signer
from headgate.cache.semantic.memory import MemoryIndex
from headgate.cache.semantic.pgvector import PgvectorIndex
from headgate.cache.semantic.qdrant import QdrantIndex
from headgate.cache.semantic.tables import Graph, Maker, Matrix, Plain, Table, exact
from headgate.cache.semantic.threads import Threads
from headgate.cache.semantic.types import Down, Index, Item, Vector
from headgate.core.secret import Secret
from headgate.transport.client import Http1Sender
from tests.cache.semantic.qdrant import KEY, Stand

KINDS = ["plain", "matrix", "usearch", "pgvector", "qdrant"]
SIZE = 16
ONE, TWO = b"1" * 32, b"2" * 32
LATER = 10**15
TABLES: dict[str, Maker] = {"plain": Plain, "matrix": Matrix, "usearch": Graph}


def vector(*places: float) -> Vector:
    values = [*places, *[0.0] * (SIZE - len(places))]
    length = sqrt(sum(value * value for value in values))
    return array("f", [value / length for value in values])


def item(key: bytes, held: Vector, tenant: str = "a", scope: bytes = ONE, expires: int = LATER) -> Item:
    return Item(tenant_id=tenant, scope=scope, key=key * 32, text=f"ask {key.hex()} ü", vector=held, expires=expires)


@pytest.fixture
async def index(kind: str, request: pytest.FixtureRequest) -> AsyncIterator[Index]:
    signer = Signer(b"s" * 32, "cache")
    with Threads(2) as threads:
        if kind in TABLES:
            pytest.importorskip("numpy")
            pytest.importorskip("usearch")
            yield MemoryIndex(100, TABLES[kind], threads)
        elif kind == "pgvector":
            pg = PgvectorIndex(request.getfixturevalue("postgres"), "cache", 10.0, signer)
            yield pg
            await pg.close()
        else:
            stand, sender = Stand(), Http1Sender()
            yield QdrantIndex(sender, stand.url, Secret(KEY), "cache", 10.0, signer)
            await sender.close()
            stand.close()


@pytest.mark.parametrize("kind", KINDS)
async def test_the_nearest_of_a_tenants_scope_are_found_nearest_first(index: Index) -> None:
    assert await index.nearest("a", ONE, vector(1), 3, 0) == []
    for key, held in ((b"x", vector(1)), (b"y", vector(1, 0.5)), (b"z", vector(0, 1))):
        await index.add(item(key, held))
    found = await index.nearest("a", ONE, vector(1, 0.1), 2, 0)
    assert [one.key for one in found] == [b"x" * 32, b"y" * 32]
    assert found[0].text == item(b"x", vector(1)).text and found[0].expires == LATER
    assert found[0].similarity == pytest.approx(0.995, abs=0.002) and 0 <= found[1].similarity < found[0].similarity
    assert list(found[0].vector) == pytest.approx(list(vector(1)), abs=0.001)


@pytest.mark.parametrize("kind", KINDS)
async def test_no_tenant_and_no_scope_sees_another(index: Index) -> None:
    draw = random.Random(5)
    places = [(tenant, scope) for tenant in ("a", "b", "a:", "") for scope in (ONE, TWO)]
    put: dict[tuple[str, bytes], set[bytes]] = {place: set() for place in places}
    for number in range(40):
        place = draw.choice(places)
        key = bytes([number])
        await index.add(item(key, vector(1, draw.random()), *place))
        put[place].add(key * 32)
    for place in places:
        found = {one.key for one in await index.nearest(*place, vector(1, 0.5), 50, 0)}
        assert found == put[place]
    assert await index.nearest("c", ONE, vector(1), 5, 0) == []


@pytest.mark.parametrize("kind", KINDS)
async def test_what_was_put_again_replaces_and_what_expired_is_not_found(index: Index) -> None:
    await index.add(item(b"x", vector(1)))
    await index.add(item(b"x", vector(0, 1)))
    await index.add(item(b"y", vector(1), expires=50))
    assert [one.key for one in await index.nearest("a", ONE, vector(1), 5, 49)] == [b"y" * 32, b"x" * 32]
    [found] = await index.nearest("a", ONE, vector(1), 5, 50)
    assert found.key == b"x" * 32 and found.similarity == pytest.approx(0, abs=0.001)
    assert (await index.counts("a"))[0] == 2
    await index.sweep(50)
    assert (await index.counts("a"))[0] == 1 and (await index.counts(None))[1] > 0


@pytest.mark.parametrize("kind", KINDS)
async def test_vectors_of_another_length_are_never_compared(index: Index) -> None:
    await index.add(item(b"x", vector(1)))
    longer = array("f", [*vector(1), *[0.0] * SIZE])
    assert await index.nearest("a", ONE, longer, 5, 0) == []
    await index.add(item(b"y", longer))
    assert [one.key for one in await index.nearest("a", ONE, longer, 5, 0)] == [b"y" * 32]
    assert (await index.counts("a"))[0] == 2


@pytest.mark.parametrize("kind", KINDS)
async def test_forgetting_takes_keys_a_tenant_or_everything(index: Index) -> None:
    for tenant in ("a", "b"):
        for key in (b"x", b"y"):
            await index.add(item(key, vector(1, ord(key) % 3), tenant))
    await index.forget("a", [b"x" * 32, b"?" * 32])
    assert [one.key for one in await index.nearest("a", ONE, vector(1), 5, 0)] == [b"y" * 32]
    assert (await index.counts("b"))[0] == 2
    await index.forget("a")
    assert (await index.counts("a"))[0] == 0 and (await index.counts("b"))[0] == 2
    await index.forget(None)
    assert await index.counts(None) == (0, 0)


@pytest.mark.parametrize("kind", ["pgvector", "qdrant"])
async def test_a_row_that_somebody_else_made_or_moved_is_not_found(index: Index) -> None:
    await index.add(item(b"x", vector(1)))
    await index.add(item(b"y", vector(1), tenant="b"))
    stranger = Signer(b"t" * 32, "cache")
    index._signer, kept = stranger, index._signer  # type: ignore[attr-defined]
    await index.add(item(b"z", vector(1)))
    index._signer = kept  # type: ignore[attr-defined]
    assert [one.key for one in await index.nearest("a", ONE, vector(1), 5, 0)] == [b"x" * 32]


@pytest.mark.parametrize("kind", ["plain", "usearch"])
async def test_one_in_this_process_holds_no_more_than_it_may(index: Index) -> None:
    for number in range(130):
        await index.add(item(bytes([number]), vector(1, number), scope=bytes([number % 3]) * 32))
    assert (await index.counts(None))[0] == 100
    found = {
        one.key[0] for scope in range(3) for one in await index.nearest("a", bytes([scope]) * 32, vector(1), 99, 0)
    }
    assert len(found) == 100 and {127, 128, 129} <= found
    await index.close()
    assert await index.counts(None) == (0, 0)


def test_exact_tables_agree_with_or_without_numpy() -> None:
    pytest.importorskip("numpy")
    assert exact() is Matrix
    draw = random.Random(1)
    tables: list[Table] = [Plain(), Matrix()]
    for number in range(150):
        held = vector(*[draw.gauss(0, 1) for _ in range(SIZE)])
        for table in tables:
            table.put(number, held)
    for number in range(0, 150, 3):
        for table in tables:
            table.drop(number)
            table.drop(number)
    for _ in range(20):
        asked = vector(*[draw.gauss(0, 1) for _ in range(SIZE)])
        one, other = (table.best(asked, 5) for table in tables)
        assert [number for number, _ in one] == [number for number, _ in other]
        assert [cosine for _, cosine in one] == pytest.approx([cosine for _, cosine in other], abs=1e-5)


async def test_an_index_that_does_not_answer_is_down_and_not_waited_for() -> None:
    signer = Signer(b"s" * 32, "cache")
    stand, sender = Stand(), Http1Sender()
    index = QdrantIndex(sender, stand.url, Secret(KEY), "cache", 0.2, signer)
    await index.add(item(b"x", vector(1)))
    stand.slow = True
    with pytest.raises(Down):
        await asyncio.wait_for(index.nearest("a", ONE, vector(1), 1, 0), 5)
    stand.slow = False
    with pytest.raises(Down, match="status 401"):
        await QdrantIndex(sender, stand.url, None, "cache", 5.0, signer).counts("a")
    await sender.close()
    stand.close()
    with pytest.raises(Down):
        await PgvectorIndex("postgresql://nobody@127.0.0.1:1/none", "cache", 0.2, signer).counts("a")
