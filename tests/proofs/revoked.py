"""What an administrator takes away on one machine is gone on all three within a second, and nothing brings it back."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2

from tests.e2e.processes import Gateway
from tests.proofs import Progress
from tests.proofs.fleet import Fleet

RACES = 1_000
AT_ONCE = 10
CALLERS = 3
WAYS = ("switch off", "revoke", "narrow", "demote", "user off", "user deleted", "team off")
BODY = {"model": "wall/good", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 5}


def prove(scale: float, folder: Path, progress: Progress) -> str:
    with ExitStack() as at_end:
        fleet = Fleet(folder, at_end, count=3, postgres=True, redis=True)
        admin = next(gateway.admin_key for gateway in fleet.gateways if "Admin key" in gateway.printed)
        longest = max(gone_everywhere(fleet, admin, how) for how in WAYS)
        races = max(round(RACES * scale), 10)
        late = done = 0
        with ThreadPoolExecutor(AT_ONCE) as racers:
            for found in racers.map(lambda race: raced(fleet, admin, race), range(races)):
                late, done = late + found, done + 1
                progress(done, races)
        assert not late, f"{late} calls were let in a second after their key was revoked"
        fleet.stop()
    return f"{', '.join(WAYS)}: refused by all three within {longest:.2f} s; {races} races, 0 resurrections"


def made(gateway: Gateway, admin: str, **fields: Any) -> tuple[str, str]:
    """Make a key; return its id and secret."""
    answer = api(gateway, admin, "POST", "/api/v1/config/virtual-keys", {"name": "x", **fields})
    assert answer.status_code in (200, 201), answer.text
    body = answer.json()
    return body["id"], body["key"]


def api(gateway: Gateway, admin: str, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    headers = {"authorization": f"Bearer {admin}"}
    return httpx2.request(method, f"{gateway.url}{path}", json=body, headers=headers, timeout=30)


def call(gateway: Gateway, key: str, client: httpx2.Client | None = None) -> int:
    headers = {"authorization": f"Bearer {key}"}
    where = f"{gateway.url}/v1/chat/completions"
    post = client.post if client is not None else httpx2.post
    return int(post(where, json=BODY, headers=headers, timeout=30).status_code)


def gone_everywhere(fleet: Fleet, admin: str, how: str) -> float:
    """Take something away; return the seconds until all three refuse it."""
    fields: dict[str, Any] = {"kind": "admin", "roles": [{"role": "auditor"}]} if how == "demote" else {}
    owner, owners = "", f"/api/v1/{how.split()[0]}s"
    if how.startswith(("user", "team")):
        body = {"email": f"{how[5:]}@example.com"} if how.startswith("user") else {"name": "x"}
        owner = api(fleet.first, admin, "POST", owners, body).json()["id"]
        fields[f"{how.split()[0]}_id"] = owner
    id, key = made(fleet.first, admin, **fields)
    path, refused = f"/api/v1/config/virtual-keys/{id}", 401

    def status(gateway: Gateway) -> int:
        if how == "demote":
            return int(api(gateway, key, "GET", "/api/v1/config/virtual-keys").status_code)
        return call(gateway, key)

    for gateway in fleet.gateways:
        assert status(gateway) == 200, how
    if how == "switch off":
        answer = api(fleet.first, admin, "PATCH", path, {"is_active": False})
    elif how == "revoke":
        answer = api(fleet.first, admin, "DELETE", path)
    elif how == "user deleted":
        answer = api(fleet.first, admin, "DELETE", f"{owners}/{owner}")
    elif owner:
        answer = api(fleet.first, admin, "PATCH", f"{owners}/{owner}", {"is_active": False})
    elif how == "narrow":
        answer, refused = api(fleet.first, admin, "PATCH", path, {"models": ["wall/other"]}), 403
    else:
        found = api(fleet.first, admin, "GET", f"/api/v1/bindings?subject_kind=key&subject_id={id}").json()["data"]
        answer, refused = api(fleet.first, admin, "DELETE", f"/api/v1/bindings/{found[0]['id']}"), 403
    assert answer.status_code in (200, 204), answer.text
    done = time.monotonic()
    for gateway in fleet.gateways:
        while (found := status(gateway)) != refused:
            assert found == 200 and time.monotonic() - done < 5, (how, found)
            time.sleep(0.01)
    took = time.monotonic() - done
    assert took < 1.0, f"{how}: {took:.2f} s"
    return took


def raced(fleet: Fleet, admin: str, race: int) -> int:
    """Revoke a key, or switch it off, while it is in use everywhere; return how many calls were let in more than a
    second later.
    """
    by = fleet.gateways[race % len(fleet.gateways)]
    id, key = made(by, admin)
    let_in: list[float] = []
    stopping = threading.Event()

    def caller(gateway: Gateway) -> None:
        with httpx2.Client() as client:
            while not stopping.is_set():
                begun = time.monotonic()
                if call(gateway, key, client) == 200:
                    let_in.append(begun)

    callers = [threading.Thread(target=caller, args=(fleet.gateways[n % 3],)) for n in range(CALLERS)]
    for each in callers:
        each.start()
    time.sleep(0.05)
    path = f"/api/v1/config/virtual-keys/{id}"
    answer = api(by, admin, "PATCH", path, {"is_active": False}) if race % 2 else api(by, admin, "DELETE", path)
    assert answer.status_code in (200, 204), answer.text
    gone = time.monotonic()
    time.sleep(1.3)
    stopping.set()
    for each in callers:
        each.join()
    return sum(begun > gone + 1.0 for begun in let_in)
