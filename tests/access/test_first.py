"""The first start."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from headgate.access.first import FirstKeys, admin_principal, agree, compare, ensure_keys
from headgate.access.home import open_home
from headgate.access.keys import digest
from headgate.storage.engine import open_engine
from headgate.storage.keys import SqlKeyStore
from headgate.storage.types import StorageRefused, StorageUnreachable

KEY = bytes(range(32))


def do(url: str, work):
    """Run one method of the key store on an engine of its own."""

    async def run():
        engine = open_engine(url)
        try:
            return await work(SqlKeyStore(engine))
        finally:
            await engine.dispose()

    return asyncio.run(run())


@pytest.fixture
def create(url):
    return lambda tenant, row: do(url, lambda store: store.add_first(tenant, row))


def test_it_makes_both_keys_once(tmp_path, url, create):
    home = open_home(tmp_path)
    first = ensure_keys(home, url, create, has_admin_key=False)
    assert first.admin is not None
    assert first.key is not None
    assert (first.admin.reveal()[:4], first.key.reveal()[:3]) == ("hga_", "hg_")
    rows = {row.key_hash: row for row in do(url, lambda store: store.list("default"))}
    assert rows[digest(first.admin, home.derived)].kind == "admin"
    assert rows[digest(first.key, home.derived)].limits == "{}"
    assert ensure_keys(home, url, create, has_admin_key=False) == FirstKeys()
    raw = b"".join(p.read_bytes() for p in tmp_path.iterdir() if p.is_file())
    assert first.admin.reveal().encode() not in raw
    assert first.key.reveal().encode() not in raw


def test_a_key_that_was_made_before_the_first_start_does_not_stand_in_for_the_admin_key(tmp_path, url, create):
    from headgate.access.keys import mint, new_row

    home = open_home(tmp_path)
    create("default", new_row(mint("key", home.derived), home.derived, name="early", now=1))
    first = ensure_keys(home, url, create, has_admin_key=False)
    assert first.admin is not None
    assert first.key is None


def test_an_admin_key_of_the_environment_is_enough(tmp_path, url, create):
    home = open_home(tmp_path)
    first = ensure_keys(home, url, create, has_admin_key=True)
    assert first.admin is None
    assert first.key is not None
    assert admin_principal().kind == "admin"


def test_no_database_is_told(tmp_path):
    with pytest.raises(StorageRefused, match=r"nothing\.db"):
        ensure_keys(open_home(tmp_path), tmp_path / "nothing.db", None, has_admin_key=False)  # type: ignore[arg-type]


def test_of_many_who_start_at_once_one_makes_them(tmp_path, url, create):
    home = open_home(tmp_path)
    with ThreadPoolExecutor(4) as starts:
        made = list(starts.map(lambda _: ensure_keys(home, url, create, has_admin_key=False), range(4)))
    assert sum(each.admin is not None for each in made) == sum(each.key is not None for each in made) == 1
    assert len(do(url, lambda store: store.list("default"))) == 2


def test_a_server_that_is_not_there_is_told_without_its_password(tmp_path):
    with pytest.raises(StorageRefused) as caught:
        where = "postgresql://me:hidden@127.0.0.1:1/none"
        ensure_keys(open_home(tmp_path), where, lambda tenant, row: None, has_admin_key=False)
    assert "me@127.0.0.1:1/none" in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_another_secret_key_is_refused(tmp_path, url):
    agree(open_home(tmp_path / "one"), url)
    agree(open_home(tmp_path / "one"), url)
    with pytest.raises(StorageRefused, match="another secret key"):
        agree(open_home(tmp_path / "two"), url)


def test_who_compares_tells_the_database_nothing(tmp_path, url):
    one = open_home(tmp_path / "one")
    assert not compare(one, url)
    assert not compare(one, tmp_path / "nothing.db")
    assert not (tmp_path / "nothing.db").exists()
    agree(one, url)
    assert compare(one, url)
    with pytest.raises(StorageRefused, match=r"neither HEADGATE_SECRET_KEY nor .*two/secrets\.json"):
        compare(open_home(tmp_path / "two"), url)


def test_no_secret_is_made_for_a_database_that_knows_another(tmp_path, url):
    agree(open_home(tmp_path / "one", KEY), url)
    for secret in (None, b"\1" * 32):
        with pytest.raises(StorageRefused, match="another secret key"):
            open_home(tmp_path / "two", secret, partial(compare, where=url))
        assert not (tmp_path / "two").exists()
    assert compare(open_home(tmp_path / "two", KEY, partial(compare, where=url)), url)


def test_no_secret_is_made_while_the_database_cannot_be_asked(tmp_path):
    with pytest.raises(StorageUnreachable):
        open_home(tmp_path / "one", None, partial(compare, where="postgresql://me@127.0.0.1:1/none"))
    assert not (tmp_path / "one").exists()


def test_a_process_that_another_overtook_takes_its_secret(tmp_path, url):
    def overtaken(home):
        agree(open_home(tmp_path / "one"), url)
        compare(home, url)

    home = open_home(tmp_path / "one", None, overtaken)
    assert compare(home, url)
