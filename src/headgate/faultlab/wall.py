"""An upstream that commits faults on demand and keeps its own account of every attempt: the second witness of a drill.

It runs on a thread of its own, so that whoever asks may block.
"""

import asyncio
import threading
import time

from headgate.faultlab.attempt import Attempt, Fault
from headgate.faultlab.faults import FAULTS
from headgate.faultlab.whole import good


class Wall:
    """The server, on a free port of this machine.

    What it does wrong is chosen by the name of the model that is asked for, up to a colon: ``first_<fault>`` commits
    the fault at the first attempt and answers well afterwards. ``faults`` goes over the names: the model, or the first
    step of the path and the model as ``step/model``.
    """

    def __init__(self) -> None:
        self.port = 0
        self.attempts: list[Attempt] = []
        self.faults: dict[str, str] = {}
        self.writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        if not self._ready.wait(10):
            raise RuntimeError("the wall did not start")

    def seen(self, model: str) -> list[Attempt]:
        """Return the attempts at *model*, oldest first; at ``step/model``, those whose path began with that step."""
        return [a for a in self.attempts if model in (a.model, f"{a.path.split('/')[1]}/{a.model}")]

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)

        async def serve() -> None:
            server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=64 * 1024 * 1024)
            self.port = server.sockets[0].getsockname()[1]
            self._ready.set()

        self._loop.create_task(serve())
        self._loop.run_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.add(writer)
        attempt: Attempt | None = None
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lengths = [line[15:] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
                if not lengths:  # what models there are, for example
                    writer.write(b"HTTP/1.1 404 X\r\ncontent-length: 0\r\n\r\n")
                    continue
                length = int(lengths[0])
                attempt = Attempt(reader, writer, head, await reader.readexactly(length))
                self.attempts.append(attempt)
                await self._fault(attempt)(attempt)
        except asyncio.IncompleteReadError:
            pass
        except ConnectionError:  # the peer may leave while an answer begins, before anything watches for it
            if attempt is not None and attempt.closed_at is None:
                attempt.closed_at = time.monotonic()
        finally:
            self.writers.discard(writer)
            writer.close()

    def _fault(self, attempt: Attempt) -> Fault:
        whole = f"{attempt.path.split('/')[1]}/{attempt.model}"
        name = self.faults.get(whole) or self.faults.get(attempt.model) or attempt.model.partition(":")[0]
        if name.startswith("first_"):
            return FAULTS[name[6:]] if len(self.seen(whole)) == 1 else good
        return FAULTS.get(name, good)
