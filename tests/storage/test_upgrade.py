"""Migrations: where they lead, that they are cheap when done, and what is refused."""

import asyncio
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from headgate.storage import upgrade
from headgate.storage.check import commits_file
from headgate.storage.engine import open_engine
from headgate.storage.schema import metadata
from headgate.storage.sqlite import connect
from headgate.storage.types import StorageRefused


def in_the_schema(name, kind, parents):
    return name is None or not name.startswith(("payload_words", "payloads_words"))


OPTIONS = {"include_name": in_the_schema}
"""All but the indexes of words, which SQLAlchemy has no common words for."""


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


async def test_the_migrations_lead_to_the_schema(url):
    engine = open_engine(url)
    async with engine.connect() as con:
        found = await con.run_sync(lambda c: compare_metadata(MigrationContext.configure(c, opts=OPTIONS), metadata))
    await engine.dispose()
    assert found == []


def test_head_is_the_last_revision():
    script = ScriptDirectory(os.fspath(Path(upgrade.__file__).with_name("migrations")))
    assert script.get_heads() == [upgrade.HEAD]
    assert {revision.revision for revision in script.walk_revisions()} == upgrade.KNOWN


def test_downgrade_leaves_nothing(database):
    from alembic import command

    engine = create_engine(url_of(database))
    with engine.begin() as con:
        command.downgrade(upgrade._config(con), "base")
    engine.dispose()
    left = connect(database)
    tables = {name for (name,) in left.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    left.close()
    assert tables - {"alembic_version", "sqlite_sequence"} == set()


def test_a_database_at_head_costs_no_imports(database):
    code = (
        "import sys, time\nfrom headgate.storage.upgrade import ensure\n"
        f"ensure({url_of(database)!r})\n"
        "bad = {'sqlalchemy', 'alembic', 'asyncio'} & set(sys.modules)\nassert not bad, bad\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    begun = time.perf_counter()
    upgrade.ensure(url_of(database))
    assert time.perf_counter() - begun < 5


def test_a_new_database_is_private_and_in_wal(tmp_path):
    path = tmp_path / "home" / "headgate.db"
    upgrade.ensure(url_of(path))
    assert path.stat().st_mode & 0o777 == 0o600
    con = connect(path)
    assert con.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    con.close()


def test_postgres_twice_and_a_newer_one(postgres):
    upgrade.ensure(postgres)
    upgrade.ensure(postgres)

    async def set_version(value: str) -> None:
        engine = open_engine(postgres)
        async with engine.begin() as con:
            await con.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{value}'")
        await engine.dispose()

    asyncio.run(set_version("9999"))
    with pytest.raises(StorageRefused, match="newer"):
        upgrade.ensure(postgres)


def test_of_two_processes_one_migrates(tmp_path):
    path = tmp_path / "headgate.db"
    code = f"from headgate.storage.upgrade import ensure\nensure({url_of(path)!r})\n"
    racers = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) for _ in range(4)]
    for racer in racers:
        _, errors = racer.communicate(timeout=60)
        assert racer.returncode == 0, errors.decode()
    upgrade.ensure(url_of(path))


def test_a_migration_killed_half_way_resumes(tmp_path):
    path = tmp_path / "headgate.db"
    code = (
        "import sys\nfrom alembic.operations import Operations\n"
        "real = Operations.create_table\n"
        "def slow(self, name, *a, **k):\n"
        "    if name == 'ledger':\n"
        "        print('half', flush=True)\n"
        "        sys.stdin.read()\n"
        "    return real(self, name, *a, **k)\n"
        "from alembic import op\nfrom headgate.storage import upgrade\n"
        "op.create_table = lambda name, *a, **k: slow(op.get_bind() and op._proxy, name, *a, **k)\n"
        f"upgrade.ensure({url_of(path)!r})\n"
    )
    victim = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert victim.stdout is not None
    assert victim.stdout.readline() == b"half\n", victim.stderr.read().decode() if victim.stderr else ""
    victim.send_signal(signal.SIGKILL)
    victim.communicate()
    assert path.exists()
    upgrade.ensure(url_of(path))
    con = connect(path)
    assert con.execute("SELECT count(*) FROM ledger").fetchone() == (0,)
    con.close()


def refused(path: Path) -> str:
    before = {p.name: p.read_bytes() for p in path.parent.iterdir() if p.is_file()}
    with pytest.raises(StorageRefused) as caught:
        upgrade.ensure(url_of(path))
    assert caught.value.exit_code == 3
    assert str(path) in str(caught.value)
    assert path.name not in before or path.read_bytes() == before[path.name], "nothing is repaired or recreated"
    return str(caught.value)


def test_a_newer_schema_is_refused(database):
    con = connect(database)
    con.execute("UPDATE alembic_version SET version_num = '9999'")
    con.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    con.close()
    assert "newer" in refused(database)


def test_another_programs_file_is_refused(tmp_path):
    text = tmp_path / "notes.db"
    text.write_text("not a database, but long enough to have a header of some kind")
    assert "damaged" in refused(text)
    other = tmp_path / "other.db"
    con = sqlite3.connect(other)
    con.execute("CREATE TABLE theirs (x)")
    con.close()
    assert "another program" in refused(other)


@pytest.mark.parametrize("page", [1, 5, 9])
def test_a_damaged_page_is_refused(database, page):
    data = bytearray(database.read_bytes())
    begin = (page - 1) * 4096 + (100 if page == 1 else 0)
    data[begin : begin + 100] = b"\xff" * 100
    database.write_bytes(data)
    assert "damaged" in refused(database)


def test_a_file_cut_short_is_refused(database):
    database.write_bytes(database.read_bytes()[:20_000])
    assert "damaged" in refused(database)


def test_a_database_that_cannot_be_written_is_refused(template):
    with tempfile.TemporaryDirectory(dir="/tmp") as directory:
        path = Path(directory) / "headgate.db"
        shutil.copy(template, path)
        path.chmod(0o444)
        if os.geteuid():
            assert "written" in refused(path)
            return
        for each in (Path(directory), path):  # root may write everything, so be somebody else
            os.chown(each, 65534, 65534)
        pid = os.fork()
        if pid == 0:
            os.seteuid(65534)
            try:
                upgrade.ensure(url_of(path))
            except StorageRefused as error:
                os._exit(0 if "written" in str(error) else 2)
            except BaseException:
                os._exit(3)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_a_directory_that_may_not_be_entered_is_refused(tmp_path, monkeypatch):
    def closed(self: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "exists", closed)
    with pytest.raises(StorageRefused, match="cannot be written"):
        upgrade.ensure(url_of(tmp_path / "headgate.db"))


def test_a_database_of_another_user_is_refused(database, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: database.stat().st_uid + 1)
    assert "belongs to user" in refused(database)


def test_lost_commits_are_refused_until_the_note_is_deleted(database):
    con = connect(database)
    con.execute("INSERT INTO meta VALUES ('commits', 5)")
    con.close()
    note = commits_file(database)
    note.write_text("5\n")
    upgrade.ensure(url_of(database))
    note.write_text("7\n")
    assert "last 2 commits" in refused(database)
    note.unlink()
    upgrade.ensure(url_of(database))


def test_a_vanished_database_is_not_recreated_while_its_note_stands(tmp_path):
    path = tmp_path / "headgate.db"
    commits_file(path).write_text("3\n")
    refused(path)
    assert not path.exists()
