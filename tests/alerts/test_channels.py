"""Every channel, from a rule to a real receiver: an alert is told once, acknowledged, and told of when it ends."""

import json
from functools import partial

import pytest

from headgate.access.keyring import Keyring
from headgate.access.keys import derive
from headgate.alerts.channels import BUILTIN, channels, faults
from headgate.alerts.channels.out import Ways
from headgate.alerts.channels.types import ChannelConfig, Failed, Message, Place
from headgate.alerts.desk import Desk
from headgate.alerts.gateway import ProviderDown
from headgate.alerts.readings import Signal
from headgate.alerts.watch import InForce, Watch
from headgate.audit.sealing import sealing
from headgate.billing.deliver import OVERTAKEN, Deliverer, about
from headgate.core.errors import BadRequest
from headgate.core.secret import Secret
from headgate.storage import alerts as store
from headgate.storage.engine import open_engine
from headgate.storage.object_rows import Author
from headgate.storage.sql import Sql, open_sql
from headgate.transport.client import Http1Sender
from headgate.transport.egress import Private, check_url
from headgate.transport.pool import Bounds
from tests.alerts.receivers import ROUTING_KEY, SECRET, Postbox, Receivers

DERIVED = derive(b"\7" * 32)
SEALER = Keyring(DERIVED).envelope
BY = Author(kind="user", id="ann", tenant_id="default")
CHANNEL = """INSERT INTO channels (id, tenant_id, kind, name, target, sealed, events, is_active, created_at, updated_at)
    VALUES (?, 'default', ?, ?, ?, ?, '[]', ?, 1, 1)"""
DOWN = [Signal(node="", name="breaker", subject="a/m", value=1, text="9 of 9 calls failed")]
UP = [Signal(node="", name="breaker", subject="a/m", value=0)]


def _insert(row: tuple[object, ...], sql: Sql) -> None:
    sql.execute(CHANNEL, row)


class Installation:
    """A database with a channel of each kind, its watch and its deliverer."""

    def __init__(self, url, receivers, box, configured=None):
        self.url, self.sql, self.engine = url, open_sql(url), open_engine(url)
        self.sender = Http1Sender(Bounds(connections=4, waiting=16, idle=1))
        self.configured = configured or {}
        out = Ways(
            self.sender,
            lambda to: check_url(to, private=Private(("127.0.0.1",))),
            Secret(f"smtp://127.0.0.1:{box.port}?from=gate@corp.test"),
        )
        self.deliverer = Deliverer(
            self.engine, channels(), out, SEALER, self.configured.get, "https://gate.corp.test/ai/"
        )
        self.desk = Desk(url, sealing(DERIVED))
        made = {
            "webhook": (receivers.url + "/hook", SECRET),
            "slack": ("", receivers.url + "/slack/T0/B0/x"),
            "pagerduty": (receivers.url + "/v2/enqueue", ROUTING_KEY),
            "email": ("ops@corp.test", None),
        }
        for kind, (target, secret) in made.items():
            sealed = None if secret is None else SEALER.seal(secret.encode(), about("default", f"c-{kind}"))
            row = (f"c-{kind}", kind, kind, target, sealed, True)
            self.sql.transact(partial(_insert, row))

    def look(self, signals, *names):
        rule = ProviderDown(channels=list(names or BUILTIN), clear=0, severity="critical")
        Watch(self.url, "n1", lambda: InForce({"down": rule}, {}, frozenset(self.configured)), lambda: signals).turn()

    async def send(self):
        while await self.deliverer.run():
            pass

    def states(self):
        rows = self.sql.execute("SELECT state, attempts, error FROM outbox ORDER BY created_at, id").fetchall()
        return [tuple(row) for row in rows]

    def soon(self):
        self.sql.transact(lambda sql: sql.execute("UPDATE outbox SET next_at = 0 WHERE state = 'waiting'"))

    @property
    def alert(self):
        (row,) = store.page(self.sql, "default")
        return row

    async def close(self):
        self.sql.close()
        await self.sender.close()
        await self.engine.dispose()


@pytest.fixture
async def place(database):
    with Receivers() as receivers, Postbox().running() as box:
        made = Installation(f"sqlite:///{database}", receivers, box)
        yield made, receivers, box
        await made.close()


async def test_each_channel_is_told_once_and_how_it_ends(place):
    made, receivers, box = place
    for _ in range(3):
        made.look(DOWN)
        await made.send()
    assert {state for state, _, _ in made.states()} == {"sent"} and len(made.states()) == 4
    key = "headgate:default:down:a"
    assert receivers.incidents == {key: "triggered"}
    made.desk.acknowledge("default", made.alert.id, BY)
    await made.send()
    assert receivers.incidents == {key: "acknowledged"}
    made.look(UP)
    await made.send()
    assert receivers.incidents == {key: "resolved"}

    trigger, known, resolved = receivers.events
    assert trigger["payload"]["severity"] == "critical" and trigger["payload"]["component"] == "a"
    assert trigger["links"][0]["href"].startswith("https://gate.corp.test/ai/logs?")
    assert {event["dedup_key"] for event in (trigger, known, resolved)} == {key}
    said = [each["text"] for each in receivers.messages]
    assert said[0] == "critical: down: the provider a is down: 9 of 9 calls failed"
    assert [text.partition(":")[0] for text in said] == ["critical", "acknowledged", "resolved"]
    assert receivers.messages[0]["attachments"][0]["color"] != receivers.messages[2]["attachments"][0]["color"]
    assert [hook["data"]["event"] for hook in receivers.hooks] == ["fired", "acknowledged", "resolved"]
    assert [to for to, _ in box.letters] == [["ops@corp.test"]] * 3
    letter = box.letters[0][1]
    assert letter["From"] == "gate@corp.test" and letter["Subject"].startswith("critical: down")
    assert "https://gate.corp.test/ai/logs?" in letter.get_payload()
    lines = made.sql.execute("SELECT text FROM notifications ORDER BY created_at").fetchall()
    assert [text.partition(":")[0] for (text,) in lines] == ["critical", "resolved"]


async def test_one_that_is_away_is_tried_again_and_then_told_what_is_true_by_then(place):
    made, receivers, _ = place
    receivers.failing = 1
    made.look(DOWN, "pagerduty")
    await made.send()
    assert made.states() == [("waiting", 1, "127.0.0.1 answered 503")]
    made.look(UP, "pagerduty")
    await made.send()
    made.soon()
    await made.send()
    trigger, resolve = made.states()
    assert (trigger[0], trigger[2]) == ("failed", OVERTAKEN) and resolve == ("sent", 1, None)
    assert [event["event_action"] for event in receivers.events] == ["resolve"]  # and no trigger after it
    assert receivers.incidents == {}


async def test_a_test_reaches_everybody_and_leaves_no_incident(place):
    made, receivers, box = place
    made.desk.test("default", "down", ProviderDown(channels=list(BUILTIN)), BY, shared=True, configured=frozenset())
    await made.send()
    assert {state for state, _, _ in made.states()} == {"sent"}
    assert [event["event_action"] for event in receivers.events] == ["trigger", "resolve"]
    assert set(receivers.incidents.values()) == {"resolved"}
    assert receivers.messages[0]["text"].startswith("a test, nothing is wrong")
    assert len(receivers.hooks) == len(box.letters) == 1


async def test_channels_of_the_configuration_need_no_leave_and_no_row(database):
    with Receivers() as receivers, Postbox().running() as box:
        configured = {"ops": ChannelConfig(kind="slack", secret=Secret(receivers.url + "/slack/x"))}
        made = Installation(f"sqlite:///{database}", receivers, box, configured)
        made.look(DOWN, "ops")
        await made.send()
        assert len(receivers.messages) == 1
        configured.clear()
        made.look(UP, "ops")
        await made.send()
        assert "no such channel" in made.states()[-1][2]
        await made.close()


async def test_what_a_tenant_names_is_checked_whenever_it_is_asked_and_no_secret_is_told(place):
    made, receivers, _ = place

    async def refuse(url):
        raise BadRequest("This URL may not be fetched.", code="url_not_allowed")

    made.deliverer._out = Ways(made.sender, refuse)
    made.look(DOWN, "slack")
    await made.send()
    ((state, _, error),) = made.states()
    assert state == "waiting" and "may not be fetched" in error and "/slack/" not in error
    assert receivers.messages == []


@pytest.mark.parametrize(
    ("kind", "target", "secret", "field"),
    [
        ("webhook", "ftp://x", True, "target"),
        ("webhook", "https://x", False, "secret"),
        ("slack", "https://x", True, "target"),
        ("pagerduty", "", False, "secret"),
        ("email", "nobody", False, "target"),
        ("email", "a@b.test", True, "secret"),
        ("pigeon", "", False, "kind"),
    ],
)
def test_what_is_no_channel_is_named(kind, target, secret, field):
    assert [name for name, _ in faults(kind, target, secret=secret)] == [field]


async def test_what_slack_would_take_for_marks_is_escaped(place):
    made, receivers, _ = place
    message = Message(
        id="m", tenant_id="t", told={"event": "approvals:open", "text": "<!channel> a & b " + "x" * 5000, "link": "/x"}
    )
    at = Place(kind="slack", secret=Secret(receivers.url + "/slack"), trusted=True)
    await channels()["slack"].send(at, message, made.deliverer._out)
    (told,) = receivers.messages
    assert told["text"].startswith("&lt;!channel&gt; a &amp; b") and "<" not in json.dumps(told)


async def test_a_wrong_signature_is_refused_by_who_checks_it(place):
    made, receivers, _ = place
    message = Message(id="m", tenant_id="t", told={"event": "x", "text": "x", "link": "/x"})
    at = Place(kind="webhook", target=receivers.url + "/hook", secret=Secret("another secret"), trusted=True)
    with pytest.raises(Failed, match="401"):
        await channels()["webhook"].send(at, message, made.deliverer._out)
