"""Several tenants at one account of a provider: each has its own objects there, and no other's, on either database."""

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest

from tests.e2e.account import Account
from tests.e2e.processes import Gateway
from tests.servers import copied

pytestmark = pytest.mark.xdist_group("e2e-owned")

CONFIG = """
responses: {{keep: 0}}
providers:
  up: {{kind: openai, base_url: "{url}/v1", api_key: "sk-up"}}
  free: {{kind: openai, base_url: "{url}/v1", api_key: "sk-up", passthrough: open}}
  claude: {{kind: anthropic, base_url: "{url}", api_key: "sk-up"}}
  shut: {{kind: openai, base_url: "{url}/v1", api_key: "sk-up", passthrough: known}}
"""
CHAT = [{"role": "user", "content": "x"}]


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    with Account() as made:
        yield made


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def gateway(
    request: pytest.FixtureRequest, account: Account, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    more: dict[str, str] = {}
    if request.param == "postgresql":
        server, template = (request.getfixturevalue(name) for name in ("postgres_url", "postgres_template"))
        more = {"HEADGATE_DATABASE_URL": copied(server, template)}
    home = tmp_path_factory.mktemp("owned")
    gateway = Gateway(home, config=CONFIG.format(url=account.url), args=("--workers", "2"), **more).start()
    yield gateway
    assert gateway.stop() == 0


@pytest.fixture(scope="module")
def ours(gateway: Gateway) -> str:
    return gateway.first_key


@pytest.fixture(scope="module")
def theirs(gateway: Gateway) -> str:
    made = gateway.cli("tenants", "create", "--name", "other")
    return gateway.key("theirs", "--tenant", made["id"])


def call(gateway: Gateway, key: str, method: str, path: str, **more: Any) -> httpx2.Response:
    headers = {"authorization": f"Bearer {key}", **more.pop("headers", {})}
    return httpx2.request(method, f"{gateway.url}/{path}", headers=headers, timeout=20, **more)


def uploaded(gateway: Gateway, key: str, content: bytes = b"secret of a tenant") -> str:
    client = openai.OpenAI(base_url=f"{gateway.url}/passthrough/up", api_key=key, max_retries=0)
    return client.files.create(file=("a.txt", content), purpose="user_data").id


def naming(id_: str) -> list[tuple[str, Any]]:
    """Calls that name a file in their body, by path."""
    part = {"type": "file", "file": {"file_id": id_}}
    return [
        ("v1/chat/completions", {"model": "up/m", "messages": [{"role": "user", "content": [part]}]}),
        ("passthrough/up/chat/completions", {"model": "m", "messages": [{"role": "user", "content": [part]}]}),
        ("v1/responses", {"model": "up/m", "input": [{"role": "user", "content": [{"type": "input_file", "file_id": id_}]}]}),
        ("v1/responses", {"model": "up/m", "input": "x", "tools": [{"type": "code_interpreter", "container": {"type": "auto", "file_ids": [id_]}}]}),
        ("v1/messages", {"model": "up/m", "max_tokens": 9, "messages": [{"role": "user", "content": [{"type": "document", "source": {"type": "file", "file_id": id_}}]}]}),
        ("passthrough/up/batches", {"input_file_id": id_, "endpoint": "/v1/responses"}),
        ("passthrough/up/vector_stores", {"file_ids": [id_]}),
        ("passthrough/up/evals/runs", {"data_source": {"source": {"type": "file_id", "id": id_}}}),
    ]  # fmt: skip


def test_another_tenants_file_is_not_there(gateway: Gateway, account: Account, ours: str, theirs: str) -> None:
    id_ = uploaded(gateway, ours)
    assert b"secret" in call(gateway, ours, "GET", f"passthrough/up/files/{id_}/content").content
    seen, words = len(account.asked), []
    for name in (id_, "file-Nobody1"):
        for method, path in (
            ("GET", f"files/{name}"), ("GET", f"v1/files/{name}/content"), ("HEAD", f"files/{name}"),
            ("DELETE", f"files/{name}"), ("GET", f"files?after={name}"), ("POST", f"files/{name}/anything"),
        ):  # fmt: skip
            answer = call(gateway, theirs, method, f"passthrough/up/{path}")
            assert answer.status_code == 404, (method, path)
            words.append(answer.text.replace(name, "ID") if method != "HEAD" else "")
        for path, body in naming(name):
            answer = call(gateway, theirs, "POST", path, json=body)
            assert answer.status_code == 404, (path, answer.text)
        escaped = json.dumps(naming(name)[0][1]).replace("file_id", "file\\u005fid")
        json_ = {"content-type": "application/json"}
        answer = call(gateway, theirs, "POST", "v1/chat/completions", content=escaped, headers=json_)
        assert answer.status_code == 404
    half = len(words) // 2
    strip = [word.partition('"request_id"')[0] for word in words]
    assert strip[:half] == strip[half:]
    assert len(account.asked) == seen, account.asked[seen:]
    assert call(gateway, ours, "GET", f"passthrough/up/files/{id_}").json()["id"] == id_
    for path, body in naming(id_):
        assert call(gateway, ours, "POST", path, json=body).json() != {}, path
    assert call(gateway, ours, "POST", "v1/chat/completions", json=naming(id_)[0][1]).status_code == 200


def test_lines_of_a_batch_name_only_ones_own(gateway: Gateway, account: Account, ours: str, theirs: str) -> None:
    id_ = uploaded(gateway, ours)
    line = json.dumps({"custom_id": "1", "url": "/v1/responses", "body": {"input": [{"file_id": id_}]}})
    form = {"files": {"file": ("b.jsonl", f"{{}}\n{line}\n")}, "data": {"purpose": "batch"}}
    seen = len(account.asked)
    assert call(gateway, theirs, "POST", "passthrough/up/files", **form).status_code == 404
    assert len(account.asked) == seen
    assert call(gateway, ours, "POST", "passthrough/up/files", **form).status_code == 200


def test_what_is_made_with_ones_own_is_ones_own(gateway: Gateway, ours: str, theirs: str) -> None:
    made = call(gateway, ours, "POST", "passthrough/up/batches", json={"input_file_id": uploaded(gateway, ours)}).json()
    assert call(gateway, theirs, "GET", f"passthrough/up/batches/{made['id']}").status_code == 404
    output = call(gateway, ours, "GET", f"passthrough/up/batches/{made['id']}").json()["output_file_id"]
    assert call(gateway, ours, "GET", f"passthrough/up/files/{output}/content").status_code == 200
    assert call(gateway, theirs, "GET", f"passthrough/up/files/{output}/content").status_code == 404


def test_lists_hold_ones_own_and_can_be_paged(gateway: Gateway, account: Account, ours: str, theirs: str) -> None:
    client = openai.OpenAI(base_url=f"{gateway.url}/passthrough/up", api_key=theirs, max_retries=0)
    assert list(client.files.list()) == []
    mine = [uploaded(gateway, theirs)]
    for _ in range(130):
        account.file(b"of nobody here")
    mine += [uploaded(gateway, theirs) for _ in range(4)]
    assert [one.id for one in client.files.list(limit=2)] == mine
    first = call(gateway, theirs, "GET", "passthrough/up/files?limit=2").json()
    assert (first["first_id"], first["last_id"]) == (first["data"][0]["id"], first["data"][-1]["id"])
    for _ in range(2_100):
        account.file(b"of nobody here")
    end = call(gateway, theirs, "GET", f"passthrough/up/files?after={mine[-1]}")
    assert end.status_code == 400 and "by its id" in end.json()["error"]["message"]
    free = call(gateway, theirs, "GET", "passthrough/free/files?limit=100").json()
    assert len(free["data"]) == 100
    account.files = {id_: held for id_, held in account.files.items() if held != b"of nobody here"}


@pytest.mark.parametrize("kind", ["text/plain; charset=utf-8", "Application/JSON"])
def test_a_list_is_cut_whatever_its_server_calls_it(
    gateway: Gateway, account: Account, ours: str, theirs: str, kind: str
) -> None:
    id_ = uploaded(gateway, ours)
    account.lists_as = kind
    try:
        assert id_ in call(gateway, ours, "GET", "passthrough/up/files?limit=100").text
        assert id_ not in call(gateway, theirs, "GET", "passthrough/up/files?limit=100").text
    finally:
        account.lists_as = "application/json"


def test_what_is_deleted_is_nobodys(gateway: Gateway, account: Account, ours: str) -> None:
    id_ = uploaded(gateway, ours)
    assert call(gateway, ours, "DELETE", f"passthrough/up/files/{id_}").json()["deleted"] is True
    seen = len(account.asked)
    assert call(gateway, ours, "GET", f"passthrough/up/files/{id_}").status_code == 404
    assert len(account.asked) == seen


def test_responses_are_gone_on_from_by_their_tenant(gateway: Gateway, account: Account, ours: str, theirs: str) -> None:
    made = call(gateway, ours, "POST", "v1/responses", json={"model": "up/m", "input": "x"}).json()
    seen = len(account.asked)
    for previous in (made["id"], "resp_Nobody1"):
        for path, model in (("v1/responses", "up/m"), ("passthrough/up/responses", "m")):
            body = {"model": model, "input": "y", "previous_response_id": previous}
            answer = call(gateway, theirs, "POST", path, json=body)
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "previous_response_not_found")
        assert call(gateway, theirs, "GET", f"passthrough/up/responses/{previous}").status_code == 404
    for item in (f"msg_{made['id']}", "msg_Nobody"):
        body = {"model": "up/m", "input": [{"type": "item_reference", "id": item}]}
        assert call(gateway, theirs, "POST", "v1/responses", json=body).status_code == 404
    assert len(account.asked) == seen
    body = {"model": "up/m", "input": "y", "previous_response_id": made["id"]}
    assert call(gateway, ours, "POST", "v1/responses", json=body).status_code == 200
    body = {"model": "up/m", "input": [{"type": "item_reference", "id": f"msg_{made['id']}"}]}
    assert call(gateway, ours, "POST", "v1/responses", json=body).status_code == 200


def test_responses_are_fetched_where_the_gateway_keeps_none(
    gateway: Gateway, account: Account, ours: str, theirs: str
) -> None:
    made = call(gateway, ours, "POST", "v1/responses", json={"model": "up/m", "input": "x"}).json()
    seen = len(account.asked)
    assert call(gateway, theirs, "GET", f"v1/responses/{made['id']}").status_code == 404
    assert len(account.asked) == seen
    assert call(gateway, ours, "GET", f"v1/responses/{made['id']}").json() == {"id": made["id"]}


@pytest.mark.parametrize("stream", [False, True])
def test_the_container_that_code_ran_in(
    gateway: Gateway, account: Account, ours: str, theirs: str, stream: bool
) -> None:
    tools = [{"type": "code_execution_20250825", "name": "code_execution"}]
    body = {"model": "claude/m", "max_tokens": 9, "messages": CHAT, "tools": tools, "stream": stream}
    said = call(gateway, ours, "POST", "v1/messages", json=body)
    assert said.status_code == 200, said.text
    found = re.search(r"container_\d+", said.text)
    assert found is not None
    seen = len(account.asked)
    assert call(gateway, theirs, "POST", "v1/messages", json={**body, "container": found[0]}).status_code == 404
    assert len(account.asked) == seen
    until = time.monotonic() + 5  # the caller has its answer before that is stored, and two workers answer
    while (
        answer := call(gateway, ours, "POST", "v1/messages", json={**body, "container": found[0]})
    ).status_code != 200:
        assert time.monotonic() < until, answer.text


def test_a_tools_own_file_ids_are_no_ones_business(gateway: Gateway, theirs: str) -> None:
    use = {"type": "tool_use", "id": "toolu_1", "name": "open", "input": {"file_id": "report-1"}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "text"}
    turns = [*CHAT, {"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]
    tools = [{"name": "open", "input_schema": {"type": "object", "properties": {"file_id": {"type": "string"}}}}]
    body = {"model": "up/m", "max_tokens": 9, "messages": turns, "tools": tools}
    assert call(gateway, theirs, "POST", "v1/messages", json=body).status_code == 200


def test_an_open_account_is_all_its_callers_and_a_known_one_passes_nothing_else(
    gateway: Gateway, account: Account, theirs: str
) -> None:
    id_ = account.file(b"made elsewhere")
    assert call(gateway, theirs, "GET", f"passthrough/up/files/{id_}").status_code == 404
    assert call(gateway, theirs, "GET", f"passthrough/free/files/{id_}").status_code == 200
    body = {**naming(id_)[0][1], "model": "free/m"}
    assert call(gateway, theirs, "POST", "v1/chat/completions", json=body).status_code == 200
    seen = len(account.asked)
    for method, path in (("GET", "files"), ("POST", "files"), ("GET", f"files/{id_}")):
        assert call(gateway, theirs, method, f"passthrough/shut/{path}").status_code == 404
    assert call(gateway, theirs, "GET", "passthrough/up/organization/users").status_code == 404
    assert len(account.asked) == seen
    known = call(gateway, theirs, "POST", "passthrough/shut/chat/completions", json={"model": "m", "messages": CHAT})
    assert known.status_code == 200


def test_it_is_known_after_a_restart(gateway: Gateway, ours: str, theirs: str) -> None:
    id_ = uploaded(gateway, ours)
    gateway.kill()
    gateway.start()
    assert call(gateway, ours, "GET", f"passthrough/up/files/{id_}").status_code == 200
    assert call(gateway, theirs, "GET", f"passthrough/up/files/{id_}").status_code == 404
