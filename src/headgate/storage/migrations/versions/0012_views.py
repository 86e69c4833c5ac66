"""Sums by minute, hour and day, kinds of errors, words of payloads; and columns that the request log is searched by.

Revision ID: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

SUMS = (
    "requests", "failures", "fallbacks", "attempts", "hits", "unpriced", "input", "output", "cached", "cache_write",
    "reasoning", "cost_nano", "saved_nano",
)  # fmt: skip
SKETCHES = ("latency", "first_token", "overhead")
COLUMNS = ("team_id", "user_id", "app_id", "end_user", "asked", "route", "surface", "code", "tags", "cache", "guard")
FROM_DETAIL = {
    "team_id": "team_id", "user_id": "user_id", "app_id": "app_id", "end_user": "end_user", "asked": "model_requested",
    "route": "route", "surface": "surface", "code": "code", "tags": "tags",
}  # fmt: skip
CUTS = {
    "all": ("''", "''"), "key": ("key_id", "''"), "model": ("model", "''"), "provider": ("provider", "''"),
    "status": ("status", "''"), "key+model": ("key_id", "model"), "key+provider": ("key_id", "provider"),
    "provider+model": ("provider", "model"),
}  # fmt: skip
WORDS = """CREATE VIRTUAL TABLE payload_words USING fts5(text, content='payloads', content_rowid='seq')"""
TRIGGERS = {
    "payload_words_in": """AFTER INSERT ON payloads WHEN new.text IS NOT NULL BEGIN
        INSERT INTO payload_words (rowid, text) VALUES (new.seq, new.text); END""",
    "payload_words_out": """AFTER DELETE ON payloads WHEN old.text IS NOT NULL BEGIN
        INSERT INTO payload_words (payload_words, rowid, text) VALUES ('delete', old.seq, old.text); END""",
    "payload_words_less": """BEFORE UPDATE OF text ON payloads WHEN old.text IS NOT NULL BEGIN
        INSERT INTO payload_words (payload_words, rowid, text) VALUES ('delete', old.seq, old.text); END""",
    "payload_words_more": """AFTER UPDATE OF text ON payloads WHEN new.text IS NOT NULL BEGIN
        INSERT INTO payload_words (rowid, text) VALUES (new.seq, new.text); END""",
}
GIN = "CREATE INDEX payloads_words ON payloads USING gin (to_tsvector('simple', coalesce(text, '')))"


def upgrade() -> None:
    """Create them, and fill them from what there is: older sums have no durations."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    _create_tables()
    _widen_records(sqlite)
    _take_over_usage(sqlite)
    op.drop_table("usage")
    if sqlite:
        op.execute(WORDS)
        for name, what in TRIGGERS.items():
            op.execute(f"CREATE TRIGGER {name} {what}")
        op.execute("INSERT INTO payload_words (rowid, text) SELECT seq, text FROM payloads WHERE text IS NOT NULL")
    else:
        op.execute(GIN)


def _create_tables() -> None:
    op.create_table(
        "rollups",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("grain", sa.Integer, nullable=False),
        sa.Column("cut", sa.Text, nullable=False),
        sa.Column("start", sa.BigInteger, nullable=False),
        sa.Column("a", sa.Text, nullable=False),
        sa.Column("b", sa.Text, nullable=False),
        sa.Column("node", sa.Text, nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in SUMS),
        *(sa.Column(name, sa.LargeBinary, nullable=False) for name in SKETCHES),
        sa.PrimaryKeyConstraint("tenant_id", "grain", "cut", "start", "a", "b", "node", name="rollups_key"),
        sa.Index("rollups_old", "grain", "start"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "error_groups",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("node", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("first_at", sa.BigInteger, nullable=False),
        sa.Column("last_at", sa.BigInteger, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("keys", sa.Text, nullable=False),
        sa.Column("examples", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", "node", name="error_groups_key"),
        sa.Index("error_groups_first", "first_at"),
        sqlite_with_rowid=False,
    )


def _widen_records(sqlite: bool) -> None:
    for name in COLUMNS:
        op.add_column("records", sa.Column(name, sa.Text))
    op.add_column("records", sa.Column("total_us", sa.BigInteger))
    read = "json_extract(detail, '$.{}')" if sqlite else "(detail::jsonb ->> '{}')"
    sets = [f"{column} = {read.format(name)}" for column, name in FROM_DETAIL.items()]
    sets.append(f"total_us = CAST(CAST({read.format('total_ms')} AS DOUBLE PRECISION) * 1000 AS BIGINT)")
    op.execute(f"UPDATE records SET {', '.join(sets)}")  # noqa: S608  # our own names
    where = sa.text("code IS NOT NULL")
    op.create_index("records_failed", "records", ["tenant_id", "at"], sqlite_where=where, postgresql_where=where)
    where = sa.text("user_id IS NOT NULL")
    op.create_index(
        "records_user", "records", ["tenant_id", "user_id", "at"], sqlite_where=where, postgresql_where=where
    )


def _take_over_usage(sqlite: bool) -> None:
    none = "x''" if sqlite else "''::bytea"
    hour = "hour * 3600000000"
    for grain, start in ((3600, hour), (86_400, "(hour - hour % 24) * 3600000000")):
        for cut, (a, b) in CUTS.items():
            op.execute(
                f"INSERT INTO rollups SELECT tenant_id, {grain}, '{cut}', {start}, {a}, {b}, '', SUM(requests),"  # noqa: S608
                " SUM(CASE WHEN status = 'failure' THEN requests ELSE 0 END),"
                " SUM(CASE WHEN status = 'fallback' THEN requests ELSE 0 END), 0, 0, SUM(unpriced), SUM(input),"
                " SUM(output), SUM(cached), SUM(cache_write), SUM(reasoning), SUM(cost_nano), 0,"
                f" {none}, {none}, {none} FROM usage GROUP BY 1, 4, 5, 6"
            )


def downgrade() -> None:
    """Drop them. The sums by hour are gone: they are made anew by what comes."""
    if op.get_bind().dialect.name == "sqlite":
        for name in TRIGGERS:
            op.execute(f"DROP TRIGGER {name}")
        op.execute("DROP TABLE payload_words")
    else:
        op.execute("DROP INDEX payloads_words")
    for name in ("records_user", "records_failed"):
        op.drop_index(name, "records")
    for name in (*COLUMNS, "total_us"):
        op.drop_column("records", name)
    for table in ("error_groups", "rollups"):
        op.drop_table(table)
    op.create_table(
        "usage",
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("hour", sa.BigInteger, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("key_id", "model", "provider", "status")),
        *(
            sa.Column(name, sa.BigInteger, nullable=False)
            for name in ("requests", "unpriced", "input", "output", "cached", "cache_write", "reasoning", "cost_nano")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "hour", "key_id", "model", "provider", "status"),
        sqlite_with_rowid=False,
    )
