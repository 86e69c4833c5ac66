"""The cost of every recorded exchange, worked out twice: by the gateway, and here from the raw figures with decimals.

What is here shares no code with the gateway: it reads usage as the provider wrote it, and prices as the shipped files
have them.
"""

import base64
import json
from collections import Counter
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from headgate.core.money import Usage
from headgate.dialects import DIALECTS
from headgate.models.registry import Registry
from tests.dialects.recorded import every
from tests.models.test_registry import provider

DATA = Path(__file__).parents[2] / "src/headgate/models/data/models"
SPOKEN = {
    "chat": "openai-chat",
    "completions": "openai-completions",
    "embeddings": "openai-embeddings",
    "responses": "openai-responses",
    "images": "openai-images",
    "audio": "openai-transcriptions",
    "messages": "anthropic-messages",
    "generate_content": "gemini",
    "generate_content_stream": "gemini",
    "converse": "bedrock-converse",
    "converse_stream": "bedrock-converse",
    "chat_v2": "cohere-chat",
    "rerank": "cohere-rerank",
    "ollama_chat": "ollama-chat",
}
PROVIDERS = (
    "openai", "azure", "anthropic", "gemini", "vertex", "bedrock", "cohere", "mistral", "groq", "deepseek", "together",
)  # fmt: skip
UNPRICED = frozenset(
    (
        "azure/openllmetry-testing",  # the names of somebody's deployments, whatever model they are of
        "azure/embedding",
    )
)
"""Models of recordings that nobody has a price for: no cost may be told."""
EXCEPTIONS: dict[str, str] = {}
"""Recordings where the provider's own cost is another than tokens x price, with the reason; it may only shrink."""


@cache
def listed(kind: str) -> dict[str, Any]:
    table = json.loads((DATA / f"{kind}.json").read_text(), parse_float=Decimal, parse_int=Decimal)
    return {model["name"]: model for model in table["models"]}


def entry(kind: str, model: str) -> dict[str, Any] | None:
    """Find a model, by the names that its vendor gives to snapshots."""
    name = model.rpartition("/")[2] if model.startswith("arn:") else model
    names = [name]
    for cut in (9, 11, 8):  # -20240229, -2024-05-13, -11-2024
        stem = name[:-cut]
        if name[-cut : -cut + 1] in ("-", "@") and name[-cut:].replace("-", "").replace("@", "").isdigit():
            names += [stem, f"{stem}-latest"]
    if name.endswith("-latest"):
        names.append(name.removesuffix("-latest"))
    return next((listed(kind)[n] for n in names if n in listed(kind)), None)


def openai(said: dict[str, Any]) -> Counter[str]:
    prompt = said.get("prompt_tokens_details") or said.get("input_tokens_details") or {}
    made = said.get("completion_tokens_details") or said.get("output_tokens_details") or {}
    tokens: Counter[str] = Counter()
    tokens["input"] = said.get("prompt_tokens", said.get("input_tokens", 0))
    tokens["output"] = said.get("completion_tokens", said.get("output_tokens", 0)) or 0
    tokens["cached"] = prompt.get("cached_tokens") or said.get("prompt_cache_hit_tokens") or 0
    tokens["cache_write"] = prompt.get("cache_write_tokens") or 0
    tokens["audio_input"] = prompt.get("audio_tokens") or 0
    tokens["audio_output"] = made.get("audio_tokens") or 0
    tokens["second"] = said.get("seconds") or 0
    tokens["plain"] = tokens["input"] - tokens["cached"] - tokens["cache_write"] - tokens["audio_input"]
    return tokens


def anthropic(said: dict[str, Any]) -> Counter[str]:
    tokens: Counter[str] = Counter()
    tokens["plain"] = said["input_tokens"]
    tokens["cached"] = said.get("cache_read_input_tokens") or 0
    tokens["cache_write"] = said.get("cache_creation_input_tokens") or 0
    tokens["cache_write_1h"] = (said.get("cache_creation") or {}).get("ephemeral_1h_input_tokens") or 0
    tokens["output"] = said["output_tokens"]
    tokens["input"] = tokens["plain"] + tokens["cached"] + tokens["cache_write"]
    tokens["search"] = (said.get("server_tool_use") or {}).get("web_search_requests") or 0
    return tokens


def google(said: dict[str, Any]) -> Counter[str]:
    tokens: Counter[str] = Counter()
    tokens["input"] = said.get("promptTokenCount", 0) + said.get("toolUsePromptTokenCount", 0)
    tokens["cached"] = said.get("cachedContentTokenCount", 0)
    tokens["output"] = said.get("candidatesTokenCount", 0) + said.get("thoughtsTokenCount", 0)
    for detail in said.get("promptTokensDetails") or ():
        if detail["modality"] in ("AUDIO", 4):
            tokens["audio_input"] += detail["tokenCount"]
    tokens["plain"] = tokens["input"] - tokens["cached"] - tokens["audio_input"]
    return tokens


def bedrock(said: dict[str, Any]) -> Counter[str]:
    tokens: Counter[str] = Counter()
    tokens["plain"], tokens["output"] = said["inputTokens"], said["outputTokens"]
    tokens["cached"], tokens["cache_write"] = said.get("cacheReadInputTokens", 0), said.get("cacheWriteInputTokens", 0)
    tokens["input"] = tokens["plain"] + tokens["cached"] + tokens["cache_write"]
    return tokens


def cohere(said: dict[str, Any]) -> Counter[str]:
    billed = said["billed_units"]
    tokens: Counter[str] = Counter()
    tokens["plain"] = tokens["input"] = int(billed.get("input_tokens") or 0)
    tokens["output"] = int(billed.get("output_tokens") or 0)
    tokens["search"] = int(billed.get("search_units") or 0)
    return tokens


ARITHMETIC = {"anthropic": anthropic, "gemini": google, "vertex": google, "bedrock": bedrock, "cohere": cohere}
MILLION = Decimal(1_000_000)


def expected(price: dict[str, Any], tokens: Counter[str]) -> int:
    """Return nano-dollars: tokens x price, rounded once."""
    rates = dict(price)
    for tier in price.get("tiers", ()):
        if tokens["input"] > tier["above"]:
            rates.update(tier)
    plain, output = rates.get("input", Decimal(0)), rates.get("output", Decimal(0))
    usd = tokens["plain"] * plain
    usd += tokens["cached"] * rates.get("cached", plain)
    write = rates.get("cache_write", plain)
    usd += (tokens["cache_write"] - tokens["cache_write_1h"]) * write
    usd += tokens["cache_write_1h"] * rates.get("cache_write_1h", write)
    usd += tokens["audio_input"] * rates.get("audio_input", plain)
    usd += (tokens["output"] - tokens["audio_output"]) * output
    usd += tokens["audio_output"] * rates.get("audio_output", output)
    total = usd / MILLION + tokens["search"] * rates.get("search", Decimal(0)) + rates.get("request", Decimal(0))
    total += tokens["second"] * rates.get("second", Decimal(0))
    return int((total * 10**9).to_integral_value(ROUND_HALF_EVEN))


def own_figure(said: dict[str, Any]) -> Decimal | None:
    """Return the cost that the provider itself states, in USD: OpenRouter's and Perplexity's, or xAI's ticks."""
    cost = said.get("cost")
    if isinstance(cost, dict):
        cost = cost.get("total_cost")
    if cost is None and said.get("cost_in_usd_ticks") is not None:
        return Decimal(said["cost_in_usd_ticks"]) / 10**10
    return None if cost is None else Decimal(str(cost))


def dialects() -> dict[str, Any]:
    from headgate.dialects.cohere import CohereChat
    from headgate.dialects.cohere_rerank import CohereRerank
    from headgate.dialects.converse import BedrockConverse
    from headgate.dialects.ollama import OllamaChat

    found = {one.name: one for one in (CohereChat(), CohereRerank(), BedrockConverse(), OllamaChat())}
    return {**DIALECTS, **found}


def ours(row: dict[str, Any]) -> Usage | None:
    """Return the usage that the gateway reads of a recorded answer."""
    spoken = dialects()[SPOKEN[row["api"]]]
    answer = row["response"]
    data = answer.get("text")
    if data is None and answer.get("body_b64") is None:
        usage: Usage | None = spoken.sniff(json.dumps(answer["body"]).encode()).usage
        return usage
    tap = spoken.tap(hide_usage=False)
    tap.feed(data.encode() if data is not None else base64.b64decode(answer["body_b64"]))
    tap.close()
    seen: Usage | None = tap.usage
    return seen


def searched(answer: dict[str, Any]) -> int:
    """Return how many searches an answer of OpenAI's tells of: the output stands in the last event of a stream."""
    body = answer.get("body")
    if body is None:
        events = [line[6:] for line in answer["text"].splitlines() if line.startswith("data: {")]
        body = json.loads(events[-1])["response"]
    calls = [item for item in body["output"] if item["type"] == "web_search_call"]
    return sum((one.get("action") or {"type": "search"})["type"] == "search" for one in calls)


def asked(row: dict[str, Any]) -> str:
    """Return the model: an ARN stands whole in the path alone, that of a form in the form alone."""
    if row["api"] == "audio":
        return "whisper-1"
    if row["facts"]["model"] == "arn":
        return unquote(row["request"]["path"].split("/")[2])
    model: str = row["facts"]["model"]
    return model


def priced(name: str) -> list[dict[str, Any]]:
    """Return the recordings of a provider that tell a usage."""
    rows = [row for row in every(name) if row["response"]["status"] == 200 and row["facts"].get("usage")]
    return [row for row in rows if not isinstance(row["response"].get("body"), list)]


@pytest.mark.parametrize("name", PROVIDERS)
def test_the_cost_of_every_recorded_exchange(name: str) -> None:
    registry = Registry()
    compared, skipped = 0, Counter[str]()
    for row in priced(name):
        said, model = row["facts"]["usage"], asked(row)
        at = registry.target(provider(name, name), model)
        known = entry(name, model)
        if f"{name}/{model}" in UNPRICED:
            assert known is None and at.price is None
            skipped[model] += 1
            continue
        assert known is not None and "price" in known, f"{name}/{model} has no price"
        assert at.price is not None
        usage = ours(row)
        assert usage is not None, row["id"]
        tokens = ARITHMETIC.get(name, openai)(said)
        if row["api"] == "responses":
            tokens["search"] = searched(row["response"])
        told = expected(known["price"], tokens)
        assert at.price.cost(usage) == told, (row["id"], model, said, usage)
        stated = own_figure(said)
        if stated is not None and row["id"] not in EXCEPTIONS:
            assert told == int(stated * 10**9), row["id"]
        assert at.price.bound(usage.input, usage.output, usage) >= told
        compared += 1
    assert compared or skipped
    print(f"{name}: {compared} costs compared, {sum(skipped.values())} without a price {dict(skipped)}")


def test_figures_of_providers_are_read() -> None:
    assert own_figure({"cost": 0.0012}) == Decimal("0.0012")
    assert own_figure({"cost": {"total_cost": 0.005}}) == Decimal("0.005")
    assert own_figure({"cost_in_usd_ticks": 25_000_000}) == Decimal("0.0025")
    assert own_figure({}) is None
