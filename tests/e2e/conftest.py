from collections.abc import Iterator
from pathlib import Path

import anthropic
import openai
import pytest

from tests.e2e.doubles import Ollama
from tests.e2e.processes import Aimock, Gateway

CONFIG = """
providers:
  mock: {{kind: openai-compatible, base_url: "{url}/v1", api_key: "mock-key"}}
  claude: {{kind: anthropic, base_url: "{url}", api_key: "mock-key"}}
  google: {{kind: gemini, base_url: "{url}", api_key: "mock-key"}}
  responses: {{kind: openai, base_url: "{url}/v1", api_key: "mock-key"}}
  bedrock: {{kind: bedrock, base_url: "{url}", region: us-east-1, api_key: "mock-key"}}
  cohere: {{kind: cohere, base_url: "{url}", api_key: "mock-key"}}
  ollama: {{kind: ollama, base_url: "{ollama}"}}
models:
  mock/gpt-4o: {{price: {{input: 1.00, output: 2.00}}, context: 128000}}
  google/gemini-2.5-flash: {{price: {{input: 0.30, output: 2.50}}, context: 1000000}}
  responses/gpt-x: {{price: {{input: 1.00, output: 2.00}}, context: 200000, profile: {{speaks: [openai-responses]}}}}
  bedrock/anthropic.claude-x: {{price: {{input: 3.00, output: 15.00}}, context: 200000}}
  cohere/command-x: {{price: {{input: 1.00, output: 2.00}}, context: 200000}}
  ollama/llama-x: {{price: {{input: 1.00, output: 2.00}}, context: 8192}}
  claude/claude-x: {{price: {{input: 3.00, output: 15.00}}, context: 200000}}
routes:
  fast: {{targets: [mock/gpt-4o, claude/claude-x]}}
"""

# One upstream of each dialect.
MODELS = [
    "sandbox/chat",
    "mock/gpt-4o",
    "responses/gpt-x",
    "claude/claude-x",
    "google/gemini-2.5-flash",
    "bedrock/anthropic.claude-x",
    "cohere/command-x",
    "ollama/llama-x",
]


@pytest.fixture(scope="session")
def aimock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aimock]:
    mock = Aimock(tmp_path_factory.mktemp("aimock"))
    yield mock
    mock.stop()


@pytest.fixture(scope="session")
def llama() -> Iterator[Ollama]:
    with Ollama() as double:
        yield double


@pytest.fixture(scope="session")
def gateway(aimock: Aimock, llama: Ollama, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    config = CONFIG.format(url=aimock.url, ollama=llama.url)
    gateway = Gateway(tmp_path_factory.mktemp("home"), config=config).start()
    yield gateway
    assert gateway.stop() == 0


@pytest.fixture
def chat(gateway: Gateway) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.first_key, max_retries=0) as client:
        yield client


@pytest.fixture
def claude(gateway: Gateway) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=gateway.url, api_key=gateway.first_key, max_retries=0) as client:
        yield client


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name
