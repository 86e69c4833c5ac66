"""What the sandbox answers besides chat and vectors: judgements, orders, pictures, speech, transcripts."""

from base64 import b64encode
from collections.abc import Iterator
from hashlib import blake2b
from math import ceil
from typing import Any

from headgate.core.errors import BadRequest
from headgate.dialects.media_form import fields_of, texts_of
from headgate.providers.sandbox.answer import Refused
from headgate.providers.sandbox.hints import WORD
from headgate.providers.sandbox.pictures import MAX_SIDE, measured, picture
from headgate.providers.sandbox.pieces import count, pieces
from headgate.providers.sandbox.sounds import MAX_TEXT, heard, spoken, wav
from headgate.providers.sandbox.vectors import DIMENSIONS, vector
from headgate.providers.sandbox.wire import Draw, Judge, Rank, Speak, encode

MAX_INPUTS = 2048
MAX_PICTURES = 10
PER_SEARCH = 100
"""Documents that one search unit covers."""
WORDS: dict[str, frozenset[str]] = {
    "harassment": frozenset({"idiot", "stupid", "loser"}),
    "harassment/threatening": frozenset({"threaten", "threat"}),
    "hate": frozenset({"hate", "hatred"}),
    "hate/threatening": frozenset(),
    "illicit": frozenset({"counterfeit", "steal", "launder"}),
    "illicit/violent": frozenset({"bomb", "explosive"}),
    "self-harm": frozenset({"suicide"}),
    "self-harm/intent": frozenset(),
    "self-harm/instructions": frozenset(),
    "sexual": frozenset({"nude", "porn"}),
    "sexual/minors": frozenset(),
    "violence": frozenset({"kill", "murder", "attack", "stab"}),
    "violence/graphic": frozenset({"gore", "blood"}),
}
"""OpenAI's categories, and the words by which the sandbox finds them."""


def judged(asked: Judge) -> bytes:
    """Return the judgement of every text."""
    given = asked.input
    texts = [given] if isinstance(given, str) else [one if isinstance(one, str) else one.text for one in given]
    if not 1 <= len(texts) <= MAX_INPUTS:
        raise Refused(f"input is from 1 to {MAX_INPUTS} texts.", "input")
    results = [_result(text) for text in texts]
    return encode({"id": f"modr-{_seed(asked.model, *texts).hex()}", "model": asked.model, "results": results})


def _result(text: str) -> dict[str, Any]:
    said = frozenset(WORD.findall(text.lower()))
    dice = _seed(text)
    found = {name: not said.isdisjoint(words) for name, words in WORDS.items()}
    scores = {name: (0.9 if there else 0.0) + dice[index] / 25_600 for index, (name, there) in enumerate(found.items())}
    kinds = {name: ["text"] if there else [] for name, there in found.items()}
    return {
        "flagged": any(found.values()),
        "categories": found,
        "category_scores": scores,
        "category_applied_input_types": kinds,
    }


def ranked(asked: Rank) -> bytes:
    """Return the documents in the order of the words that they share with the query."""
    texts = [one if isinstance(one, str) else str(one.get("text", "")) for one in asked.documents]
    if not texts:
        raise Refused("documents is empty; send at least one.", "documents")
    wanted = vector(asked.query, DIMENSIONS)
    scored = []
    for index, text in enumerate(texts):
        likeness = sum(a * b for a, b in zip(wanted, vector(text, DIMENSIONS), strict=True))
        scored.append((round(max(likeness, 0.0), 6), -index))
    results: list[dict[str, Any]] = []
    for score, at in sorted(scored, reverse=True)[: asked.top_n or None]:
        result: dict[str, Any] = {"index": -at, "relevance_score": score}
        if asked.return_documents:
            result["document"] = {"text": texts[-at]}
        results.append(result)
    units = ceil(len(texts) / PER_SEARCH)
    meta = {"api_version": {"version": "2"}, "billed_units": {"search_units": units}}
    return encode({"id": _seed(asked.query, *texts).hex(), "results": results, "meta": meta})


def drawn(asked: Draw, created: int) -> Iterator[bytes]:
    """Yield the answer to a request for pictures: whole, or as events with the picture growing."""
    if not asked.prompt:
        raise Refused("prompt is empty; say what to draw.", "prompt")
    if asked.n is not None and not 1 <= asked.n <= MAX_PICTURES:
        raise Refused(f"n is from 1 to {MAX_PICTURES}.", "n")
    size = measured(asked.size)
    if size is None:
        raise Refused(f"size is WIDTHxHEIGHT, each from 1 to {MAX_SIDE}.", "size")
    if asked.output_format not in (None, "png"):
        raise Refused("The sandbox draws png only.", "output_format")
    width, height = size
    seeds = [_seed(asked.prompt, str(index)) for index in range(asked.n or 1)]
    if not asked.stream:
        return iter((_album(asked, created, [picture(seed, width, height) for seed in seeds]),))
    return _drawing(asked, created, seeds, width, height)


def _album(asked: Draw, created: int, made: list[bytes]) -> bytes:
    texts = [b64encode(one).decode() for one in made]
    as_url = asked.response_format != "b64_json"
    data = [{"url": f"data:image/png;base64,{text}"} if as_url else {"b64_json": text} for text in texts]
    return encode({"created": created, "data": data, "output_format": "png"})


def _drawing(asked: Draw, created: int, seeds: list[bytes], width: int, height: int) -> Iterator[bytes]:
    used = count(asked.prompt)
    made = (asked.partial_images or 0) * 100 + 200
    shares = {"text_tokens": used, "image_tokens": 0}
    usage = {
        "total_tokens": used + made,
        "input_tokens": used,
        "output_tokens": made,
        "input_tokens_details": shares,
    }
    for seed in seeds:
        common = {"created_at": created, "size": f"{width}x{height}", "output_format": "png"}
        for index in range(asked.partial_images or 0):
            rough = b64encode(picture(seed, max(width >> (3 - index), 1), max(height >> (3 - index), 1))).decode()
            event = {"type": "image_generation.partial_image", "b64_json": rough, "partial_image_index": index}
            yield _event(event | common)
        whole = b64encode(picture(seed, width, height)).decode()
        yield _event({"type": "image_generation.completed", "b64_json": whole, "usage": usage} | common)


def said(asked: Speak) -> tuple[bytes, Iterator[bytes]]:
    """Return the content type of a text read aloud, and its pieces."""
    if not 1 <= len(asked.input) <= MAX_TEXT:
        raise Refused(f"input is from 1 to {MAX_TEXT} characters.", "input")
    if asked.response_format not in (None, "wav", "pcm"):
        raise Refused("The sandbox speaks wav and pcm only.", "response_format")
    sound = spoken(asked.input) if asked.response_format == "pcm" else wav(asked.input)
    if asked.stream_format == "sse":
        return b"text/event-stream", _speaking(asked, sound)
    return (b"audio/pcm" if asked.response_format == "pcm" else b"audio/wav"), sound


def _speaking(asked: Speak, sound: Iterator[bytes]) -> Iterator[bytes]:
    made = 0
    for piece in sound:
        made += 1
        yield _event({"type": "speech.audio.delta", "audio": b64encode(piece).decode()})
    used = count(asked.input)
    usage = {"input_tokens": used, "output_tokens": made, "total_tokens": used + made}
    yield _event({"type": "speech.audio.done", "usage": usage})


def transcribed(body: bytes, content_type: bytes, task: str) -> tuple[bytes, Iterator[bytes]]:
    """Return the content type of a transcript, and its pieces."""
    try:
        texts, files = texts_of(body, fields_of(body, content_type))
    except BadRequest as error:
        raise Refused(error.message, error.param or "file") from None
    file = files.get("file")
    if file is None:
        raise Refused("The form has no file.", "file")
    words, seconds = heard(memoryview(body)[file.start : file.end])
    text = words if words is not None else f"The sandbox has heard {seconds:.1f} seconds of sound."
    form = texts.get("response_format", "json")
    if texts.get("stream", "").lower() in ("true", "1"):
        return b"text/event-stream", _transcribing(text, seconds)
    if form in ("text", "srt", "vtt"):
        return b"text/plain; charset=utf-8", iter((_plain(text, seconds, form).encode(),))
    used = {"type": "duration", "seconds": ceil(seconds)}
    answer: dict[str, Any] = {"text": text, "usage": used}
    if form in ("verbose_json", "diarized_json"):
        segment: dict[str, Any] = {"id": 0, "start": 0.0, "end": round(seconds, 2), "text": text}
        if form == "diarized_json":
            segment |= {"id": "seg_0", "speaker": "A", "type": "transcript.text.segment"}
        answer |= {"task": task, "language": "english", "duration": round(seconds, 2), "segments": [segment]}
    return b"application/json", iter((encode(answer),))


def _transcribing(text: str, seconds: float) -> Iterator[bytes]:
    said_ = pieces(text)
    for piece in said_:
        yield _event({"type": "transcript.text.delta", "delta": piece})
    sound = ceil(seconds * 10)
    details = {"text_tokens": 0, "audio_tokens": sound}
    usage = {"type": "tokens", "input_tokens": sound, "output_tokens": len(said_), "input_token_details": details}
    usage["total_tokens"] = sound + len(said_)
    yield _event({"type": "transcript.text.done", "text": text, "usage": usage})


def _plain(text: str, seconds: float, form: str) -> str:
    if form == "text":
        return text + "\n"
    until = round(seconds * 1000)
    point = "," if form == "srt" else "."
    stamp = f"{until // 3_600_000:02}:{until // 60_000 % 60:02}:{until // 1000 % 60:02}{point}{until % 1000:03}"
    line = f"00:00:00{point}000 --> {stamp}\n{text}\n\n"
    return f"1\n{line}" if form == "srt" else f"WEBVTT\n\n{line}"


def _event(value: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (value["type"].encode(), encode(value))


def _seed(*texts: str) -> bytes:
    told = blake2b(digest_size=16)
    for text in texts:
        told.update(text.encode("utf-8", "replace") + b"\0")
    return told.digest()
