"""What recorded exchanges say of their usage, read and added up here by plain arithmetic: the dialects must agree.

``python -m tests.dialects.accounts docs/reference`` writes the page that counts them.
"""

import base64
import json
import sys
from collections import Counter
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from botocore.eventstream import EventStreamBuffer

from headgate.core.money import Usage
from headgate.dialects import DIALECTS

PROVIDERS = (
    *("openai", "azure", "anthropic", "gemini", "vertex", "bedrock"),
    *("mistral", "groq", "cohere", "ollama", "deepseek", "together"),
)
Row = dict[str, Any]


class Told(NamedTuple):
    """The usage of an exchange in the provider's own numbers, and in ours."""

    usage: Usage
    total: int | None
    """The provider's own sum, where it makes one."""


def _chat(said: Row) -> Told:
    """OpenAI and those who copy it: the prompt with its cached part; the completion with its reasoning, but at xAI."""
    prompt, completion = said["prompt_tokens"], said.get("completion_tokens") or 0
    details, more = said.get("prompt_tokens_details") or {}, said.get("completion_tokens_details") or {}
    reasoning, total = more.get("reasoning_tokens") or 0, said.get("total_tokens")
    if total == prompt + completion + reasoning:
        completion += reasoning
    cached = details.get("cached_tokens") or said.get("prompt_cache_hit_tokens") or said.get("num_cached_tokens")
    return Told(_usage(prompt, completion, cached or said.get("cached_tokens"), None, reasoning), total)


def _searched(response: Row) -> Row | None:
    """OpenAI's responses: the searches stand in the output."""
    said = response.get("usage")
    calls = [item.get("action") or {} for item in response.get("output", ()) if item["type"] == "web_search_call"]
    return {**said, "searches": sum(one.get("type", "search") == "search" for one in calls)} if said else None


def _responses(said: Row) -> Told:
    details, more = said.get("input_tokens_details") or {}, said.get("output_tokens_details") or {}
    usage = _usage(
        said["input_tokens"], said["output_tokens"],
        details.get("cached_tokens"), details.get("cache_write_tokens"), more.get("reasoning_tokens"),
    )  # fmt: skip
    usage.searches = said["searches"]
    return Told(usage, said["total_tokens"])


def _messages(said: Row) -> Told:
    """Anthropic: the prompt without what came from the cache or went into it; the answer with its thoughts."""
    read, write = said.get("cache_read_input_tokens") or 0, said.get("cache_creation_input_tokens") or 0
    thought = (said.get("output_tokens_details") or {}).get("thinking_tokens")
    return Told(_usage(said["input_tokens"] + read + write, said["output_tokens"], read, write, thought), None)


def _converse(said: Row) -> Told:
    """Bedrock: as Anthropic, and a sum of all four."""
    read, write = said.get("cacheReadInputTokens") or 0, said.get("cacheWriteInputTokens") or 0
    usage = _usage(said["inputTokens"] + read + write, said["outputTokens"], read, write, None)
    return Told(usage, said["totalTokens"])


def _gemini(said: Row) -> Told:
    """Gemini: thoughts beside the candidates, the prompts of its own tools beside the prompt, a sum of all four."""
    prompt = (said.get("promptTokenCount") or 0) + (said.get("toolUsePromptTokenCount") or 0)
    thought = said.get("thoughtsTokenCount") or 0
    cached = said.get("cachedContentTokenCount")
    usage = _usage(prompt, (said.get("candidatesTokenCount") or 0) + thought, cached, None, thought)
    return Told(usage, said.get("totalTokenCount"))


def _cohere(said: Row) -> Told:
    """Cohere: what is billed, which is less than what the model reads; the cached share of what is beyond that."""
    billed, read = said["billed_units"], said.get("tokens") or {}
    prompt = int(billed.get("input_tokens") or 0)
    unbilled = max(int(read.get("input_tokens") or prompt) - prompt, 0)
    cached = min(max(int(said.get("cached_tokens") or 0) - unbilled, 0), prompt)
    usage = _usage(prompt, int(billed.get("output_tokens") or 0), cached, None, None)
    usage.searches = int(billed.get("search_units") or 0)
    return Told(usage, None)


def _ollama(said: Row) -> Told:
    """Ollama leaves out the count of a prompt that was in its cache as a whole."""
    return Told(_usage(said.get("prompt_eval_count") or 0, said["eval_count"], None, None, None), None)


def _sound(said: Row) -> Told:
    usage = Usage()
    usage.milliseconds = round(said["seconds"] * 1000)
    return Told(usage, None)


def _usage(input: int, output: int, cached: int | None, write: int | None, reasoning: int | None) -> Usage:
    return Usage(input, output, cached or 0, write or 0, reasoning or 0)


def _at(*path: str) -> Callable[[Row], Row | None]:
    def find(document: Row) -> Row | None:
        for name in path:
            document = document.get(name) or {}
        return document or None

    return find


def _of_groq(document: Row) -> Row | None:
    return document.get("usage") or (document.get("x_groq") or {}).get("usage")


def _of_anthropic(document: Row) -> Row | None:
    message = document.get("message")
    return document.get("usage") or (message.get("usage") if isinstance(message, dict) else None)


class Api(NamedTuple):
    """How one kind of exchange is read."""

    dialect: str
    """Its name, or ``module:Class``."""
    find: Callable[[Row], Row | None]
    """The usage object of a document, if it has one."""
    tell: Callable[[Row], Told]


APIS = {
    "chat": Api("openai-chat", _of_groq, _chat),
    "completions": Api("openai-completions", _at("usage"), _chat),
    "embeddings": Api("openai-embeddings", _at("usage"), _chat),
    "responses": Api("openai-responses", lambda d: _searched(d.get("response") or {}) or _searched(d), _responses),
    "messages": Api("anthropic-messages", _of_anthropic, _messages),
    "converse": Api("converse:BedrockConverse", _at("usage"), _converse),
    "converse_stream": Api("converse:BedrockConverse", _at("usage"), _converse),
    "generate_content": Api("gemini:Gemini", _at("usageMetadata"), _gemini),
    "generate_content_stream": Api("gemini:Gemini", _at("usageMetadata"), _gemini),
    "chat_v2": Api("cohere:CohereChat", lambda d: _at("delta", "usage")(d) or _at("usage")(d), _cohere),
    "cohere embeddings": Api("cohere_embed:CohereEmbed", _at("meta"), _cohere),
    "rerank": Api("cohere_rerank:CohereRerank", _at("meta"), _cohere),
    "ollama_chat": Api("ollama:OllamaChat", lambda d: d if "eval_count" in d else None, _ollama),
    "audio": Api("openai-transcriptions", _at("usage"), _sound),
    "images": Api("openai-images", _at("usage"), _chat),
}


@cache
def spoken(name: str) -> Any:
    """Return the dialect called *name* in :data:`APIS`."""
    if ":" not in name:
        return DIALECTS[name]
    module, made = name.split(":")
    return getattr(import_module(f"headgate.dialects.{module}"), made)()


def api_of(row: Row) -> Api:
    """Return how *row* is read."""
    if row["provider"] == "cohere" and row["api"] == "embeddings":
        return APIS["cohere embeddings"]
    return APIS[row["api"]]


def stream_of(row: Row) -> bytes:
    """Return the bytes of a streamed answer, empty where it came whole."""
    response = row["response"]
    if "body_b64" in response:
        return base64.b64decode(response["body_b64"])
    if isinstance(response.get("body"), list):
        return json.dumps(response["body"]).encode()
    return (response.get("text") or "").encode()


def documents(row: Row) -> list[Row]:
    """Return every JSON document of an answer."""
    response = row["response"]
    if "body_b64" in response:
        buffer = EventStreamBuffer()
        buffer.add_data(stream_of(row))
        return [json.loads(event.payload) for event in buffer]
    if isinstance(response.get("body"), list):
        return list(response["body"])
    if isinstance(response.get("body"), dict):
        return [response["body"]]
    lines = [line.removeprefix("data:").strip() for line in (response.get("text") or "").splitlines()]
    return [json.loads(line) for line in lines if line.startswith("{")]


def failed(row: Row) -> bool:
    """Tell whether the provider answered with an error, be it in an answer whose status says that all is well."""
    body = row["response"].get("body")
    return row["response"]["status"] >= 400 or (isinstance(body, dict) and bool(body.get("error")))


def silent(row: Row) -> bool:
    """Tell whether of the answer only the headers were recorded."""
    return row["response"].get("body") is None and not stream_of(row)


def told(row: Row) -> Told | None:
    """Return what an exchange says of its usage; ``None`` where it says nothing."""
    if failed(row):
        return None
    api = api_of(row)
    found: Row = {}
    for document in documents(row):
        said = api.find(document)
        if said:
            found = {**found, **said} if row["api"] in ("messages", "generate_content_stream") else said
    if not found:
        return None
    try:
        return api.tell(found)
    except KeyError:
        return None


def counts(name: str, rows: list[Row]) -> dict[str, Counter[str]]:
    """Return, by API of one provider, how many exchanges there are, and of what sort."""
    by_api: dict[str, Counter[str]] = {}
    for row in rows:
        found = by_api.setdefault(row["api"], Counter())
        sort = "error" if failed(row) else "stream" if stream_of(row) else "silent" if silent(row) else "whole"
        found[sort] += 1
        found["usage"] += told(row) is not None
    return by_api


def page(folder: Path) -> str:
    """Return the page of the reference that counts what is recorded in *folder*."""
    lines = [
        "# Recorded exchanges",
        "",
        "Real traffic of providers, which the tests replay where it lies beside the repository. Every reply and stream is",
        "read by its dialect, and the usage that is read must equal what the provider reported, by its own arithmetic",
        "(`tests/dialects/test_recorded_usage.py`; the few exceptions stand there, each with its reason).",
        "",
        "| provider | API | whole | streams | errors | headers only | with usage |",
        "|---|---|---|---|---|---|---|",
    ]
    total: Counter[str] = Counter()
    for name in PROVIDERS:
        rows = [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]
        for api, found in sorted(counts(name, rows).items()):
            total += found
            lines.append(f"| {name} | {api} | {_cells(found)} |")
    return "\n".join([*lines, f"| **all** | | {_cells(total)} |", ""])


def _cells(found: Counter[str]) -> str:
    return " | ".join(str(found[sort]) for sort in ("whole", "stream", "error", "silent", "usage"))


if __name__ == "__main__":
    from tests.dialects.recorded import FOLDER

    (Path(sys.argv[1]) / "recorded.md").write_text(page(FOLDER), "utf-8")
