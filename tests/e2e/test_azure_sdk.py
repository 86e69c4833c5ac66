"""Azure OpenAI: its official client vouches for our double of it, then the gateway reaches the double."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import anthropic
import openai
import pytest

from tests.answering import Answer, Answering, Asked
from tests.dialects import recorded
from tests.e2e.compatible_doubles import replayed, said
from tests.e2e.processes import Gateway
from tests.e2e.test_openai_sdk import ask

pytestmark = pytest.mark.xdist_group("e2e-azure")

CONFIG = """
providers:
  dated: {{kind: azure, base_url: "{url}", api_key: az-key, api_version: "2024-02-01", price: {{input: 1, output: 1}}}}
  newer: {{kind: azure, base_url: "{url}", api_key: az-key}}
  entra: {{kind: azure, base_url: "{url}", tenant: t, client_id: app, client_secret: pass, token_url: "{url}/login"}}
  wrong: {{kind: azure, base_url: "{url}", api_key: other}}
"""
FILTERED = {"error": {"code": "content_filter", "message": "The response was filtered.", "type": None, "param": "prompt",
                      "status": 400, "innererror": {"code": "ResponsibleAIPolicyViolation"}}}  # fmt: skip


def answer(asked: Asked) -> Answer:
    """Answer as a resource with one deployment, ``gpt``."""
    path, _, query = asked.path.partition("?")
    if path == "/login":
        form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
        good = (form["client_id"], form["client_secret"], form["grant_type"]) == ("app", "pass", "client_credentials")
        return (200, {"access_token": "entra-token", "expires_in": 3599}) if good else (401, {"error": "no"})
    if asked.headers.get("api-key") != "az-key" and asked.headers.get("authorization") != "Bearer entra-token":
        return 401, {"error": {"code": "401", "message": "Access denied due to invalid subscription key."}}
    dated, body = path.startswith("/openai/deployments/"), asked.json
    deployment = path.split("/")[3] if dated else body["model"]
    if deployment != "gpt" or dated != (query == "api-version=2024-02-01"):
        return 404, {"error": {"code": "DeploymentNotFound", "message": "It does not exist."}}
    if "blocked" in said(body):
        return 400, FILTERED
    return replayed("azure", stream=bool(body.get("stream")))


@pytest.fixture(scope="module")
def double() -> Iterator[Answering]:
    recorded.every("azure")
    with Answering(answer) as double:
        yield double


@pytest.fixture(scope="module")
def gateway(double: Answering, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    config = CONFIG.format(url=double.url)
    # of its own accord only a worker signs in: the process that looks at providers keeps a token of its own
    gateway = Gateway(tmp_path_factory.mktemp("azure"), config=config, HEADGATE_DISCOVERY="0").start()
    yield gateway
    assert gateway.stop() == 0


@pytest.fixture(params=["double", "gateway"])
def native(request: pytest.FixtureRequest, double: Answering, gateway: Gateway) -> openai.AzureOpenAI:
    """Azure's own client, at the double itself and at it through the gateway's passthrough."""
    key, url = "az-key", double.url
    if request.param == "gateway":
        key, url = gateway.first_key, f"{gateway.url}/passthrough/dated"
    return openai.AzureOpenAI(api_key=key, azure_endpoint=url, api_version="2024-02-01", max_retries=0)


def test_its_own_client_vouches_for_the_double(native: openai.AzureOpenAI) -> None:
    whole = native.chat.completions.create(model="gpt", messages=ask("hello"))
    assert whole.choices[0].message.content and whole.usage and whole.usage.total_tokens
    chunks = list(native.chat.completions.create(model="gpt", messages=ask("hello"), stream=True))
    assert not chunks[0].choices and "prompt_filter_results" in (chunks[0].model_extra or {})
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    with pytest.raises(openai.APIStatusError, match="It does not exist"):
        native.chat.completions.create(model="none", messages=ask("hello"))
    with pytest.raises(openai.BadRequestError) as blocked:
        native.chat.completions.create(model="gpt", messages=ask("blocked"))
    assert blocked.value.code == "content_filter"


@pytest.mark.parametrize("provider", ["dated", "newer", "entra"])
def test_openais_sdk_reaches_a_deployment(gateway: Gateway, double: Answering, provider: str) -> None:
    client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.first_key, max_retries=0)
    raw = client.chat.completions.with_raw_response.create(model=f"{provider}/gpt", messages=ask("hello"))
    assert json.loads(raw.content) == replayed("azure", stream=False)[1]
    dated = provider == "dated"
    path = double.asked[-1].path.partition("?")[0]
    assert path == ("/openai/deployments/gpt/chat/completions" if dated else "/openai/v1/chat/completions")
    assert ("api-key" in double.asked[-1].headers) == (provider != "entra")
    chunks = list(client.chat.completions.create(model=f"{provider}/gpt", messages=ask("hello"), stream=True))
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    tokens = [asked for asked in double.asked if asked.path == "/login"]
    assert len(tokens) <= 1, "a token is kept until it ends"


def test_anthropics_sdk_reaches_a_deployment(gateway: Gateway) -> None:
    client = anthropic.Anthropic(base_url=gateway.url, api_key=gateway.first_key, max_retries=0)
    message: Any = client.messages.create(model="dated/gpt", max_tokens=50, messages=ask("hello"))
    assert message.content[0].text and message.usage.input_tokens
    with client.messages.stream(model="newer/gpt", max_tokens=50, messages=ask("hello")) as running:
        assert running.get_final_text()


def test_errors_are_the_sdks_own(gateway: Gateway) -> None:
    client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.first_key, max_retries=0)
    with pytest.raises(openai.BadRequestError) as blocked:
        client.chat.completions.create(model="dated/gpt", messages=ask("blocked"))
    assert blocked.value.code == "content_filter"
    for model, code in (("newer/none", "upstream_model_not_found"), ("wrong/gpt", "upstream_auth_error")):
        with pytest.raises(openai.InternalServerError) as failed:
            client.chat.completions.create(model=model, messages=ask("hello"))
        assert failed.value.code == code
