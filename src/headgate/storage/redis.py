"""A plain connection to Redis in the event loop: many commands in one round trip, within a time that is given.

The protocol is RESP 2, <https://redis.io/docs/latest/develop/reference/protocol-spec/>; ``hiredis`` packs and reads it.
"""

import asyncio
import ssl
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

Command = tuple[bytes | str | int, ...]

PORT = 6379
READ = 65536


class RedisDown(Exception):
    """It cannot be reached, took too long, or refused a command. The connection was given up."""


class Redis:
    """One connection, one caller at a time; it opens on first use and again after it broke."""

    def __init__(self, url: str) -> None:
        """*url* is ``redis://user:password@host:port/db``, ``rediss://`` for TLS, or ``unix:///path?db=0``."""
        parts = urlsplit(url)
        self._tls = ssl.create_default_context() if parts.scheme == "rediss" else None
        self._path = parts.path if parts.scheme == "unix" else None
        self._host, self._port = parts.hostname or "localhost", parts.port or PORT
        self._greeting: list[Command] = []
        if parts.password is not None:
            user = (unquote(parts.username),) if parts.username else ()
            self._greeting.append(("AUTH", *user, unquote(parts.password)))
        database = dict(parse_qsl(parts.query)).get("db", "") if self._path else parts.path.strip("/")
        if database not in ("", "0"):
            self._greeting.append(("SELECT", database))
        self._writer: asyncio.StreamWriter | None = None
        self._reader: asyncio.StreamReader | None = None
        self._parser: Any = None

    async def call(self, commands: list[Command], seconds: float) -> list[Any]:
        """Return the reply to each of *commands*; raise :class:`RedisDown` where one is refused, or after *seconds*."""
        try:
            async with asyncio.timeout(seconds):
                if self._writer is None:
                    await self._open()
                return await self._exchange(commands)
        except RedisDown:
            self.drop()
            raise
        except (TimeoutError, OSError, EOFError) as error:
            self.drop()
            raise RedisDown(str(error) or "it does not answer in time") from error
        except BaseException:
            self.drop()  # replies may be under way
            raise

    async def read(self) -> Any:
        """Return the next message of a channel that was subscribed to; raise :class:`RedisDown` at its end."""
        try:
            return await self._reply()
        except (OSError, EOFError) as error:
            self.drop()
            raise RedisDown(str(error)) from error

    def drop(self) -> None:
        """Close the connection."""
        if self._writer is not None:
            self._writer.transport.abort()
        self._writer = self._reader = self._parser = None

    async def _open(self) -> None:
        import hiredis

        if self._path is not None:
            self._reader, self._writer = await asyncio.open_unix_connection(self._path)
        else:
            self._reader, self._writer = await asyncio.open_connection(self._host, self._port, ssl=self._tls)
        self._parser = hiredis.Reader()
        if self._greeting:
            await self._exchange(self._greeting)

    async def _exchange(self, commands: list[Command]) -> list[Any]:
        import hiredis

        assert self._writer is not None
        self._writer.write(b"".join(hiredis.pack_command(command) for command in commands))  # type: ignore[arg-type]
        await self._writer.drain()
        replies = [await self._reply() for _ in commands]
        for reply in replies:
            if isinstance(reply, hiredis.ReplyError):
                raise RedisDown(str(reply))
        return replies

    async def _reply(self) -> Any:
        assert self._reader is not None
        while (reply := self._parser.gets()) is False:
            data = await self._reader.read(READ)
            if not data:
                raise EOFError("it hung up")
            self._parser.feed(data)
        return reply
