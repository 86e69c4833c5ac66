"""The pipeline in this process, over real connections to a wall: a call is asked, and everything is on record."""

import asyncio
import json
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from time import monotonic
from types import TracebackType
from typing import Any, cast

from headgate.access.types import Principal
from headgate.config.compile import compile_config
from headgate.config.known import known
from headgate.config.load import loads
from headgate.core.call import Call
from headgate.core.money import usd
from headgate.core.record import Record
from headgate.dialects import openai_chat
from headgate.faultlab.wall import Wall
from headgate.ledger.types import Ask, Hold
from headgate.limits.gate import FREE
from headgate.models import tokens
from headgate.pipeline.parts import Parts
from headgate.pipeline.run import run
from headgate.transport.base import Sender
from headgate.transport.client import Http1Sender

WHO = Principal(kind="key", id="key-1", tenant_id="tenant-1", name="test")


class Slot:
    def lines(self) -> str:
        return ""

    def release(self) -> None:
        pass


class Gate:
    def enter(self, target: str) -> Any:
        return FREE

    def admit(self, who: Principal, end_user: Any = None) -> Slot:
        return Slot()


class Books:
    """Books that grant everything, unless told how much output there is room for, and remember what came of it."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.asked: list[Ask] = []
        self.charged: dict[tuple[str, int], int] = {}
        """What each hold came to, by call and attempt, in nano-dollars."""
        self.open: dict[int, Hold] = {}
        self.room: dict[str, int] = {}
        """Output tokens that a target's hold is clamped to."""

    def hold(self, ask: Ask) -> Hold:
        self.asked.append(ask)
        output = min(ask.output_tokens, self.room.get(ask.target, ask.output_tokens))
        nano = 0 if ask.price is None else ask.price.bound(ask.input_tokens, output, ask.most)
        hold = Hold(ask=ask, nano=nano, tokens=ask.input_tokens + output, output_tokens=output, at=1)
        self.open[id(hold)] = hold
        return hold

    def used_share(self, who: Principal) -> float | None:
        return None

    def release(self, hold: Hold) -> None:
        if self.open.pop(id(hold), None) is not None:
            self.charged[hold.ask.call_id, hold.ask.attempt] = 0

    def end(self, record: Record, holds: list[Hold]) -> None:
        self.records.append(record)
        for hold in holds:
            if self.open.pop(id(hold), None) is not None:
                nano = hold.nano if hold.charge_nano is None else hold.charge_nano
                self.charged[hold.ask.call_id, hold.ask.attempt] = nano


class Principals:
    who = WHO

    def authenticate(self, *_: Any) -> Principal:
        return self.who


class Senders:
    def __init__(self) -> None:
        self.sender = Http1Sender()

    def get(self, *, proxy: str | None = None, http2: bool = False, ca: str | None = None) -> Sender:
        return self.sender


@dataclass
class Caller:
    """A caller's side of a connection, and what arrived there, when."""

    sent: bytes
    status: int = 0
    head: bytes = b""
    pieces: list[tuple[float, bytes]] = field(default_factory=list)
    ended: bool = False
    closed: bool = False
    mode: int = 0
    on_close: Any = None
    on_shutdown: Any = None
    task: Any = None
    at: float = field(default_factory=monotonic)

    def there(self, limit: int) -> bytes:
        return self.sent

    def respond(self, status: int, headers: bytes, body: bytes) -> None:
        assert not self.mode, "an answer begins once"
        self.mode, self.status, self.head, self.ended = 5, status, headers, True
        self.pieces.append((monotonic() - self.at, body))

    def start(self, status: int, headers: bytes) -> None:
        assert not self.mode, "an answer begins once"
        self.mode, self.status, self.head = 2, status, headers

    def write(self, data: bytes) -> Awaitable[None] | None:
        assert self.mode == 2 and not self.ended
        if data:
            self.pieces.append((monotonic() - self.at, data))
        return None

    def end(self) -> None:
        assert not self.ended, "it ends once"
        self.ended = True

    def leave(self) -> None:
        """Close the connection."""
        self.closed = True
        if self.on_close is not None:
            self.on_close()

    @property
    def headers(self) -> dict[str, str]:
        return dict(line.split(": ", 1) for line in self.head.decode().split("\r\n") if line)

    @property
    def body_sent(self) -> bytes:
        return b"".join(data for _, data in self.pieces)

    @property
    def events(self) -> list[Any]:
        lines = [line[6:] for line in self.body_sent.decode().splitlines() if line.startswith("data: ")]
        return [line if line == "[DONE]" else json.loads(line) for line in lines]

    @property
    def text(self) -> str:
        """The answer's text, streamed or whole, in OpenAI's form."""
        if "text/event-stream" not in self.headers.get("content-type", ""):
            return str(json.loads(self.body_sent)["choices"][0]["message"]["content"])
        chunks = [event for event in self.events if isinstance(event, dict)]
        return "".join(c["delta"].get("content") or "" for event in chunks for c in event.get("choices", []))


class Stage:
    """``async with Stage(wall, yaml) as stage``: one data plane; ``WALL`` in the configuration is the wall's URL."""

    def __init__(self, wall: Wall, config: str) -> None:
        self.wall = wall
        self.books = Books()
        self.senders = Senders()
        self.principals = Principals()
        self.errors: list[BaseException] = []
        self.parts: Any = None
        self.reconfigure(config)
        self._stack = AsyncExitStack()

    def reconfigure(self, config: str) -> None:
        text = config.replace("WALL", f"http://127.0.0.1:{self.wall.port}").encode()
        compiled = compile_config(loads(text, {}, known({})), {}, self.senders)
        if self.parts is not None:
            self.parts.snapshot = compiled.snapshot
            return
        self.parts = Parts(
            principals=self.principals,
            gate=cast(Any, Gate()),
            books=cast(Any, self.books),
            snapshot=compiled.snapshot,
            count_tokens=tokens.counted,
            estimate_output=tokens.estimate,
            log_error=lambda call, error: self.errors.append(error),
        )

    async def __aenter__(self) -> "Stage":
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:  # fmt: skip
        await self.senders.sender.close()
        if error is None:
            assert not self.errors, self.errors
            assert not self.books.open, "every hold has ended"
            assert all(not told.measured.inflight for told in self.parts.health.told() if told.measured)

    def begin(
        self, model: str, *, stream: bool = False, dialect: Any = openai_chat, headers: dict[str, str] | None = None,
        who: Principal | None = None, operation: Any = "chat", **more: Any,
    ) -> tuple[Caller, "asyncio.Task[None]"]:  # fmt: skip
        """Ask, and go on: the caller's side, and the call as a task."""
        body = {"model": model, "messages": [{"role": "user", "content": "hi"}], "stream": stream, **more}
        caller = Caller(json.dumps({name: value for name, value in body.items() if value is not ...}).encode())
        if who is not None:
            self.principals.who = who
        call = Call(
            surface="openai", operation=operation, dialect=dialect, link=caller, t0=monotonic(),
            headers=[(n.encode(), v.encode()) for n, v in {"content-type": "application/json", **(headers or {})}.items()],
        )  # fmt: skip

        async def answer() -> None:
            caller.task = asyncio.current_task()
            await run(call, self.parts)

        return caller, asyncio.create_task(answer())

    async def ask(self, model: str, **given: Any) -> Caller:
        """Ask, and wait for the end."""
        caller, task = self.begin(model, **given)
        await asyncio.wait_for(task, 30)
        if self.errors:
            raise self.errors[0]
        assert caller.ended, "an answer has an end"
        return caller

    @property
    def record(self) -> Record:
        """The last call's."""
        return self.books.records[-1]

    def paid(self) -> int:
        """Nano-dollars charged for the last call, which are what its record says."""
        charged = sum(nano for (call_id, _), nano in self.books.charged.items() if call_id == self.record.id)
        assert charged == (self.record.cost_nano or 0), (charged, usd(self.record.cost_nano or 0))
        return charged
