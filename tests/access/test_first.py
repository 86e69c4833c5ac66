"""The first start."""

import pytest

from headgate.access.first import FirstKeys, admin_principal, ensure_keys
from headgate.access.home import open_home
from headgate.access.keys import digest
from headgate.storage.engine import open_engine
from headgate.storage.keys import SqlKeyStore
from headgate.storage.types import StorageRefused
from headgate.storage.upgrade import ensure


@pytest.fixture
async def store(tmp_path):
    url = f"sqlite:///{tmp_path / 'headgate.db'}"
    ensure(url)
    engine = open_engine(url)
    yield SqlKeyStore(engine)
    await engine.dispose()


async def test_it_makes_both_keys_once(tmp_path, store):
    home, path = open_home(tmp_path), tmp_path / "headgate.db"
    first = await ensure_keys(home, path, store.create, has_admin_key=False)
    assert first.admin is not None
    assert first.key is not None
    assert (first.admin.reveal()[:4], first.key.reveal()[:3]) == ("hga_", "hg_")
    rows = {row.key_hash: row for row in await store.list("default")}
    assert rows[digest(first.admin, home.derived)].kind == "admin"
    assert rows[digest(first.key, home.derived)].limits == "{}"
    assert await ensure_keys(home, path, store.create, has_admin_key=False) == FirstKeys()
    raw = b"".join(p.read_bytes() for p in tmp_path.iterdir())
    assert first.admin.reveal().encode() not in raw
    assert first.key.reveal().encode() not in raw


async def test_a_key_that_was_made_before_the_first_start_does_not_stand_in_for_the_admin_key(tmp_path, store):
    from headgate.access.keys import mint, new_row

    home, path = open_home(tmp_path), tmp_path / "headgate.db"
    await store.create("default", new_row(mint("key", home.derived), home.derived, name="early", now=1))
    first = await ensure_keys(home, path, store.create, has_admin_key=False)
    assert first.admin is not None
    assert first.key is None


async def test_an_admin_key_of_the_environment_is_enough(tmp_path, store):
    home, path = open_home(tmp_path), tmp_path / "headgate.db"
    first = await ensure_keys(home, path, store.create, has_admin_key=True)
    assert first.admin is None
    assert first.key is not None
    assert admin_principal().kind == "admin"


async def test_no_database_is_told(tmp_path):
    with pytest.raises(StorageRefused, match=r"nothing\.db"):
        await ensure_keys(open_home(tmp_path), tmp_path / "nothing.db", None, has_admin_key=False)  # type: ignore[arg-type]
