"""An answer that is still coming: what may become a match waits, everything else goes on as it came.

Text is followed in lanes, one for each thing that grows (a choice's content, a call's arguments), so that it does not
matter how it is cut into events. An event leaves as it came unless what it brings has to read otherwise.
"""

import asyncio
from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Sequence
from time import monotonic
from typing import Any

import msgspec

from headgate.dialects import wire
from headgate.dialects.splice import holds, splice
from headgate.dialects.text import Path, Piece, Run, Walker
from headgate.guardrails.frames import Frame, Frames, SseFrames
from headgate.guardrails.growing import Entry, Growing, Part, Read
from headgate.guardrails.lane import NEAR, Found, Lane, Mask
from headgate.guardrails.mask import Masks
from headgate.guardrails.rules import Checked, Rule
from headgate.guardrails.run import Outcome, examine, must_run
from headgate.guardrails.types import ALLOW, Finding, Means, Span, Verdict

MOST_HELD = 262_144
"""Characters of an answer that are held back for guardrails that look at it whole; past that they cannot run."""

LONG = 2048
"""Bytes of a read from which on it may be most of a stream."""


class Tripped(Exception):
    """A guardrail stops the answer."""

    def __init__(self, rule: Rule, reason: str) -> None:
        super().__init__(reason)
        self.rule = rule
        self.reason = reason


class Filter:
    """One answer on its way. ``seen`` counts what each rule has found."""

    def __init__(
        self,
        walker: Walker,
        frames: Frames,
        rules: Sequence[Rule],
        masks: Masks | None,
        mask: Mask,
        means: Means,
        *,
        json: bool = False,
    ) -> None:
        """*json* tells that the answer itself is to be JSON."""
        self._walker = walker
        self._frames = frames
        self._rules = rules
        self._masks = masks
        self._mask = mask
        self._means = means
        self._json = json
        self._queue: deque[Entry | Read] = deque()
        self._lanes: dict[tuple[Any, ...], Growing] = {}
        self._busy: list[Growing] = []
        self._patterns = [(i, r.guardrail) for i, r in enumerate(rules) if r.guardrail.streaming == "pattern"]
        self._windows = [i for i, r in enumerate(rules) if r.guardrail.streaming == "window"]
        self._wholes = [i for i, r in enumerate(rules) if r.guardrail.streaming == "whole"]
        self._masked = frozenset(
            i for i, r in enumerate(rules) if r.guardrail.action == "mask" and not r.guardrail.shadow
        )
        self._window = min([rules[i].guardrail.window for i in self._windows], default=0)
        self._long = min([guard.long for _, guard in self._patterns], default=MOST_HELD)
        self._keeps = walker.repeats and any(i in self._masked for i in self._windows)
        self._runs = not self._keeps and isinstance(frames, SseFrames)
        self._all: list[Growing] = []
        self._unique = 0
        self._whole = 0  # characters of texts in line that are told whole
        self.seen: dict[int, Counter[str]] = {}
        self.outcomes: list[Checked] = []
        self.dropped: list[str] = []
        """Fields that went because what they tell was changed, each once: log probabilities."""
        self.began = monotonic()

    async def pass_on(self, data: bytes, *, final: bool = False) -> bytes:
        """Take whole events; return those that may go on. Raise :class:`Tripped`, or ``guardrail_unavailable``."""
        before = self._waiting()
        if data and self._take_read(data, through=not (final or self._queue or self._windows or self._wholes)):
            return data
        if final:
            rest = self._frames.rest()
            if rest:
                self._queue.append((Frame(rest), (), ()))
        if self._windows or self._wholes:
            await self._look(final)
        new = self._waiting() + self._whole - (0 if final else before)
        return await self._release_beside(final) if new > self._long else self._release(final)

    def _waiting(self) -> int:
        return sum([one.lane.size - one.lane.done for one in self._busy])

    async def _release_beside(self, final: bool) -> bytes:
        """Do it in a thread, as :func:`examine` does with as long a text; who is cancelled waits until it is over."""
        work = asyncio.ensure_future(asyncio.to_thread(self._release, final))
        try:
            return await asyncio.shield(work)
        finally:
            await asyncio.gather(work, return_exceptions=True)

    def _take_read(self, data: bytes, *, through: bool) -> bool:
        """Take a read; return whether it may go on at once, if it may go *through* at all."""
        head, tail = b"", b""
        if self._runs:
            head, data, tail = _parted(data)
            run = self._walker.run(data)
            if run is not None and not head:
                return self._take_run(data, run, through=through)
            if run is not None:
                self._take(self._frames.feed(head))
                self._take_run(data, run, through=False)
                self._take(self._frames.feed(tail))
                return False
        self._take(self._frames.feed(head + data + tail))
        return False

    def _take_run(self, data: bytes, run: Run, *, through: bool) -> bool:
        """Take a read as most are; return as :meth:`_take_read`."""
        key, path, place, texts = run
        growing = self._lanes.get(key)
        if growing is None:
            growing = self._growing(Piece(path, texts[0], place, False, key))
        if through and growing.lane.through("".join(texts)):
            return True
        self._queue.append(Read(data, path, texts, growing))
        if growing not in self._busy:
            self._busy.append(growing)
        return False

    def _take(self, frames: list[Frame]) -> None:
        queue, lanes, busy = self._queue, self._lanes, self._busy
        quick = iter(self._walker.quick([frame.data for frame in frames if frame.data is not None]))
        for frame in frames:
            if frame.data is None:
                queue.append((frame, (), ()))
                continue
            one = next(quick)
            if one is None:
                self._take_slowly(frame, frame.data)
                continue
            key, path, place, text, json = one
            growing = lanes.get(key)
            if growing is None:
                growing = self._growing(Piece(path, text, place, json, key))
            lane = growing.lane
            start = lane.size
            lane.add(text)
            queue.append((frame, ((path, text, growing, start, lane.size),), ()))
            if growing not in busy:
                busy.append(growing)
            if self._keeps:
                growing.raw.append(text)

    def _take_slowly(self, frame: Frame, data: bytes) -> None:
        try:
            document = wire.decode(data)
        except msgspec.DecodeError:
            document = None
        if not isinstance(document, dict):
            self._queue.append((frame, (), ()))
            return
        event = self._walker.event(document)
        parts: list[Part] = []
        whole: list[Piece] = []
        for piece in event.pieces:
            if piece.lane is None and (self._walker.repeats or not (self._windows or self._wholes)):
                whole.append(piece)
                self._whole += len(piece.text)
                continue
            growing = self._growing(piece)
            start = growing.lane.size
            growing.lane.add(piece.text)
            parts.append((piece.path, piece.text, growing, start, growing.lane.size))
            if growing not in self._busy:
                self._busy.append(growing)
            if self._keeps:
                growing.raw.append(piece.text)
        self._queue.append((frame, tuple(parts), tuple(whole)))
        for ended in event.ends:
            self._end(ended)

    def _growing(self, piece: Piece) -> Growing:
        key = piece.lane
        if key is None:  # told at once and nowhere else: a lane that ends where it begins
            self._unique += 1
            key = ("", self._unique)
        found = self._lanes.get(key)
        if found is None:
            guards = [(i, guard) for i, guard in self._patterns if guard.looks_at(piece.place)]
            windowed = [i for i in self._windows if self._rules[i].guardrail.looks_at(piece.place)]
            json = piece.json or (self._json and piece.place == "output")
            near = MOST_HELD * 2 if self._wholes else max(NEAR, self._window)
            lane = Lane(guards, self._masks, self._mask, self._masked, json=json, near=near)
            found = self._lanes[key] = Growing(lane, piece.place, windowed=bool(windowed), json=json)
            if (self._wholes or self._keeps) and not piece.aside:
                self._all.append(found)
        if piece.lane is None:
            found.ended = True
            del self._lanes[key]
        return found

    def _end(self, prefix: tuple[Any, ...]) -> None:
        size = len(prefix)
        for key in [key for key in self._lanes if key[:size] == prefix]:
            found = self._lanes.pop(key)
            found.ended = True
            if found not in self._busy:
                self._busy.append(found)

    async def _look(self, final: bool) -> None:
        """Have windows looked at that are full or ended, and the whole where all of it is there."""
        for growing in [one for one in self._busy if one.windowed]:
            size = growing.lane.size
            if size > growing.looked and (final or growing.ended or size - growing.looked >= self._window):
                before = max(growing.looked - self._window // 2, 0)
                span = Span(growing.lane.text(before, size), growing.place, growing.json)
                await self._examine(self._windows, [span], [(growing, before)])
                growing.looked = size
        if not self._wholes:
            return
        if not final:
            if sum([one.lane.size - one.lane.done for one in self._all]) > MOST_HELD:
                self._too_much()
            return
        spans = [Span(one.lane.text(0, one.lane.size), one.place, one.json) for one in self._all]
        await self._examine(self._wholes, spans, [(one, 0) for one in self._all])

    async def _examine(self, which: list[int], spans: list[Span], where: list[tuple[Growing, int]]) -> None:
        rules = [self._rules[i] for i in which]
        outcomes = await examine(rules, "output", spans, self._means)
        must_run(rules, outcomes)
        for outcome in outcomes:
            number = which[outcome.rule]
            self._told(outcome)
            verdict = outcome.verdict
            self._stop(number, verdict)
            if verdict.act == "mask" and number in self._masked:
                for one in verdict.findings:
                    growing, before = where[one.span]
                    growing.lane.note([Found(number, before + one.start, before + one.end, one.type)])

    def _told(self, outcome: Outcome) -> None:
        if outcome.checked.act != "allow" and len(self.outcomes) < 64:
            self.outcomes.append(outcome.checked)

    def _stop(self, number: int, verdict: Verdict) -> None:
        rule = self._rules[number]
        if verdict.act == "block" and not rule.guardrail.shadow:
            raise Tripped(rule, verdict.reason)

    def _too_much(self) -> None:
        """More than may be held back: what looks at the whole cannot run."""
        why = f"the answer is over {MOST_HELD} characters"
        for i in self._wholes:
            rule = self._rules[i]
            checked = Checked(
                guardrail=rule.name,
                kind=rule.kind,
                on="output",
                act="not_run",
                shadow=rule.guardrail.shadow,
                reason=why,
            )
            self.outcomes.append(checked)
            must_run(self._rules, [Outcome(i, ALLOW, checked)])
        self._wholes = []
        self._all = []

    def _release(self, final: bool) -> bytes:
        waits = bool(self._wholes) and not final
        for growing in self._busy if not waits else ():
            limit = growing.looked if growing.windowed else None
            found = growing.lane.settle(final=final or growing.ended, limit=limit)
            if found:
                self._judge(found)
        if not waits:
            self._busy = [one for one in self._busy if one.lane.done < one.lane.size]
        out = []
        queue = self._queue
        while queue and not waits:
            first = queue[0]
            if isinstance(first, Read):
                out.append(self._of_run(first))
                if first.at < len(first.texts):
                    break
                queue.popleft()
                continue
            frame, parts, whole = first
            if parts and any([end > growing.lane.done for _, _, growing, _, end in parts]):
                break
            queue.popleft()
            out.append(self._written(frame, parts, whole) if parts or whole else frame.raw)
        if not queue:
            self._whole = 0
        return b"".join(out)

    def _of_run(self, run: Read) -> bytes:
        """Return what of a run may go on."""
        lane = run.growing.lane
        first, last = run.at, bisect_right(run.ends, lane.done)
        if last <= first:
            return b""
        start, end = run.ends[first - 1] if first else run.begin, run.ends[last - 1]
        run.at = last
        if not lane.touched(start, end):
            lane.passed(end)
            return run.raw(first, last)
        out = []
        for number in range(first, last):
            at = run.ends[number - 1] if number else run.begin
            part = (run.path, run.texts[number], run.growing, at, run.ends[number])
            out.append(self._written(run.frame(number), (part,), ()))
        return b"".join(out)

    def _judge(self, found: list[Found]) -> None:
        for one in found:
            self.seen.setdefault(one.guard, Counter())[one.type] += 1
        for number in {one.guard for one in found}:
            rule = self._rules[number]
            findings = [Finding(0, one.start, one.end, one.type) for one in found if one.guard == number]
            self._stop(number, rule.guardrail.verdict(findings))

    def _written(self, frame: Frame, parts: tuple[Part, ...], whole: tuple[Piece, ...]) -> bytes:
        edits: dict[Path, str | None] = {}
        for path, text, growing, start, end in parts:
            lane = growing.lane
            if lane.touched(start, end):
                edits[path] = text = lane.cut(start, end)
            else:
                lane.passed(end)
            if self._keeps:
                growing.out.append(text)
        for piece in whole:
            text = self._repeated(piece)
            if text != piece.text:
                edits[piece.path] = text
        if not edits:
            return frame.raw
        assert frame.data is not None
        told = None
        for path in list(edits):
            for beside in self._walker.beside(path):
                edits[beside] = None
                told = wire.decode(frame.data) if told is None else told
                if beside[-1] not in self.dropped and holds(told, beside):
                    self.dropped.append(str(beside[-1]))
        return frame.written(splice(frame.data, edits))

    def _repeated(self, piece: Piece) -> str:
        """How a text reads that is told whole: what was masked as it grew is masked here too."""
        for growing in self._all if self._keeps else ():
            if "".join(growing.raw) == piece.text:
                return "".join(growing.out)
        guards = [(i, guard) for i, guard in self._patterns if guard.looks_at(piece.place)]
        json = piece.json or (self._json and piece.place == "output")
        lane = Lane(guards, self._masks, self._mask, self._masked, json=json)
        lane.add(piece.text)
        found = lane.settle(final=True)
        if found and not self._walker.repeats:
            self._judge(found)
        elif found:
            for number in {one.guard for one in found}:
                self._stop(number, self._rules[number].guardrail.verdict([Finding(0, 0, 1, "repeated")]))
        return lane.cut(0, lane.size)


def _parted(data: bytes) -> tuple[bytes, bytes, bytes]:
    """Part a long read from its first event and its last three, which are others where a stream begins or ends."""
    begin, end = data.find(b"\n\n") + 2, len(data) - 2
    if len(data) < LONG or data[end:] != b"\n\n" or b"\r" in data:
        return b"", data, b""
    for _ in range(3):
        end = data.rfind(b"\n\n", begin, end)
        if end < 0:
            return b"", data, b""
    return data[:begin], data[begin : end + 2], data[end + 2 :]
