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
BURST = 200
"""Calls that are under way at the same time, and fail at the same time."""
CONFIG = """
providers:
  one: {kind: openai-compatible, base_url: "WALL/v1", api_key: sk-one}
  two: {kind: openai-compatible, base_url: "WALL/v1", api_key: sk-two}
  three: {kind: openai-compatible, base_url: "WALL/v1", api_key: sk-three}
  four: {kind: openai-compatible, base_url: "WALL/v1", api_key: sk-four}
routes:
  lone: {targets: ['one/s503:lone']}
  pair: {targets: ['one/s503:pair', 'two/s500:pair']}
  at-once: {targets: ['three/s503_late:at-once']}
  models: {targets: ['four/s503_late:1-models', 'four/s503_late:2-models', 'four/s503_late:3-models']}
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

        def ask(model: str, key: str, by: httpx2.Client = client) -> httpx2.Response:
            body = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
            return by.post(f"{gateway.url}/v1/chat/completions", json=body, headers={"authorization": f"Bearer {key}"})

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
        burst = max(round(BURST * scale), 40)
        crowd = at_end.enter_context(httpx2.Client(timeout=60, limits=httpx2.Limits(max_connections=burst)))
        threads = at_end.enter_context(ThreadPoolExecutor(burst))
        for model in ("at-once", "models"):  # one model of an account, and three that follow each other
            answers = list(threads.map(lambda _, model=model: ask(model, gateway.first_key, crowd), range(burst)))
            assert {answer.status_code for answer in answers} == {503}
            assert all(int(answer.headers["retry-after"]) >= 1 for answer in answers)
            made = sum(a.model.endswith(model) for a in wall.attempts)
            assert made <= 1.2 * burst + 3, f"{made} attempts for {burst} requests at once"
            most = max(most, made / burst)
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
            f"{most:.2f} attempts for each of {calls} requests while everything failed, and of {burst} at once; "
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
