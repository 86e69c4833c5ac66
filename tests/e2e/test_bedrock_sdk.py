"""Bedrock: boto3 against our double of it and against the gateway, and the other SDKs through the gateway to it."""

import base64
import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import anthropic
import boto3
import openai
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError

from tests.e2e.bedrock_double import BEARER, KEY, SECRET, THOUGHT, BedrockDouble
from tests.e2e.processes import Aimock, Gateway
from tests.e2e.test_openai_sdk import PERSON, WEATHER

pytestmark = pytest.mark.xdist_group("e2e")

MODEL = "us.anthropic.claude-sonnet-4-6-v1:0"
NAMES = [f"aws/{MODEL}", f"bearer/{MODEL}"]
CONFIG = """
providers:
  aws: {{kind: bedrock, base_url: "{url}", region: us-east-1, access_key_id: "{key}", secret_access_key: "{secret}"}}
  bearer: {{kind: bedrock, base_url: "{url}", region: us-east-1, api_key: "{bearer}"}}
  aimock: {{kind: bedrock, base_url: "{aimock}", region: us-east-1, api_key: k, price: {{input: 1, output: 1}}}}
models:
  "aws/us.anthropic.claude-sonnet-4-6-v1:0": {{price: {{input: 3.00, output: 15.00, cached: 0.30}}}}
  "bearer/us.anthropic.claude-sonnet-4-6-v1:0": {{price: {{input: 3.00, output: 15.00, cached: 0.30}}}}
"""
COST = (9 * 3.00 + 5 * 0.30 + 8 * 15.00) / 10**6
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
SPEC: Any = {
    "toolSpec": {"name": "get_weather", "inputSchema": {"json": {"type": "object", "properties": {"city": {"type": "string"}}}}}
}  # fmt: skip
TOOL: Any = {"name": "get_weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}


@pytest.fixture(scope="module")
def double() -> Iterator[BedrockDouble]:
    with BedrockDouble() as double:
        yield double


@pytest.fixture(scope="module")
def gateway(double: BedrockDouble, aimock: Aimock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    config = CONFIG.format(url=double.url, key=KEY, secret=SECRET, bearer=BEARER, aimock=aimock.url)
    gateway = Gateway(tmp_path_factory.mktemp("bedrock"), config=config).start()
    yield gateway
    assert gateway.stop() == 0


def passing(gateway: Gateway, key: str) -> Any:
    """The vendor's own client at the gateway, with a key of the gateway's in the place of a signature."""
    config = Config(retries={"max_attempts": 0}, read_timeout=20, signature_version=UNSIGNED)
    url = f"{gateway.url}/passthrough/aws"
    client = boto3.client("bedrock-runtime", region_name="us-east-1", endpoint_url=url, config=config)
    client.meta.events.register("before-send", lambda request, **_: request.headers.update({"x-api-key": key}))
    return client


@pytest.fixture(params=["direct", "passthrough"])
def boto(request: pytest.FixtureRequest, double: BedrockDouble) -> Iterator[Any]:
    """The vendor's own client: at the double, signed, and at the gateway."""
    if request.param == "passthrough":
        gateway: Gateway = request.getfixturevalue("gateway")
        client = passing(gateway, gateway.first_key)
    else:
        config = Config(retries={"max_attempts": 0}, read_timeout=20)
        client = boto3.client("bedrock-runtime", region_name="us-east-1", endpoint_url=double.url, aws_access_key_id=KEY, aws_secret_access_key=SECRET, config=config)  # fmt: skip
    with closing(client):
        yield client


@pytest.fixture(params=NAMES)
def model(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def user(*content: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": list(content)}


def ask(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


class TestBoto:
    """What the double says is what AWS says, as AWS's own client reads it; and so is what the gateway passes on."""

    def test_text(self, boto: Any) -> None:
        answer = boto.converse(modelId=MODEL, messages=[user({"text": "hello"})], inferenceConfig={"maxTokens": 50})
        assert answer["output"]["message"] == {"role": "assistant", "content": [{"text": "Hello there, wörld 😀."}]}
        assert (answer["stopReason"], answer["usage"]["totalTokens"]) == ("end_turn", 22)

    def test_a_stream(self, boto: Any) -> None:
        events = list(boto.converse_stream(modelId=MODEL, messages=[user({"text": "hello"})])["stream"])
        text = "".join(e["contentBlockDelta"]["delta"]["text"] for e in events if "contentBlockDelta" in e)
        assert text == "Hello there, wörld 😀." and events[-1]["metadata"]["usage"]["outputTokens"] == 8

    def test_parallel_tools(self, boto: Any) -> None:
        messages = [user({"text": "What is the weather in Paris and Rome?"})]
        first = boto.converse(modelId=MODEL, messages=messages, toolConfig={"tools": [SPEC]})
        message = first["output"]["message"]
        calls = [block["toolUse"] for block in message["content"] if "toolUse" in block]
        assert [call["input"]["city"] for call in calls] == ["Paris", "Rome"] and first["stopReason"] == "tool_use"
        results = [{"toolResult": {"toolUseId": c["toolUseId"], "content": [{"json": {"degrees": 21}}]}} for c in calls]
        second = boto.converse(
            modelId=MODEL, messages=[*messages, message, user(*results)], toolConfig={"tools": [SPEC]}
        )
        assert second["output"]["message"]["content"][0]["text"].count("21") == 2

    def test_json_schema(self, boto: Any) -> None:
        schema = json.dumps(PERSON["json_schema"]["schema"])
        wanted = {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": schema}}}}
        answer = boto.converse(modelId=MODEL, messages=[user({"text": "a person as JSON"})], outputConfig=wanted)
        assert json.loads(answer["output"]["message"]["content"][0]["text"]) == {"name": "Ada", "age": 36}

    def test_an_image(self, boto: Any) -> None:
        content = user({"text": "what is it?"}, {"image": {"format": "png", "source": {"bytes": PNG}}})
        answer = boto.converse(modelId=MODEL, messages=[content])
        assert answer["output"]["message"]["content"][0]["text"] == f"A png of {len(PNG)} bytes"

    def test_thinking(self, boto: Any) -> None:
        fields = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
        asked = {"modelId": MODEL, "messages": [user({"text": "think"})], "additionalModelRequestFields": fields}
        assert boto.converse(**asked)["output"]["message"]["content"][0] == THOUGHT
        events = list(boto.converse_stream(**asked)["stream"])
        thoughts = [e["contentBlockDelta"]["delta"]["reasoningContent"] for e in events if "reasoningContent" in e.get("contentBlockDelta", {}).get("delta", {})]  # fmt: skip
        assert "".join(t.get("text", "") for t in thoughts) == "Let me think." and thoughts[-1]["signature"]

    def test_errors_are_the_clients_own(self, boto: Any) -> None:
        for text, error in (("boom 429", boto.exceptions.ThrottlingException), ("boom 400", boto.exceptions.ValidationException)):  # fmt: skip
            with pytest.raises(error):
                boto.converse(modelId=MODEL, messages=[user({"text": text})])
        with pytest.raises(ClientError):
            boto.converse(modelId="does-not-exist", messages=[user({"text": "hello"})])

    def test_an_error_in_a_stream_is_the_clients_own(self, boto: Any, double: BedrockDouble) -> None:
        double.read.clear()  # in one piece with what is before it, the error would be that of the whole call
        events = boto.converse_stream(modelId=MODEL, messages=[user({"text": "boom midway"})])["stream"]
        with closing(events), pytest.raises(EventStreamError) as failed:
            for event in events:
                if "contentBlockDelta" in event:
                    double.read.set()
        assert failed.value.response["Error"]["Code"] == "throttlingException"


class TestGateway:
    """The gateway's own accounts of what passed through, and its own refusals."""

    def test_a_passed_call_is_recorded_and_priced(self, gateway: Gateway) -> None:
        with closing(passing(gateway, gateway.first_key)) as boto:
            for call in (boto.converse, boto.converse_stream):
                answer = call(modelId=MODEL, messages=[user({"text": "hello"})])
                list(answer.get("stream", ()))
                record = gateway.trace(answer["ResponseMetadata"]["HTTPHeaders"]["x-request-id"])
                assert float(record["outcome"]["cost_usd"]) == pytest.approx(COST), record
                assert [(one["provider"], one["model"]) for one in record["attempts"]] == [("aws", MODEL)]

    def test_what_makes_a_call_dearer_is_refused_to_a_budget(self, gateway: Gateway) -> None:
        asked: Any = {"modelId": MODEL, "messages": [user({"text": "hello"})]}
        with closing(passing(gateway, gateway.key("thrifty", "--budget", "1", "--window", "month"))) as boto:
            with pytest.raises(boto.exceptions.ValidationException, match="serviceTier"):
                boto.converse(**asked, serviceTier={"type": "priority"})
            assert boto.converse(**asked, serviceTier={"type": "default"})["stopReason"] == "end_turn"

    def test_a_wrong_key_is_refused(self, gateway: Gateway) -> None:
        with closing(passing(gateway, "hg_wrong")) as boto, pytest.raises(ClientError) as refused:
            boto.converse(modelId=MODEL, messages=[user({"text": "hello"})])
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 401


class TestOpenAI:
    """The OpenAI SDK, with Bedrock behind the gateway."""

    def test_text(self, chat: openai.OpenAI, model: str) -> None:
        raw = chat.chat.completions.with_raw_response.create(model=model, messages=ask("hello"), max_tokens=50)
        answer = raw.parse()
        assert answer.choices[0].message.content == "Hello there, wörld 😀." and answer.model == MODEL and answer.id
        assert answer.usage and (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (14, 8)
        assert float(raw.headers["x-headgate-cost"]) == pytest.approx(COST)
        assert raw.headers["x-headgate-upstream-request-id"] == "double-1"

    def test_the_limit_is_told(self, chat: openai.OpenAI, model: str) -> None:
        answer = chat.chat.completions.create(model=model, messages=ask("hello"), max_tokens=1)
        assert answer.choices[0].finish_reason == "length"

    def test_a_stream(self, chat: openai.OpenAI, model: str) -> None:
        chunks = list(chat.chat.completions.create(model=model, messages=ask("hello"), stream=True, stream_options={"include_usage": True}))  # fmt: skip
        assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "Hello there, wörld 😀."
        assert chunks[-1].usage and chunks[-1].usage.total_tokens == 22 and {c.model for c in chunks} == {MODEL}

    def test_tools_and_their_results_after_thinking(
        self, chat: openai.OpenAI, double: BedrockDouble, model: str
    ) -> None:
        messages = ask("think: what is the weather in Paris and Rome?")
        settings: Any = {"model": model, "tools": [WEATHER], "reasoning_effort": "high", "max_tokens": 4000}
        first = chat.chat.completions.create(messages=messages, **settings)
        said = first.choices[0].message
        assert said.tool_calls and [json.loads(c.function.arguments)["city"] for c in said.tool_calls if c.type == "function"] == ["Paris", "Rome"]  # fmt: skip
        messages.append(said.model_dump(exclude_none=True))
        messages += [
            {"role": "tool", "tool_call_id": call.id, "content": '{"degrees": 21}'} for call in said.tool_calls
        ]
        second = chat.chat.completions.create(messages=messages, **settings)
        assert (second.choices[0].message.content or "").count("21") == 2
        assert double.taken[-1][2]["messages"][1]["content"][0] == THOUGHT, "what was thought came back with its proof"

    def test_tools_streamed(self, chat: openai.OpenAI, model: str) -> None:
        with chat.chat.completions.stream(model=model, messages=ask("the weather?"), tools=[WEATHER]) as stream:
            final = stream.get_final_completion()
        calls = final.choices[0].message.tool_calls
        assert calls and [json.loads(call.function.arguments) for call in calls] == [
            {"city": "Paris"},
            {"city": "Rome"},
        ]
        assert final.choices[0].finish_reason == "tool_calls"

    def test_json_schema(self, chat: openai.OpenAI, model: str) -> None:
        answer = chat.chat.completions.create(model=model, messages=ask("a person as JSON"), response_format=PERSON)
        assert json.loads(answer.choices[0].message.content or "") == {"name": "Ada", "age": 36}

    def test_an_image(self, chat: openai.OpenAI, model: str) -> None:
        url = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
        content: Any = [{"type": "text", "text": "what is it?"}, {"type": "image_url", "image_url": {"url": url}}]
        answer = chat.chat.completions.create(model=model, messages=[{"role": "user", "content": content}])
        assert answer.choices[0].message.content == f"A png of {len(PNG)} bytes"

    def test_errors(self, chat: openai.OpenAI, model: str) -> None:
        with pytest.raises(openai.RateLimitError):
            chat.chat.completions.create(model=model, messages=ask("boom 429"))
        with pytest.raises(openai.BadRequestError):
            chat.chat.completions.create(model=model, messages=ask("boom 400"))
        with pytest.raises(openai.BadRequestError) as refused:
            chat.chat.completions.create(model=model, messages=ask("hello"), seed=1)
        assert refused.value.param == "seed"

    @pytest.mark.parametrize("text", ["boom midway", "cut"])
    def test_what_breaks_in_a_stream_is_an_error(self, chat: openai.OpenAI, model: str, text: str) -> None:
        with pytest.raises(openai.APIError):
            list(chat.chat.completions.create(model=model, messages=ask(text), stream=True))


class TestAnthropic:
    """The Anthropic SDK, with Bedrock behind the gateway."""

    def test_text_and_stream(self, claude: anthropic.Anthropic, model: str) -> None:
        answer = claude.messages.create(model=model, messages=ask("hello"), max_tokens=50)
        assert answer.content[0].type == "text" and answer.content[0].text == "Hello there, wörld 😀."
        assert (answer.usage.input_tokens, answer.usage.cache_read_input_tokens, answer.usage.output_tokens) == (
            9,
            5,
            8,
        )
        with claude.messages.stream(model=model, messages=ask("hello"), max_tokens=50) as stream:
            whole = stream.get_final_message()
        assert whole.content[0].type == "text" and whole.content[0].text == answer.content[0].text
        assert (whole.stop_reason, whole.model) == ("end_turn", MODEL)
        assert whole.usage.output_tokens == 8

    def test_thinking_with_tools_comes_back_streamed_and_whole(self, claude: anthropic.Anthropic, double: BedrockDouble, model: str) -> None:  # fmt: skip
        for streamed in (False, True):
            messages = ask("think: what is the weather in Paris and Rome?")
            settings: Any = {"model": model, "tools": [TOOL], "max_tokens": 4000, "thinking": {"type": "enabled", "budget_tokens": 1024}}  # fmt: skip
            if streamed:
                with claude.messages.stream(messages=messages, **settings) as stream:
                    first = stream.get_final_message()
            else:
                first = claude.messages.create(messages=messages, **settings)
            calls = [block for block in first.content if block.type == "tool_use"]
            assert first.content[0].type == "thinking" and first.content[0].thinking == "Let me think."
            assert [call.input for call in calls] == [{"city": "Paris"}, {"city": "Rome"}]
            messages.append({"role": "assistant", "content": first.content})
            results = [{"type": "tool_result", "tool_use_id": call.id, "content": "21"} for call in calls]
            messages.append({"role": "user", "content": results})
            second = claude.messages.create(messages=messages, **settings)
            assert second.content[0].type == "text" and second.content[0].text.count("21") == 2
            asked = double.taken[-1][2]
            assert asked["messages"][1]["content"][0] == THOUGHT
            assert asked["additionalModelRequestFields"]["thinking"] == {"type": "enabled", "budget_tokens": 1024}

    def test_an_image_and_a_schema(self, claude: anthropic.Anthropic, model: str) -> None:
        source: Any = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(PNG).decode()}
        content: Any = [{"type": "image", "source": source}, {"type": "text", "text": "what is it?"}]
        answer = claude.messages.create(model=model, messages=[{"role": "user", "content": content}], max_tokens=50)
        assert answer.content[0].type == "text" and answer.content[0].text == f"A png of {len(PNG)} bytes"
        wanted: Any = {"format": {"type": "json_schema", "schema": PERSON["json_schema"]["schema"]}}
        answer = claude.messages.create(
            model=model, messages=ask("a person as JSON"), max_tokens=50, output_config=wanted
        )
        assert answer.content[0].type == "text" and json.loads(answer.content[0].text)["name"] == "Ada"

    def test_errors(self, claude: anthropic.Anthropic, model: str) -> None:
        with pytest.raises(anthropic.RateLimitError):
            claude.messages.create(model=model, messages=ask("boom 429"), max_tokens=5, extra_headers={"x-headgate-timeout": "5"})  # fmt: skip
        with pytest.raises(anthropic.BadRequestError):
            claude.messages.create(model=model, messages=ask("boom 400"), max_tokens=5)
        with pytest.raises(anthropic.APIError), claude.messages.stream(model=model, messages=ask("boom midway"), max_tokens=50) as stream:  # fmt: skip
            stream.get_final_message()


class TestAimock:
    """A Bedrock that nobody here wrote."""

    def test_text_and_stream(self, chat: openai.OpenAI) -> None:
        answer = chat.chat.completions.create(model="aimock/anthropic.claude-x", messages=ask("hello"))
        chunks = list(
            chat.chat.completions.create(model="aimock/anthropic.claude-x", messages=ask("hello"), stream=True)
        )
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        assert text == answer.choices[0].message.content == "Hello there, this is a mocked answer to a greeting."

    @pytest.mark.parametrize("stream", [False, True])
    def test_tools(self, chat: openai.OpenAI, stream: bool) -> None:
        messages = ask("What is the weather in Paris and Rome?")
        settings: Any = {"model": "aimock/anthropic.claude-x", "tools": [WEATHER]}
        if stream:
            with chat.chat.completions.stream(messages=messages, **settings) as events:
                said: Any = events.get_final_completion().choices[0].message
        else:
            said = chat.chat.completions.create(messages=messages, **settings).choices[0].message
        assert [json.loads(call.function.arguments)["city"] for call in said.tool_calls] == ["Paris", "Rome"]
        messages.append({"role": "assistant", "tool_calls": [call.model_dump() for call in said.tool_calls]})
        messages += [{"role": "tool", "tool_call_id": call.id, "content": "21"} for call in said.tool_calls]
        second = chat.chat.completions.create(messages=messages, **settings)
        assert second.choices[0].message.content == "It is 21 degrees and sunny in Paris."
