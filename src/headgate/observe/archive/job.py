"""One export: its calls, page after page, into files, each of which is remembered once it is complete."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy.exc import DBAPIError

from headgate.observe.archive.files import NoParquet, Part, part_of, writer
from headgate.observe.archive.places import Place, PlaceFailed
from headgate.observe.archive.rows import line_of, row_of, said_of
from headgate.observe.log import LogStore
from headgate.observe.log_filter import LogFilter
from headgate.observe.payload import readable
from headgate.observe.spool import Seals
from headgate.storage.exports import ExportRow, SqlExports
from headgate.storage.payloads import SqlPayloads
from headgate.storage.sql import StoreDown

log = logging.getLogger("headgate.exports")
PAGE = 1000
PAGE_SAID, TOGETHER = 100, 2
"""Calls of a page where what was said is exported too, and those whose is opened together: one may be 40 MB."""
PAGE_BYTES = 16 * 1024 * 1024
PART_ROWS, PART_BYTES = 100_000, 64 * 1024 * 1024
"""A part ends at either: a client takes it in one answer, and may have to fetch it again."""
BREATH = 0.005
"""Seconds between pages: the ledger and the API are in this process too."""


class Stores(msgspec.Struct, frozen=True):
    """What an export reads, and where it is remembered."""

    exports: SqlExports
    logs: LogStore
    payloads: SqlPayloads


class Job:
    """One export."""

    def __init__(
        self, row: ExportRow, folder: Path, stores: Stores, sealer: Seals, stopping: Callable[[], bool]
    ) -> None:
        """*folder* is that of all exports; *stopping* says whether to leave the rest for another time."""
        self._parts = msgspec.json.decode(row.parts, type=list[Part])
        self._row = msgspec.structs.replace(row, rows=sum(part.rows for part in self._parts))
        self._stores = stores
        self._sealer = sealer
        self._stopping = stopping
        self._folder = folder / row.id

    async def run(self, to: Place | str | None) -> bool:
        """Go on until it is done; return whether it is. What goes wrong is told in its row. Raise ``StoreDown``."""
        try:
            if isinstance(to, str):
                raise PlaceFailed(to)
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            while await self._part(to):
                if self._stopping():
                    return False
        except (PlaceFailed, NoParquet, OSError) as error:
            return await self._move(state="failed", error=str(error)[:500]) and False
        except DBAPIError as error:  # it is gone on with when the database is back
            raise StoreDown(str(error)) from error
        except Exception as error:
            log.exception("the export %s failed", self._row.id)
            return await self._move(state="failed", error=type(error).__name__) and False
        return not self._stopping() and await self._move(state="done")

    async def _part(self, to: Place | None) -> bool:
        """Make one more part; False where there is nothing left, or nobody wants it any more."""
        row = self._row
        name = f"calls-{len(self._parts) + 1:04}.{row.format}"
        path, count = self._folder / (name + ".new"), 0
        out = writer(row.format, path, said=row.payloads)
        try:
            while count < PART_ROWS and path.stat().st_size < PART_BYTES and (rows := await self._page()):
                out.add(rows)
                count += len(rows)
                if self._stopping():
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
        row = self._row
        where = msgspec.json.decode(row.filter, type=LogFilter)
        after = msgspec.json.decode(row.cursor, type=tuple[int, str]) if row.cursor is not None else None
        found = await self._stores.logs.list(
            row.tenant_id, where, after=after, limit=PAGE_SAID if row.payloads else PAGE
        )
        if not found:
            return []
        rows = [row_of(record) for record in found]
        if row.payloads:
            rows = await self._with_said(rows)
        last = found[len(rows) - 1]
        self._row = msgspec.structs.replace(row, cursor=msgspec.json.encode((last.at, last.id)).decode())
        return rows

    async def _with_said(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the first of *rows* with what was said in them, as many as do not make the page too large."""
        tenant_id, size = self._row.tenant_id, 0
        for at in range(0, len(rows), TOGETHER):
            some = rows[at : at + TOGETHER]
            said = await self._stores.payloads.of_calls(tenant_id, [one["id"] for one in some])
            for one in some:
                kept = said.get(one["id"])
                one.update(
                    said_of(readable(tenant_id, one["id"], kept.body if kept is not None else None, self._sealer))
                )
                size += len(line_of(one))
            if size >= PAGE_BYTES:
                return rows[: at + TOGETHER]
        return rows

    async def _move(self, *, seen: bool = False, **fields: Any) -> bool:
        """Store how far it is. What is only *seen* is shown, and is not in a part yet."""
        self._row = msgspec.structs.replace(self._row, **fields)
        if not seen:
            return bool(await self._stores.exports.move(self._row))
        return bool(await self._stores.exports.look(self._row))
