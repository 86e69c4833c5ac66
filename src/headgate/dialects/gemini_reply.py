"""Reads whole generateContent replies, <https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse>."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from headgate.core.chat import Choice, Extra, Reply, Text, ToolCall
from headgate.core.errors import BadRequest
from headgate.dialects import wire
from headgate.dialects.base import Sniff
from headgate.dialects.gemini_asides import citations_in, logprobs_in
from headgate.dialects.gemini_errors import read_stream_error
from headgate.dialects.gemini_fields import Given
from headgate.dialects.gemini_parts import Calls, minted, read_part
from headgate.dialects.gemini_usage import Grounding, Reported, reported, searches_of, usage_of
from headgate.dialects.gemini_words import FINISH, NAME, NUMBERS, is_proof
from headgate.dialects.openai_reply import no_reply
from headgate.dialects.upstream import ended_with
from headgate.dialects.watch import believable
from headgate.dialects.wire import ODD


class SniffedPart(msgspec.Struct, gc=False):
    """Of a part only whether it is a call."""

    functionCall: msgspec.Raw | None = None


class _Content(msgspec.Struct, gc=False):
    parts: list[SniffedPart] | None = None


class _Candidate(msgspec.Struct, gc=False):
    finishReason: str | int | None = None
    content: _Content | None = None
    groundingMetadata: Grounding | None = None


class Feedback(msgspec.Struct, gc=False):
    """Why a prompt was not answered."""

    blockReason: str | int | None = None


class _Sniffed(msgspec.Struct, gc=False):
    candidates: list[_Candidate] | None = None
    promptFeedback: Feedback | None = None
    usageMetadata: Reported | None = None
    modelVersion: str | None = None
    responseId: str | None = None
    error: Any = None


_sniff = msgspec.json.Decoder(_Sniffed).decode
_READ = ("usageMetadata", "modelVersion", "responseId", "createTime")


def sniff(body: bytes) -> Sniff:
    """Read usage, finish, model and id of a reply; raise ``UpstreamFailed`` for what is none."""
    try:
        seen = _sniff(body)
    except ODD:
        reply = read_reply(body)
        return Sniff(reply.usage, reply.choices[0].finish, reply.model or None, reply.id or None)
    if seen.error is not None:
        raise read_stream_error(seen.error)
    usage = usage_of(seen.usageMetadata) if seen.usageMetadata is not None else None
    if usage is not None and b'"webSearchQueries"' in body:
        groundings = [one.groundingMetadata for one in seen.candidates or () if one.groundingMetadata is not None]
        queries = sum(len(one.webSearchQueries or ()) for one in groundings)
        usage.searches = searches_of(queries, seen.modelVersion)
    finish: str | None = None
    if seen.candidates:
        first = seen.candidates[0]
        calls = first.content is not None and any(part.functionCall for part in first.content.parts or ())
        finish = finish_of(first.finishReason, calls=calls)
    elif seen.promptFeedback is not None:
        finish = "content_filter"
    else:
        no_reply("has no candidates")
    return Sniff(usage if usage is None or believable(usage) else None, finish, seen.modelVersion, seen.responseId)


def word_of(reason: str | int | None) -> str | None:
    """Return why an answer ended in Google's own word, also where it came as a number."""
    if isinstance(reason, int):
        return NUMBERS[reason] if 0 <= reason < len(NUMBERS) else str(reason)
    return reason


def finish_of(reason: str | int | None, *, calls: bool) -> Any:
    """Return why an answer ended in our words; ``None`` where it has not."""
    word = word_of(reason)
    if word is None:
        return None
    finish = FINISH.get(word, "stop")
    return "tool_calls" if calls and finish == "stop" else finish


def read_reply(body: bytes) -> Reply:
    """Read a whole reply; raise ``UpstreamFailed('upstream_invalid_response')`` for what is none."""
    try:
        found = Given(wire.members(_clean(body)))
        if "error" in found.rest:
            raise read_stream_error(wire.decode(found.rest["error"]))
        return _reply(found)
    except BadRequest as error:
        no_reply(f"is malformed: {error.message}")
    except ODD:
        no_reply("is no JSON object")


def _clean(body: bytes) -> bytes:
    try:
        body.decode()
    except UnicodeDecodeError:
        return body.decode("utf-8", "replace").encode()
    return body


def _reply(found: Given) -> Reply:
    usage, created = found.rest.get("usageMetadata"), found.rest.get("createTime")
    said = reported(wire.decode(usage)) if usage is not None else None
    counted = usage_of(said) if said is not None else None
    reply = Reply(
        id=found.text("responseId") or "",
        model=found.text("modelVersion") or "",
        created=seconds(wire.decode(created)) if created is not None else 0,
        choices=[],
        usage=counted if counted is not None and believable(counted) else None,
    )
    for position, raw in enumerate(found.items("candidates") or ()):
        reply.choices.append(_choice(Given(raw), position, reply.id))
    if reply.usage is not None:
        queries = sum(_queries(choice) for choice in reply.choices)
        reply.usage.searches = searches_of(queries, reply.model)
    if reply.choices and all(choice.finish == "error" for choice in reply.choices):
        one = reply.choices[0]
        message = one.extra.fields.get("finishMessage") if one.extra is not None else None
        raise ended_with(one.native or "", wire.decode(message) if message is not None else None)
    if not reply.choices:
        feedback = found.rest.get("promptFeedback")
        if feedback is None:
            no_reply("has no candidates")
        reason = wire.decode(feedback).get("blockReason")
        reply.choices.append(Choice(0, [], "content_filter", str(reason) if reason is not None else None))
        reply.choices[0].extra = Extra(NAME, {}, {"candidate": "absent"})
    reply.extra = Extra(NAME, dict(found.rest))
    return reply


def _queries(choice: Choice) -> int:
    raw = choice.extra.fields.get("groundingMetadata") if choice.extra is not None else None
    found = wire.decode(raw) if raw is not None else None
    return queries_in(found)


def queries_in(grounding: Any) -> int:
    """Return how many searches were made for an answer."""
    queries = grounding.get("webSearchQueries") if isinstance(grounding, dict) else None
    return len(queries) if isinstance(queries, list) else 0


def seconds(instant: Any) -> int:
    """Seconds since 1970 of an RFC 3339 instant; 0 for what is none."""
    try:
        return int(datetime.fromisoformat(instant).astimezone(UTC).timestamp())
    except (TypeError, ValueError, OverflowError):
        return 0


def _choice(given: Given, position: int, reply_id: str) -> Choice:
    index, content = given.take("index", msgspec.json.Decoder(int)), given.inner("content")
    reason = given.raw("finishReason")
    form: dict[str, str] = {} if index is not None else {"index": "absent"}
    choice = Choice(position if index is None else index, [])
    calls = 0

    def mint(said: str) -> str:
        nonlocal calls
        calls += 1
        return minted(reply_id, choice.index, calls - 1, said)

    if content is not None:
        form["content"] = "given" if "parts" in content.rest else "empty"
        asked = Calls()
        for raw in content.items("parts") or ():
            choice.parts += read_part(Given(raw), mint, asked)
        role = content.text("role")
        form |= {"role": role} if role is not None else {}
    if reason is not None:
        said = wire.decode(reason)
        if type(said) is int:
            form["finishReason"] = str(said)
        choice.native = word_of(said if isinstance(said, int) else str(said))
        choice.finish = finish_of(choice.native, calls=any(isinstance(part, ToolCall) for part in choice.parts))
    _asides(given, choice)
    choice.extra = given.extra(form=form)
    return choice


def _asides(given: Given, choice: Choice) -> None:
    """Read what stands beside the text and stays in its own form too: log probabilities and sources."""
    if "logprobsResult" in given.rest:
        choice.logprobs = logprobs_in(wire.decode(given.rest["logprobsResult"]))
    asides: dict[str, Any] = {
        name: wire.decode(given.rest[name]) for name in ("groundingMetadata", "citationMetadata") if name in given.rest
    }
    if not asides:
        return
    own = [part for part in choice.parts if not is_proof(part)]
    texts = {at: part for at, part in enumerate(own) if isinstance(part, Text)}
    for at, citation in citations_in(asides, {at: part.text for at, part in texts.items()}):
        part = texts.get(at) or next(iter(texts.values()), None)
        if part is not None:
            part.citations = [*(part.citations or ()), citation]
