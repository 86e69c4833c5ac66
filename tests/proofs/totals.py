"""A hundred thousand mixed calls, with callers that leave in mid-stream and providers that fail over: whoever is asked
afterwards (ledger, records, sums of every window and dimension, /metrics, API, command line, export) tells the same
totals to the last unit.
"""

import json
import time
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from headgate.faultlab.wall import Wall
from headgate.storage.sql import open_sql
from tests.e2e.processes import Gateway
from tests.proofs import Progress
from tests.proofs.money import MODELS, called

CALLS = 100_000
ROUTES = ("over", "over", "again")
CONFIG = """
providers:
  wall: {{kind: openai-compatible, base_url: "http://127.0.0.1:{port}/v1", price: {{input: 1, output: 2}}}}
  spare: {{kind: openai-compatible, base_url: "http://127.0.0.1:{port}/v1", price: {{input: 3, output: 5}}}}
routes:
  over: {{targets: [wall/s500, spare/good]}}
  again: {{targets: [wall/cut, wall/garbage, spare/no_usage]}}
"""
Totals = dict[str, int]


def prove(scale: float, folder: Path, progress: Progress) -> str:
    wall = Wall()
    with ExitStack() as at_end:
        gateway = Gateway(folder / "home", config=CONFIG.format(port=wall.port), args=("--workers", "2"))
        at_end.callback(gateway.kill)
        gateway.start(60)
        budget = ("--budget", "1000000", "--window", "month", "--concurrency", "500", "--tags", "proof")
        keys = [gateway.key(f"caller{n}", *budget) for n in range(2)]
        seen = called([gateway.port], keys, round(CALLS * scale), progress, (*MODELS, *ROUTES))
        settled(gateway)
        told = judge(gateway, folder)
        assert gateway.stop() == 0
    return f"{seen.done} calls, {seen.left} callers left: {told}"


def rows(gateway: Gateway, query: str) -> list[tuple[Any, ...]]:
    sql = open_sql(gateway.home / "headgate.db")
    try:
        return sql.execute(query).fetchall()
    finally:
        sql.close()


def settled(gateway: Gateway) -> None:
    """Wait until nothing is in flight and everything is stored."""
    until, before = time.monotonic() + 60, -1
    while True:
        page = httpx2.get(f"{gateway.url}/metrics", timeout=20).text
        gauges = {line.split()[0]: float(line.split()[1]) for line in page.splitlines() if line[:1] not in ("#", "")}
        count = rows(gateway, "SELECT COUNT(*) FROM records")[0][0]
        if gauges["headgate_journal_behind_bytes"] == gauges["headgate_calls_in_flight"] == 0 and count == before:
            return
        assert time.monotonic() < until, "there are calls in flight that never ended"
        before = count
        time.sleep(1.0)


def judge(gateway: Gateway, folder: Path) -> str:
    """Compare what each tells with the records, of which one was made for every call."""
    truth = of_records([json.loads(detail) for (detail,) in rows(gateway, "SELECT detail FROM records")])
    ledger = int(rows(gateway, "SELECT SUM(nano) FROM ledger")[0][0])
    assert ledger == truth["cost"], f"the ledger sums to {ledger}, the records to {truth['cost']}"
    told: dict[str, Totals] = {"/metrics": of_metrics(gateway), "export": of_export(gateway, folder)}
    for grain in (60, 3600, 86_400):
        for cut in ("all", "status", "key+model", "surface"):
            if grain > 60 or "+" not in cut:
                told[f"sums of {cut} by {grain} s"] = of_sums(gateway, grain, cut)
    told |= of_api(gateway) | of_cli(gateway)
    for who, totals in told.items():
        wrong = {name: (value, truth[name]) for name, value in totals.items() if value != truth[name]}
        assert not wrong, f"{who} tells (and the records): {wrong}"
    listed = gateway.cli("logs", "--limit", "1000", "--status", "failure")
    assert len(listed) == min(truth["failures"], 1000)
    return (
        f"{truth['requests']} calls ({truth['failures']} failed, {truth['fallbacks']} elsewhere), {truth['attempts']} "
        f"attempts, {truth['input'] + truth['output']} tokens and {ledger} nano-dollars by ledger, records and "
        f"{len(told)} other accounts"
    )


def of_records(records: list[dict[str, Any]]) -> Totals:
    usage = [record.get("usage", {}) for record in records]
    return {
        "requests": len(records),
        "failures": sum(record["status"] == "failure" for record in records),
        "fallbacks": sum(record["status"] == "fallback" for record in records),
        "attempts": sum(len(record.get("attempts", ())) for record in records),
        "input": sum(used.get("input", 0) for used in usage),
        "output": sum(used.get("output", 0) for used in usage),
        "cached": sum(used.get("cached", 0) for used in usage),
        "cost": sum(record.get("cost_nano") or 0 for record in records),
    }


def of_sums(gateway: Gateway, grain: int, cut: str) -> Totals:
    names = ("requests", "failures", "fallbacks", "attempts", "input", "output", "cached", "cost_nano")
    query = f"SELECT {', '.join(f'SUM({name})' for name in names)} FROM rollups WHERE grain = {grain} AND cut = '{cut}'"
    if cut == "key+model":  # a call whose model nobody knows has no row there
        return {"cost": int(rows(gateway, query)[0][-1])}
    return dict(zip((*names[:-1], "cost"), map(int, rows(gateway, query)[0]), strict=True))


def of_metrics(gateway: Gateway) -> Totals:
    page = httpx2.get(f"{gateway.url}/metrics", timeout=20).text
    found = {"requests": 0, "failures": 0, "fallbacks": 0, "input": 0, "output": 0, "cached": 0, "cost": 0}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            if sample.name == "headgate_requests_total":
                found["requests"] += int(sample.value)
                for status, name in (("failure", "failures"), ("fallback", "fallbacks")):
                    found[name] += int(sample.value) if sample.labels["status"] == status else 0
            elif sample.name == "headgate_tokens_total" and sample.labels["kind"] in found:
                found[sample.labels["kind"]] += int(sample.value)
            elif sample.name == "headgate_cost_usd_total":
                found["cost"] += round(sample.value * 1e9)
    return found


def nano(usd: str) -> int:
    return int(Decimal(usd) * 10**9)


def of_row(row: dict[str, Any]) -> Totals:
    return {
        "requests": row["requests"],
        "failures": row["failures"],
        "fallbacks": row["fallbacks"],
        "attempts": row["attempts"],
        "input": row["input_tokens"],
        "output": row["output_tokens"],
        "cached": row["cached_tokens"],
        "cost": nano(row["cost_usd"]),
    }


def of_api(gateway: Gateway) -> dict[str, Totals]:
    found: dict[str, Totals] = {}
    with httpx2.Client(headers={"authorization": f"Bearer {gateway.admin_key}"}, timeout=30) as http:
        for by in ("day", "minute", "key", "model", "surface", "status", "route"):
            answer = http.get(f"{gateway.url}/api/v1/metrics/usage", params={"by": by, "since": ago(1)})
            assert answer.status_code == 200, answer.text
            found[f"/metrics/usage by {by}"] = of_row(answer.json()["total"])
            if by != "minute":
                data = [of_row(row) for row in answer.json()["data"]]
                found[f"rows of /metrics/usage by {by}"] = {name: sum(r[name] for r in data) for name in data[0]}
        for asked in ({}, {"by": "provider"}, {"by": "model", "interval": "hour"}, {"tag": "proof"}):
            answer = http.get(f"{gateway.url}/api/v1/analytics", params={**asked, "since": ago(1)})
            assert answer.status_code == 200, answer.text
            found[f"/analytics {asked}"] = of_row(answer.json()["total"])
        spent = http.get(f"{gateway.url}/api/v1/metrics/spending").json()["current_spend"]
    return found | {"/metrics/spending": {"cost": nano(spent)}}


def ago(days: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - days * 86_400))


def of_cli(gateway: Gateway) -> dict[str, Totals]:
    found = {f"headgate usage --by {by}": gateway.cli("usage", "--by", by)["total"] for by in ("tag", "hour")}
    found["headgate usage --compare"] = gateway.cli("usage", "--by", "model", "--compare", "--since", "1d")["total"]
    return {who: of_row(total) for who, total in found.items()}


def of_export(gateway: Gateway, folder: Path) -> Totals:
    file = folder / "calls.jsonl"
    gateway.cli("export", "--format", "jsonl", "--output", str(file))
    with file.open() as lines:
        calls = [json.loads(line) for line in lines]
    return {
        "requests": len(calls),
        "failures": sum(one["status"] == "failure" for one in calls),
        "input": sum(one["input_tokens"] or 0 for one in calls),
        "output": sum(one["output_tokens"] or 0 for one in calls),
        "cost": sum(one["cost_nano"] or 0 for one in calls),
    }
