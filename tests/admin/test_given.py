"""A tenant's object that would ask a model that the tenant was not given is refused when it is written."""

import pytest

from headgate.access.permissions import ROLES
from tests.admin.conftest import who

API = "/api/v1"
JUDGE = {"kind": "judge", "policy": "No advice."}


async def acme(api, **given):
    made = await api.ask("POST", f"{API}/tenants", json={"id": "acme", "name": "Acme", **given})
    assert made.status_code == 201, made.text
    api.doors.known["boss"] = who("boss", "acme", scope="tenant", permissions=ROLES["tenant-admin"])


REFUSED = [
    ("guardrails", {**JUDGE, "model": "dear/m"}, "config.model"),
    ("guardrails", {**JUDGE, "model": "nobody/m"}, "config.model"),
    ("guardrails", {"kind": "keywords", "words": ["x"], "action": "reroute", "to": "dearest"}, "config.to"),
    ("caches", {"kind": "semantic", "semantic": {"embedding": "dear/embed"}}, "config.semantic.embedding"),
    (
        "routes",
        {"targets": ["fair/m", "fair/n"], "fan_out": {"answer": "best", "judge": "dear/m"}},
        "config.fan_out.judge",
    ),
    ("routes", {"targets": ["fair/m"], "shadow": {"target": "fair/m", "judge": "dear/m"}}, "config.shadow.judge"),
    (
        "routes",
        {"targets": ["fair/m", "fair/n"], "strategy": [{"kind": "remote", "provider": "dear"}]},
        "config.strategy",
    ),
]


@pytest.mark.parametrize("given", [{"catalogue": ["fair/*"]}, {"models": ["fair/*"]}, {"providers": ["fair"]}])
@pytest.mark.parametrize(("path", "config", "param"), REFUSED)
async def test_what_it_was_not_given(api, given, path, config, param):
    await acme(api, **given)
    shared = {"name": "dearest", "config": {"targets": ["dear/m"]}, "shared": True}
    assert (await api.ask("POST", f"{API}/routes", json=shared)).status_code == 201
    answer = await api.ask("POST", f"{API}/{path}", "boss", json={"name": "mine", "config": config})
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["param"] == param and "not among what this tenant was given" in error["message"]
    assert (await api.ask("GET", f"{API}/{path}/mine", "boss")).status_code == 404
    if "nobody" not in str(config):
        made = await api.ask("POST", f"{API}/{path}", json={"name": "shared", "config": config, "shared": True})
        assert made.status_code == 201, made.text


async def test_what_it_was_given(api):
    await acme(api, catalogue=["fair/*"])
    for name, (path, config) in enumerate(
        [
            ("guardrails", {**JUDGE, "model": "fair/m"}),
            ("caches", {"kind": "semantic", "semantic": {"embedding": "lexical"}}),
            ("routes", {"targets": ["fair/m"], "shadow": {"target": "fair/m", "judge": "fair/m"}}),
        ]
    ):
        made = await api.ask("POST", f"{API}/{path}", "boss", json={"name": f"n{name}", "config": config})
        assert made.status_code == 201, made.text


async def test_one_that_nothing_binds_asks_any(api):
    await acme(api)
    made = await api.ask(
        "POST", f"{API}/guardrails", "boss", json={"name": "j", "config": {**JUDGE, "model": "dear/m"}}
    )
    assert made.status_code == 201, made.text
