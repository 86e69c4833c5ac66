"""What was said, from a worker's queue to the database: bounded, sealed, put together, masked."""

import json
import zlib
from pathlib import Path
from typing import Any

import pytest

from headgate.access import keeping
from headgate.access.keeping import DAY, keeping_of, payloads_end
from headgate.access.keyring import Keyring
from headgate.access.keys import derive
from headgate.access.types import Keeping
from headgate.access.vault import Unsealable
from headgate.core.ids import new_id, now
from headgate.guardrails.detect import detected
from headgate.observe import payload_keeper
from headgate.observe import spool as spooling
from headgate.observe.payload import opened, payload_of, row_of
from headgate.observe.payload_keeper import PayloadKeeper
from headgate.observe.spool import ABOUT, PAYLOADS, Frame, Spool, Taken, frames
from headgate.observe.veil import Veil
from headgate.storage import payloads_sql
from headgate.storage.payloads_sql import PayloadRow
from headgate.storage.sql import StoreDown, open_sql

SEALER = Keyring(derive(b"\3" * 32)).direct(PAYLOADS)
MAIL = "ada@example.com"


def taken(**fields: Any) -> Taken:
    values: dict[str, Any] = {
        "id": new_id(), "tenant_id": "default", "at": now(), "key_id": "k", "end_user": "ada", "level": "redacted",
        "limit": 10_000, "operation": "chat", "dialect": "openai-chat", "media": "application/json",
        "streamed": False, "request_bytes": 0, "answer_bytes": 0,
    } | fields  # fmt: skip
    return Taken(**values)


def frame(request: bytes, answer: bytes = b"", **fields: Any) -> Frame:
    return Frame(taken(request_bytes=len(request), answer_bytes=len(answer), **fields), request, answer)


def asked(text: str, **more: Any) -> bytes:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": text}], **more}).encode()


def test_the_least_of_all_levels_counts() -> None:
    def of(tenant: str | None, *narrower: str | None, usual: Any = "metadata") -> Keeping | None:
        return keeping_of(
            "{}" if tenant is None else json.dumps({"logging": {"payload": tenant}}), *narrower, usual=usual
        )

    assert of(None) is None
    assert of("metadata", "full", "full") is None
    assert of("full", None, "redacted") == Keeping("redacted", 262_144)
    assert of("full", None, None) == Keeping("full", 20_000_000)
    assert of("full", "none", "full") == Keeping("none")
    assert of(None, usual="redacted") == Keeping("redacted", 262_144)
    assert keeping_of('{"logging":{"payload":"full","max_bytes":99}}') == Keeping("full", 99)


def test_what_is_called_a_secret_is_masked_whatever_it_looks_like() -> None:
    document = {"api_key": "blue", "x": [{"Set-Cookie": "a=b", "accessToken": "t"}], "max_tokens": 5, "token": "hi"}
    veil = Veil(detected, masks=True)
    assert veil.over(document) == {
        "api_key": "<SECRET>", "x": [{"Set-Cookie": "<SECRET>", "accessToken": "<SECRET>"}], "max_tokens": 5, "token": "hi",
    }  # fmt: skip
    assert veil.found == {"named": 3} and veil.marks[0] == ("api_key", 0, 4, "named")


def test_everything_in_a_document_is_masked() -> None:
    veil = Veil(detected, masks=True)
    picture = "data:image/png;base64," + "iVBORw0KGgo" * 200
    document = {
        "a": [f"write to {MAIL}", {MAIL: 4111111111111111, "url": picture}], "b": "Authorization: Bearer abcdefgh1234",
        "n": 12, "t": True,
    }  # fmt: skip
    assert veil.over(document) == {
        "a": ["write to <EMAIL>", {"<EMAIL>": "<CARD>", "url": f"<BLOB {len(picture)}>"}], "b": "Authorization: Bearer ***",
        "n": 12, "t": True,
    }  # fmt: skip
    assert veil.found == {"email": 2, "card": 1, "blob": 1}
    assert Veil(detected, masks=True).over(["word " * 300_000, "short"]) == ["<CUT 1500000>", "short"]
    noted = Veil(detected, masks=False)
    assert noted.over(document) == document
    assert ("a[0]", 9, 24, "email") in noted.marks


def test_a_name_may_say_what_follows_it() -> None:
    document = {"content": [{"phone": "5551234567", "tax": "+49 1701234567"}]}
    kept = Veil(detected, masks=True).over(document)
    assert kept == {"content": [{"phone": "<PHONE>", "tax": "<PHONE>"}]}
    deep: Any = MAIL
    for _ in range(100):
        deep = [deep]
    assert MAIL not in str(Veil(detected, masks=True).over(deep))


def test_when_an_answer_was_made_is_nobodys_number() -> None:
    answer = {"object": "chat.completion", "created": 1701234567, "choices": [{"message": {"content": f"{MAIL}"}}]}
    kept = payload_of(frame(asked("hi"), json.dumps(answer).encode()), detected).answer.document
    assert kept["created"] == 1701234567 and kept["choices"][0]["message"]["content"] == "<EMAIL>"


STREAM = (
    'data: {"id":"x","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":'
    '"assistant","content":"My mail is ada@exa"},"finish_reason":null}]}\n\n'
    'data: {"id":"x","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":'
    '"mple.com"},"finish_reason":null}]}\n\n'
)


@pytest.mark.parametrize("end", ["data: [DONE]\n\n", ""])  # a caller who left has a part
def test_a_stream_is_put_together_before_it_is_masked(end: str) -> None:
    payload = payload_of(frame(asked("hi"), (STREAM + end).encode(), streamed=True), detected)
    assert payload.answer.text == "My mail is <EMAIL>"
    assert payload.answer.document["choices"][0]["message"]["content"] == "My mail is <EMAIL>"
    assert MAIL not in str(payload)


@pytest.mark.parametrize(
    ("request_", "fields"),
    [
        (b"\xff\xfe\x00binary", {"media": "multipart/form-data"}),
        (b'{"cut', {"request_bytes": 99_999}),
        (b"", {}),
        (asked(f"{MAIL} \x00"), {"dialect": "nobody knows"}),
        (b'"just text"', {}),
        (b"[" * 5000 + b"]" * 5000, {}),
    ],
)
def test_whatever_was_sent_is_kept_somehow(request_: bytes, fields: dict[str, Any]) -> None:
    one = frame(request_)
    one = Frame(taken(**{"request_bytes": len(request_), **fields}), one.request, b"not json")
    row = row_of(one, detected, SEALER)
    kept = opened(row, SEALER)
    assert kept.answer.raw == "not json"
    assert kept.request.cut is (fields.get("request_bytes", 0) == 99_999)
    assert "\x00" not in (row.text or "") and MAIL not in f"{kept} {row.text}"


def test_nobody_reads_it_in_anothers_place_or_without_the_key() -> None:
    row = row_of(frame(asked("a secret plan"), level="full"), detected, SEALER)
    assert row.text is None and b"secret plan" not in row.body
    with pytest.raises(zlib.error):
        zlib.decompress(row.body)
    for other in (
        PayloadRow(**{name: getattr(row, name) for name in row.__struct_fields__} | {"tenant_id": "other"}),
        PayloadRow(**{name: getattr(row, name) for name in row.__struct_fields__} | {"id": "other"}),
    ):
        with pytest.raises(Unsealable):
            opened(other, SEALER)
    with pytest.raises(Unsealable):
        opened(row, Keyring(derive(b"\4" * 32)).direct(PAYLOADS))


def test_a_spool_is_bounded_and_counts_what_it_loses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path / "payloads", SEALER)
    monkeypatch.setattr(spooling, "MAX_OWED", 10_000)
    for _ in range(30):
        spool.put(taken(limit=100), b"x" * 400, [b"y" * 60, b"z" * 60], {})
    assert 15 < spool.lost < 30
    spool.close()
    found = [
        one for path in (tmp_path / "payloads").glob("*.batch") for one in frames(SEALER.open(path.read_bytes(), ABOUT))
    ]
    assert len(found) == 30 - spool.lost
    assert (found[0].request, found[0].answer) == (b"x" * 100, b"y" * 60 + b"z" * 40)
    full = Spool(tmp_path / "payloads", SEALER)
    monkeypatch.setattr(spooling, "MAX_FILES", 1)
    full.put(taken(), b"x", [], {})
    full.close()
    assert full.lost == 1
    keeper = PayloadKeeper(tmp_path / "payloads", "sqlite:///nowhere", SEALER, detected, payloads_end)
    assert keeper._lost() == spool.lost + 1


def test_originals_never_reach_the_disk(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "payloads", SEALER)
    text = STREAM.encode() + b"data: [DONE]\n\n"
    spool.put(
        taken(level="full", streamed=True, answer_bytes=len(text)),
        b"{}",
        [text[:150], text[150:]],
        {MAIL: "<EMAIL_ab12cd>"},
    )
    spool.put(
        taken(level="full", streamed=True, answer_bytes=9),
        b"{}",
        [b"data: {" + MAIL.encode()],
        {MAIL: "<EMAIL_ab12cd>"},
    )
    spool.close()
    found = [
        one for path in (tmp_path / "payloads").glob("*.batch") for one in frames(SEALER.open(path.read_bytes(), ABOUT))
    ]
    assert payload_of(found[0], detected).answer.text == "My mail is <EMAIL_ab12cd>"
    assert all(MAIL.encode() not in one.answer for one in found)


def test_a_keeper_says_what_it_cannot_store_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "payloads"
    folder.mkdir()
    (folder / "a.batch").write_bytes(SEALER.seal(b"", ABOUT))
    keeper = PayloadKeeper(folder, f"sqlite:///{tmp_path / 'none.db'}", SEALER, detected, payloads_end)
    monkeypatch.setattr(PayloadKeeper, "_take", lambda *given: 1 / 0)
    keeper.stop()
    assert "cannot be stored before the end: division by zero" in caplog.text


def test_a_keeper_says_that_it_fails_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "payloads").mkdir()
    keeper = PayloadKeeper(tmp_path / "payloads", f"sqlite:///{tmp_path / 'none.db'}", SEALER, detected, payloads_end)
    clock = iter(range(0, 1000, 30))
    monkeypatch.setattr(payload_keeper, "monotonic", lambda: next(clock))
    with monkeypatch.context() as patch:
        patch.setattr(PayloadKeeper, "take", refusing)
        for _ in range(3):
            keeper._round()
    assert caplog.text.count("could not be stored for 60 seconds") == 1 and keeper.failing
    monkeypatch.setattr(PayloadKeeper, "take", lambda *given: 0)
    keeper._round()
    assert "stored again" in caplog.text and keeper.failing is None
    keeper.stop()


@pytest.mark.parametrize(
    ("policy", "usual", "days"),
    [
        ("{}", 0, None),
        ("{}", 3, 3),
        ('{"logging":{"payload_days":2}}', 3, 2),
        ('{"logging":{"payload_days":30}}', 3, 3),
        ('{"logging":{"retention_days":90}}', 3, 90),
        ('{"logging":{"retention_days":90,"payload_days":30}}', 3, 30),
    ],
)
def test_what_was_said_never_outlives_its_record(
    url: str, policy: str, usual: int, days: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "now", lambda: 100 * DAY)
    monkeypatch.setattr(payloads_sql, "settings", lambda sql: [("default", policy)])
    sql = open_sql(url)
    assert payloads_end(sql, usual) == ({} if days is None else {"default": (100 - days) * DAY})
    sql.close()


def refusing(*given: object) -> int:
    raise StoreDown("it does not answer")


def test_a_keeper_stores_once_and_forgets_in_time(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "payloads"
    spool = Spool(folder, SEALER)
    old = now() - 40 * 86_400_000_000
    for at in (now(), old, old):
        spool.put(taken(at=at), asked(f"I am {MAIL} \x00\ud800"[:-1]), [b"{}"], {})
    spool.close()
    (folder / "0.batch").write_bytes(b"what a crash left")
    batch = next(path for path in folder.glob("*.batch") if path.name != "0.batch")
    twice = batch.read_bytes()
    keeper = PayloadKeeper(folder, url, SEALER, detected, payloads_end)
    assert keeper.take() == 3 and keeper.unreadable == 1 and not list(folder.glob("*.batch"))
    batch.write_bytes(twice)
    with monkeypatch.context() as patch:  # what nothing can be made of does not hold up others
        patch.setattr(payload_keeper, "row_of", lambda *given: 1 / 0)
        keeper.take()
    assert keeper.unreadable == 4
    batch.write_bytes(twice)
    keeper.take()
    sql = open_sql(url)
    assert sql.execute("SELECT COUNT(*), MIN(text) FROM payloads").fetchone() == (3, "I am <EMAIL> \ufffd")
    sql.transact(lambda sql: sql.execute(
        "INSERT INTO tenants (id, name, is_active, settings, created_at, updated_at) VALUES ('default', 'd', ?, ?, 1, 1)"
        " ON CONFLICT (id) DO UPDATE SET settings = excluded.settings",
        (True, '{"logging":{"retention_days":90,"payload_days":30}}'),
    ))  # fmt: skip
    monkeypatch.setattr(payloads_sql, "AT_ONCE", 1)
    assert keeper.sweep() == 2
    assert sql.execute("SELECT COUNT(*) FROM payloads").fetchone()[0] == 1
    sql.close()
    keeper.stop()
