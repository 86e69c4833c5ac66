"""Requests for more: decided once, in effect at once, back at their end, all of it in the log."""

import asyncio

import msgspec
import pytest
from sqlalchemy import insert, select, update

from headgate.core.ids import new_id, now
from headgate.storage.approvals import Decided, NoSubject, SqlApprovals
from headgate.storage.audit import keyed
from headgate.storage.billing_rows import ApprovalRow
from headgate.storage.budget_rows import BudgetRow
from headgate.storage.budgets import SqlBudgets
from headgate.storage.engine import open_engine
from headgate.storage.object_rows import Author
from headgate.storage.schema import changes, keys
from headgate.storage.schema.billing import approvals, channels, notifications, outbox
from headgate.storage.schema.proofs import audit
from headgate.storage.types import KeyRow

ANN = Author(kind="user", id="ann", tenant_id="t1")
BOSS = Author(kind="user", id="boss", tenant_id="t1")


@pytest.fixture
async def engine(url):
    made = keyed(open_engine(url), b"k" * 32)
    row = KeyRow(
        id="key1", tenant_id="t1", name="app", key_hash=b"h", key_prefix="hg_x", last4="abcd", models='["a/m"]',
        limits='{"rpm":10}', budgets='[{"amount":5,"window":"month"},{"amount":1,"window":"day"}]', created_at=1,
        updated_at=1,
    )  # fmt: skip
    async with made.begin() as con:
        await con.execute(insert(keys).values(msgspec.structs.asdict(row)))
    yield made
    await made.dispose()


async def asked(engine, kind="models", ask=None, **fields):
    told = {"subject_kind": "key", "subject_id": "key1", "expires_at": now() + 10**9, **fields}
    row = ApprovalRow(
        id=new_id(), tenant_id="t1", kind=kind, ask=msgspec.json.encode(ask or {"models": ["b/m"]}).decode(),
        reason="why", asked_by_kind="user", asked_by="ann", asked_at=now(), **told,
    )  # fmt: skip
    await SqlApprovals(engine).ask(row, ANN, "ann asks")
    return row.id


async def decided(engine, id, state="approved"):
    return await SqlApprovals(engine).decide("t1", id, state, BOSS, f"boss: {state}")


async def state_of(engine, id):
    row = await SqlApprovals(engine).get("t1", id)
    assert row is not None
    return row.state


async def rows(engine, table, *where):
    async with engine.connect() as con:
        return (await con.execute(select(table).where(*where))).all()


async def key(engine):
    return (await rows(engine, keys, keys.c.id == "key1"))[0]


@pytest.mark.parametrize(
    ("kind", "ask", "field", "after"),
    [
        ("models", {"models": ["b/m", "a/m"]}, "models", ["a/m", "b/m"]),
        ("limits", {"limits": {"rpm": 100, "tpm": 9}}, "limits", {"rpm": 100, "tpm": 9}),
        ("budget", {"amount": 50, "window": "month"}, "budgets", [{"amount": 50, "window": "month"}, {"amount": 1, "window": "day"}]),
    ],
)  # fmt: skip
async def test_what_is_approved_is_in_effect_and_told_to_feed_log_and_people(engine, kind, ask, field, after):
    id = await asked(engine, kind, ask)
    before = len(await rows(engine, changes))
    row = await decided(engine, id)
    assert (row.state, row.decided_by) == ("approved", "boss")
    assert msgspec.json.decode(getattr(await key(engine), field)) == after
    told = (await rows(engine, changes))[before:]
    assert [(one.kind, one.object_id) for one in told] == [("key", "key1")]
    assert [one.action for one in await rows(engine, audit)][-3:] == [
        "approvals:create",
        "api_keys:update",
        "approvals:decide",
    ]
    assert [(one.recipient, one.event) for one in await rows(engine, notifications)] == [
        ("approvals:decide", "approvals:open"),
        ("ann", "approvals:approved"),
    ]


async def test_a_budget_of_the_tenants_grows(engine):
    row = BudgetRow(id="b1", tenant_id="t1", name="all", amount=5, period="month", created_at=1, updated_at=1)
    await SqlBudgets(engine).add("t1", row, BOSS)
    id = await asked(engine, "budget", {"amount": 7}, subject_kind="budget", subject_id="b1")
    await decided(engine, id)
    now_is = await SqlBudgets(engine).get("t1", "b1")
    assert now_is is not None
    assert now_is.amount == 7


async def test_it_is_decided_once(engine):
    id = await asked(engine)

    async def one():
        try:
            return (await decided(engine, id)).state
        except Decided as error:
            return f"already {error.state}"

    assert sorted(await asyncio.gather(*(one() for _ in range(4)))) == ["already approved"] * 3 + ["approved"]
    with pytest.raises(Decided):
        await decided(engine, id, "refused")


async def test_a_refused_one_changes_nothing(engine):
    id = await asked(engine)
    assert (await decided(engine, id, "refused")).state == "refused"
    assert (await key(engine)).models == '["a/m"]'


async def test_what_is_not_there_cannot_be_granted_and_the_request_stays_open(engine):
    id = await asked(engine, subject_id="nobody")
    with pytest.raises(NoSubject):
        await decided(engine, id)
    assert await state_of(engine, id) == "open"
    assert await SqlApprovals(engine).decide("t2", id, "approved", BOSS, "") is None


async def test_nobody_decided_in_time(engine):
    id = await asked(engine, expires_at=now() - 1)
    with pytest.raises(Decided, match="expired"):
        await decided(engine, id)
    assert await SqlApprovals(engine).expire() == 1
    assert await state_of(engine, id) == "expired"
    assert await SqlApprovals(engine).expire() == 0


async def over(engine, id):
    async with engine.begin() as con:
        await con.execute(update(approvals).where(approvals.c.id == id).values(until=now() - 1))
    assert await SqlApprovals(engine).expire() == 1


async def test_what_is_granted_for_a_time_goes_back(engine):
    id = await asked(engine, lasts=3600)
    row = await decided(engine, id)
    assert 3_500_000_000 < row.until - now() <= 3_600_000_000
    await over(engine, id)
    assert (await key(engine)).models == '["a/m"]'
    assert await state_of(engine, id) == "ended"


@pytest.mark.parametrize(
    ("present", "after"), [('["a/m","b/m","c/m"]', ["a/m", "c/m"]), ('["b/m"]', ["b/m"]), ('["c/m"]', ["c/m"])]
)
async def test_what_others_changed_since_stays(engine, present, after):
    id = await asked(engine, lasts=3600)
    await decided(engine, id)
    async with engine.begin() as con:
        await con.execute(update(keys).values(models=present))
    await over(engine, id)
    assert msgspec.json.decode((await key(engine)).models) == after


async def tenants_budget(engine):
    row = BudgetRow(id="b1", tenant_id="t1", name="all", amount=100, period="month", created_at=1, updated_at=1)
    await SqlBudgets(engine).add("t1", row, BOSS)

    async def amount():
        found = await SqlBudgets(engine).get("t1", "b1")
        assert found is not None
        return found.amount

    async def granted(amount, **fields):
        id = await asked(engine, "budget", {"amount": amount}, subject_kind="budget", subject_id="b1", **fields)
        await decided(engine, id)
        return id

    return amount, granted


@pytest.mark.parametrize("first", [0, 1])
async def test_grants_for_a_time_that_overlap_leave_nothing_behind(engine, first):
    amount, granted = await tenants_budget(engine)
    ids = [await granted(200, lasts=60), await granted(300, lasts=90)]
    assert await amount() == 300
    await over(engine, ids[first])
    assert await amount() == (300, 200)[first]
    await over(engine, ids[1 - first])
    assert await amount() == 100


async def test_a_smaller_grant_takes_nothing_and_stays_after_the_larger_one(engine):
    amount, granted = await tenants_budget(engine)
    large, small = await granted(300, lasts=60), await granted(200, lasts=90)
    assert await amount() == 300
    await over(engine, large)
    assert await amount() == 200
    await over(engine, small)
    assert await amount() == 100


@pytest.mark.parametrize(("good", "seen", "left"), [(150, 200, 150), (250, 250, 250)])
async def test_what_is_granted_for_good_stays_when_others_end(engine, good, seen, left):
    amount, granted = await tenants_budget(engine)
    timed = await granted(200, lasts=60)
    await granted(good)
    assert await amount() == seen
    await over(engine, timed)
    assert await amount() == left


async def test_what_somebody_sets_while_it_lasts_is_where_later_grants_go_back_to(engine):
    amount, granted = await tenants_budget(engine)
    first = await granted(200, lasts=60)
    await SqlBudgets(engine).set("t1", "b1", {"amount": 150}, BOSS)
    second = await granted(400, lasts=90)
    await over(engine, first)
    assert await amount() == 400
    await over(engine, second)
    assert await amount() == 150


async def test_a_limit_goes_back_though_another_was_changed_beside_it(engine):
    id = await asked(engine, "limits", {"limits": {"rpm": 5000, "tpm": 9}}, lasts=60)
    await decided(engine, id)
    async with engine.begin() as con:
        await con.execute(update(keys).values(limits='{"rpm":5000,"tpm":9,"concurrency":7}'))
    await over(engine, id)
    assert msgspec.json.decode((await key(engine)).limits) == {"rpm": 10, "concurrency": 7}


async def test_a_window_goes_back_though_another_was_changed_beside_it(engine):
    id = await asked(engine, "budget", {"amount": 50, "window": "month"}, lasts=60)
    await decided(engine, id)
    async with engine.begin() as con:
        await con.execute(update(keys).values(budgets='[{"amount":3,"window":"day"},{"amount":50,"window":"month"}]'))
    await over(engine, id)
    left = msgspec.json.decode((await key(engine)).budgets)
    assert left == [{"amount": 3, "window": "day"}, {"amount": 5, "window": "month"}]


async def test_a_model_that_two_were_granted_stays_until_both_are_over(engine):
    first, second = [await asked(engine, lasts=60), await asked(engine, ask={"models": ["b/m", "c/m"]}, lasts=90)]
    for id in (first, second):
        await decided(engine, id)
    await over(engine, first)
    assert msgspec.json.decode((await key(engine)).models) == ["a/m", "b/m", "c/m"]
    await over(engine, second)
    assert msgspec.json.decode((await key(engine)).models) == ["a/m"]


async def test_what_was_granted_before_parts_were_kept_goes_back_as_well(engine):
    id = await asked(engine, "limits", {"limits": {"rpm": 5000}}, lasts=60)
    await decided(engine, id)
    effect = '{"field":"limits","before":"{\\"rpm\\":10}","after":"{\\"rpm\\":5000}"}'
    async with engine.begin() as con:
        await con.execute(update(approvals).values(effect=effect))
    await over(engine, id)
    assert msgspec.json.decode((await key(engine)).limits) == {"rpm": 10}


async def test_channels_that_listen_get_a_message(engine):
    async with engine.begin() as con:
        for name, events, active in (
            ("one", '["approvals"]', True),
            ("two", "[]", True),
            ("off", '["approvals"]', False),
        ):
            values = {
                "id": name,
                "tenant_id": "t1",
                "kind": "webhook",
                "name": name,
                "target": "https://h",
                "events": events,
            }
            await con.execute(insert(channels).values(**values, is_active=active, created_at=1, updated_at=1))
    await asked(engine)
    (message,) = await rows(engine, outbox)
    assert (message.channel_id, message.event, message.state) == ("one", "approvals:open", "waiting")
    assert msgspec.json.decode(message.payload)["data"]["subject_id"] == "key1"
