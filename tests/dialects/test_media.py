"""Moderations, images, speech and transcripts: what is refused, what is read, and that nothing else is touched."""

import json
from io import BytesIO
from typing import Any

import pytest
from python_multipart.multipart import parse_form

from headgate.core.errors import BadRequest, UpstreamFailed
from headgate.core.money import Extra, Price, Usage
from headgate.dialects import images, moderations, speech, transcriptions
from headgate.dialects.media_audio import TranscriptionEnvelope
from headgate.dialects.media_tap import BytesTap, MediaTap
from headgate.dialects.media_usage import duration, last_stamp
from headgate.pipeline.charge import counted
from tests.dialects.recorded import every

FORM = b"multipart/form-data; boundary=----WebKitFormBoundary7MA4"


def field(name: str, value: bytes | str, filename: str | None = None) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    more = f'; filename="{filename}"\r\nContent-Type: audio/wav' if filename is not None else ""
    return f'Content-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + data


def form(*fields: bytes, boundary: bytes = b"----WebKitFormBoundary7MA4") -> bytes:
    return b"".join(b"--%b\r\n%b\r\n" % (boundary, one) for one in fields) + b"--%b--\r\n" % boundary


FILE = field("file", b"RIFF\0\r\n--not-the-boundary\r\n\xff", "a.wav")
MODEL = field("model", "mock/whisper-1")


def heard(*fields: bytes, content_type: bytes = FORM) -> TranscriptionEnvelope:
    return transcriptions.envelope_form(form(*fields), content_type)


def body(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def refused(call: Any, *args: Any) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        call(*args)
    return caught.value


IMAGE = {"model": "m", "prompt": "a cat"}
SPEECH = {"model": "m", "input": "hello", "voice": "alloy"}


@pytest.mark.parametrize(
    ("envelope", "fields", "param", "code"),
    [
        (images.envelope, {**IMAGE, "prompt": None}, "prompt", "invalid_type"),
        (images.envelope, {"model": "m"}, "prompt", "missing_required_parameter"),
        (images.envelope, {**IMAGE, "prompt": ""}, "prompt", "empty_string"),
        (images.envelope, {**IMAGE, "n": 0}, "n", "below_min_value"),
        (images.envelope, {**IMAGE, "n": 11}, "n", "above_max_value"),
        (images.envelope, {**IMAGE, "response_format": "png"}, "response_format", "invalid_value"),
        (images.envelope, {**IMAGE, "partial_images": 4}, "partial_images", "above_max_value"),
        (images.envelope, {**IMAGE, "stream": "yes"}, "stream", "invalid_type"),
        (images.envelope, {**IMAGE, "base_url": "http://x"}, "base_url", "parameter_not_allowed"),
        (speech.envelope, {**SPEECH, "model": ""}, "model", "empty_string"),
        (speech.envelope, {"model": "m", "input": "x"}, "voice", "missing_required_parameter"),
        (speech.envelope, {**SPEECH, "input": ""}, "input", "empty_string"),
        (speech.envelope, {**SPEECH, "speed": 5}, "speed", "above_max_value"),
        (speech.envelope, {**SPEECH, "response_format": "midi"}, "response_format", "invalid_value"),
        (speech.envelope, {**SPEECH, "stream_format": "raw"}, "stream_format", "invalid_value"),
        (moderations.envelope, {"model": "m"}, "input", "missing_required_parameter"),
        (moderations.envelope, {"input": []}, "input", "empty_array"),
        (moderations.envelope, {"input": [1]}, "input[0]", "invalid_type"),
        (moderations.envelope, {"input": [{"type": "video"}]}, "input[0].type", "invalid_value"),
        (moderations.envelope, {"input": {"text": "x"}}, "input", "invalid_type"),
    ],
)
def test_what_is_wrong_is_named(envelope: Any, fields: dict[str, Any], param: str, code: str) -> None:
    error = refused(envelope, json.dumps(fields).encode())
    assert (error.param, error.code) == (param, code)


def test_a_model_that_is_left_out_is_the_vendors_own_default() -> None:
    assert moderations.envelope(body(input="x")).model == "omni-moderation-latest"
    assert images.envelope(body(prompt="x")).model == "dall-e-2"
    unchanged = body(input="x")
    assert moderations.envelope(unchanged).patched("omni-moderation-latest") == unchanged
    assert json.loads(moderations.envelope(unchanged).patched("moderate")) == {"input": "x", "model": "moderate"}


def test_what_decides_about_holds_and_streams_is_read() -> None:
    drawing = images.envelope(body(**IMAGE, n=3, stream=True, quality="low"))
    assert (drawing.n, drawing.stream, drawing.form) == (3, True, "low")
    assert speech.envelope(body(**SPEECH, stream_format="sse")).stream
    assert not speech.envelope(body(**SPEECH)).stream
    assert speech.envelope(body(**{**SPEECH, "voice": {"id": "voice_1"}})).text_size == 5


# Forms


def test_only_the_model_of_a_form_is_rewritten() -> None:
    given = form(field("language", "en"), MODEL, FILE, field("stream", "true"))
    envelope = transcriptions.envelope_form(given, FORM)
    assert (envelope.model, envelope.stream) == ("mock/whisper-1", True)
    assert envelope.patched("mock/whisper-1") is given
    assert envelope.patched("whisper-1") == given.replace(b"mock/whisper-1", b"whisper-1")
    assert bytes(envelope.fields["language"]) == b'"en"' and bytes(envelope.fields["file"]) == b"null"
    assert envelope.unknown_fields() == []


def test_another_reader_of_forms_reads_the_same() -> None:
    envelope = heard(FILE, field("temperature", "0.5"), MODEL, field("include[]", "a"), field("include[]", "b"))
    sent = envelope.patched("whisper-large-v3")
    read: dict[str, bytes] = {}

    def keep(file: Any) -> None:
        file.file_object.seek(0)
        read["file"] = file.file_object.read()

    parse_form(
        {"Content-Type": FORM.decode(), "Content-Length": str(len(sent))},  # type: ignore[dict-item]
        BytesIO(sent),
        lambda one: read.__setitem__((one.field_name or b"").decode(), one.value or b""),
        keep,
    )
    assert read["model"] == b"whisper-large-v3" and read["temperature"] == b"0.5"
    start, end = envelope.file
    assert read["file"] == envelope.body[start:end] == b"RIFF\0\r\n--not-the-boundary\r\n\xff"


def test_a_file_counts_for_fewer_tokens_than_a_text() -> None:
    sound = b"\0" * 100_000
    envelope = heard(MODEL, field("file", sound, "a.wav"))
    assert 100_000 // 32 <= envelope.bound < 100_000 // 32 + 500


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ((MODEL,), "file", "missing_required_parameter"),
        ((FILE,), "model", "missing_required_parameter"),
        ((FILE, field("model", "x", "model.txt")), "model", "missing_required_parameter"),
        ((FILE, field("model", "")), "model", "empty_string"),
        ((MODEL, field("file", b"", "a.wav")), "file", "empty_string"),
        ((FILE, MODEL, field("model", "dearer")), "model", "duplicate_key"),
        ((FILE, MODEL, field("api_base", "http://x")), "api_base", "parameter_not_allowed"),
        ((FILE, MODEL, field("prompt", b"\xff")), "prompt", "invalid_encoding"),
        ((FILE, MODEL, field("temperature", "warm")), "temperature", "invalid_type"),
        ((FILE, MODEL, field("temperature", "nan")), "temperature", "below_min_value"),
        ((FILE, MODEL, field("temperature", "1.5")), "temperature", "above_max_value"),
        ((FILE, MODEL, field("response_format", "xml")), "response_format", "invalid_value"),
        ((FILE, MODEL, field("stream", "maybe")), "stream", "invalid_type"),
    ],
)
def test_what_is_wrong_in_a_form_is_named(fields: tuple[bytes, ...], param: str, code: str) -> None:
    error = refused(heard, *fields)
    assert (error.param, error.code) == (param, code)


GOOD = form(MODEL, FILE)


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (GOOD, b"multipart/form-data"),
        (GOOD, b"multipart/form-data; boundary="),
        (GOOD, b"multipart/form-data; boundary=other"),
        (GOOD, FORM + b"; boundary=other"),
        (GOOD, FORM + b"; boundary*=other"),
        (GOOD, FORM + b"; what is this"),
        (b"", FORM),
        (b"preamble\r\n" + GOOD, FORM),
        (b"\r\n" + GOOD, FORM),
        (GOOD + b"epilogue", FORM),
        (GOOD[:-4], FORM),
        (GOOD.replace(b"7MA4\r\nC", b"7MA4 \r\nC", 1), FORM),
        (GOOD.replace(b'name="model"', b"name*=utf-8''model"), FORM),
        (GOOD.replace(b'name="model"', b'name="model"; name="file"'), FORM),
        (GOOD.replace(b'name="model"', b'name="mo\\del"'), FORM),
        (GOOD.replace(b'name="model"', b'name="m odel"'), FORM),
        (GOOD.replace(b'form-data; name="model"', b'attachment; name="model"'), FORM),
        (GOOD.replace(b"\r\n\r\nmock", b"\r\nContent-Transfer-Encoding: base64\r\n\r\nmock"), FORM),
        (GOOD.replace(b"\r\n\r\nmock", b"\r\n folded: yes\r\n\r\nmock"), FORM),
        (GOOD.replace(b"\r\n\r\nmock", b"\r\nContent-Disposition: form-data; name=x\r\n\r\nmock"), FORM),
        (form(MODEL, FILE.replace(b"--not", b"------WebKitFormBoundary7MA4-not")), FORM),
    ],
)
def test_a_form_that_others_may_read_in_another_way_is_refused(data: bytes, content_type: bytes) -> None:
    assert refused(transcriptions.envelope_form, data, content_type).code == "invalid_form"


def test_a_quoted_boundary_and_a_path_with_quotes_are_read() -> None:
    data = form(MODEL, field("file", "x", 'a \\"b\\"; name=\\"model.wav'), boundary=b"a b'c")
    assert transcriptions.envelope_form(data, b'multipart/form-data; boundary="a b\'c"').model == "mock/whisper-1"


def test_a_form_of_too_many_fields_is_refused() -> None:
    assert refused(heard, *[field(f"f{i}", "x") for i in range(300)]).code == "invalid_form"


# Usage


def test_usage_of_pictures_is_by_tokens_where_told() -> None:
    told = {"input_tokens": 10, "output_tokens": 272, "input_tokens_details": {"text_tokens": 4, "image_tokens": 6}}
    seen = images.sniff(body(created=1, data=[{"b64_json": "x"}], usage=told)).usage
    assert seen == Usage(input=10, output=272, image_input=6, image_output=272, images=1)


def test_pictures_are_counted_where_no_usage_is_told() -> None:
    reply = body(created=1, data=[{"url": "x"}, {"url": "y"}])
    assert images.sniff(reply).usage is None
    guess = images.guess(images.envelope(body(**IMAGE, n=3)), reply, len(reply))
    assert guess.images == 2
    assert counted(guess, Price(extra=Extra(image=5)))  # exact, for a model charged by the picture
    assert not counted(guess, Price(output=40))
    assert not counted(guess, None)


def test_usage_of_transcripts() -> None:
    tokens = {"type": "tokens", "input_tokens": 14, "output_tokens": 45, "input_token_details": {"audio_tokens": 14}}
    assert transcriptions.sniff(body(text="x", usage=tokens)).usage == Usage(input=14, output=45, audio_input=14)
    timed = transcriptions.sniff(body(text="x", usage={"type": "duration", "seconds": 7})).usage
    assert timed == Usage(milliseconds=7000)
    assert transcriptions.sniff(b"plain text").usage is None


def test_the_length_of_sound_is_told_by_the_answer_else_by_the_file() -> None:
    envelope = heard(MODEL, field("file", wav(1500), "a.wav"))
    assert transcriptions.guess(envelope, b"plain", 5).milliseconds == 1500
    assert transcriptions.guess(envelope, body(text="x", duration=2.5), 5).milliseconds == 2500
    stamped = b"1\n00:00:00,000 --> 00:00:01,250\nx\n\n2\n00:00:01,250 --> 01:00:03,999\ny\n"
    assert transcriptions.guess(envelope, stamped, 5).milliseconds == 3_603_999
    assert last_stamp(b"WEBVTT\n\n00:01.000 --> 00:02.500\nx\n") == 2500
    assert duration(memoryview(b"\0" * 8000)) == 1000


def wav(milliseconds: int) -> bytes:
    size = milliseconds * 16
    return (
        b"RIFF" + (36 + size).to_bytes(4, "little") + b"WAVEfmt \x10\0\0\0\1\0\1\0@\x1f\0\0\x80>\0\0\2\0\x10\0data"
        + size.to_bytes(4, "little") + b"\0" * size
    )  # fmt: skip


def test_speech_is_charged_by_the_character() -> None:
    guess = speech.guess(speech.envelope(body(**{**SPEECH, "input": "äöü" * 10})), b"", 0)
    assert guess.characters == 30
    assert counted(guess, Price(extra=Extra(character=15)))
    spoken = speech.envelope(body(**SPEECH, response_format="pcm"))
    assert speech.guess(spoken, b"", 48_000).milliseconds == 1000


@pytest.mark.parametrize("dialect", [images, moderations])
def test_what_is_no_reply_is_refused(dialect: Any) -> None:
    for reply in (b"", b"<html>", b"[]", b'{"data": 5}', b'{"object": "x"}'):
        with pytest.raises(UpstreamFailed) as caught:
            dialect.sniff(reply)
        assert caught.value.code == "upstream_invalid_response"


# Streams


def event(**fields: Any) -> bytes:
    return f"event: {fields['type']}\ndata: {json.dumps(fields)}\n\n".encode()


DONE = event(type="transcript.text.done", text="Hi", usage={"type": "tokens", "input_tokens": 3, "output_tokens": 2})


@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_a_stream_passes_unchanged(step: int) -> None:
    sent = event(type="transcript.text.delta", delta="Hi") + DONE
    tap = MediaTap()
    out = b"".join(tap.feed(sent[at : at + step]) for at in range(0, len(sent), step)) + tap.close()
    assert (out, tap.ended, tap.failure) == (sent, True, None)
    assert tap.usage == Usage(input=3, output=2) and tap.text_bytes == 2


def test_an_error_told_in_plain_text_fails_the_stream() -> None:
    tap = MediaTap()
    assert tap.feed(b"event: error\ndata: the speaker is on fire\n\n") == b""
    assert tap.failure is not None and "on fire" in tap.failure.message


def test_a_stream_may_end_with_a_terminator() -> None:
    tap = MediaTap()
    assert tap.feed(DONE + b"data: [DONE]\n\n") == DONE + b"data: [DONE]\n\n"
    assert tap.ended


def test_a_stream_that_ends_before_it_is_complete_is_a_failure() -> None:
    tap = MediaTap()
    tap.feed(event(type="image_generation.partial_image", b64_json="x"))
    tap.close()
    assert tap.failure is not None and tap.failure.code == "upstream_stream_interrupted"


def test_an_error_inside_a_stream_is_a_failure() -> None:
    for sent in (event(type="error", error={"message": "no", "code": "server_error"}), b"event: error\ndata: {}\n\n"):
        tap = MediaTap()
        assert tap.feed(sent) == b""
        assert tap.failure is not None


def test_bytes_pass_and_are_counted() -> None:
    tap = BytesTap()
    assert tap.feed(b"\xff\xfb") == b"\xff\xfb" and tap.started and not tap.ended
    assert tap.close() == b"" and tap.ended and tap.text_bytes == 2


# Recorded


def test_recorded_pictures_are_relayed_as_they_are() -> None:
    rows = [row for row in every("openai") if row["api"] == "images"]
    for row in rows:
        sent = json.dumps(row["request"]["body"]).encode()
        envelope = images.envelope(sent)
        assert envelope.patched(envelope.model) == sent
        renamed = images.envelope(json.dumps({**row["request"]["body"], "model": "alias"}).encode())
        assert json.loads(renamed.patched(envelope.model)) == row["request"]["body"]
        if row["response"]["status"] == 200:
            reply = json.dumps(row["response"]["body"]).encode()
            assert images.guess(envelope, reply, len(reply)).images == len(row["response"]["body"]["data"])
        else:
            failed = images.read_error(row["response"]["status"], [], json.dumps(row["response"]["body"]).encode())
            assert failed.param == "quality"
    print(f"\nimages: {len(rows)} exchanges replayed")
    assert len(rows) == 5


def test_recorded_transcripts_report_what_they_used() -> None:
    rows = [row for row in every("openai") if row["api"] == "audio"]
    told = [transcriptions.sniff(json.dumps(row["response"]["body"]).encode()).usage for row in rows]
    assert sorted(0 if usage is None else usage.milliseconds for usage in told) == [0, 7000]
    print(f"\naudio: {len(rows)} exchanges replayed")
