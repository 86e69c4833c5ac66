"""Pictures in answers go to every client whose format has room for them, and are named where they are left out."""

import json
from typing import Any

import pytest

from headgate.core.chat import Audio, Choice, Chunk, End, Image, PartDelta, Reply, Request, Start, Text, TextDelta
from headgate.core.errors import UpstreamFailed
from headgate.core.fold import fold, unfold
from headgate.dialects import anthropic_messages, gemini, openai_chat, openai_completions, openai_responses
from headgate.dialects.base import Abilities
from headgate.dialects.cohere import CohereChat
from headgate.dialects.converse import BedrockConverse
from headgate.dialects.ollama import OllamaChat
from headgate.dialects.pictures import fitting, has_no_room
from tests.dialects import vendor

PNG = "iVBORw0KGgo="
PICTURE = Image(data=PNG, media_type="image/png")
ASKED = Request(model="m", messages=[], stream=True)
TO = Abilities("t", "p/t", max_output=100)
URL = f"data:image/png;base64,{PNG}"
INLINE = {"inlineData": {"mimeType": "image/png", "data": PNG}}
OPENROUTER = {"type": "image_url", "image_url": {"url": URL}}
MADE = {"type": "image_generation_call", "status": "completed", "result": PNG, "output_format": "png"}


def answer(*parts: Any) -> Reply:
    return Reply(id="r", model="m", choices=[Choice(0, [Text("here"), *(parts or (PICTURE,))], "stop", "stop")])


def pictures(chunks: list[Chunk]) -> list[Any]:
    return [part for choice in fold(chunks).choices for part in choice.parts if not isinstance(part, Text)]


def shown(reply: Reply) -> list[tuple[Any, ...]]:
    return [(part.data, part.media_type) for part in reply.choices[0].parts if isinstance(part, Image)]


@pytest.mark.parametrize(
    ("dialect", "printed"),
    [(openai_chat, OPENROUTER), (openai_responses, MADE), (gemini, INLINE), (BedrockConverse(), {"bytes": PNG})],
    ids=["chat", "responses", "gemini", "converse"],
)
def test_a_whole_answer_shows_its_picture_and_is_read_again(dialect: Any, printed: dict[str, Any]) -> None:
    reply = answer()
    body = dialect.write_reply(reply)
    assert json.dumps(printed, separators=(",", ":"))[1:-1].encode() in body and reply.dropped == []
    assert shown(dialect.read_reply(body)) == [(PNG, "image/png")]
    if dialect is openai_chat:
        vendor.check_chat(body)


@pytest.mark.parametrize(
    "dialect", [anthropic_messages, openai_completions, CohereChat(), OllamaChat()], ids=lambda one: one.name
)
def test_what_has_no_room_is_named_and_no_stream(dialect: Any) -> None:
    reply = answer(PICTURE, PICTURE, Audio("AAAA", "wav"))
    assert PNG.encode() not in dialect.write_reply(reply)
    assert reply.dropped == ["answer.image", "answer.audio"]
    assert getattr(dialect.writer(ASKED), "room", has_no_room)(PICTURE) is False
    with pytest.raises(UpstreamFailed, match="no room"):
        dialect.writer(ASKED).write(unfold(answer()))


def test_an_address_and_a_sound_go_where_there_is_room() -> None:
    linked, sound = Image(url="https://h/x.png"), Audio("AAAA", "wav")
    for dialect, lost in ((openai_chat, ["answer.audio"]), (openai_responses, ["answer.image", "answer.audio"])):
        reply = answer(linked, sound)
        assert (b"https://h/x.png" in dialect.write_reply(reply)) is (dialect is openai_chat)
        assert reply.dropped == lost
        writer: Any = dialect.writer(ASKED)
        assert [writer.room(one) for one in (linked, sound)] == [dialect is openai_chat, False]
        with pytest.raises(UpstreamFailed, match="no room"):
            dialect.writer(ASKED).write([Start("i", "m"), PartDelta(sound)])
    reply = answer(linked, sound)
    assert b"audio/wav" in gemini.write_reply(reply) and reply.dropped == []


@pytest.mark.parametrize("dialect", [openai_chat, openai_responses, gemini], ids=["chat", "responses", "gemini"])
def test_a_stream_shows_its_picture_and_is_read_again(dialect: Any) -> None:
    writer = dialect.writer(ASKED)
    out = writer.write(unfold(answer())) + writer.close()
    assert out.count(PNG.encode()) == (2 if dialect is openai_responses else 1)  # it ends with the whole response
    reader = dialect.reader()
    chunks = [*reader.feed(out), *reader.close()]
    assert reader.failure is None
    (found,) = pictures(chunks)
    assert (found.data, found.media_type) == (PNG, "image/png")


def test_a_chat_client_reads_pictures_by_number() -> None:
    writer = openai_chat.writer(ASKED)
    out = writer.write([Start("i", "m"), TextDelta("x"), PartDelta(PICTURE), PartDelta(PICTURE), End("stop")])
    deltas = [one["choices"][0]["delta"] for one in vendor.documents(out)]
    images = [image for delta in deltas for image in delta.get("images", ())]
    assert images == [{**OPENROUTER, "index": 0}, {**OPENROUTER, "index": 1}]
    vendor.whole_chat(out)


def test_pictures_of_openai_like_servers_are_read() -> None:
    message = {"role": "assistant", "content": "x", "images": [OPENROUTER, {"image_url": "https://h/y"}, 7, {}]}
    body = {"id": "i", "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    parts = openai_chat.read_reply(json.dumps(body).encode()).choices[0].parts
    assert parts == [Text("x"), PICTURE, Image(url="https://h/y")]
    message = {"role": "assistant", "content": [{"type": "text", "text": "x"}, OPENROUTER]}
    body["choices"] = [{"index": 0, "message": message, "finish_reason": "stop"}]
    assert openai_chat.read_reply(json.dumps(body).encode()).choices[0].parts == [Text("x"), PICTURE]
    reader = openai_chat.reader()
    event = {"id": "i", "choices": [{"index": 0, "delta": {"images": [OPENROUTER]}}]}
    chunks = reader.feed(b"data: %b\n\n" % json.dumps(event).encode())
    assert chunks[1:] == [PartDelta(PICTURE)] and reader.started


@pytest.mark.parametrize("part", [INLINE, {**INLINE, "thoughtSignature": "c2ln"}])
def test_geminis_picture_keeps_its_signature(part: dict[str, Any]) -> None:
    event = {"candidates": [{"content": {"parts": [{"text": "t"}, part]}, "finishReason": "STOP"}], "responseId": "r"}
    reader = gemini.reader()
    chunks = reader.feed(b"data: %b\n\n" % json.dumps(event).encode())
    writer = gemini.writer(ASKED)
    parts = [
        one
        for document in vendor.documents(writer.write(chunks) + writer.close())
        for one in document["candidates"][0]["content"]["parts"]
    ]
    assert parts == [{"text": "t"}, part, {"text": ""}]


@pytest.mark.parametrize("part", [{"inlineData": {"mimeType": 7}}, {"fileData": None}, {"inlineData": []}])
def test_a_part_that_nobody_can_read_is_a_failure(part: dict[str, Any]) -> None:
    reader = gemini.reader()
    reader.feed(b"data: %b\n\n" % json.dumps({"candidates": [{"content": {"parts": [part]}}]}).encode())
    assert reader.failure is not None and "malformed" in reader.failure.message


def test_what_comes_before_a_picture_without_room_is_told() -> None:
    chunks: list[Chunk] = [Start("i", "m"), TextDelta("x"), PartDelta(PICTURE), TextDelta("y")]
    assert fitting(chunks, has_no_room) == chunks[:2]
    writer: Any = openai_chat.writer(ASKED)
    assert fitting(chunks, writer.room) is chunks


def test_a_conversation_with_pictures_goes_on_anywhere() -> None:
    said = {"role": "assistant", "content": "x", "images": [OPENROUTER]}
    body = {"model": "m", "messages": [{"role": "user", "content": "q"}, said, {"role": "user", "content": "q"}]}
    request = openai_chat.read_request(json.dumps(body).encode())
    target: Any
    for target in (gemini, anthropic_messages):
        written = target.write_request(request, TO, drop=False)
        assert "messages[1].images" in written.dropped
    items = [{"role": "user", "content": "q"}, {"id": "ig_1", **MADE}, {"role": "user", "content": "r"}]
    asked = openai_responses.read_request(json.dumps({"model": "m", "input": items, "store": False}).encode())
    for target in (gemini, anthropic_messages, openai_chat):
        assert target.write_request(asked, TO, drop=False).dropped == ["input[1]"]
