"""Gateways that share their stores, as on several machines: each has a home of its own, all have the same secret."""

import base64
import json
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from headgate.faultlab.wall import Wall
from headgate.storage.sql import open_sql
from tests.e2e.processes import Gateway
from tests.servers import Postgres, RedisServer, psql

NANO = 25_000
"""What one call of the wall costs, in nano-dollars: 11 x 1 + 7 x 2 USD per million."""


class Fleet:
    """*count* processes that serve: workers of one gateway on SQLite, or gateways of one worker each on a server."""

    def __init__(
        self,
        folder: Path,
        at_end: ExitStack,
        *,
        count: int = 3,
        postgres: bool = False,
        redis: bool = False,
        **more: str,
    ) -> None:
        self.wall = Wall()
        self.postgres: Postgres | None = None
        self.redis: RedisServer | None = None
        where = f'"http://127.0.0.1:{self.wall.port}/v1"'
        config = (
            f"providers: {{wall: {{kind: openai-compatible, base_url: {where}, price: {{input: 1, output: 2}}}}}}\n"
        )
        env = more | {
            "HEADGATE_SECRET_KEY": base64.b64encode(os.urandom(32)).decode(),
            "HEADGATE_ACCEPT_GRACE": "0",  # no balancer is in front
        }
        if postgres:
            self.postgres = Postgres().start()
            at_end.callback(self.postgres.close)
            psql(self.postgres.url, "create database fleet")
            env["HEADGATE_DATABASE_URL"] = self.url = self.postgres.url.rsplit("/", 1)[0] + "/fleet"
        else:
            self.url = f"sqlite:///{folder / 'home0' / 'headgate.db'}"
        if redis:
            self.redis = RedisServer().start()
            at_end.callback(self.redis.close)
            env["HEADGATE_REDIS_URL"] = self.redis.url
        args = () if postgres else ("--workers", str(count))
        self.gateways = [
            Gateway(folder / f"home{n}", config=config, args=args, **env) for n in range(count if postgres else 1)
        ]
        with ThreadPoolExecutor(count) as starts:  # all at once, on a database that is empty yet
            for gateway in self.gateways:
                at_end.callback(gateway.kill)
            list(starts.map(lambda gateway: gateway.start(60), self.gateways))

    @property
    def first(self) -> Gateway:
        return self.gateways[0]

    @property
    def ports(self) -> list[int]:
        return [gateway.port for gateway in self.gateways]

    def stop(self) -> None:
        with ThreadPoolExecutor(len(self.gateways)) as ends:
            codes = list(ends.map(lambda gateway: gateway.stop(), self.gateways))
        assert set(codes) == {0}, (codes, [gateway.printed[-2000:] for gateway in self.gateways])

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        sql = open_sql(self.url, patience=60.0)  # a busy machine may take longer for it than a request would wait
        try:
            return sql.execute(query, values).fetchall()
        finally:
            sql.close()

    def spent(self) -> int:
        """What the ledger sums to, in nano-dollars."""
        return int(self.rows("SELECT CAST(COALESCE(SUM(nano), 0) AS BIGINT) FROM ledger")[0][0])

    def records(self) -> dict[str, dict[str, Any]]:
        """Every record by its trace id; fails where a call is there twice."""
        found: dict[str, dict[str, Any]] = {}
        for id, trace, detail in self.rows("SELECT id, trace_id, detail FROM records"):
            key = trace or id.replace("-", "")
            assert key not in found, "a call is recorded twice"
            found[key] = json.loads(detail)
        return found

    def sent(self) -> set[str]:
        """The trace ids that reached the provider."""
        return {a.head.decode().lower().split("traceparent: 00-")[1][:32] for a in self.wall.attempts}
