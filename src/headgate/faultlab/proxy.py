"""A TCP proxy that gets in the way: between any client and any server, seeded, so that a run can be made again."""

import asyncio
import random
import socket
import struct
import threading
from typing import Literal

import msgspec

Mischief = Literal["none", "delay", "stall", "reset", "half-open", "truncate", "trickle"]
MISCHIEFS: tuple[Mischief, ...] = ("none", "delay", "stall", "reset", "half-open", "truncate", "trickle")
READ = 64 * 1024


class Plan(msgspec.Struct, frozen=True):
    """What becomes of one connection."""

    mischief: Mischief = "none"
    after: int = 0
    """Bytes from the server that pass before it happens."""
    seconds: float = 0.5
    """How long a delay takes, and how long nothing moves before what is stalled or half-open is closed."""


class Proxy:
    """The proxy, on a free port of this machine and a thread of its own."""

    def __init__(self, host: str, port: int, *, seed: int = 0, plans: tuple[Plan, ...] = ()) -> None:
        """Connect to *host* and *port*. Connections get *plans* in turn, the last for ever; else what *seed* draws."""
        self._to = host, port
        self._draw = random.Random(seed)
        self._plans = list(plans)
        self.met: list[Plan] = []
        """The plan of every connection, oldest first."""
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()
        if not self._ready.wait(10):
            raise RuntimeError("the proxy did not start")

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)

        async def serve() -> None:
            server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
            self.port: int = server.sockets[0].getsockname()[1]
            self._ready.set()

        self._loop.create_task(serve())
        self._loop.run_forever()

    def _next(self) -> Plan:
        if self._plans:
            return self._plans.pop(0) if len(self._plans) > 1 else self._plans[0]
        return Plan(self._draw.choice(MISCHIEFS), self._draw.randrange(400), 0.05 + self._draw.random())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        plan = self._next()
        self.met.append(plan)
        if plan.mischief == "half-open":  # the client is connected, and nobody is behind it
            await asyncio.sleep(plan.seconds)
            writer.close()
            return
        try:
            upstream, out = await asyncio.open_connection(*self._to)
        except OSError:
            writer.close()
            return
        up = asyncio.create_task(_copy(reader, out))
        try:
            await _answer(upstream, writer, plan)
        except OSError:
            pass
        finally:
            up.cancel()
            out.close()
            writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(READ):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError:
        pass


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, plan: Plan) -> None:
    passed = 0
    while data := await reader.read(READ):
        if plan.mischief != "none" and passed + len(data) > plan.after:
            before, data = data[: plan.after - passed], data[plan.after - passed :]
            writer.write(before)
            await writer.drain()
            if not await _commit(plan, data, writer):
                return
            passed, plan = passed + len(before) + len(data), Plan()
            continue
        writer.write(data)
        await writer.drain()
        passed += len(data)


async def _commit(plan: Plan, data: bytes, writer: asyncio.StreamWriter) -> bool:
    """Do what *plan* says with *data*; return whether the connection goes on."""
    match plan.mischief:
        case "delay":
            await asyncio.sleep(plan.seconds)
            writer.write(data)
        case "trickle":
            for at in range(len(data)):
                writer.write(data[at : at + 1])
                await writer.drain()
                await asyncio.sleep(plan.seconds / len(data))
        case "stall":
            await asyncio.sleep(plan.seconds)
            return False
        case "reset":
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            return False
        case _:
            return False
    return True
