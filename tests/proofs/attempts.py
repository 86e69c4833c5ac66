"""An outage is not met with a storm, and what callers did wrong is asked once and benches nobody, from a thousand clients."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx2

from headgate.faultlab.wall import Wall
from tests.e2e.processes import Gateway
from tests.proofs import Progress

CALLS = 5_000
CLIENTS = 1_000
CALLERS = 24
CONFIG = """
providers:
  one: {kind: openai-compatible, base_url: "WALL/v1", api_key: sk-one}
  two: {kind: openai-compatible, base_url: "WALL/v1", api_key: sk-two}
routes:
  lone: {targets: ['one/s503:lone']}
  pair: {targets: ['one/s503:pair', 'two/s500:pair']}
  mistaken: {targets: ['one/s400:mistaken', 'two/good:mistaken']}
"""


def prove(scale: float, folder: Path, progress: Progress) -> str:
    with ExitStack() as at_end:  # whatever happens, no gateway is left running
        wall = Wall()
        gateway = Gateway(folder / "home", config=CONFIG.replace("WALL", f"http://127.0.0.1:{wall.port}")).start()
        at_end.callback(gateway.kill)
        client = at_end.enter_context(
            httpx2.Client(timeout=60, limits=httpx2.Limits(max_connections=CALLERS, max_keepalive_connections=CALLERS))
        )
        pool = at_end.enter_context(ThreadPoolExecutor(CALLERS))
        calls, clients = max(round(CALLS * scale), 50), max(round(CLIENTS * scale), 20)

        def ask(model: str, key: str) -> httpx2.Response:
            body = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
            return client.post(
                f"{gateway.url}/v1/chat/completions", json=body, headers={"authorization": f"Bearer {key}"}
            )

        most = 0.0
        for step, model in enumerate(("lone", "pair")):
            answers = list(pool.map(lambda _, model=model: ask(model, gateway.first_key), range(calls)))
            progress((step + 1) * calls, 2 * calls + clients)
            assert {answer.status_code for answer in answers} <= {502, 503}
            assert all(int(answer.headers.get("x-headgate-attempts", "0")) <= 3 for answer in answers)
            for account in (b"sk-one", b"sk-two"):
                made = sum(account in a.head for a in wall.attempts if a.model.endswith(f":{model}"))
                assert made <= 1.2 * calls + 3, f"{made} attempts for {calls} requests"
                most = max(most, made / calls)
        keys = list(pool.map(lambda number: new_key(client, gateway, number), range(clients)))
        answers = list(pool.map(lambda key: ask("mistaken", key), keys))
        progress(2 * calls + clients, 2 * calls + clients)
        assert {answer.status_code for answer in answers} == {400}
        assert len(wall.seen("s400:mistaken")) == clients and not wall.seen("good:mistaken")
        shown = client.get(
            f"{gateway.url}/api/v1/providers/health", headers={"authorization": f"Bearer {gateway.admin_key}"}
        ).json()
        assert not [row for row in rows_of(shown) if row["name"] == "one/s400:mistaken" and row["state"] != "closed"]
        assert gateway.stop() == 0
        return (
            f"{most:.2f} attempts for each of {calls} requests while everything failed; "
            f"{clients} bad requests of {clients} clients were {clients} attempts, and nobody was benched"
        )


def new_key(client: httpx2.Client, gateway: Gateway, number: int) -> str:
    answer = client.post(
        f"{gateway.url}/api/v1/config/virtual-keys",
        json={"name": f"client {number}"},
        headers={"authorization": f"Bearer {gateway.admin_key}"},
    )
    assert answer.status_code == 201, answer.text
    key: str = answer.json()["key"]
    return key


def rows_of(document: object) -> list[dict[str, str]]:
    """Every object with a name and a state, wherever it stands."""
    if isinstance(document, dict):
        own = [document] if {"name", "state"} <= document.keys() else []
        return own + [row for value in document.values() for row in rows_of(value)]
    return [row for one in document for row in rows_of(one)] if isinstance(document, list) else []
