"""Where sealed values stand, and how many of them begin alike: a value begins with what says under which key it is.

See ``access.sealed`` for what they look like; nothing is opened here.
"""

import msgspec

from headgate.storage.sql import TableMissing, open_sql
from headgate.storage.sqlite import path_of

PRESENT = b"HG\x02"
"""What says how a value is written, in the present version."""
ID_BYTES = 32
HEAD = len(PRESENT) + ID_BYTES
"""Bytes that say, in the present version, under which key a value is."""


class Place(msgspec.Struct, frozen=True):
    """A column of sealed values."""

    kind: str
    """What they are called."""
    table: str
    column: str
    lasting: bool = True
    """Whether they stay until somebody removes them: these are what is rotated. Others go by themselves."""


PLACES = (
    Place("provider_keys", "provider_keys", "sealed"),
    Place("channels", "channels", "sealed"),
    Place("identity_providers", "sso_configs", "sealed_secret"),
    Place("payloads", "payloads", "body", lasting=False),
    Place("answers", "idempotency", "body", lasting=False),
)
COUNT = """SELECT CASE WHEN substr({column}, 1, {version}) = ? THEN substr({column}, 1, {head})
    ELSE substr({column}, 1, {version}) END, COUNT(*) FROM {table} WHERE {column} IS NOT NULL GROUP BY 1"""


def counted(where: str, *, lasting: bool = False) -> list[tuple[Place, bytes, int]]:
    """Return what values begin with, and how many do, in every place of the database at *where*; of *lasting* ones
    alone where that is asked. None where the tables are not made yet.

    Raise ``SqlError`` where it cannot be read.
    """
    path = path_of(where)
    if path is not None and not path.exists():
        return []
    found: list[tuple[Place, bytes, int]] = []
    sql = open_sql(where)
    try:
        for place in PLACES:
            if place.lasting or not lasting:
                asked = COUNT.format(table=place.table, column=place.column, version=len(PRESENT), head=HEAD)
                rows = sql.execute(asked, (PRESENT,)).fetchall()
                found += [(place, bytes(start), number) for start, number in rows if start]
    except TableMissing:
        return []
    finally:
        sql.close()
    return found
