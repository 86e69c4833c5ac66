"""What is done by itself: by one process, once, and what was missed is caught up with; messages signed and retried."""

import asyncio
import hmac
import json
from base64 import b64encode
from datetime import UTC, date, datetime
from typing import Any, cast

import msgspec
import pytest
from sqlalchemy import insert, select, update

from headgate.access.keyring import Keyring
from headgate.access.keys import derive
from headgate.alerts.channels import channels as kinds
from headgate.alerts.channels.out import Ways
from headgate.alerts.channels.webhook import signature
from headgate.billing.calendar import zone
from headgate.billing.deliver import Deliverer, about
from headgate.billing.duties import AFTER, Duties, missed, next_at, scheduled
from headgate.billing.services import Money
from headgate.core.errors import BadRequest
from headgate.core.ids import now
from headgate.core.secret import Secret
from headgate.storage.billing_rows import ChannelRow, ScheduleRow
from headgate.storage.notices import post
from headgate.storage.schema.billing import channels, outbox, schedules
from headgate.storage.schema.tenancy import apps
from headgate.transport.base import Origin
from headgate.transport.client import Http1Sender
from headgate.transport.egress import Destination
from headgate.transport.pool import Bounds
from tests.alerts.receivers import Postbox
from tests.billing.conftest import BOSS, BOTH, at, call

DERIVED = derive(b"\5" * 32)
SEALER = Keyring(DERIVED).envelope
BERLIN = zone("Europe/Berlin")
SECRET = b"a secret of sixteen"


@pytest.fixture
def money(engine):
    return Money.on(engine, DERIVED)


def days(found):
    return [day.isoformat() for day in found]


def test_spans_that_were_missed_are_each_made_once():
    due = next_at("invoice", at("2026-01-10T00:00"), BERLIN)
    assert due == at("2026-01-31T23:00") + AFTER
    assert missed("month", due, due, BERLIN) == missed("month", due, at("2026-02-27T00:00"), BERLIN)
    assert days(missed("month", due, due, BERLIN)) == ["2026-01-01"]
    assert days(missed("month", due, at("2026-04-02T00:00"), BERLIN)) == ["2026-01-01", "2026-02-01", "2026-03-01"]
    week = next_at("report", at("2026-03-25T00:00"), BERLIN)  # clocks go forward on the Sunday
    assert datetime.fromtimestamp((week - AFTER) / 1e6, UTC).isoformat() == "2026-03-29T22:00:00+00:00"
    assert days(missed("week", week, week, BERLIN)) == ["2026-03-23"]
    assert len(missed("week", at("2020-01-01T00:00"), week, BERLIN)) == 60


async def scheduling(engine, kind, days_ago, **fields):
    due = next_at(kind, now() - days_ago * 86_400_000_000, BERLIN)
    row = ScheduleRow(id=kind, tenant_id="t1", kind=kind, next_at=due, created_at=1, updated_at=1, **fields)
    async with engine.begin() as con:
        await con.execute(insert(schedules).values(msgspec.structs.asdict(row)))
    return days(missed("month" if kind == "invoice" else "week", due, now(), BERLIN))


async def channel(engine, kind="webhook", target="http://127.0.0.1:1/x"):
    sealed = SEALER.seal(SECRET, about("t1", "c1"))
    row = ChannelRow(
        id="c1", tenant_id="t1", kind=kind, name="c", target=target, sealed=sealed, created_at=1, updated_at=1
    )
    async with engine.begin() as con:
        await con.execute(insert(channels).values(msgspec.structs.asdict(row)))


async def messages(engine):
    async with engine.connect() as con:
        return (await con.execute(select(outbox).order_by(outbox.c.id))).all()


@BOTH
async def test_what_was_missed_is_made_and_sent_once_though_two_do_it_at_once(engine, money):
    await channel(engine)
    due = await scheduling(engine, "invoice", 62, channel_ids='["c1"]')
    made = await asyncio.gather(scheduled(money), scheduled(money))
    assert sorted(map(bool, made)) == [False, True]
    rows = await money.bills.invoices("t1", kind="invoice")
    assert sorted(row.starts for row in rows) == due
    assert len(await messages(engine)) == len(rows) == len({row.number for row in rows})
    assert await scheduled(money) == 0


async def test_reports_are_made_for_every_app(engine, money, store):
    await store(call("2026-03-10T12:00", app_id="x"))
    names = {column.name for column in apps.c if not column.nullable}
    async with engine.begin() as con:
        for id in ("x", "y"):
            row: dict[str, Any] = {
                "id": id,
                "tenant_id": "t1",
                "name": id,
                "is_active": True,
                "limits": "{}",
                "models": "[]",
                "policies": "[]",
            }
            row |= {"providers": "[]", "cost_optimize": False, "created_at": 1, "updated_at": 1}
            await con.execute(insert(apps).values({name: row[name] for name in names}))
    due = await scheduling(engine, "report", 8)
    assert await scheduled(money) == 2 * len(due)
    assert {row.subject_id for row in await money.bills.invoices("t1", kind="report")} == {"x", "y"}


class Hook:
    """A server that takes webhooks, and refuses some."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.got = []

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self._server.close()

    async def _serve(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) if i else ("", line) for i, line in enumerate(head[:-2]))
        raw = dict(line.split(": ", 1) for line in head[1:-2])
        body = await reader.readexactly(int(headers["content-length"]))
        self.got.append((head[0], {name.lower(): value for name, value in raw.items()}, body))
        status = self.answers.pop(0) if self.answers else 204
        writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    async def allow(self, url):
        if "private" in url:
            raise BadRequest("no", code="url_not_allowed")
        return Destination(Origin("127.0.0.1", self.port, False, "127.0.0.1"), "/hook")


async def send(engine, hook, mail=None):
    sender = Http1Sender(Bounds(connections=4, waiting=4, idle=1))
    deliverer = Deliverer(engine, kinds(), Ways(sender, hook.allow, mail), SEALER)
    done = await deliverer.run()
    await sender.close()
    return done


async def message(engine, **payload):
    async with engine.begin() as con:
        return await post(con, "t1", "c1", "approvals:open", {"text": "ann asks", "link": "/x", **payload})


async def test_a_webhook_is_signed_and_tried_again_later(engine):
    await channel(engine)
    id = await message(engine)
    async with Hook(503) as hook:
        assert await send(engine, hook) == 1
        (row,) = await messages(engine)
        assert (row.state, row.attempts, row.error) == ("waiting", 1, "127.0.0.1 answered 503")
        assert 5_000_000 < row.next_at - now() <= 10_000_000
        assert await send(engine, hook) == 0
        async with engine.begin() as con:
            await con.execute(update(outbox).values(next_at=0))
        assert await send(engine, hook) == 1
    (row,) = await messages(engine)
    assert (row.state, row.attempts, row.error) == ("sent", 2, None)
    line, headers, body = hook.got[-1]
    assert line == "POST /hook HTTP/1.1"
    assert headers["webhook-id"] == json.loads(body)["id"] == id
    signed = f"{id}.{headers['webhook-timestamp']}.".encode() + body
    assert headers["webhook-signature"] == "v1," + b64encode(hmac.digest(SECRET, signed, "sha256")).decode()
    assert headers["webhook-signature"] == signature(SECRET, id, headers["webhook-timestamp"], body)


async def test_what_fails_for_a_day_and_a_half_has_failed_and_secrets_are_not_in_its_words(engine):
    await channel(engine, target="http://private/?token=abcdefgh")
    await message(engine)
    async with Hook() as hook:
        for _ in range(10):
            await send(engine, hook)
            async with engine.begin() as con:
                await con.execute(update(outbox).where(outbox.c.state == "waiting").values(next_at=0))
    (row,) = await messages(engine)
    assert (row.state, row.attempts) == ("failed", 8)
    assert hook.got == []
    assert "abcdefgh" not in row.error


async def test_what_was_told_long_ago_is_forgotten(engine, money):
    await channel(engine)
    for _ in range(2):
        await message(engine)
    async with engine.begin() as con:
        await con.execute(update(outbox).values(created_at=1))
        await con.execute(update(outbox).where(outbox.c.id == (await messages(engine))[0].id).values(state="sent"))
    await money.notices.prune()
    assert [row.state for row in await messages(engine)] == ["waiting"]


@pytest.fixture
def smtp():
    with Postbox().running() as box:
        yield box, box.port


async def test_an_invoice_goes_by_mail_as_a_page_with_its_figures(engine, money, store, smtp, account):
    box, port = smtp
    await store(call())
    await channel(engine, kind="email", target="pay@acme.test")
    row = await money.issuer.issue(account, "invoice", date(2026, 3, 1), BOSS)
    await money.bills.send(row, ["c1"], BOSS)
    async with Hook() as hook:
        assert await send(engine, hook, Secret(f"smtp://127.0.0.1:{port}?from=bills@gateway.test")) == 1
    (sent,) = await messages(engine)
    assert (sent.state, sent.error) == ("sent", None)
    ((to, letter),) = box.letters
    text = letter.as_string()
    assert to == ["pay@acme.test"]
    assert "From: bills@gateway.test" in text
    assert f'filename="{row.number}.csv"' in text
    assert "text/html" in text


async def test_without_a_mail_server_or_with_one_that_would_show_the_password_nothing_is_sent(engine, smtp):
    box, port = smtp
    await channel(engine, kind="email", target="a@b.test")
    await message(engine)
    async with Hook() as hook:
        await send(engine, hook)
        assert "HEADGATE_SMTP_URL" in (await messages(engine))[0].error
        async with engine.begin() as con:
            await con.execute(update(outbox).values(next_at=0))
        await send(engine, hook, Secret(f"smtp://user:password@127.0.0.1:{port}"))
    assert "no encryption" in (await messages(engine))[0].error
    assert box.letters == []


@BOTH
async def test_one_process_has_the_lease_and_another_takes_it_when_it_is_gone(url, engine, money):
    await channel(engine)
    await message(engine)
    runs = []

    class Counting(Deliverer):
        async def run(self):
            runs.append(1)
            return 0

    one, two = (
        Duties(url, name, money.sealing, lambda: (money, Counting(engine, {}, cast(Any, None), SEALER)))
        for name in ("one", "two")
    )
    assert await asyncio.to_thread(one._due)
    assert not await asyncio.to_thread(two._due)
    assert await asyncio.to_thread(one._due)
    await one.once()
    assert runs == [1]
    async with engine.begin() as con:
        await con.exec_driver_sql("UPDATE agenda SET until = 0")
    assert await asyncio.to_thread(two._due)
    assert not await asyncio.to_thread(one._due)
