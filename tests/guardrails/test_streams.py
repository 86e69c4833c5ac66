"""Text that is still coming: it reads as the whole would, whatever way it is cut."""

import asyncio
import json
from threading import Event, current_thread, main_thread
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headgate.core.errors import Unavailable as NotAvailable
from headgate.dialects.walkers import WALKERS
from headgate.guardrails.frames import ArrayFrames, SseFrames, frames
from headgate.guardrails.kinds import made
from headgate.guardrails.lane import Lane
from headgate.guardrails.mask import Masks, plain_placeholder
from headgate.guardrails.regex import Regex
from headgate.guardrails.rules import compiled, rule
from headgate.guardrails.stream import MOST_HELD, Filter, Tripped
from headgate.guardrails.types import NONE, Means, Unavailable
from tests.proofs.guard_chunks import VALUES, WIRES, said

GUARDS: dict[str, dict[str, Any]] = {
    "pii": {"types": ["email", "phone", "card", "iban", "national_id", "ip", "mac", "url"]},
    "secrets": {},
    "keywords": {"words": ["project orion", "orion", "c++", "秘密計画", "straße"]},
    "regex": {
        "patterns": {"ticket": r"\bPRJ-\d{4,6}\b", "said": r"secret: ?\w+\b", "ab": "(?:ab)+c?", "wide": "－[ｘx]?"}
    },
    "toxicity": {"categories": ["insult", "threat"]},
    "urls": {"deny": ["evil.example"]},
}
PLANTS = (
    *VALUES, "Project  Orion", "C++", "秘密計画", "PRJ-12345", "secret: abc", "ababc", "you are an idiot", "http://evil.example/x",
    "proj\u00adect\norion", "ＰＲＪ-12345", "you are an idi\u200bot", "－ｘ",
    "password = hunter2!xyz9", "fe80::1ff:fe23:4567:890a", "-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----",
)  # fmt: skip
FILLERS = (
    " ",
    "hello ",
    "in 2024 ",
    "1",
    "- ",
    ". ",
    "\n",
    "(",
    "@",
    "a@",
    "DE89 ",
    "123 456 ",
    "é",
    "日本",
    "://",
    "-----",
    "sk-",
    '"',
    "AB ",
    "tel ",
    "\u200b",
    "\\n",
    "\\u006f",
    "ｏ",
    "project\u200b",
    "secret：",
    "－",
)
words = st.lists(st.sampled_from([*PLANTS, *FILLERS]), min_size=1, max_size=9).map("".join)


def cut(guards: Any, text: str, cuts: list[int], json_: bool) -> tuple[str, Any]:
    lane = Lane(
        list(enumerate(guards)),
        None,
        lambda i, kind, value: plain_placeholder(kind),
        set(range(len(guards))),
        json=json_,
    )
    out, found, at = "", [], 0
    for end in [*cuts, len(text)]:
        lane.add(text[at:end])
        at, before = end, lane.done
        found += lane.settle(final=end == len(text))
        out += lane.cut(before, lane.done)
    return out, found


@pytest.mark.parametrize("kind", GUARDS)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(words, st.data())
def test_a_text_in_pieces_reads_as_the_whole(kind: str, text: str, data: st.DataObject) -> None:
    guards = [made({"kind": kind, "action": "mask", **GUARDS[kind]})]
    json_ = data.draw(st.booleans())
    if json_:
        text = json.dumps({"a": text, "n": 4111111111111111}, ensure_ascii=data.draw(st.booleans()))
    whole = cut(guards, text, [], json_)
    every = data.draw(st.booleans())
    places = (
        list(range(1, len(text)))
        if every
        else sorted(data.draw(st.sets(st.integers(1, max(len(text) - 1, 1)), max_size=6)))
    )
    assert cut(guards, text, [p for p in places if p < len(text)], json_) == whole
    if json_:
        json.loads(whole[0])


@pytest.mark.parametrize("value", PLANTS)
def test_every_place_that_a_match_can_be_cut_at(value: str) -> None:
    guards = [made({"kind": kind, "action": "mask", **GUARDS[kind]}) for kind in GUARDS]
    text = f"Well, {value}, that is it."
    whole, found = cut(guards, text, [], False)
    assert found and value not in whole
    for place in range(1, len(text)):
        assert cut(guards, text, [place], False)[0] == whole, place


@settings(max_examples=300, deadline=None)
@given(st.text("abcdefgXYé ,.\n-'!?;\"日本ア한", max_size=40), st.sampled_from(["pii", "secrets"]))
def test_calm_text_is_held_as_any_other(text: str, kind: str) -> None:
    guard = made({"kind": kind})
    free = guard.passes(text)
    assert free == (guard.held(text) if free >= 0 else -1)
    assert free < 0 or not guard.find(text)
    assert kind == "secrets" or free >= 0


SAID_BEFORE = (
    "", "password: ", "password is ", "Bearer ", "api_key=", "mot de passe est ", "contraseña: ", "postgres://user:",
    "client_secret = \"", "token: Bearer ", "-----BEGIN PRIVATE KEY-----\n", "card ", "tel. +49 30 ", "DE89 ", "SSN 123-45-",
    "ann@", "http://", "sk-proj-", "secret・", "pass",
)  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(
    st.sampled_from(SAID_BEFORE),
    st.lists(st.sampled_from(["correcthorsebattery", "Æther", "x", "pass", "・", "ー", "日本語", "가나다", "é", "Basic", *" ,\n;\"-'.!?"]))
    .map("".join),
    st.sampled_from(["pii", "secrets"]),
)  # fmt: skip
def test_calm_text_is_nothing_whatever_was_said_before(before: str, text: str, kind: str) -> None:
    guard = made({"kind": kind})
    if guard.passes(text) >= 0:
        assert not guard.find(before + text, len(before))


def test_what_is_held_back_is_bounded() -> None:
    guards = [made({"kind": kind, "action": "mask", **GUARDS[kind]}) for kind in GUARDS]
    for piece in ("a", "1", "a@", "1234 ", "AB ", "日", "-", "/"):
        lane = Lane(list(enumerate(guards)), None, lambda *_: "", set())
        for _ in range(80):
            lane.add(piece * 40)
            lane.settle()
            lane.passed(lane.done)
        assert lane.size - lane.done < 2200, piece
        assert len(lane.text(0, lane.size)) < 4000, piece


def make(
    *entries: dict[str, Any],
    wire: str = "openai-chat",
    means: Means = NONE,
    masks: Masks | None = None,
    json_: bool = False,
) -> Filter:
    rules = compiled([rule(f"r{i}", entry) for i, entry in enumerate(entries)])
    return Filter(
        WALKERS[wire],
        frames("text/event-stream"),
        rules.output,
        masks,
        lambda i, kind, value: plain_placeholder(kind),
        means,
        json=json_,
    )


async def send(filter_: Filter, events: list[bytes]) -> bytes:
    return b"".join([await filter_.pass_on(event, final=i == len(events) - 1) for i, event in enumerate(events)])


@pytest.mark.parametrize("wire", WIRES)
async def test_what_nothing_is_found_in_passes_byte_for_byte(wire: str) -> None:
    events = WIRES[wire](["The quick ", "brown fox — ", "in 2024, ", "(so) ", "it was."], False)
    filter_ = make(
        {"kind": "pii", "action": "mask"},
        {"kind": "secrets"},
        {"kind": "injection", "on": ["output"], "places": ["output"]},
        wire=wire,
    )
    assert await send(filter_, events) == b"".join(events)


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("arguments", [False, True])
async def test_a_match_stops_the_answer_before_any_of_it_is_out(wire: str, arguments: bool) -> None:
    pieces = (
        ['{"x": "', "card ", "4111 11", "11 1111 ", "1111", '"}']
        if arguments
        else ["The card ", "4111 11", "11 1111 ", "1111", " ok"]
    )
    filter_ = make({"kind": "pii", "types": ["card"]}, wire=wire)
    out = b""
    with pytest.raises(Tripped) as tripped:
        for event in WIRES[wire](pieces, arguments):
            out += await filter_.pass_on(event)
    assert tripped.value.rule.name == "r0" and b"4111" not in out


async def test_a_shadow_stops_nothing() -> None:
    filter_ = make({"kind": "pii", "types": ["card"], "shadow": True})
    events = WIRES["openai-chat"](["4111111111111111 "], False)
    assert await send(filter_, events) == b"".join(events)
    assert filter_.seen[0] == {"card": 1}


async def test_windows_are_looked_at_before_they_leave() -> None:
    """A text that no pattern knows is held back until so much of it is there, or its end."""
    filter_ = make({"kind": "topics", "own": {"wine": ["wine", "grape"]}, "on": ["output"], "window": 60})
    out = b""
    with pytest.raises(Tripped):
        for event in WIRES["openai-chat"](
            ["We talk of ", "this and that, ", "and then of wine ", "made of grape ", "juice."], False
        ):
            out += await filter_.pass_on(event)
    assert b"wine" not in out

    filter_ = make({"kind": "topics", "own": {"wine": ["wine", "grape"]}, "window": 40})
    events = WIRES["openai-chat"](["We talk of "] * 30, False)
    passed = [len(await filter_.pass_on(event, final=event is events[-1])) for event in events]
    assert sum(passed) == sum(map(len, events)) and passed[1] == 0 and max(passed) > 400


async def test_what_is_judged_as_a_whole_waits_for_its_end() -> None:
    schema = {"type": "object", "required": ["a"]}
    filter_ = make({"kind": "format", "schema": schema})
    events = WIRES["openai-chat"](['{"a"', ": 1", "}"], False)
    assert [await filter_.pass_on(event) for event in events[:-1]] == [b""] * (len(events) - 1)
    assert await filter_.pass_on(events[-1], final=True) == b"".join(events)
    filter_ = make({"kind": "format", "schema": schema})
    with pytest.raises(Tripped, match="lacks 'a'"):
        await send(filter_, WIRES["openai-chat"](['{"b"', ": 1}"], False))


async def test_what_must_be_there_may_come_last() -> None:
    filter_ = make({"kind": "keywords", "required": ["disclaimer"], "words": ["orion"], "on": ["output"]})
    events = WIRES["openai-chat"](["Buy now. ", "Discl", "aimer", ": no advice."], False)
    assert [await filter_.pass_on(event) for event in events[:-1]] == [b""] * (len(events) - 1)
    assert await filter_.pass_on(events[-1], final=True) == b"".join(events)
    for pieces, why in ((["Buy ", "now."], "required"), (["A disclaimer of Or", "ion."], "1 keyword")):
        filter_ = make({"kind": "keywords", "required": ["disclaimer"], "words": ["orion"], "on": ["output"]})
        with pytest.raises(Tripped, match=why):
            await send(filter_, WIRES["openai-chat"](pieces, False))


@pytest.mark.parametrize("fail", ["open", "closed"])
async def test_more_than_may_be_held_is_as_if_it_could_not_run(fail: str) -> None:
    filter_ = make({"kind": "length", "max_characters": 10, "on": ["output"], "fail": fail})
    events = WIRES["openai-chat"](["x" * 50_000 + " "] * (MOST_HELD // 50_000 + 2), False)
    if fail == "closed":
        with pytest.raises(NotAvailable):
            await send(filter_, events)
    else:
        assert await send(filter_, events) == b"".join(events)
    assert filter_.outcomes[-1].act == "not_run"


@pytest.mark.parametrize("fail", ["open", "closed"])
async def test_a_service_that_is_away(fail: str) -> None:
    async def away(*_: Any) -> Any:
        raise Unavailable("gone")

    filter_ = make({"kind": "presidio", "fail": fail, "window": 16}, means=Means(post=away))
    events = WIRES["openai-chat"](["Some words here. "] * 4, False)
    if fail == "closed":
        with pytest.raises(NotAvailable):
            await send(filter_, events)
    else:
        assert await send(filter_, events) == b"".join(events)
        assert filter_.outcomes[0].act == "not_run" and filter_.outcomes[0].reason == "gone"


@pytest.mark.parametrize("wire", WIRES)
async def test_masks_of_windows_stand_wherever_a_text_is_told_again(wire: str) -> None:
    async def presidio(url: str, headers: Any, body: bytes, seconds: float) -> Any:
        text = json.loads(body)["text"]
        at = text.find("Jane Roe")
        found = [] if at < 0 else [{"entity_type": "PERSON", "start": at, "end": at + 8, "score": 0.9}]
        from headgate.guardrails.types import Posted

        return Posted(200, json.dumps(found).encode())

    filter_ = make({"kind": "presidio", "action": "mask", "window": 30}, wire=wire, means=Means(post=presidio))
    out = await send(
        filter_, WIRES[wire](["This is ", "about Ja", "ne Roe, a ", "person whom ", "nobody knows."], False)
    )
    assert b"Jane" not in out and b"Roe" not in out
    assert all(text == "This is about <PERSON>, a person whom nobody knows." for text in said(wire, out) if text)


async def test_a_bare_number_becomes_text_that_json_can_hold() -> None:
    filter_ = make({"kind": "pii", "types": ["card"], "action": "mask"}, wire="anthropic-messages")
    out = await send(filter_, WIRES["anthropic-messages"](['{"n": 4111', "111111111111, ", '"s": "x"}'], True))
    assert json.loads(said("anthropic-messages", out)[0]) == {"n": "<CARD>", "s": "x"}


async def test_several_choices_and_calls_do_not_mix() -> None:
    def event(index: int, delta: Any, finish: str | None = None) -> bytes:
        return (
            b"data: "
            + json.dumps({"choices": [{"index": index, "delta": delta, "finish_reason": finish}]}).encode()
            + b"\n\n"
        )

    filter_ = make({"kind": "pii", "types": ["email"], "action": "mask"})
    out = await send(
        filter_,
        [
            event(0, {"content": "to ja"}), event(1, {"content": "and jo"}), event(0, {"content": "ne@corp.example "}),
            event(1, {"content": "e@corp.example"}), event(0, {}, "stop"), event(1, {}, "stop"), b"data: [DONE]\n\n",
        ],
    )  # fmt: skip
    texts = {0: "", 1: ""}
    for line in out.decode().split("\n"):
        if line.startswith("data: {"):
            choice = json.loads(line[6:])["choices"][0]
            texts[choice["index"]] += choice["delta"].get("content") or ""
    assert texts == {0: "to <EMAIL> ", 1: "and <EMAIL>"}


async def test_log_probabilities_go_where_text_was_changed() -> None:
    def event(text: str) -> bytes:
        choice = {
            "index": 0,
            "delta": {"content": text},
            "logprobs": {"content": [{"token": text}]},
            "finish_reason": None,
        }
        return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"

    filter_ = make({"kind": "pii", "types": ["email"], "action": "mask"})
    out = await send(
        filter_, [event("hello "), event("jane@"), event("corp.example"), event(" bye"), b"data: [DONE]\n\n"]
    )
    kept = [
        json.loads(line[6:])["choices"][0]["logprobs"]
        for line in out.decode().split("\n")
        if line.startswith("data: {")
    ]
    assert [one is not None for one in kept] == [True, False, False, True]
    assert filter_.dropped == ["logprobs"]


@pytest.mark.parametrize("wire", ["openai-chat", "openai-responses"])
async def test_a_long_piece_is_looked_at_beside_the_loop(monkeypatch: pytest.MonkeyPatch, wire: str) -> None:
    where: list[bool] = []

    def search(*_: Any) -> list[tuple[int, int, str]]:
        where.append(current_thread() is main_thread())
        return []

    monkeypatch.setattr(Regex, "search", search)
    for pieces, here in ((["a few ", "words"], {True}), (["x" * 600, "x" * 600], {False})):
        filter_ = make({"kind": "regex", "patterns": {"p": "y+z"}}, wire=wire)
        where.clear()
        events = WIRES[wire](pieces, False)
        assert await send(filter_, events) == b"".join(events)
        assert set(where) == here


async def test_who_leaves_while_a_long_piece_is_looked_at_waits_for_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go, over = Event(), Event(), Event()

    def search(*_: Any) -> list[tuple[int, int, str]]:
        begun.set()
        go.wait(5)
        over.set()
        return []

    monkeypatch.setattr(Regex, "search", search)
    filter_ = make({"kind": "regex", "patterns": {"p": "y+z"}})
    task = asyncio.create_task(send(filter_, WIRES["openai-chat"](["x" * 600], False)))
    await asyncio.to_thread(begun.wait, 5)
    task.cancel()
    await asyncio.sleep(0.01)
    assert not task.done()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert over.is_set()


async def test_memory_does_not_grow_with_the_answer() -> None:
    filter_ = make({"kind": "pii", "action": "mask"}, {"kind": "secrets", "action": "mask"})
    for _ in range(3000):
        await filter_.pass_on(WIRES["openai-chat"](["some words and 42 more, "], False)[1])
    (growing,) = filter_._lanes.values()
    assert len(growing.lane._buffer) < 2000 and not filter_._queue and not growing.raw


def test_frames() -> None:
    sse = SseFrames()
    assert [f.data for f in sse.feed(b'data: {"a":1}\n\n: ping\n\ndata: [DONE]\n\n')] == [b'{"a":1}', None, None]
    (odd,) = SseFrames().feed(b'event: x\r\ndata: {"a":1}\r\n\r\n')
    assert odd.written(b"{}") == b"event: x\r\ndata: {}\r\n\r\n"
    (split,) = SseFrames().feed(b'event: x\ndata: {"a":\ndata: 1}\n\n')
    assert split.data == b'{"a":\n1}' and split.written(b"{}") == b"event: x\ndata: {}\n\n"
    array = ArrayFrames()
    got = array.feed(b'[{"a":1}\n,\n{"b":2}') + array.feed(b"]")
    assert b"".join(f.raw for f in got) == b'[{"a":1}\n,\n{"b":2}]' and [f.data for f in got if f.data] == [
        b'{"a":1}',
        b'{"b":2}',
    ]
