"""The health of providers through the management API."""

from headgate.providers.breaker import IN_A_ROW
from headgate.routing.health import Health
from tests.routing.test_health import fail

HEALTH = "/api/v1/providers/health"


async def test_states_are_shown_and_set_by_hand(api):
    health = Health()
    fail(health, "mine/model", times=IN_A_ROW)
    api.parts.board.write(0, health.told())
    shown = (await api.ask("GET", HEALTH)).json()
    [row] = shown["data"]
    assert (row["worker"], row["name"], row["state"]) == (0, "mine/model", "open") and row["wait"] > 0
    assert row["measured"]["error_rate"] > 0
    done = await api.ask("POST", HEALTH, json={"name": "mine/model", "state": "closed"})
    assert done.status_code == 200 and done.json()["by_hand"] == {"mine/model": "closed"}
    done = await api.ask("POST", HEALTH, json={"name": "mine/model", "state": None})
    assert done.json()["by_hand"] == {}
    entries = (await api.ask("GET", "/api/v1/audit", params={"object_id": "mine/model"})).json()["data"]
    assert [(one["action"], one["before"], one["after"]) for one in entries] == [
        ("providers:switch", {"state": "closed"}, {"state": None}),
        ("providers:switch", {"state": None}, {"state": "closed"}),
    ]


async def test_what_is_not_there_cannot_be_switched(api):
    assert (await api.ask("POST", HEALTH, json={"name": "nobody/x", "state": "open"})).status_code == 404
    assert (await api.ask("POST", HEALTH, json={"name": "mine", "state": "ajar"})).status_code == 400


async def test_who_may_not(api):
    assert (await api.ask("GET", HEALTH, "key")).status_code == 403
    assert (await api.ask("POST", HEALTH, "key", json={"name": "mine", "state": "open"})).status_code == 403
