"""Masks on streams, cut in every way: no value leaves in pieces, and no placeholder is left over.

Each case is a text with values that must be masked and placeholders that must be put back, sent as a stream of one of
three wire formats, as text or as a tool's arguments, cut into events at random places, and the events into reads. What
the caller gets must read as the whole text would, edited at once, and hold neither a value nor a placeholder.
"""

import asyncio
import json
import os
import random
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from headgate.dialects.walkers import WALKERS
from headgate.guardrails.frames import frames
from headgate.guardrails.lane import Found
from headgate.guardrails.mask import Masks, plain_placeholder
from headgate.guardrails.rules import compiled, rule
from headgate.guardrails.stream import Filter
from headgate.guardrails.types import NONE, Span
from headgate.guardrails.whole import rewritten

FULL = 1_000_000
BATCH = 2000
RULES = compiled([rule("pii", {"kind": "pii", "action": "mask"}), rule("keys", {"kind": "secrets", "action": "mask"})])
VALUES = (
    "jane@corp.example", "a.b+c@sub.example.co.uk", "4111 1111 1111 1111", "4111111111111111", "5500-0000-0000-0004",
    "DE89 3704 0044 0532 0130 00", "gb42nawi04454264788619", "+49 30 1234567", "(212) 555-0199", "212-555-0199",
    "078-05-1120", "529.982.247-25", "1 85 05 78 006 084 91", "AB 12 34 56 C", "AKIAIOSFODNN7EXAMPLE",
    "sk-ant-api03-" + "a1B2c3D4e5F6g7H8" * 3, "ghp_" + "aB3dE6gH9jK2mN5p" * 2 + "qR7t", "４１１１１１１１１１１１１１１１",
)  # fmt: skip
ORIGINALS = (("email", "john.doe@home.example"), ("phone", "+1 212 555 0101"), ("us_ssn", "219-09-9999"))
FILLERS = (
    "hello ", "in 2024 ", "the price is 12.50, ", "x ", "- ", ". ", "\n", " (see ", "@ ", "a@b ", "< ", "&lt; ", "é ", "日本語 ",
    " : ", "call ", " us ", "<b>bold</b> ", '"quoted" ', "tel. ", "100% ", "section 4.2.1 ", "EMAIL ", "\\ ", "{} ", "ok, ",
)  # fmt: skip


def forms(placeholder: str) -> tuple[str, ...]:
    """How models write a placeholder again."""
    core = placeholder[1:-1]
    return (
        placeholder, placeholder, placeholder.lower(), f"&lt;{core}&gt;", core, f"< {core} >", placeholder.replace("_", r"\_"),
        core.replace("_", " "), f"`{core}`", f"**{placeholder}**", f"[{core}]",
    )  # fmt: skip


def openai(pieces: list[str], arguments: bool) -> list[bytes]:
    def event(delta: Any, finish: str | None = None) -> bytes:
        return (
            b"data: "
            + json.dumps({"id": "c", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}).encode()
            + b"\n\n"
        )

    def delta(piece: str) -> Any:
        return {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]} if arguments else {"content": piece}

    return [
        event({"role": "assistant"}),
        *[event(delta(piece)) for piece in pieces],
        event({}, "stop"),
        b"data: [DONE]\n\n",
    ]


def anthropic(pieces: list[str], arguments: bool) -> list[bytes]:
    def event(body: Any) -> bytes:
        return f"event: {body['type']}\ndata: {json.dumps(body, ensure_ascii=False)}\n\n".encode()

    def delta(piece: str) -> Any:
        return (
            {"type": "input_json_delta", "partial_json": piece} if arguments else {"type": "text_delta", "text": piece}
        )

    block = {"type": "tool_use", "id": "t", "name": "n", "input": {}} if arguments else {"type": "text", "text": ""}
    return [
        event({"type": "message_start", "message": {"id": "m", "content": []}}),
        event({"type": "content_block_start", "index": 0, "content_block": block}),
        *[event({"type": "content_block_delta", "index": 0, "delta": delta(piece)}) for piece in pieces],
        event({"type": "content_block_stop", "index": 0}),
        event({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}),
        event({"type": "message_stop"}),
    ]


def responses(pieces: list[str], arguments: bool) -> list[bytes]:
    def event(body: Any) -> bytes:
        return f"event: {body['type']}\ndata: {json.dumps(body)}\n\n".encode()

    name = "response.function_call_arguments" if arguments else "response.output_text"
    whole = "".join(pieces)
    item = (
        {"type": "function_call", "arguments": whole}
        if arguments
        else {"type": "message", "content": [{"type": "output_text", "text": whole}]}
    )
    where = {"output_index": 0, "content_index": 0}
    return [
        event({"type": "response.created", "response": {"id": "r", "output": []}}),
        *[event({"type": f"{name}.delta", **where, "delta": piece}) for piece in pieces],
        event({"type": f"{name}.done", **where, "arguments" if arguments else "text": whole}),
        event({"type": "response.output_item.done", "item": item}),
        event({"type": "response.completed", "response": {"id": "r", "output": [item]}}),
    ]


WIRES: dict[str, Callable[[list[str], bool], list[bytes]]] = {
    "openai-chat": openai,
    "anthropic-messages": anthropic,
    "openai-responses": responses,
}


def said(name: str, out: bytes) -> list[str]:
    """The texts that a caller reads of a stream: what grows, and every one that is told whole."""
    grown, whole = [], []
    for line in out.decode().split("\n"):
        if not line.startswith("data: {"):
            continue
        event = json.loads(line[6:])
        if name == "openai-chat":
            delta = event["choices"][0]["delta"]
            grown += [delta.get("content") or "", *[c["function"]["arguments"] for c in delta.get("tool_calls", ())]]
        elif name == "anthropic-messages":
            delta = event.get("delta", {})
            grown.append(delta.get("text") or delta.get("partial_json") or "")
        else:
            grown.append(event.get("delta", ""))
            items = [event.get("item"), *event.get("response", {}).get("output", ())]
            whole += [event[key] for key in ("text", "arguments") if key in event]
            whole += [i.get("arguments") or i["content"][0]["text"] for i in items if i]
    return ["".join(grown), *whole]


class Case:
    """One stream, how it is cut, and what must come of it."""

    def __init__(self, draw: random.Random) -> None:
        self.masks = Masks(b"k" * 32)
        self.placeholders = [self.masks.put(kind, value) for kind, value in ORIGINALS]
        self.wire = draw.choice(tuple(WIRES))
        self.arguments = draw.random() < 0.3
        parts = []
        for _ in range(draw.randint(1, 5)):
            parts.append(draw.choice(FILLERS))
            if draw.random() < 0.6:
                plant = (
                    draw.choice(VALUES) if draw.random() < 0.6 else draw.choice(forms(draw.choice(self.placeholders)))
                )
                parts += [plant, draw.choice((" ", ", ", ".\n", ") ", "; "))]
        text = "".join(parts)
        if self.arguments:
            text = json.dumps({"to": text, "n": 4111111111111111, "l": [text[:40]]}, ensure_ascii=draw.random() < 0.5)
        self.text = text
        cuts = (
            sorted(draw.sample(range(1, len(text)), min(draw.randint(0, 12), len(text) - 1))) if len(text) > 1 else []
        )
        self.pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        events = WIRES[self.wire](self.pieces, self.arguments)
        self.reads = []
        while events:
            size = draw.randint(1, 4)
            self.reads.append(b"".join(events[:size]))
            events = events[size:]

    def mask(self, number: int, kind: str, value: str) -> str:
        return value if self.masks.of(kind, value) is not None else plain_placeholder(kind)

    async def run(self) -> list[str]:
        filter_ = Filter(WALKERS[self.wire], frames("text/event-stream"), RULES.output, self.masks, self.mask, NONE)
        out = b""
        for i, read in enumerate(self.reads):
            out += await filter_.pass_on(read, final=i == len(self.reads) - 1)
        return said(self.wire, out)

    def whole(self) -> str:
        """How the text reads, edited in one step."""
        found = [
            Found(i, start, end, kind)
            for i, one in enumerate(RULES.output)
            for start, end, kind in one.guardrail.find(self.text, 0, self.arguments)
        ]
        return rewritten(Span(self.text, "output", self.arguments), found, self.masks, self.mask)

    def check(self, texts: list[str]) -> None:
        wanted = self.whole()
        told = f"{self.wire}, arguments={self.arguments}, pieces {self.pieces!r}"
        for text in texts:
            assert text == wanted, f"{told}: {text!r} and not {wanted!r}"
        if self.arguments:
            json.loads(wanted)
        lowered = wanted.lower()
        for placeholder in self.placeholders:
            assert placeholder.rpartition("_")[2][:-1] not in lowered, f"{told}: a placeholder is left in {wanted!r}"


def batch(seed: int, cases: int) -> int:
    """Check so many streams, the same ones for the same *seed*."""
    draw = random.Random(seed)

    async def run() -> None:
        for _ in range(cases):
            case = Case(draw)
            case.check(await case.run())

    asyncio.run(run())
    return cases


def prove(scale: float, folder: Path, progress: Callable[[int, int], None]) -> str:
    cases = max(round(FULL * scale), 1)
    sizes = [min(BATCH, cases - at) for at in range(0, cases, BATCH)]
    done = 0
    workers = min(os.cpu_count() or 1, len(sizes))
    if workers == 1:
        for seed, size in enumerate(sizes):
            done += batch(seed, size)
            progress(done, cases)
    else:
        with ProcessPoolExecutor(workers) as pool:
            for size in pool.map(batch, range(len(sizes)), sizes):
                done += size
                progress(done, cases)
    return f"{done:,} streams in {len(WIRES)} wire formats, cut at random: no value in pieces, no placeholder left"
