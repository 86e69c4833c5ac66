"""What people do about alerts, and feedback, on either database."""

import pytest

from headgate.access.keys import derive
from headgate.alerts.desk import Desk, Missing, NotFiring
from headgate.alerts.gateway import ProviderDown
from headgate.audit.sealing import sealing
from headgate.core.ids import new_id
from headgate.storage import alerts as store
from headgate.storage.alert_rows import AlertRow
from headgate.storage.engine import open_engine
from headgate.storage.feedback import SqlFeedback
from headgate.storage.feedback_rows import FeedbackRow, Wanted
from headgate.storage.object_rows import Author
from headgate.storage.sql import open_sql

BY = Author(kind="user", id="ann", tenant_id="t1")
AUDIT = "SELECT action, object_id FROM audit ORDER BY seq"


def test_what_people_do_is_done_once_and_written_down(url):
    sql, desk = open_sql(url), Desk(url, sealing(derive(b"\7" * 32)))
    row = AlertRow(
        id=new_id(), tenant_id="t1", rule="fail", kind="error_rate", subject="", severity="warning", state="firing",
        text="x", link="/logs", channels='[["t1","c1"]]', since=1, seen_at=1, fired=1, updated_at=1,
    )  # fmt: skip
    sql.transact(lambda sql: store.put(sql, row))
    acked, silenced = desk.acknowledge("t1", row.id, BY), desk.silence("t1", row.id, 2**50, BY)
    assert acked is not None and acked.acked_by == "user:ann"
    assert desk.acknowledge("t2", row.id, BY) is None
    assert silenced is not None and silenced.silenced_until == 2**50
    assert [one.event for one in desk.events("t1", row.id, limit=1)] == ["silenced"]
    assert [one.id for one in desk.page("t1", state="firing")] == [row.id] and desk.page("t2") == []
    sql.transact(lambda sql: store.put(sql, AlertRow(**{**row_fields(row), "state": "resolved"})))
    with pytest.raises(NotFiring):
        desk.acknowledge("t1", row.id, BY)
    with pytest.raises(Missing, match="nobody"):
        desk.test("t1", "down", ProviderDown(channels=["nobody"]), BY, shared=False, configured=frozenset())
    assert sql.execute(AUDIT).fetchall() == [("alerts:acknowledge", row.id), ("alerts:silence", row.id)]
    sql.close()


def row_fields(row):
    return {name: getattr(row, name) for name in row.__struct_fields__}


async def test_an_opinion_is_one_row_and_is_added_up(url):
    engine = open_engine(url)
    feedback = SqlFeedback(engine)

    def of(record, rater, model="a/m"):
        return FeedbackRow(
            id="", tenant_id="t1", record_id=record, rater=rater, record_at=5, trace_id="t", model=model, created_at=0,
            updated_at=0,
        )  # fmt: skip

    first = await feedback.put(of("r1", "key:k1"), {"score": 0.25, "comment": "so so"})
    then = await feedback.put(of("r1", "key:k1"), {"thumbs": 1, "comment": None})
    assert (then.id, then.score, then.thumbs, then.comment) == (first.id, 0.25, 1, None)
    await feedback.put(of("r1", "key:k2"), {"score": 0.75, "correction": "so"})
    await feedback.put(of("r2", "key:k1", "b/m"), {"thumbs": -1})
    by_name = {one.name: one for one in await feedback.tallies("t1", "model", Wanted())}
    good = by_name["a/m"]
    assert (good.answers, good.ups, good.downs, good.scores) == (1, 1, 0, 2)
    assert (good.score_sum, good.score_squares, good.corrections) == (1.0, 0.625, 1)
    assert by_name["b/m"].downs == 1
    page = await feedback.page("t1", Wanted(), limit=2)
    rest = await feedback.page("t1", Wanted(), after=(page[-1].updated_at, page[-1].id))
    assert len({one.id for one in (*page, *rest)}) == 3
    assert [one.record_id for one in await feedback.page("t1", Wanted(corrected=True, since=5, until=6))] == ["r1"]
    assert await feedback.page("t2", Wanted()) == []
    await feedback.put(of("r2", "key:k1:ann_x"), {"comment": "me"})
    await feedback.put(of("r2", "key:k1:annix"), {"comment": "me"})
    await feedback.erase("t1", "ann_x")
    await feedback.erase("t1", "k1")  # whose id it is, for nobody
    left = await feedback.page("t1", Wanted(record_id="r2"))
    assert sorted(one.rater for one in left) == ["key:k1", "key:k1:annix"]
    await engine.dispose()
