"""What the sandbox answers besides chat and vectors: always alike, and always well formed."""

import json
import struct
from base64 import b64decode
from collections.abc import Callable
from typing import Any

import pytest

from headgate.providers.base import Provider, Target
from headgate.providers.sandbox.pictures import picture
from headgate.providers.sandbox.sounds import heard, wav
from tests.providers.sandbox.conftest import Ask, user

Make = Callable[..., Target]


async def test_words_are_judged(ask: Ask) -> None:
    status, reply = await ask("moderations", model="moderate", input=["Kill it!", "Good morning"])
    assert status == 200
    bad, good = reply["results"]
    assert bad["flagged"] and bad["categories"]["violence"] and bad["category_scores"]["violence"] >= 0.9
    assert not good["flagged"] and all(0 <= score < 0.05 for score in good["category_scores"].values())
    assert bad["categories"].keys() == bad["category_scores"].keys() == bad["category_applied_input_types"].keys()
    assert reply == (await ask("moderations", model="moderate", input=["Kill it!", "Good morning"]))[1]


async def test_documents_are_ordered_by_the_words_they_share(ask: Ask) -> None:
    documents = ["bread and butter", {"text": "a cat on a mat"}, "a cat"]
    _, reply = await ask("rerank", model="rerank", query="a cat", documents=documents, return_documents=True)
    assert [one["index"] for one in reply["results"]] == [2, 1, 0]
    assert reply["results"][1]["document"] == {"text": "a cat on a mat"}
    assert reply["meta"]["billed_units"]["search_units"] == 1
    many = ["x"] * 101
    _, reply = await ask("rerank", model="rerank", query="a cat", documents=many, top_n=3)
    assert [one["index"] for one in reply["results"]] == [0, 1, 2] and "document" not in reply["results"][0]
    assert reply["meta"]["billed_units"]["search_units"] == 2


async def test_a_prompt_is_drawn(ask: Ask) -> None:
    _, one = await ask("images", model="image", prompt="a cat", size="64x32", response_format="b64_json", n=2)
    assert len({made["b64_json"] for made in one["data"]}) == 2
    assert struct.unpack(">II", b64decode(one["data"][0]["b64_json"])[16:24]) == (64, 32)
    _, other = await ask("images", model="image", prompt="a dog", size="64x32", response_format="b64_json")
    assert other["data"][0] != one["data"][0]


@pytest.mark.parametrize("size", [(1, 1), (7, 3), (8, 8), (2048, 1)])
def test_pictures_of_every_size(size: tuple[int, int]) -> None:
    assert picture(b"seed", *size) == picture(b"seed", *size) != picture(b"other", *size)


@pytest.mark.parametrize(
    ("operation", "body", "param"),
    [
        ("images", {"prompt": ""}, "prompt"),
        ("images", {"prompt": "x", "size": "9999x1"}, "size"),
        ("images", {"prompt": "x", "size": "big"}, "size"),
        ("images", {"prompt": "x", "n": 11}, "n"),
        ("images", {"prompt": "x", "output_format": "webp"}, "output_format"),
        ("images", {"prompt": "x", "metadata": {"sandbox_error": "999"}}, "metadata.sandbox_error"),
        ("moderations", {"input": []}, "input"),
        ("rerank", {"query": "x", "documents": []}, "documents"),
        ("speech", {"input": "", "voice": "x"}, "input"),
        ("speech", {"input": "x", "voice": "x", "response_format": "opus"}, "response_format"),
    ],
)
async def test_what_it_cannot_do_is_named(ask: Ask, operation: Any, body: dict[str, Any], param: str) -> None:
    status, reply = await ask(operation, **{"model": "m", **body})
    assert (status, reply["error"]["param"]) == (400, param)


@pytest.mark.parametrize("operation", ["images", "moderations", "rerank", "speech"])
async def test_they_can_fail_on_demand(ask: Ask, operation: Any) -> None:
    body = {"model": "m", "input": "x", "prompt": "x", "query": "x", "documents": ["x"], "voice": "x"}
    assert (await ask(operation, **body, metadata={"sandbox_error": "503"}))[0] == 503


def test_a_text_is_spoken_and_heard() -> None:
    sound = b"".join(wav("Grüße!"))
    assert struct.unpack("<I", sound[4:8])[0] == len(sound) - 8 and len(sound) % 2 == 0
    text, seconds = heard(memoryview(sound))
    assert text == "Grüße!" and seconds == pytest.approx(6 * 0.065)
    assert heard(memoryview(sound[:100]))[0] is None
    for broken in (b"", b"RIFF", b"RIFF\0\0\0\0WAVEfmt \xff\xff\xff\xff", sound[:3000]):
        heard(memoryview(broken))


async def test_a_transcript_needs_a_file(sandbox: Provider, target: Make) -> None:
    form = b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nm\r\n--b--\r\n'
    line = b"content-type: multipart/form-data; boundary=b\r\n"
    inbound = await sandbox.sender.send(sandbox.outbound("transcription", target(sandbox), form, line))
    assert inbound.status == 400
    assert json.loads(await inbound.read_all(5.0, 10**6))["error"]["param"] == "file"


# Thinking


async def test_it_thinks_where_an_effort_is_asked_for(ask: Ask) -> None:
    _, reply = await ask(messages=user("What is rain?"), reasoning_effort="low")
    message, usage = reply["choices"][0]["message"], reply["usage"]
    assert "rain" in message["reasoning"] and "low" in message["reasoning"]
    assert message["reasoning_details"][0]["text"] == message["reasoning"]
    thought = usage["completion_tokens_details"]["reasoning_tokens"]
    assert 0 < thought < usage["completion_tokens"]
    for effort in ("none", None):
        _, plain = await ask(messages=user("What is rain?"), reasoning_effort=effort)
        assert "reasoning" not in plain["choices"][0]["message"]
        assert plain["usage"]["completion_tokens_details"]["reasoning_tokens"] == 0
        assert plain["choices"][0]["message"]["content"] == message["content"]


async def test_a_stream_says_the_same(ask: Ask) -> None:
    asked = {"messages": user("What is rain?"), "reasoning_effort": "high"}
    _, whole = await ask(**asked)
    _, events = await ask(**asked, stream=True, stream_options={"include_usage": True})
    deltas = [event["choices"][0]["delta"] for event in events[:-1] if event["choices"]]
    message = whole["choices"][0]["message"]
    assert "".join(delta.get("reasoning", "") for delta in deltas) == message["reasoning"]
    assert "".join(delta.get("content") or "" for delta in deltas) == message["content"]
    proofs = [item for delta in deltas for item in delta.get("reasoning_details", [])]
    assert proofs == message["reasoning_details"], "what is sent back as it came is proven"
    assert events[-2]["usage"] == whole["usage"]


async def test_thoughts_leave_room_for_the_answer(ask: Ask) -> None:
    _, reply = await ask(messages=user("What is rain?"), reasoning_effort="high", max_completion_tokens=40)
    assert reply["usage"]["completion_tokens"] == 40 and reply["choices"][0]["finish_reason"] == "length"
    _, short = await ask(messages=user("What is rain?"), reasoning_effort="high", max_completion_tokens=3)
    assert short["usage"]["completion_tokens"] == 3


async def test_a_changed_thought_is_refused(ask: Ask) -> None:
    _, reply = await ask(messages=user("What is rain?"), reasoning_effort="low")
    said = reply["choices"][0]["message"]
    again = [*user("What is rain?"), said, *user("And snow?")]
    assert (await ask(messages=again))[0] == 200
    said["reasoning_details"][0]["text"] = "something else"
    status, refused = await ask(messages=again)
    assert (status, refused["error"]["param"]) == (400, "messages[1].reasoning_details[0].signature")
    said["reasoning_details"][0]["format"] = "anthropic-claude-v1"  # another's proof is not ours to judge
    assert (await ask(messages=again))[0] == 200
