"""The management side asks what the request path asks, in the same words."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

T = TypeVar("T")


class Asking:
    """A connection of SQLAlchemy's that takes SQL with ``?`` for each parameter, as ``storage.sql`` does."""

    def __init__(self, con: Connection) -> None:
        self._con = con

    def execute(self, sql: str, params: Sequence[Any] = (), /) -> Any:
        """Run one statement."""
        pieces = sql.split("?")
        named = "".join(f"{piece}:p{n}" for n, piece in enumerate(pieces[:-1])) + pieces[-1]
        return self._con.execute(text(named), {f"p{n}": value for n, value in enumerate(params)})


async def asked(con: AsyncConnection, question: Callable[[Asking], T]) -> T:
    """Return the answer to *question*."""
    return await con.run_sync(lambda sync: question(Asking(sync)))
