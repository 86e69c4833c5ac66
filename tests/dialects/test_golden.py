"""Whole conversations across dialects, byte by byte, as they lie in ``tests/golden``."""

import json
from pathlib import Path
from typing import Any

import pytest

from headgate.core.chat import Request
from headgate.dialects import anthropic_messages, openai_chat
from headgate.dialects.base import Abilities, Dialect
from tests.dialects import vendor

GOLDEN = Path(__file__).parents[1] / "golden"
CASES: dict[str, tuple[Dialect, Dialect, Abilities]] = {
    "chat-client-anthropic-upstream": (
        openai_chat,
        anthropic_messages,
        Abilities("claude-x", "claude/claude-x", max_output=64_000),
    ),
    "messages-client-openai-upstream": (
        anthropic_messages,
        openai_chat,
        Abilities("gpt-x", "gpt/gpt-x", kind="openai"),
    ),
}
each_case = pytest.mark.parametrize("case", CASES)


def text(case: str, name: str) -> bytes:
    return (GOLDEN / case / name).read_bytes()


def asked(case: str) -> Request:
    return CASES[case][0].read_request(text(case, "client-request.json"))


def pretty(document: Any) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def made(case: str) -> dict[str, str]:
    """Return what goes to the upstream and to the client, by the name of the file it is compared with."""
    client, upstream, to = CASES[case]
    request = asked(case)
    written = upstream.write_request(request, to, drop=False)
    told = {"body": json.loads(written.body), "dropped": written.dropped, "defaulted": written.defaulted}
    reply = upstream.read_reply(text(case, "upstream-reply.json"))
    reader, writer = upstream.reader(), client.writer(request)
    stream = writer.write(reader.feed(text(case, "upstream-stream.txt"))) + writer.close()
    assert reader.ended and reader.failure is None
    return {
        "upstream-request.json": pretty(told),
        "client-reply.json": pretty(json.loads(client.write_reply(reply))),
        "client-stream.txt": stream.decode(),
    }


@each_case
def test_what_is_made_is_what_lies_there(case):
    for name, content in made(case).items():
        assert content == text(case, name).decode(), name


@each_case
def test_the_vendors_see_the_same_in_stream_and_reply(case):
    whole = vendor.whole_chat if CASES[case][0] is openai_chat else vendor.whole_message
    streamed, reply = whole(text(case, "client-stream.txt")), json.loads(text(case, "client-reply.json"))
    if CASES[case][0] is openai_chat:
        ours, theirs = reply["choices"][0]["message"], streamed["choices"][0]["message"]
        assert theirs["content"] == ours["content"]
        calls = [(c["id"], c["function"]["name"], json.loads(c["function"]["arguments"])) for c in theirs["tool_calls"]]
        assert calls == [
            (c["id"], c["function"]["name"], json.loads(c["function"]["arguments"])) for c in ours["tool_calls"]
        ]
        assert streamed["usage"]["total_tokens"] == reply["usage"]["total_tokens"]
    else:
        assert [
            {k: v for k, v in block.items() if k in given}
            for block, given in zip(streamed["content"], reply["content"], strict=True)
        ] == reply["content"]
        assert streamed["stop_reason"] == reply["stop_reason"]
        assert {k: streamed["usage"][k] for k in reply["usage"]} == reply["usage"]
