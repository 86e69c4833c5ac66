"""The thread of a home that makes exports and archives.

Whether there is anything to do is asked cheaply, and only then the rest is imported. What is done is remembered with
each file, so a process that ends in between goes on from there.
"""

import asyncio
import logging
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic
from typing import Any

import msgspec

from headgate.observe.archive.config import ArchiveConfig, StoreConfig
from headgate.observe.archive.files import NoParquet
from headgate.observe.archive.places import Place, PlaceFailed, place
from headgate.observe.config import ObserveConfig
from headgate.observe.metrics import Page
from headgate.observe.post import Outside
from headgate.observe.rounds import Rounds, going_on
from headgate.observe.spool import Seals
from headgate.storage.lease import take
from headgate.storage.sql import Sql, open_sql

log = logging.getLogger("headgate.exports")
FOLDER = "exports"
POLL = 1.0
ARCHIVE = 60.0
"""Seconds between two looks at whether an hour is to be archived."""
CLEAN = RECOUNT = 600.0
DUE = "SELECT 1 FROM exports WHERE state IN ('waiting', 'running') LIMIT 1"


class Aims(msgspec.Struct, frozen=True):
    """What the configuration says of it."""

    stores: Mapping[str, StoreConfig] = {}
    archive: ArchiveConfig | None = None


def aims_of(config: ObserveConfig) -> Aims:
    """Return what *config* says of it."""
    return Aims(config.stores, config.archive)


class Exporter:
    """Makes what is due, in a thread of its own."""

    def __init__(
        self,
        folder: Path,
        url: str,
        node: str,
        sealer: Seals,
        *,
        aims: Callable[[], Aims],
        environ: Mapping[str, str],
        ways: Callable[[], Outside],
    ) -> None:
        """*folder* is that of the home for files; *ways* opens the ways out of the thread that asks."""
        self.folder = folder
        self.made = self.archived = self.calls = 0
        self.failing: str | None = None
        """What the last archiving ended with; ``None`` where all is well."""
        self._url, self._node, self._sealer = url, node, sealer
        self._aims, self._environ, self._ways = aims, environ, ways
        self._rounds = Rounds("exporter", self._round)
        self._looked = self._cleaned = self._recounted = -CLEAN

    def start(self) -> None:
        """Begin."""
        self._rounds.start(POLL)

    def stop(self) -> None:
        """End after the page that is under way; what is not done is gone on with at the next start."""
        self._rounds.stop(30)

    def write(self, page: Page) -> None:
        """Write what is counted, once there is anything."""
        if not (self.made or self.archived or self.failing):
            return
        for name, kind, help, value in (
            ("exports_total", "counter", "Exports that were completed.", self.made),
            ("archive_files_total", "counter", "Hours of a tenant that were archived.", self.archived),
            ("archive_calls_total", "counter", "Calls in them.", self.calls),
            ("archive_failing", "gauge", "1 where the last archiving failed.", int(self.failing is not None)),
        ):
            page.family(name, kind, help)
            page.line(name, (), value)

    def once(self) -> int:
        """Make what is due; return how many exports and files of archives that was."""
        done = 0
        if self._due():
            done += asyncio.run(self._exports())
        archive = self._aims().archive
        if archive is not None and monotonic() - self._looked >= ARCHIVE:
            self._looked = monotonic()
            done += self._archive(archive)
        return done

    def _round(self) -> float:
        with going_on(log, "nothing can be exported"):
            self.once()
        return POLL

    def _due(self) -> bool:
        sql = open_sql(self._url)
        try:
            return sql.execute(DUE).fetchone() is not None or self._to_clean()
        finally:
            sql.close()

    def _to_clean(self) -> bool:
        if not self.folder.is_dir() or monotonic() - self._cleaned < CLEAN:
            return False
        self._cleaned = monotonic()
        return True

    async def _exports(self) -> int:
        from headgate.observe.archive.job import Job, Stores
        from headgate.observe.log import SqlLogStore
        from headgate.storage.engine import open_engine
        from headgate.storage.exports import SqlExports
        from headgate.storage.payloads import SqlPayloads

        engine, out, done = open_engine(self._url), self._ways(), 0
        try:
            store = SqlExports(engine)
            stores = Stores(store, SqlLogStore(engine), SqlPayloads(engine))
            await self._clean(store)
            while not self._rounds.ending and (row := await store.claim(self._node)) is not None:
                job = Job(row, self.folder, stores, self._sealer, lambda: self._rounds.ending)
                done += await job.run(self._place(row.place, out))
        finally:
            await out.close()
            await engine.dispose()
        self.made += done
        return done

    async def _clean(self, store: Any) -> None:
        ended = await store.ended(self._node)
        for id in ended:
            await asyncio.to_thread(shutil.rmtree, self.folder / id, ignore_errors=True)
        if ended:
            await store.forget(ended)
        there = await asyncio.to_thread(_folders, self.folder)
        for id in there - await store.known(there):  # whose tenant is gone
            await asyncio.to_thread(shutil.rmtree, self.folder / id, ignore_errors=True)

    def _place(self, name: str | None, out: Outside) -> Place | str | None:
        """Return the place of that name, ``None`` without one, or why there is none."""
        if name is None:
            return None
        config = self._aims().stores.get(name)
        if config is None:
            return f"the configuration has no store {name!r} any more"
        try:
            return place(config, self._environ, out.get())
        except ValueError as error:
            return str(error)

    def _mine(self, sql: Sql) -> bool:
        """Whether this home is the one that archives. Were it two, both would write the same."""
        return sql.transact(lambda sql: take(sql, "archive", self._node))

    def _archive(self, config: ArchiveConfig) -> int:
        from headgate.observe.archive.hours import Archivist

        sql, runner = open_sql(self._url, patience=30.0), asyncio.Runner()
        out = self._ways()
        try:
            if not self._mine(sql):
                return 0
            to = self._place(config.to, out)
            if to is None or isinstance(to, str):
                raise PlaceFailed(to or "the archive has no store")

            def put(name: str, path: Path) -> str:
                return runner.run(to.put(name, path))

            again = monotonic() - self._recounted >= RECOUNT
            archivist = Archivist(sql, put, config, self._sealer, self.folder)
            try:
                made = archivist.run(lambda: self._rounds.ending or not self._mine(sql), again=again)
                self.failing = None
                self._recounted = monotonic() if again else self._recounted
                return made
            finally:
                self.archived += archivist.files
                self.calls += archivist.calls
        except (PlaceFailed, NoParquet) as error:
            if self.failing != str(error):
                log.error("finished calls are not archived: %s", error)
            self.failing = str(error)
            return 0
        finally:
            runner.run(out.close())
            runner.close()
            sql.close()


def _folders(folder: Path) -> set[str]:
    """Return the names of the folders in *folder*."""
    return {path.name for path in folder.iterdir() if path.is_dir()} if folder.is_dir() else set()
