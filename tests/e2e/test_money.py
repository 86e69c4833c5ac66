"""Budgets, requests for more and the audit log of a gateway that runs, as its people use them."""

import time

import httpx2

from headgate.faultlab.wall import Wall
from tests.e2e.processes import Gateway


def ask(gateway, key, **fields):
    body = {"model": "wall/ok", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 10, **fields}
    headers = {
        "authorization": f"Bearer {key}",
        **({"x-headgate-tags": fields.pop("tags")} if "tags" in fields else {}),
    }
    body.pop("tags", None)
    return httpx2.post(f"{gateway.url}/v1/chat/completions", json=body, headers=headers, timeout=10)


def becomes(gateway, key, status, **fields):
    until = time.monotonic() + 10
    while (answer := ask(gateway, key, **fields)).status_code != status:
        assert time.monotonic() < until, answer.text
        time.sleep(0.1)
    return answer


def test_a_budget_refuses_until_somebody_grants_more_and_all_of_it_is_on_record(tmp_path):
    wall = Wall()
    where = f'"http://127.0.0.1:{wall.port}/v1"'
    config = (
        f"providers: {{wall: {{kind: openai-compatible, base_url: {where}, price: {{input: 1000, output: 2000}}}}}}\n"
    )
    gateway = Gateway(tmp_path / "home", config=config).start()
    try:
        key = gateway.key("app")
        budget = gateway.cli("budgets", "create", "--name", "red", "--tag", "red", "--usd", "0.03", "--window", "month")
        refused = becomes(gateway, key, 429, tags="red")
        assert refused.json()["error"]["code"] == "insufficient_quota"
        assert ask(gateway, key).status_code == 200
        headers = {"authorization": f"Bearer {gateway.admin_key}"}
        asked = {"kind": "budget", "subject_kind": "budget", "subject_id": budget["id"], "usd": "50"}
        made = httpx2.post(f"{gateway.url}/api/v1/approvals", json=asked, headers=headers, timeout=20).json()
        gateway.cli("approvals", "approve", made["id"])
        becomes(gateway, key, 200, tags="red")
        until = time.monotonic() + 10
        while (used := gateway.cli("budgets", "list")[0]["usage"])["used"]["usd"] == "0" and time.monotonic() < until:
            time.sleep(0.2)
        assert (used["amount"]["usd"], float(used["used"]["usd"]) > 0) == ("50", True)
        refusals = gateway.cli("audit", "list", "--outcome", "refused")
        assert refusals[0]["action"] == "budgets:refuse"
        lines = gateway.cli("billing", "chargeback", "--by", "tag")["data"]
        assert {line["name"] for line in lines} == {"red", ""}
        verified = gateway.cli("audit", "verify")
        assert verified["ok"], verified
        assert verified["exchanges"] >= 3
    finally:
        gateway.stop()
