"""Exports and the archive: files that others can read, each call in them once, whoever is killed in between."""

import asyncio
import hashlib
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from headgate.access.keyring import Keyring
from headgate.access.keys import derive
from headgate.base import Ways
from headgate.core.ids import new_id, now
from headgate.core.secret import Secret
from headgate.guardrails.detect import detected
from headgate.observe.archive import files, hours, job
from headgate.observe.archive.config import ArchiveConfig, StoreConfig, faults
from headgate.observe.archive.exporter import Aims, Exporter
from headgate.observe.archive.places import Folder, PlaceFailed, place
from headgate.observe.log_filter import LogFilter
from headgate.observe.payload import row_of
from headgate.observe.rounds import Rounds
from headgate.observe.spool import PAYLOADS, Frame, Taken
from headgate.storage import archives, payloads_sql
from headgate.storage.audit_rows import AuditEntry
from headgate.storage.engine import open_engine
from headgate.storage.exports import ExportRow, SqlExports
from headgate.storage.sql import open_sql
from tests.admin.records import call, store

HOUR = archives.HOUR
SEALER = Keyring(derive(b"\3" * 32)).direct(PAYLOADS)
KEYS: dict[str, Any] = {"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": Secret("wJalrXUtnFEMI")}


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    try:
        yield f"http://127.0.0.1:{server.get_host_and_port()[1]}"
    finally:
        server.stop()


@pytest.fixture
def bucket(s3: str) -> Any:
    import boto3

    client = boto3.client(
        "s3", endpoint_url=s3, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y"
    )
    name = f"logs-{new_id()}"
    client.create_bucket(Bucket=name)
    return client, name


def read(path: Path) -> list[dict[str, Any]]:
    import pyarrow.parquet

    rows: list[dict[str, Any]] = pyarrow.parquet.read_table(path).to_pylist()
    return rows


def made(folder: Path, url: str, **aims: Any) -> Exporter:
    return Exporter(folder / "exports", url, "here", SEALER, aims=lambda: Aims(**aims), environ={}, ways=lambda: Ways())


def asked(url: str, **fields: Any) -> ExportRow:
    """An export that somebody wants."""
    at = now()
    values: dict[str, Any] = {
        "id": new_id(), "tenant_id": "default", "format": "jsonl", "until": at, "author_kind": "admin",
        "author_id": "a", "created_at": at, "updated_at": at,
        "filter": msgspec.json.encode(LogFilter(until=at)).decode(),
    } | fields  # fmt: skip
    row = ExportRow(**values)
    entry = AuditEntry(
        tenant_id="default", actor_kind="admin", actor_id="a", action="exports:create", object_kind="export",
        object_id=row.id,
    )  # fmt: skip

    async def add() -> ExportRow:
        engine = open_engine(url)
        try:
            return await SqlExports(engine).add(row, entry)
        finally:
            await engine.dispose()

    return asyncio.run(add())


def seen(url: str, id: str) -> ExportRow:
    async def get() -> ExportRow | None:
        engine = open_engine(url)
        try:
            return await SqlExports(engine).get("default", id)
        finally:
            await engine.dispose()

    row = asyncio.run(get())
    assert row is not None
    return row


def parts(row: ExportRow) -> list[files.Part]:
    return msgspec.json.decode(row.parts, type=list[files.Part])


def test_lines_and_parquet_say_the_same(tmp_path: Path, url: str) -> None:
    calls = [call(at=now() - i * 1000, error_message=f"no \x1b[31m {'sk-proj-' + 'a1B2' * 8}") for i in range(5)]
    store(url, *calls, call(tenant_id="other"))  # type: ignore[arg-type]
    said = Frame(
        Taken(calls[0].id, "default", calls[0].at, None, None, "redacted", 9999, "chat", "openai-chat",
              "application/json", False, 50, 20),
        b'{"model":"m","messages":[{"role":"user","content":"I am bob@example.com"}]}', b'{"choices":[]}',
    )  # fmt: skip
    sql = open_sql(url)
    payloads_sql.put(
        sql,
        [msgspec.structs.astuple(row_of(said, detected, SEALER))],
    )
    unreadable = msgspec.structs.replace(row_of(said, detected, SEALER), id=calls[1].id)  # sealed for another call
    payloads_sql.put(sql, [msgspec.structs.astuple(unreadable)])
    sql.close()
    rows = [asked(url, format=format, payloads=True) for format in ("jsonl", "parquet")]
    assert made(tmp_path, url).once() == 2
    lines, parquet = (seen(url, row.id) for row in rows)
    assert (lines.state, lines.rows) == (parquet.state, parquet.rows) == ("done", 5)
    text = (tmp_path / "exports" / lines.id / "calls-0001.jsonl").read_bytes()
    assert hashlib.sha256(text).hexdigest() == parts(lines)[0].sha256
    assert b"sk-proj-" not in text and b"\x1b" not in text and b"bob@" not in text
    told = [json.loads(line) for line in text.splitlines()]
    assert [one["id"] for one in told] == [one.id for one in calls]
    assert sum(one["cost_nano"] for one in told) == 5 * 1500 and told[0]["cost_usd"] == "0.0000015"
    assert told[0]["usage"]["input"] == told[0]["input_tokens"] == 100
    assert told[0]["payload_level"] == "redacted" and told[1]["payload_level"] is None
    columns = read(tmp_path / "exports" / parquet.id / "calls-0001.parquet")
    assert [one["id"] for one in columns] == [one.id for one in calls]
    assert columns[0]["at"].timestamp() == pytest.approx(calls[0].at / 1e6)
    assert columns[0]["tags"] == ["team-a"] and json.loads(columns[0]["attempts"])[0]["provider"] == "local"
    assert set(columns[0]) == set(told[0])


def test_who_is_stopped_goes_on_where_it_was(tmp_path: Path, database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{database}"
    latest = now()
    calls = [call(at=latest - i * 1000) for i in range(95)]
    store(database, *calls)
    monkeypatch.setattr(job, "PAGE", 10)
    monkeypatch.setattr(job, "PART_ROWS", 20)
    row = asked(url)
    first = made(tmp_path, url)
    pages = iter(range(100))

    with monkeypatch.context() as patch:
        patch.setattr(Rounds, "ending", property(lambda _: next(pages) > 7))  # after some pages
        first.once()
    half = seen(url, row.id)
    assert half.state == "running" and 0 < len(parts(half)) < 5
    assert made(tmp_path, url).once() == 1
    done = seen(url, row.id)
    assert (done.state, done.rows, len(parts(done))) == ("done", 95, 5)
    text = b"".join((tmp_path / "exports" / row.id / part.name).read_bytes() for part in parts(done))
    assert [json.loads(line)["id"] for line in text.splitlines()] == [one.id for one in calls]


@pytest.mark.parametrize("format", ["jsonl", "parquet"])
def test_a_part_and_a_page_are_bounded_by_bytes(
    tmp_path: Path, database: Path, monkeypatch: pytest.MonkeyPatch, format: files.Format
) -> None:
    url, latest, dice = f"sqlite:///{database}", now(), random.Random(1)
    calls = [call(at=latest - i * 1000) for i in range(40)]
    store(database, *calls)
    sql = open_sql(url)
    for one in calls:
        text = dice.randbytes(5_000).hex()
        taken = Taken(one.id, "default", one.at, None, None, "full", 99_999, "chat", "openai-chat",
                      "application/json", False, 50, 20)  # fmt: skip
        asked_for = json.dumps({"model": "m", "messages": [{"role": "user", "content": text}]}).encode()
        kept = row_of(Frame(taken, asked_for, b'{"choices":[]}'), detected, SEALER)
        payloads_sql.put(sql, [msgspec.structs.astuple(kept)])
    sql.close()
    monkeypatch.setattr(job, "PART_BYTES", 100_000)
    monkeypatch.setattr(job, "PAGE_BYTES", 40_000)
    row = asked(url, payloads=True, format=format)
    assert made(tmp_path, url).once() == 1
    done = seen(url, row.id)
    assert (done.state, done.rows) == ("done", 40) and len(parts(done)) > 2
    assert max(part.bytes for part in parts(done)) < 100_000 + 40_000 + 2 * 20_000
    folder = tmp_path / "exports" / row.id
    if format == "jsonl":
        text = b"".join((folder / part.name).read_bytes() for part in parts(done)).decode()
        ids = [json.loads(line)["id"] for line in text.splitlines()]
    else:
        ids = [one["id"] for part in parts(done) for one in read(folder / part.name)]
    assert ids == [one.id for one in calls]


def test_files_go_with_their_export(tmp_path: Path, database: Path) -> None:
    url = f"sqlite:///{database}"
    store(database, call(at=now() - 1000))
    row = asked(url)
    made(tmp_path, url).once()
    (tmp_path / "exports" / "of-a-tenant-that-is-gone").mkdir()
    sql = open_sql(url)
    sql.execute("UPDATE exports SET state = 'cancelled' WHERE id = ?", (row.id,))
    sql.close()
    made(tmp_path, url).once()
    assert list((tmp_path / "exports").iterdir()) == []


def test_into_a_bucket(tmp_path: Path, database: Path, bucket: Any) -> None:
    client, name = bucket
    url = f"sqlite:///{database}"
    store(database, call(at=now() - 1000))
    config = StoreConfig(to=f"s3://{name}/some/where", endpoint=client.meta.endpoint_url, **KEYS)
    row = asked(url, place="lake")
    assert made(tmp_path, url, stores={"lake": config}).once() == 1
    part = parts(seen(url, row.id))[0]
    assert part.where == f"s3://{name}/some/where/exports/tenant=default/{row.id}/calls-0001.jsonl"
    there = client.get_object(Bucket=name, Key=part.where.removeprefix(f"s3://{name}/"))["Body"].read()
    assert hashlib.sha256(there).hexdigest() == part.sha256
    lost = asked(url, place="gone")
    made(tmp_path, url, stores={"lake": config}).once()
    assert (seen(url, lost.id).state, "no store 'gone'" in str(seen(url, lost.id).error)) == ("failed", True)


def test_the_archive_goes_into_a_bucket_by_whoever_has_the_lease(tmp_path: Path, database: Path, bucket: Any) -> None:
    client, name = bucket
    url = f"sqlite:///{database}"
    tenant(url)
    store(database, call(at=now() - 3 * HOUR))
    config = StoreConfig(to=f"s3://{name}", endpoint=client.meta.endpoint_url, **KEYS)
    aims: dict[str, Any] = {"stores": {"lake": config}, "archive": ArchiveConfig(to="lake")}
    unable = made(tmp_path, url, **aims | {"stores": {"lake": StoreConfig(to=f"s3://{name}")}})
    assert unable.once() == 0 and "no credentials" in str(unable.failing)
    assert made(tmp_path, url, **aims).once() == 1
    keys = [one["Key"] for one in client.list_objects_v2(Bucket=name)["Contents"]]
    assert [key.rpartition("/")[2] for key in sorted(keys)] == ["records.json", "records.parquet"]
    store(database, call(at=now() - 2 * HOUR))
    other = Exporter(tmp_path, url, "another home", SEALER, aims=lambda: Aims(**aims), environ={}, ways=lambda: Ways())
    assert other.once() == 0, "the first has the lease"


async def test_a_large_file_goes_in_parts(tmp_path: Path, bucket: Any) -> None:
    client, name = bucket
    path = tmp_path / "large"
    path.write_bytes(bytes(range(256)) * 4 * 10_000 * 2)  # 20 MB
    ways = Ways()
    to = StoreConfig(to=f"s3://{name}", endpoint=client.meta.endpoint_url, **KEYS)
    try:
        await place(to, {}, ways.get()).put("a/b=c/large", path)
        with pytest.raises(PlaceFailed, match="NoSuchBucket"):
            await place(msgspec.structs.replace(to, to="s3://nobodys"), {}, ways.get()).put("x", path)
    finally:
        await ways.close()
    head = client.head_object(Bucket=name, Key="a/b=c/large")
    assert head["ContentLength"] == path.stat().st_size and head["ETag"].endswith('-3"')
    assert client.get_object(Bucket=name, Key="a/b=c/large")["Body"].read() == path.read_bytes()
    assert not client.list_multipart_uploads(Bucket=name).get("Uploads")


def tenant(url: str) -> None:
    """Make the tenant whose calls they are."""
    sql = open_sql(url)
    sql.transact(
        lambda sql: sql.execute(
            "INSERT INTO tenants (id, name, is_active, settings, created_at, updated_at)"
            " VALUES ('default', 'd', ?, '{}', 1, 1) ON CONFLICT (id) DO NOTHING",
            (True,),
        )
    )
    sql.close()


def archive(url: str, folder: Path) -> int:
    """Archive what is due; return how many files that made."""
    to, sql = Folder(folder / "lake"), open_sql(url)
    config = ArchiveConfig(to="x", after=15)
    try:
        return hours.Archivist(sql, lambda *given: asyncio.run(to.put(*given)), config, SEALER, folder / "draft").run()
    finally:
        sql.close()


def test_each_hour_is_archived_once_and_a_late_call_is_in_it(tmp_path: Path, url: str) -> None:
    sql = open_sql(url)
    tenant(url)
    hour = now() // HOUR - 3
    calls = [call(at=hour * HOUR + i * 60_000_000) for i in range(3)] + [call(at=(hour - 40) * HOUR)]
    store(url, *calls, call(at=now()))  # type: ignore[arg-type]
    assert archive(url, tmp_path) == 2
    assert archive(url, tmp_path) == 0
    files = sorted((tmp_path / "lake").rglob("*.parquet"))
    assert len(files) == 2 and "tenant=default/date=" in str(files[0])
    manifest = json.loads(files[1].with_suffix(".json").read_bytes())
    assert manifest["rows"] == 3
    assert manifest["sha256"] == hashlib.sha256(files[1].read_bytes()).hexdigest()
    until = archives.archived_until(sql, "default")
    assert until is not None and (hour + 1) * HOUR <= until <= now()
    assert archives.archived_until(sql, "other") is None
    store(url, call(at=hour * HOUR + 1), call(at=(hour - 2) * HOUR))  # type: ignore[arg-type]
    assert archive(url, tmp_path) == 2, "an hour has one more, and one that had none has one"
    assert archive(url, tmp_path) == 0
    found = [row["id"] for path in sorted((tmp_path / "lake").rglob("*.parquet")) for row in read(path)]
    assert len(found) == len(set(found)) == 6 and {one.id for one in calls} < set(found)
    sql.close()


def test_what_stays_of_a_tenant_that_is_gone_is_archived_too(tmp_path: Path, url: str) -> None:
    tenant(url)
    store(url, call(at=now() - 3 * HOUR), call(at=now() - 3 * HOUR, tenant_id="acme"))  # type: ignore[arg-type]
    assert archive(url, tmp_path) == 2
    assert sorted(path.name for path in (tmp_path / "lake" / "records").iterdir()) == ["tenant=acme", "tenant=default"]
    sql = open_sql(url)
    assert archives.archived_until(sql, "acme") is not None
    sql.close()


def test_who_is_killed_between_writing_and_remembering_writes_the_same(
    tmp_path: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{database}"
    hour = now() // HOUR - 3
    store(database, *[call(at=hour * HOUR + i) for i in range(3)])
    tenant(url)
    with monkeypatch.context() as patch:
        patch.setattr(archives, "put", lambda *given: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            archive(url, tmp_path)
    assert archive(url, tmp_path) == 1
    files = list((tmp_path / "lake").rglob("*.parquet"))
    assert len(files) == 1 and len(read(files[0])) == 3


def test_without_pyarrow_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(files.NoParquet, match=r"pip install 'headgate\[archive\]'"):
        files.writer("parquet", tmp_path / "x", said=False)


@pytest.mark.parametrize(
    ("observe", "where"),
    [
        ({"stores": {"a": {"to": "logs"}}}, ("stores", "a", "to")),
        ({"stores": {"a": {"to": "s3://UPPER/x"}}}, ("stores", "a", "to")),
        ({"stores": {"a": {"to": "s3://ok-bucket/a b"}}}, ("stores", "a", "to")),
        ({"stores": {"a": {"to": "/x", "access_key_id": "k"}}}, ("stores", "a", "access_key_id")),
        ({"archive": {"to": "a"}}, ("archive", "to")),
        ({"stores": {"a": {"to": "/x"}}, "archive": {"to": "a", "after": 0}}, ("archive", "after")),
        ({"stores": {"a": {"to": "s3://ok-bucket/a/b"}}, "archive": {"to": "a"}}, None),
    ],
)
def test_what_is_wrong_in_a_store_is_told(observe: dict[str, Any], where: tuple[str, ...] | None) -> None:
    assert [path for path, _ in faults(observe)] == ([] if where is None else [where])
