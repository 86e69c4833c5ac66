"""A program for the tests of supervision: a parent and its workers, each answering with its number and process id.

Arguments: ``parent WORKERS PORT_FILE [MODE]`` or ``work WORKER FD LINE MODE``. The modes are ways to misbehave.
"""

import asyncio
import os
import signal
import socket
import sys
import time
from pathlib import Path

from headgate.life import Life
from headgate.supervise import run, work
from headgate.transport.server import Link, bind, start


async def serve(sockets: list[socket.socket], worker: int, life: Life, mode: str = "") -> None:
    if mode == "crash":
        raise SystemExit(1)
    if mode == "refuse":
        raise SystemExit(3)
    if mode == "segv":
        os.kill(os.getpid(), signal.SIGSEGV)
    reloads = 0

    def reload() -> None:
        nonlocal reloads
        reloads += 1

    async def app(scope, receive, send) -> None:
        link: Link = scope["extensions"]["headgate"]
        if link.target == b"/slow":
            link.start(200, b"")
            for _ in range(10):
                link.write(b".")
                await asyncio.sleep(0.1)
            link.end()
        elif link.target == b"/endless":
            link.start(200, b"")
            while not link.closed:
                link.write(b".")
                await asyncio.sleep(0.05)
        elif link.target == b"/hang":
            link.respond(200, b"", b"")
            await asyncio.sleep(0)  # what is written leaves in the next turn
            time.sleep(60)  # a loop that does not turn any more is the point
        else:
            link.respond(200, b"", b"%d %d %d" % (worker, os.getpid(), reloads))

    life.reload = reload
    server = await start(app, sockets)
    life.ready()
    await life.stopping.wait()
    drained = asyncio.ensure_future(server.drain(0.2, 30))
    hurried = asyncio.ensure_future(life.hurry.wait())
    await asyncio.wait((drained, hurried), return_when=asyncio.FIRST_COMPLETED)
    server.abort()
    hurried.cancel()
    if not drained.done():
        drained.cancel()
        sys.stderr.write(f"flushed {worker}\n")


def main() -> int:
    if sys.argv[1] == "work":
        worker, fd, line = map(int, sys.argv[2:5])
        mode = sys.argv[5]

        async def served(sockets: list[socket.socket], worker: int, life: Life) -> None:
            await serve(sockets, worker, life, mode)

        return work(served, worker=worker, fds=[fd], line=line)
    workers, port_file, mode = int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]
    sock = bind("127.0.0.1", 0)
    port = sock.getsockname()[1]

    async def control(life: Life) -> None:
        if mode == "bad-control":
            raise SystemExit(3)
        life.reload = lambda: sys.stderr.write("control reloaded\n")
        await asyncio.sleep(0.05)
        life.ready()
        await life.stopping.wait()
        sys.stderr.write("control stopped\n")

    return run(
        serve,
        [sock],
        workers=workers,
        argv=lambda worker, fds, line: [sys.executable, __file__, "work", str(worker), str(fds[0]), str(line), mode],
        control=control,
        on_ready=lambda: port_file.write_text(str(port)),
    )


if __name__ == "__main__":
    sys.exit(main())
