"""Which keys secrets are under, and rotating them, on either database."""

import asyncio
import os
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import insert, select, text, update

from headgate.access.envelope import LONG_LIVED
from headgate.access.keyring import Keyring, LocalKek, installation_id
from headgate.access.keys import derive
from headgate.access.sealed import head
from headgate.access.vault import about, opened, sealed_row
from headgate.admin.encryption import BATCH
from headgate.admin.sso import secret_about
from headgate.billing.deliver import about as channel_about
from headgate.core.secret import Secret
from headgate.encryption import missing, tell_missing
from headgate.storage.provider_keys import ProviderKeyRow
from headgate.storage.schema import metadata
from headgate.storage.schema.billing import channels
from headgate.storage.schema.entry import sso_configs
from headgate.storage.schema.first import provider_keys
from headgate.storage.schema.payloads import payloads
from headgate.storage.sealed import HEAD
from tests.admin.conftest import DERIVED, Api
from tests.admin.conftest import opened as api_of
from tests.sealing import old

SECRET = "sk-canary-0123456789-abcdef"
PATH, ROTATE = "/api/v1/encryption", "/api/v1/encryption/rotate"
OWN = installation_id(DERIVED)


def ring(*ids: str) -> Keyring:
    return Keyring(DERIVED, lambda: [LocalKek(id, id.encode().ljust(32, b"*")) for id in ids])


def have(api: Api, keys: Keyring) -> None:
    """As a process that was started with these keys."""
    msgspec.structs.force_setattr(api.parts, "ring", keys)


@pytest.fixture
async def api(tmp_path: Path, url: str, database: Path) -> AsyncIterator[Api]:
    async with api_of(tmp_path, url, f"sqlite:///{database}") as made:
        yield made


async def run(api: Api, statement: Any) -> list[Any]:
    async with api.parts.encryption._engine.begin() as con:
        done = await con.execute(statement)
        return list(done.all()) if done.returns_rows else []


async def keep(api: Api, *rows: ProviderKeyRow) -> None:
    await run(api, insert(provider_keys).values([msgspec.structs.asdict(row) for row in rows]))


async def kept(api: Api) -> list[ProviderKeyRow]:
    found = await run(api, select(provider_keys).order_by(provider_keys.c.id))
    return [ProviderKeyRow(**row._mapping) for row in found]


async def all_kinds(api: Api, keys: Keyring) -> None:
    """One value of each lasting kind through the API and the store, and one that goes by itself."""
    have(api, keys)
    made = await api.ask("POST", "/api/v1/config/providers/mine/keys", json={"key": SECRET})
    assert made.status_code == 201, made.text
    for table, id, column, belongs in (
        (channels, "c1", "sealed", channel_about("default", "c1")),
        (sso_configs, "s1", "sealed_secret", secret_about("default", "s1")),
    ):
        value = keys.envelope.seal(SECRET.encode(), belongs)
        await run(api, insert(table).values(filled(table, {"id": id, "tenant_id": "default", column: value})))
    said = keys.direct(b"payloads").seal(b"said", b"about")
    await run(api, insert(payloads).values(filled(payloads, {"tenant_id": "default", "body": said})))


def filled(table: Any, given: dict[str, Any]) -> dict[str, Any]:
    """A row with something in every column that must have something."""
    some: dict[str, Any] = {"TEXT": "[]", "BIGINT": 1, "INTEGER": 1, "BOOLEAN": True, "BLOB": b"x", "FLOAT": 1.0}
    needed = {c.name: some[str(c.type)] for c in table.c if not c.nullable and c.server_default is None}
    return needed | given


async def status(api: Api) -> dict[str, Any]:
    answer = await api.ask("GET", PATH)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def rotate(api: Api, **body: Any) -> list[dict[str, Any]]:
    """All batches."""
    answers: list[dict[str, Any]] = []
    after = None
    while not answers or after is not None:
        answer = await api.ask("POST", ROTATE, json=body if after is None else {"after": after})
        assert answer.status_code == 200, answer.text
        answers.append(answer.json())
        after = answers[-1]["next"]
        body = {}
    return answers


def counts(found: dict[str, Any]) -> dict[tuple[str, str | None], int]:
    return {(one["kind"], one["key_id"]): one["count"] for one in found["values"]}


def test_a_value_begins_with_what_it_is_counted_by() -> None:
    value = ring("k1").envelope.seal(b"x", b"y")
    assert value[:HEAD] == head("k1")


def test_every_sealed_column_is_known() -> None:
    """A new one has to be counted, and rotated if it lasts."""
    from headgate.storage.sealed import PLACES

    known = {(place.table, place.column) for place in PLACES}
    named = {
        (table.name, column.name) for table in metadata.tables.values() for column in table.c if "sealed" in column.name
    }
    assert named <= known


async def test_all_lasting_values_are_rotated_and_counted(api: Api) -> None:
    await all_kinds(api, ring())
    assert counts(await status(api)) == {
        ("provider_keys", OWN): 1, ("channels", OWN): 1, ("identity_providers", OWN): 1, ("payloads", OWN): 1,
    }  # fmt: skip
    before = (await kept(api))[0].sealed
    have(api, ring("k1"))
    found = await status(api)
    assert [(one["id"], one["seals"], one["service"]) for one in found["keys"]] == [
        ("k1", True, False), (OWN, False, False),
    ]  # fmt: skip
    assert (found["due"], found["missing"]) == (3, [])
    answers = await rotate(api)
    assert [one["rotated"] for one in answers] == [1, 1, 1] and not any(one["failed"] for one in answers)
    found = await status(api)
    assert counts(found) == {
        ("provider_keys", "k1"): 1, ("channels", "k1"): 1, ("identity_providers", "k1"): 1, ("payloads", OWN): 1,
    }  # fmt: skip
    assert found["due"] == 0
    [row] = await kept(api)
    assert (
        row.sealed != before and row.sealed[-40:] == before[-40:] and opened(row, ring("k1").envelope) == Secret(SECRET)
    )
    [(secret,)] = await run(api, select(channels.c.sealed))
    assert ring("k1").envelope.open(secret, channel_about("default", "c1")) == SECRET.encode()
    [(secret,)] = await run(api, select(sso_configs.c.sealed_secret))
    assert ring("k1").envelope.open(secret, secret_about("default", "s1")) == SECRET.encode()
    assert [one["rotated"] for one in await rotate(api)] == [0, 0, 0]  # there is nothing left to do
    audit = (await api.ask("GET", "/api/v1/audit", params={"action": "encryption:rotate"})).json()["data"]
    told = [(one["object_kind"], one["object_id"], one["after"]) for one in reversed(audit)]
    assert told == [
        ("encryption_key", "k1", {"kind": kind, "values": 1})
        for kind in ("provider_keys", "channels", "identity_providers")
    ]
    assert (await api.ask("POST", "/api/v1/audit/verify")).json()["ok"]


async def test_it_goes_on_where_it_was_stopped_and_leaves_what_does_not_open(api: Api) -> None:
    keys = ring("k1")
    rows = [sealed_row(Secret(f"{SECRET}-{n}"), "mine", "", "default", keys.envelope) for n in range(BATCH + 30)]
    lost = msgspec.structs.replace(rows[5], sealed=rows[6].sealed)
    gone = msgspec.structs.replace(rows[7], sealed=ring("k0").envelope.seal(b"x", about("default", "mine", rows[7].id)))
    oldest = msgspec.structs.replace(
        rows[9], sealed=old(DERIVED, SECRET.encode(), about("default", "mine", rows[9].id), LONG_LIVED)
    )
    rows[5], rows[7], rows[9] = lost, gone, oldest
    await keep(api, *rows)
    have(api, ring("k2", "k1"))
    found = await status(api)
    assert counts(found) == {
        ("provider_keys", "k1"): BATCH + 28, ("provider_keys", "k0"): 1, ("provider_keys", None): 1,
    }  # fmt: skip
    assert (found["missing"], found["due"]) == (["k0"], BATCH + 30)
    first = (await api.ask("POST", ROTATE)).json()
    assert (
        first["rotated"] == BATCH - 2 and first["next"] == f"provider_keys:{sorted(row.id for row in rows)[BATCH - 1]}"
    )
    assert {(one["id"]) for one in first["failed"]} == {lost.id, gone.id}
    words = {one["id"]: one["words"] for one in first["failed"]}
    assert "'k0'" in words[gone.id] and "moved to another place" in words[lost.id]
    answers = await rotate(api)  # from the beginning, as after a crash
    assert sum(one["rotated"] for one in answers) == 30
    assert len([one for answer in answers for one in answer["failed"]]) == 2
    now = {row.id: row for row in await kept(api)}
    assert now[lost.id] == lost and now[gone.id] == gone
    for row in rows:
        if row.id not in (lost.id, gone.id):
            assert opened(now[row.id], ring("k2").envelope).reveal().startswith(SECRET)


async def test_a_secret_that_is_changed_meanwhile_is_not_overwritten(api: Api) -> None:
    keys = ring("k2", "k1")
    [one, two] = (sealed_row(Secret(f"{SECRET}-{n}"), "mine", "", "default", ring("k1").envelope) for n in range(2))
    await keep(api, one, two)
    due = await api.parts.encryption.due("provider_keys", b"HG\2k2".ljust(HEAD, b"\0"), "", 10)
    assert [row.id for row in due] == sorted((one.id, two.id))
    belongs = about("default", "mine", one.id)
    newer = keys.envelope.seal(b"newer", belongs)
    await run(api, update(provider_keys).where(provider_keys.c.id == one.id).values(sealed=newer))
    made = [(row, keys.envelope.renewed(row.value, about("default", "mine", row.id))) for row in due]
    from headgate.storage.object_rows import Author

    author = Author(kind="user", id="ann", tenant_id="default")
    done = await api.parts.encryption.put("provider_keys", made, key_id="k2", author=author, tenant_id="default")
    assert done == 1
    now = {row.id: row for row in await kept(api)}
    assert keys.envelope.open(now[one.id].sealed, belongs) == b"newer"


async def test_a_new_key_is_made_in_the_home_and_noted(api: Api) -> None:
    made: list[str] = []

    def load() -> list[LocalKek]:
        return [LocalKek(id, b"h" * 32) for id in made]

    def grow() -> str:
        made.append("home-1-abc")
        return made[-1]

    marker = Path(os.devnull)
    keys = Keyring(DERIVED, load, (marker,), grow)
    await all_kinds(api, keys)
    keys._stamps = ()  # the file has changed
    answers = await rotate(api, new_key=True)
    assert {one["key_id"] for one in answers} == {"home-1-abc"} and sum(one["rotated"] for one in answers) == 3
    assert made == ["home-1-abc"]
    audit = (await api.ask("GET", "/api/v1/audit", params={"action": "encryption:create"})).json()["data"]
    assert [one["object_id"] for one in audit] == ["home-1-abc"]
    have(api, ring())
    refused = await api.ask("POST", ROTATE, json={"new_key": True})
    assert refused.status_code == 409 and "no home" in refused.json()["error"]["message"]


async def test_who_may_not_and_what_is_no_place_to_go_on_from(api: Api) -> None:
    for who in ("key", "other"):
        assert (await api.ask("GET", PATH, who)).status_code == 403
        assert (await api.ask("POST", ROTATE, who)).status_code == 403
    for bad in ("x", "payloads:", "Provider:1"):
        assert (await api.ask("POST", ROTATE, json={"after": bad})).status_code == 400
    assert (await api.ask("POST", ROTATE, json={"kind": "x"})).status_code == 400


async def test_a_missing_key_is_told_at_the_start(api: Api, url: str, caplog: pytest.LogCaptureFixture) -> None:
    await all_kinds(api, ring("k1"))
    assert await asyncio.to_thread(missing, ring("k1"), url) == {}
    told = {"k1": "1 provider keys, 1 channels, 1 identity providers"}
    assert await asyncio.to_thread(missing, ring("k2"), url) == told
    every = await asyncio.to_thread(partial(missing, ring("k2"), url, lasting=False))
    assert every["k1"].endswith(", 1 payloads")
    await asyncio.to_thread(tell_missing, ring("k2"), url)
    assert "the encryption key k1 is not there" in caplog.text
    have(api, ring("k2"))
    found = await status(api)
    assert found["missing"] == ["k1"] and not any(one["opens"] for one in found["values"])


async def test_damage_is_counted_and_stops_nothing(api: Api) -> None:
    row = sealed_row(Secret(SECRET), "mine", "", "default", ring("k1").envelope)
    await keep(api, msgspec.structs.replace(row, sealed=b"\0nonsense"))
    have(api, ring("k1"))
    found = await status(api)
    assert [(one["key_id"], one["opens"], one["count"]) for one in found["values"]] == [(None, False, 1)]
    [answer, *_] = await rotate(api)
    assert answer["failed"][0]["words"].startswith("it is damaged")


async def test_another_secret_key_is_named(api: Api) -> None:
    await all_kinds(api, Keyring(derive(b"\7" * 32)))
    have(api, ring())
    found = await status(api)
    assert found["missing"] == [installation_id(derive(b"\7" * 32))]


async def test_no_plain_secret_is_in_the_database(api: Api, tmp_path: Path, url: str) -> None:
    await all_kinds(api, ring("k1"))
    have(api, ring("k2", "k1"))
    await rotate(api)
    if url.startswith("sqlite"):
        files = [Path(folder, name) for folder, _, names in os.walk(tmp_path) for name in names]
        assert any(path.name == "headgate.db" for path in files)
        for path in files:
            assert SECRET.encode() not in path.read_bytes()
        return
    for table in metadata.tables.values():
        for said in (SECRET, SECRET.encode().hex()):  # as text, and as bytes are shown
            asked = text(f'SELECT count(*) FROM "{table.name}" t WHERE t::text LIKE :said').bindparams(said=f"%{said}%")
            assert await run(api, asked) == [(0,)], table.name
