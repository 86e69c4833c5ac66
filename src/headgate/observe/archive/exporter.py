"""Exports: calls that somebody asked for, into files of a home or a store, part after part.

What is done is remembered with each part, so a process that ends in between goes on from there. One thread per home
makes exports and archives; whether there is anything to do is asked cheaply, and only then the rest is imported.
"""

import asyncio
import logging
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING, Any

import msgspec

from headgate.core.call import now
from headgate.observe.archive.config import ArchiveConfig, StoreConfig
from headgate.observe.archive.files import NoParquet, Part, part_of, writer
from headgate.observe.archive.places import Place, PlaceFailed, place
from headgate.observe.archive.rows import row_of, said_of
from headgate.observe.config import ObserveConfig
from headgate.observe.metrics import Page
from headgate.observe.payload import opened
from headgate.observe.post import Outside
from headgate.observe.spool import Seals
from headgate.storage.sql import SqlError, open_sql

if TYPE_CHECKING:
    from headgate.storage.exports import ExportRow

log = logging.getLogger("headgate.exports")
FOLDER = "exports"
POLL = 1.0
ARCHIVE = 60.0
"""Seconds between two looks at whether an hour is to be archived."""
LEASE = 900_000_000
"""Microseconds for which one home archives before another may."""
CLEAN = 600.0
PAGE = 1000
PART_ROWS = 100_000
BREATH = 0.005
"""Seconds between pages: the ledger and the API are in this process too."""
TRIES = 5
DUE = "SELECT 1 FROM exports WHERE state IN ('waiting', 'running') LIMIT 1"
TAKE = """INSERT INTO agenda (name, owner, until) VALUES ('archive', ?, ?) ON CONFLICT (name) DO UPDATE
    SET owner = excluded.owner, until = excluded.until WHERE agenda.until < ? OR agenda.owner = excluded.owner"""


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
        self._stopping = Event()
        self._thread: Thread | None = None
        self._looked = self._cleaned = -CLEAN

    def start(self) -> None:
        """Begin."""
        self._thread = Thread(target=self._run, name="exporter", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the page that is under way; what is not done is gone on with at the next start."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(30)

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

    def _run(self) -> None:
        while not self._stopping.wait(POLL):
            try:
                self.once()
            except SqlError as error:
                log.debug("nothing can be exported: %s", error)  # others say that the database is away
            except Exception:
                log.exception("an export failed")

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
        from headgate.observe.log import SqlLogStore
        from headgate.storage.engine import open_engine
        from headgate.storage.exports import SqlExports
        from headgate.storage.payloads import SqlPayloads

        engine, out, done = open_engine(self._url), self._ways(), 0
        try:
            store = SqlExports(engine)
            await self._clean(store)
            while not self._stopping.is_set() and (row := await store.claim(self._node)) is not None:
                job = Job(self, row, store, SqlLogStore(engine), SqlPayloads(engine), self._sealer)
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

    @property
    def stopping(self) -> bool:
        """Whether it is to end."""
        return self._stopping.is_set()

    def _archive(self, config: ArchiveConfig) -> int:
        from headgate.observe.archive.hours import Archivist

        sql, runner = open_sql(self._url, patience=30.0), asyncio.Runner()
        out = self._ways()
        try:
            if not sql.transact(lambda sql: sql.execute(TAKE, (self._node, now() + LEASE, now())).rowcount):
                return 0
            to = self._place(config.to, out)
            if to is None or isinstance(to, str):
                raise PlaceFailed(to or "the archive has no store")

            def put(name: str, path: Path) -> str:
                return runner.run(to.put(name, path))

            archivist = Archivist(sql, put, config, self._sealer, self.folder)
            try:
                made = archivist.run(self._stopping.is_set)
                self.failing = None
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


class Job:
    """One export."""

    def __init__(
        self, exporter: Exporter, row: "ExportRow", store: Any, logs: Any, payloads: Any, sealer: Seals
    ) -> None:
        self._exporter = exporter
        self._parts = msgspec.json.decode(row.parts, type=list[Part])
        self._row = msgspec.structs.replace(row, rows=sum(part.rows for part in self._parts))
        self._store = store
        self._logs = logs
        self._payloads = payloads
        self._sealer = sealer
        self._folder = exporter.folder / row.id

    async def run(self, to: Place | str | None) -> bool:
        """Go on until it is done; return whether it is. What goes wrong is told in its row."""
        try:
            if isinstance(to, str):
                raise PlaceFailed(to)
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            while await self._part(to):
                if self._exporter.stopping:
                    return False
        except (PlaceFailed, NoParquet, OSError) as error:
            return await self._move(state="failed", error=str(error)[:500]) and False
        except Exception as error:
            log.exception("the export %s failed", self._row.id)
            return await self._move(state="failed", error=type(error).__name__) and False
        return not self._exporter.stopping and await self._move(state="done")

    async def _part(self, to: Place | None) -> bool:
        """Make one more part; False where there is nothing left, or nobody wants it any more."""
        row = self._row
        name = f"calls-{len(self._parts) + 1:04}.{row.format}"
        path, count = self._folder / (name + ".new"), 0
        out = writer(row.format, path, said=row.payloads)
        try:
            while count < PART_ROWS and (rows := await self._page()):
                out.add(rows)
                count += len(rows)
                if self._exporter.stopping:
                    return False
                if not await self._move(rows=self._row.rows + len(rows), seen=True):
                    return False
                await asyncio.sleep(BREATH)
        finally:
            out.close()
        if not count:
            path.unlink()
            return False
        part = part_of(path.rename(path.with_name(name)), count)
        if to is not None:
            kept = path.with_name(name)
            where = await to.put(f"exports/tenant={row.tenant_id}/{row.id}/{name}", kept)
            part = msgspec.structs.replace(part, where=where)
            kept.unlink()
        self._parts.append(part)
        return await self._move(parts=msgspec.json.encode(self._parts).decode(), cursor=self._row.cursor)

    async def _page(self) -> list[dict[str, Any]]:
        from headgate.observe.log_filter import LogFilter

        row = self._row
        where = msgspec.json.decode(row.filter, type=LogFilter)
        after = msgspec.json.decode(row.cursor, type=tuple[int, str]) if row.cursor is not None else None
        found = await self._logs.list(row.tenant_id, where, after=after, limit=PAGE)
        if not found:
            return []
        cursor = msgspec.json.encode((found[-1].at, found[-1].id)).decode()
        self._row = msgspec.structs.replace(row, cursor=cursor)
        rows = [row_of(record) for record in found]
        if row.payloads:
            said = await self._payloads.of_calls(row.tenant_id, [record.id for record in found])
            for one in rows:
                kept = said.get(one["id"])
                one.update(said_of(None if kept is None else opened(kept, self._sealer)))
        return rows

    async def _move(self, *, seen: bool = False, **fields: Any) -> bool:
        """Store how far it is. What is only *seen* is shown, and is not in a part yet."""
        self._row = msgspec.structs.replace(self._row, **fields)
        if not seen:
            return bool(await self._store.move(self._row))
        return bool(await self._store.look(self._row))
