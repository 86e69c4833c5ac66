"""The archive: whole hours of finished calls as Parquet, each exactly once.

A file's name is that of its hour, and it takes the place of one with that name: whoever was killed between writing it
and remembering that writes the same again. Beside it stands what it holds, for who reads it without this program. An
hour that more calls come into is written anew; that ends before anything of it may be deleted.
"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from time import time_ns

import msgspec

from headgate.core.ids import now
from headgate.core.record import Record
from headgate.observe.archive.config import ArchiveConfig
from headgate.observe.archive.files import Part, part_of, writer
from headgate.observe.archive.rows import row_of, said_of
from headgate.observe.payload import readable
from headgate.observe.spool import Seals
from headgate.storage import archives
from headgate.storage.sql import Sql

log = logging.getLogger("headgate.archive")
PAGE = 1000
IDS = 500
RECHECK = 20
"""Hours for which calls that come in late are looked for: retention deletes nothing younger than a day."""
Put = Callable[[str, Path], str]
"""See ``places.Place``."""
_record = msgspec.json.Decoder(Record).decode


class Archivist:
    """Archives what is due. For one thread, in which no event loop is running: a server's database has its own."""

    def __init__(self, sql: Sql, put: Put, config: ArchiveConfig, sealer: Seals, folder: Path) -> None:
        """*put* is a place's; *folder* is where files are written before they are put there."""
        self._sql = sql
        self._put = put
        self._config = config
        self._sealer = sealer
        self._folder = folder
        self.files = 0
        self.calls = 0

    def run(self, stopping: Callable[[], bool] = lambda: False, *, again: bool = True) -> int:
        """Archive every hour that is over and is not; return how many files that made. Raise ``PlaceFailed``.

        *again* looks for calls that came in late, too: that counts those of the last hours.
        """
        made = 0
        end = (now() - self._config.after * 60_000_000) // archives.HOUR  # this hour is not over
        for tenant in archives.tenants(self._sql):
            until = archives.archived_until(self._sql, tenant)
            at = until // archives.HOUR if until is not None else 0
            for hour in archives.late(self._sql, tenant, end - RECHECK, at) if again else ():
                self._archive(tenant, hour)
                made += 1
            made += self._next(tenant, at, end, stopping)
        return made

    def _next(self, tenant: str, at: int, end: int, stopping: Callable[[], bool]) -> int:
        """Archive the hours from *at* on and before *end*, and remember how far that is."""
        made = 0
        while not stopping():
            hour = archives.next_hour(self._sql, tenant, at, end)
            if hour is None:
                if 0 < at < end:
                    archives.put(self._sql, archives.ArchiveRow(tenant, end - 1, 0, 0, "", "", now()))
                break
            self._archive(tenant, hour)
            made, at = made + 1, hour + 1
        return made

    def _archive(self, tenant: str, hour: int) -> None:
        day = datetime.fromtimestamp(hour * 3600, UTC)
        name = f"records/tenant={tenant}/date={day:%Y-%m-%d}/hour={day:%H}/records"
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self._folder / f"archive-{time_ns():x}.parquet"
        try:
            part = self._written(draft, tenant, hour)
            where = self._put(f"{name}.parquet", draft)
            told = {"tenant_id": tenant, "hour": f"{day:%Y-%m-%dT%H}:00:00Z", "rows": part.rows}
            draft.write_bytes(msgspec.json.encode({**told, "bytes": part.bytes, "sha256": part.sha256}) + b"\n")
            self._put(f"{name}.json", draft)
        finally:
            draft.unlink(missing_ok=True)
        archives.put(self._sql, archives.ArchiveRow(tenant, hour, part.rows, part.bytes, part.sha256, where, now()))
        self.files += 1
        self.calls += part.rows

    def _written(self, path: Path, tenant: str, hour: int) -> Part:
        out, count = writer("parquet", path, said=self._config.payloads), 0
        try:
            for some in archives.details(self._sql, tenant, hour, PAGE):
                rows = [row_of(_record(detail)) for detail in some]
                if self._config.payloads:
                    for at in range(0, len(rows), IDS):
                        ids = [row["id"] for row in rows[at : at + IDS]]
                        bodies = archives.said(self._sql, tenant, ids)
                        for row in rows[at : at + IDS]:
                            row.update(said_of(readable(tenant, row["id"], bodies.get(row["id"]), self._sealer)))
                out.add(rows)
                count += len(rows)
        finally:
            out.close()
        return part_of(path, count)
