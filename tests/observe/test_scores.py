"""Opinions as Langfuse's ingestion API takes them, sent through a real outlet to a real server."""

import base64
import json

import msgspec

from headgate.observe.config import LangfuseConfig, ObserveConfig
from headgate.observe.outlets import Outlets
from headgate.observe.plans import plans
from headgate.observe.scores import NAME, Opinion, events_of
from headgate.transport.client import Http1Sender
from tests.observe.sinks import Server, eventually

SAID = Opinion(
    id="f1", trace_id="0" * 32, at=1_700_000_000_000_000, score=0.5, thumbs=-1, comment="see sk-1234567890abcdef"
)


class Ways:
    def __init__(self):
        self.sender = Http1Sender()

    def get(self, **_):
        return self.sender

    async def close(self):
        await self.sender.close()


def test_each_thing_that_was_said_is_a_score():
    score, thumbs = events_of(SAID)
    assert score["type"] == "score-create" and score["timestamp"] == "2023-11-14T22:13:20.000Z"
    assert score["body"] == {
        "id": "f1-score", "traceId": "0" * 32, "name": "score", "value": 0.5, "dataType": "NUMERIC",
        "comment": "see ***",
    }  # fmt: skip
    assert (thumbs["body"]["dataType"], thumbs["body"]["value"]) == ("BOOLEAN", 0)
    (corrected,) = events_of(msgspec.structs.replace(SAID, score=None, thumbs=None, correction="so"))
    assert (corrected["body"]["value"], corrected["body"]["comment"]) == ("corrected", "so")
    (remark,) = events_of(msgspec.structs.replace(SAID, score=None, thumbs=None))
    assert remark["body"]["name"] == "comment"


def test_they_go_where_traces_go_and_records_do_not_go_there(tmp_path):
    with Server() as server:
        config = ObserveConfig(langfuse=LangfuseConfig(host=server.url))
        keys = {"LANGFUSE_PUBLIC_KEY": "pk", "LANGFUSE_SECRET_KEY": "sk"}
        outlets = Outlets(tmp_path)
        outlets.set(plans(config, keys, Ways, dict))
        outlets.offer([msgspec.json.encode(SAID)], NAME)
        eventually(lambda: server.asked)
        outlets.stop()
    ((_, path, headers, body),) = server.asked
    assert path == "/api/public/ingestion"
    assert headers["authorization"] == "Basic " + base64.b64encode(b"pk:sk").decode()
    assert [event["body"]["name"] for event in json.loads(body)["batch"]] == ["score", "thumbs"]
