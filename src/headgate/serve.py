"""The processes of ``headgate serve``: a parent, and the workers that serve its port.

The parent drains their journals and answers for the management API and ``/metrics``: in a process of its own, because
neither an import nor a query nor a batch of records may take the interpreter from requests, not with one worker either.
"""

import asyncio
import errno
import hmac
import logging
import socket
import subprocess
import sys
import time
from functools import partial

import msgspec

from headgate.access.first import FirstKeys, compare
from headgate.access.home import SECRETS, Home
from headgate.app import Worker, log_server_error
from headgate.base import Base, Ways
from headgate.core.errors import Unavailable
from headgate.core.secret import Secret
from headgate.edge import certificate
from headgate.encryption import tell_missing
from headgate.entering import Entering
from headgate.life import Life
from headgate.live import Live
from headgate.logs import configure
from headgate.office import Office
from headgate.settings import Role, Settings, SettingsError, environment
from headgate.settings import load as load_settings
from headgate.storage.alone import Claim, claim
from headgate.storage.sql import SqlError
from headgate.storage.types import StorageRefused, StorageUnreachable
from headgate.storage.upgrade import HEAD, ensure, present
from headgate.stores import Signals
from headgate.supervise import run, work
from headgate.surfaces.control import Guarded, RemoteControl
from headgate.transport.base import Origin
from headgate.transport.server import App, bind, start
from headgate.watching import watch_alerts

log = logging.getLogger("headgate")
PORT_FREE_WITHIN = 2.0
DATABASE_WITHIN = 30.0

LATER = 75
"""Exit code of a worker that may be able to start later, as it is: its parent tries again."""
PREPARE = -1
"""The number of the process that is no worker but prepares a first start."""


class Process:
    """What one process does from its start to its end, as ``supervise`` runs it."""

    def __init__(self, base: Base) -> None:
        self.base = base

    async def worker(self, port: int, sockets: list[socket.socket], number: int, life: Life) -> None:
        """Be a data plane; pass management requests on to the parent's *port*."""
        worker = Worker(self.base, number, self.base.settings.workers)
        control = RemoteControl(Origin("127.0.0.1", port), control_token(self.base.home), worker.ways.lean)
        await self._serve(worker, sockets, control, life)

    async def parent(self, sock: socket.socket, sole: Claim, life: Life) -> None:
        """Be the control plane of several workers: drain their journals, serve the management API on *sock*.

        *sole* is given up when the workers begin to finish: who is to follow need not wait for the last call.
        """
        life.leave = sole.give_up
        ways = Ways(self.base.settings.ca_file, self.base.settings.proxy)
        entering = Entering(self.base.settings, self.base.url, self.base.home.derived, self.base.ring, ways.lean)
        signals = Signals(self.base)
        principals = self.base.principals(entering.resolver, rest=signals.wake.rest)
        principals.watch(lambda changes: signals.changed())
        live = Live(self.base, ways, lambda compiled: office.know(compiled))
        office = Office(self.base, principals, live, entering)
        office.know(live.compiled)
        live.follow(principals)
        try:
            await asyncio.to_thread(office.drainer.recover)
            await principals.refresh()
        except (SqlError, Unavailable) as error:
            if (file := self.base.settings.database_path()) is not None:
                raise StorageRefused(str(file), f"does not take what the journal holds ({error}).") from error
            log.warning("the database server does not answer: %s", error)  # it did a moment ago, and will
        await asyncio.to_thread(tell_missing, self.base.ring, self.base.url)
        office.drainer.start()
        office.payloads.start()
        works = self.base.settings.role in ("all", "worker")
        if works:
            office.exporter.start()
            office.retention.start()
        alerts = watch_alerts(self.base, live, office.metrics)
        following = [asyncio.create_task(one) for one in (principals.run(), live.run(), alerts, *signals.run())]
        if works:
            following.append(asyncio.create_task(office.duties.run()))
        life.reload = live.reload
        guarded = Guarded(office.control(), control_token(self.base.home))
        server = await start(guarded, [sock], on_error=log_server_error)
        life.ready()
        await life.stopping.wait()
        server.abort()
        for task in following:
            task.cancel()
        principals.close()
        await signals.close()
        entering.close()
        await ways.close()
        await asyncio.to_thread(office.drainer.stop)
        await asyncio.to_thread(office.payloads.stop)
        await asyncio.to_thread(office.exporter.stop)
        await asyncio.to_thread(office.retention.stop)
        await asyncio.to_thread(office.outlets.stop)

    async def _serve(self, worker: Worker, sockets: list[socket.socket], control: App, life: Life) -> None:
        settings = self.base.settings
        await worker.start(sockets[0], control)
        life.reload = worker.live.reload
        life.ready()
        await life.stopping.wait()
        grace = 0.0 if life.brisk else min(settings.accept_grace, settings.drain)  # Ctrl-C: no balancer is in front
        stopping = asyncio.ensure_future(worker.stop(grace, settings.drain))
        hurrying = asyncio.ensure_future(life.hurry.wait())
        await asyncio.wait([stopping, hurrying], return_when=asyncio.FIRST_COMPLETED)
        if not stopping.done():
            worker.abort()
        hurrying.cancel()
        await stopping


def control_token(home: Home) -> bytes:
    """Return what a worker shows to its parent: only who can read the home's secret can make it."""
    return hmac.digest(home.derived.signing, b"control", "sha256").hex().encode()


def serve(settings: Settings) -> int:
    """Run the gateway; return the exit code."""
    configure(settings.log_level)
    if not (settings.home / SECRETS).exists():
        there(settings.database())  # it has a say before a secret is made, and may be starting too
    base = Base(settings)
    certificate(settings)  # an unusable one stops the start
    sole = claim(settings.home, settings.database_path())
    try:
        made = prepare(base)
        sock = listen(settings)
        port = sock.getsockname()[1]
        process = Process(base)
        inner = bind("127.0.0.1", 0)
        return run(
            None,
            [sock],
            workers=settings.workers,
            argv=partial(child_argv, settings, inner.getsockname()[1]),
            control=partial(process.parent, inner, sole),
            on_ready=partial(greet, settings, port, made),
            patience=settings.drain + 6,
        )
    finally:
        sole.give_up()


def listen(settings: Settings) -> socket.socket:
    """Return the listening socket; a port that a gateway killed a moment ago still holds is waited for."""
    deadline = time.monotonic() + PORT_FREE_WITHIN
    while True:
        try:
            return bind(settings.host, settings.port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                where = f"{settings.host}:{settings.port}"
                do = " Choose another --port." if error.errno in (errno.EADDRINUSE, errno.EACCES) else ""
                raise SettingsError([f"{where} cannot be listened on: {error.strerror}.{do}"]) from None
            time.sleep(0.05)


def prepare(base: Base) -> FirstKeys:
    """Bring the database to the present schema and make the first keys where there are none.

    A first start does so in a process of its own: the libraries it takes would stay in the gateway's memory for good.
    """
    if there(base.url) == HEAD:
        ensure(base.url)
        return base.first_keys()
    done = subprocess.run(worker_argv(Told.of(base.settings, PREPARE)), stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise SystemExit(done.returncode)
    made = msgspec.json.decode(done.stdout, type=dict[str, str])
    return FirstKeys(**{name: Secret(key) for name, key in made.items()})


def there(url: str) -> str | None:
    """Return the schema of the database; a server that does not answer is waited for, as it may be starting too."""
    deadline = time.monotonic() + DATABASE_WITHIN
    while True:
        try:
            return present(url)
        except StorageUnreachable as error:
            if time.monotonic() > deadline:
                raise
            log.warning("%s; trying again", error)
        time.sleep(1.0)


def prepared(base: Base) -> int:
    """Do the work of :func:`prepare` and print the keys to the process that waits for them."""
    compare(base.home, base.url)  # tables of others stay as they are
    ensure(base.url)
    made = base.first_keys()
    found = {name: key.reveal() for name in ("admin", "key") if (key := getattr(made, name)) is not None}
    sys.stdout.buffer.write(msgspec.json.encode(found))
    return 0


def child_argv(settings: Settings, port: int, number: int, fds: list[int], line: int) -> list[str]:
    """The command of a worker process; everything that is not in the environment stands in it."""
    return worker_argv(msgspec.structs.replace(Told.of(settings, number), fds=fds, line=line, port=port))


def worker_argv(told: "Told") -> list[str]:
    """The command that makes a process of this program's own."""
    return [sys.executable, "-m", "headgate.serve", msgspec.json.encode(told).decode()]


class Told(msgspec.Struct, array_like=True):
    """What a parent tells its worker. Secrets come by the environment."""

    number: int
    workers: int
    home: str
    config: str | None
    tls_cert: str | None
    tls_key: str | None
    role: Role
    fds: list[int] = []
    line: int = 0
    port: int = 0

    @classmethod
    def of(cls, settings: Settings, number: int) -> "Told":
        """Return what *settings* say that may have come by an option."""
        files = (settings.config, settings.tls_cert, settings.tls_key)
        config, cert, key = (str(file) if file is not None else None for file in files)
        return cls(number, settings.workers, str(settings.home), config, cert, key, settings.role)


def child(told: Told) -> int:
    """Be the worker that *told* describes; return the exit code."""
    given = ("home", "config", "workers", "tls_cert", "tls_key", "role")
    settings = load_settings(environment(), {name: getattr(told, name) for name in given})
    configure(settings.log_level)
    base = Base(settings)
    if told.number == PREPARE:
        return prepared(base)
    process = Process(base)
    return work(partial(process.worker, told.port), worker=told.number, fds=told.fds, line=told.line)


def greet(settings: Settings, port: int, made: FirstKeys) -> None:
    """Tell people where the gateway is and, the first time only, its keys."""
    shown = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host  # compared, not bound
    scheme = "https" if settings.tls_cert is not None else "http"
    url = f"{scheme}://{f'[{shown}]' if ':' in shown else shown}:{port}"
    lines = [f"Headgate is ready on {url}  (home {settings.home})"]
    if made.admin is not None:
        lines.append(f"Admin key, shown this once:    {made.admin.reveal()}")
    if made.key is not None:
        key = made.key.reveal()
        lines += [
            f"Virtual key, shown this once:  {key}",
            "The first request:",
            f'  curl {url}/v1/chat/completions -H "Authorization: Bearer {key}" -H "Content-Type: application/json" '
            '-d \'{"model": "sandbox/chat", "messages": [{"role": "user", "content": "Hello"}]}\'',
        ]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        raise SystemExit(child(msgspec.json.decode(sys.argv[1], type=Told)))
    except Exception as refused:
        code = getattr(refused, "exit_code", None)
        if code is None:
            raise
        if getattr(refused, "later", False):
            code = LATER
        sys.stderr.write(f"headgate: {refused}\n")
        raise SystemExit(code) from None
