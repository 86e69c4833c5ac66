"""Thinking that is proven, through every vendor's SDK and back, whoever thought; and kept from everybody else."""

import itertools
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import anthropic
import openai
import pytest
from google import genai
from google.genai import types

from tests.e2e.bedrock_double import BEARER, BedrockDouble
from tests.e2e.google_double import Google
from tests.e2e.processes import Gateway
from tests.e2e.test_anthropic_sdk import WEATHER as ANTHROPIC_WEATHER
from tests.e2e.test_gemini_sdk import calls_of, client_of, with_tools
from tests.e2e.test_openai_sdk import WEATHER
from tests.e2e.test_responses_sdk import WEATHER as RESPONSES_WEATHER
from tests.e2e.thinkers import FINAL, PROOFS, WRAPPED, Thinkers

pytestmark = pytest.mark.xdist_group("e2e")

QUESTION = "Please think: what is the weather in Paris and Rome?"
CONFIG = """
providers:
  claude: {{kind: anthropic, base_url: "{thinkers}", api_key: k}}
  gpt: {{kind: openai, base_url: "{thinkers}/v1", api_key: k}}
  served: {{kind: vllm, base_url: "{thinkers}/v1"}}
  gemini: {{kind: gemini, base_url: "{thinkers}", api_key: k}}
  google: {{kind: gemini, base_url: "{google}", api_key: k}}
  bedrock: {{kind: bedrock, base_url: "{bedrock}", region: us-east-1, api_key: "{bearer}"}}
models:
  gpt/gpt-x: {{profile: {{speaks: [openai-responses]}}}}
  gpt/gpt-other: {{profile: {{speaks: [openai-responses]}}}}
  served/gpt-x: {{profile: {{speaks: [openai-responses]}}}}
"""
ROUNDS = {
    "claude/claude-x": 2,
    "gpt/gpt-x": 2,
    "served/gpt-x": 2,
    "gemini/gemini-3-x": 2,
    "google/gemini-3-flash": 1,
    "bedrock/anthropic.claude-x": 1,
    "sandbox/chat": 1,
}
WHOLLY = ("claude/", "gpt/", "served/", "bedrock/")
"""Who wants thoughts back too, not just what proves them."""
THINKERS = {"claude": "claude/claude-", "gpt": "gpt/gpt-", "gemini": "gemini/gemini-3-"}
SWITCHES = list(itertools.permutations(THINKERS, 2))


class Clients(NamedTuple):
    """The vendors' own, each once: they share their connections."""

    openai: openai.OpenAI
    anthropic: anthropic.Anthropic
    google: genai.Client


class Turn(NamedTuple):
    calls: list[Any]
    text: str
    headers: Any = None


class Chat:
    """A conversation by one SDK, which sends back what the SDK gave."""

    first = "messages[1].reasoning_details[0]"
    """Where the first thought stands in what is sent back."""

    def __init__(self, clients: Clients, model: str) -> None:
        self.client = clients.openai
        self.history: list[Any] = [{"role": "user", "content": QUESTION}]
        self.asked: Any = {"model": model, "tools": [WEATHER], "reasoning_effort": "low"}

    def turn(self, stream: bool) -> Turn:
        create, asked, headers = self.client.chat.completions, self.asked | {"messages": self.history}, None
        if stream:
            with create.stream(**asked) as events:
                answer: Any = events.get_final_completion()
        else:
            raw = create.with_raw_response.create(**asked)
            answer, headers = raw.parse(), raw.headers
        message = answer.choices[0].message
        self.history.append(message.model_dump(exclude_none=True))
        return Turn(message.tool_calls or [], message.content or "", headers)

    def answer(self, calls: list[Any]) -> None:
        self.history += [{"role": "tool", "tool_call_id": call.id, "content": "21"} for call in calls]


class Forgetful(Chat):
    """The same, by a client that sends back only what the format has had from the beginning."""

    def turn(self, stream: bool) -> Turn:
        turn = super().turn(stream)
        told = self.history.pop()
        self.history.append({name: told[name] for name in ("role", "content", "tool_calls") if name in told})
        return turn


class Responses:
    first = "input[1]"

    def __init__(self, clients: Clients, model: str) -> None:
        self.client = clients.openai
        self.history: list[Any] = [{"role": "user", "content": QUESTION}]
        self.asked: Any = {"model": model, "tools": [RESPONSES_WEATHER], "reasoning": {"effort": "low"}}
        self.kept_by_us()

    def kept_by_us(self) -> None:
        self.asked |= {"store": False, "include": ["reasoning.encrypted_content"]}

    def turn(self, stream: bool) -> Turn:
        asked, headers = self.asked | {"input": self.history}, None
        if stream:
            with self.client.responses.stream(**asked) as events:
                answer: Any = events.get_final_response()
        else:
            raw = self.client.responses.with_raw_response.create(**asked)
            answer, headers = raw.parse(), raw.headers
        self.goes_on(answer)
        return Turn([item for item in answer.output if item.type == "function_call"], answer.output_text, headers)

    def goes_on(self, answer: Any) -> None:
        self.history += answer.output

    def answer(self, calls: list[Any]) -> None:
        self.history += [{"type": "function_call_output", "call_id": call.call_id, "output": "21"} for call in calls]


class Kept(Responses):
    """The same, where the other side keeps what was said."""

    def kept_by_us(self) -> None:
        """Leave it to them."""

    def goes_on(self, answer: Any) -> None:
        self.history.clear()
        self.asked["previous_response_id"] = answer.id


class Messages:
    first = "messages[1].content[0]"

    def __init__(self, clients: Clients, model: str) -> None:
        self.client = clients.anthropic
        self.history: list[Any] = [{"role": "user", "content": QUESTION}]
        self.asked: Any = {"model": model, "max_tokens": 4000, "tools": [ANTHROPIC_WEATHER],
                           "thinking": {"type": "enabled", "budget_tokens": 1024}}  # fmt: skip

    def turn(self, stream: bool) -> Turn:
        asked, headers = self.asked | {"messages": self.history}, None
        if stream:
            with self.client.messages.stream(**asked) as events:
                answer: Any = events.get_final_message()
        else:
            raw = self.client.messages.with_raw_response.create(**asked)
            answer, headers = raw.parse(), raw.headers
        self.history.append({"role": "assistant", "content": answer.content})
        text = "".join(block.text for block in answer.content if block.type == "text")
        return Turn([block for block in answer.content if block.type == "tool_use"], text, headers)

    def answer(self, calls: list[Any]) -> None:
        results = [{"type": "tool_result", "tool_use_id": call.id, "content": "21"} for call in calls]
        self.history.append({"role": "user", "content": results})


class Generate:
    first = "contents[1].parts[0]"

    def __init__(self, clients: Clients, model: str) -> None:
        config = with_tools(thinking_config=types.ThinkingConfig(include_thoughts=True, thinking_budget=1024))
        config.max_output_tokens = 4000
        self.chat = clients.google.chats.create(model=model, config=config)
        self.next: Any = QUESTION

    def turn(self, stream: bool) -> Turn:
        replies = list(self.chat.send_message_stream(self.next)) if stream else [self.chat.send_message(self.next)]
        calls = [call for reply in replies for call in calls_of(reply)]
        told = replies[0].sdk_http_response
        parts = [p for r in replies for c in r.candidates or [] for p in (c.content and c.content.parts) or []]
        text = "".join(part.text or "" for part in parts if not part.thought)
        return Turn(calls, text, told.headers if told else None)

    def answer(self, calls: list[Any]) -> None:
        self.next = [
            types.Part(function_response=types.FunctionResponse(id=c.id, name=c.name, response={"output": "21"}))
            for c in calls
        ]


SDKS = [Chat, Responses, Kept, Messages, Generate]


def routes() -> str:
    """A route for each SDK and change of dialect: who was found wanting once is not asked again for a while."""
    models, routes = [], ["routes:"]
    for sdk, (one, other) in itertools.product(SDKS, SWITCHES):
        name = f"{sdk.__name__}-{one}-{other}".lower()
        first = f"{THINKERS[one]}frail-{name}"
        if sdk is Kept:  # who keeps by itself is asked alone
            first = first.replace("gpt/", "served/")
        if one == "gpt":
            models.append(f"  {first}: {{profile: {{speaks: [openai-responses]}}}}")
        routes.append(f"  {name}: {{targets: [{first}, {THINKERS[other]}other]}}")
    return "\n".join(models + routes)


@pytest.fixture(scope="module")
def thinkers() -> Iterator[Thinkers]:
    with Thinkers() as thinkers:
        yield thinkers


@pytest.fixture(scope="module")
def gateway(thinkers: Thinkers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    google, bedrock = Google(), BedrockDouble()
    config = CONFIG.format(thinkers=thinkers.url, google=google.url, bedrock=bedrock.url, bearer=BEARER)
    gateway = Gateway(tmp_path_factory.mktemp("proofs"), config=config + routes()).start()
    yield gateway
    gateway.kill()
    google.close()
    bedrock.close()


@pytest.fixture(scope="module")
def clients(gateway: Gateway) -> Iterator[Clients]:
    given: Any = {"api_key": gateway.first_key, "max_retries": 0, "timeout": 30}
    google = client_of(gateway)
    with (
        openai.OpenAI(base_url=f"{gateway.url}/v1", **given) as one,
        anthropic.Anthropic(base_url=gateway.url, **given) as other,
    ):
        yield Clients(one, other, google)
    google.close()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("sdk", [*SDKS, Forgetful])
@pytest.mark.parametrize("model", ROUNDS)
def test_a_proof_comes_back_to_who_gave_it(clients: Clients, model: str, sdk: Any, stream: bool) -> None:
    talk, rounds = sdk(clients, model), 0
    while (turn := talk.turn(stream)).calls:
        talk.answer(turn.calls)
        rounds += 1
        assert rounds < 4
    assert rounds == ROUNDS[model] and turn.text
    assert turn.text == FINAL or rounds == 1
    if model.startswith(WHOLLY) and not stream:
        assert "[" not in turn.headers.get("x-headgate-dropped", "")


@pytest.mark.parametrize("sdk", SDKS)
@pytest.mark.parametrize(("one", "other"), SWITCHES)
def test_a_proof_is_kept_from_everybody_else(
    clients: Clients, thinkers: Thinkers, one: str, other: str, sdk: Any
) -> None:
    talk = sdk(clients, f"{sdk.__name__}-{one}-{other}".lower())
    talk.answer(talk.turn(False).calls)
    second = talk.turn(False)
    assert second.text == FINAL and second.headers["x-headgate-model"] == THINKERS[other] + "other"
    assert talk.first in second.headers["x-headgate-dropped"].split(", ")
    sent = json.dumps(thinkers.asked[-1].json)
    assert "other" in sent or other == "gemini"  # Google's path names the model
    assert not [mark for mark in (*PROOFS, *WRAPPED, "Ask for") if mark in sent]


def test_the_sandbox_sees_what_was_changed(clients: Clients) -> None:
    talk = Chat(clients, "sandbox/chat")
    talk.answer(talk.turn(False).calls)
    talk.history[1]["reasoning_details"][0]["text"] = "something else"
    with pytest.raises(openai.BadRequestError, match="signature"):
        talk.turn(False)
