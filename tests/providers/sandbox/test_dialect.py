"""What the sandbox writes is read by the dialect it claims to speak."""

import json
from typing import Any

import pytest

from headgate.core.chat import Counted, Text, TextDelta, ToolCall
from headgate.dialects import anthropic_messages, openai_chat
from headgate.models.registry import Registry
from headgate.providers.base import Provider
from headgate.transport.base import Inbound
from tests.providers.sandbox.conftest import WEATHER, user


async def send(sandbox: Provider, **body: Any) -> Inbound:
    at = Registry().target(sandbox, "chat")
    whole = {"model": "chat", "messages": user("Hello"), **body}
    return await sandbox.sender.send(sandbox.outbound("chat", at, json.dumps(whole).encode()))


async def test_a_reply_is_read(sandbox: Provider) -> None:
    data = await (await send(sandbox)).read_all(1.0, 10**6)
    reply = openai_chat.read_reply(data)
    (part,) = reply.choices[0].parts
    assert isinstance(part, Text) and "Hello" in part.text
    assert reply.usage is not None and reply.usage.output > 5
    assert openai_chat.sniff(data).usage == reply.usage


async def test_a_stream_is_read(sandbox: Provider) -> None:
    inbound = await send(sandbox, stream=True, stream_options={"include_usage": True})
    reader = openai_chat.reader()
    chunks = []
    while data := await inbound.read(1.0):
        chunks += reader.feed(data)
    chunks += reader.close()
    assert reader.failure is None and reader.ended
    assert "Hello" in "".join(chunk.text for chunk in chunks if isinstance(chunk, TextDelta))
    assert [chunk.usage for chunk in chunks if isinstance(chunk, Counted)][-1] == reader.usage


async def test_tool_calls_reach_a_caller_of_another_dialect(sandbox: Provider) -> None:
    data = await (await send(sandbox, messages=user("Weather in Oslo?"), tools=[WEATHER])).read_all(1.0, 10**6)
    reply = openai_chat.read_reply(data)
    assert isinstance(reply.choices[0].parts[0], ToolCall)
    written = json.loads(anthropic_messages.write_reply(reply))
    assert written["stop_reason"] == "tool_use"
    assert written["content"][0]["input"]["city"] == "Oslo"


async def test_a_cut_stream_is_seen_as_cut(sandbox: Provider) -> None:
    inbound = await send(sandbox, stream=True, metadata={"sandbox_truncate": 4})
    tap = openai_chat.tap(hide_usage=False)
    tap.feed(await inbound.read_all(1.0, 10**6))
    tap.close()
    assert tap.failure is not None and not tap.ended


@pytest.mark.parametrize(("status", "client"), [(400, 400), (401, 502), (429, 429), (500, 502), (503, 503), (529, 503)])
async def test_errors_are_told_apart(sandbox: Provider, status: int, client: int) -> None:
    inbound = await send(sandbox, metadata={"sandbox_error": str(status)})
    failed = openai_chat.read_error(inbound.status, inbound.headers, await inbound.read_all(1.0, 10**6))
    assert (failed.upstream_status, failed.status) == (status, client)
    assert failed.retry == (status != 400)
