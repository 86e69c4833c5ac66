"""Full text over what was kept of prompts and answers: SQLite by FTS5, PostgreSQL by an index of its own kind.

Both find words as they are written, whatever the case, in any language that puts spaces between them.
"""

import re
from collections.abc import Sequence
from typing import Protocol

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

PHRASE = re.compile(r'"([^"]*)"|(\S+)')
MAX_PHRASES = 16
CHUNK = 500
SQLITE = """SELECT p.seq, p.id FROM payload_words w JOIN payloads p ON p.seq = w.rowid
    WHERE payload_words MATCH :words AND w.rowid {beyond} :after AND p.tenant_id = :tenant
    ORDER BY w.rowid {order} LIMIT :most"""
POSTGRES = """SELECT seq, id FROM payloads WHERE to_tsvector('simple', coalesce(text, '')) @@ ({words})
    AND seq {beyond} :after AND tenant_id = :tenant ORDER BY seq {order} LIMIT :most"""
FIRST, LAST = 0, 2**63 - 1


class Words(Protocol):
    """Finds texts of one tenant by their words."""

    async def find(
        self, tenant_id: str, words: str, *, after: int | None = None, back: bool = False, most: int = CHUNK
    ) -> Sequence[tuple[int, str]]:
        """Return number and call of texts with all of *words*, the last stored first; with *back* the other way.

        *after* is a number: those before it, or with *back* after it, are returned.
        """
        ...


class SqlWords:
    """:class:`Words` over SQLite or PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def find(
        self, tenant_id: str, words: str, *, after: int | None = None, back: bool = False, most: int = CHUNK
    ) -> Sequence[tuple[int, str]]:
        """See :class:`Words`."""
        phrases = phrases_of(words)
        if not phrases:
            return []
        said = {"beyond": ">" if back else "<", "order": "ASC" if back else "DESC"}
        values: dict[str, object] = {"tenant": tenant_id, "most": most}
        values["after"] = after if after is not None else FIRST if back else LAST
        if self._engine.dialect.name == "sqlite":
            query = SQLITE.format(**said)
            values["words"] = " ".join('"' + phrase.replace('"', '""') + '"' for phrase in phrases)
        else:
            query = POSTGRES.format(
                **said, words=" && ".join(f"phraseto_tsquery('simple', :w{n})" for n in range(len(phrases)))
            )
            values |= {f"w{n}": phrase for n, phrase in enumerate(phrases)}
        async with self._engine.connect() as con:
            return [(seq, id) for seq, id in await con.execute(text(query), values)]


def phrases_of(words: str) -> list[str]:
    """Return the words and quoted phrases of a search, without what holds no letter or digit.

    >>> phrases_of('refund "order 66" -- !')
    ['refund', 'order 66']
    """
    found = (quoted or word for quoted, word in PHRASE.findall(words))
    return [phrase for phrase in found if any(c.isalnum() for c in phrase)][:MAX_PHRASES]
