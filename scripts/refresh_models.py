"""Write the package's table of models from LiteLLM's price file: python scripts/refresh_models.py FILE VERSION DATE

FILE is `model_prices_and_context_window_backup.json` of the litellm package (MIT), VERSION that package's version, DATE
the day it was looked at (YYYY-MM-DD); models that were to be switched off by then are left out. Nothing is fetched.
"""

import json
import re
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

TABLE = Path(__file__).parent.parent / "src/headgate/models/data/models.json"
PROVIDERS = ("openai", "anthropic", "gemini", "groq", "xai", "mistral", "deepseek")
KINDS = ("chat", "embedding")
SKIP = re.compile(
    r"^ft:|audio|realtime|-tts|lyria|robotics|computer-use|guard|learnlm|-exp-|search|cyber|daybreak|rosalind|astra-law"
)
"""Fine-tunes, what is also charged by other units, previews of other things, and names sold to few."""
ENDPOINTS = {"chat": "/v1/chat/completions", "embedding": "/v1/embeddings"}
PRICES = {
    "input": "input_cost_per_token",
    "output": "output_cost_per_token",
    "cached": "cache_read_input_token_cost",
    "cache_write": "cache_creation_input_token_cost",
}
THINKS: dict[str, Callable[[str, dict[str, Any]], bool]] = {
    "openai": lambda name, facts: facts.get("default_reasoning_effort") != "none" and "chat" not in name,
    "anthropic": lambda name, facts: bool(facts.get("thinking_always_on")),
    "gemini": lambda name, facts: "2.5-flash-lite" not in name,
    "groq": lambda name, facts: True,
    "xai": lambda name, facts: "non-reasoning" not in name,
    "mistral": lambda name, facts: "magistral" in name,
    "deepseek": lambda name, facts: name != "deepseek-chat",
}
"""Whether a model that can reason does so unasked, by the vendors' own pages."""


def rows(table: dict[str, Any], date: str) -> list[dict[str, Any]]:
    """Return the models that are offered on *date* and priced by the token, by provider and name."""
    found: dict[str, dict[str, Any]] = {}
    for key, facts in table.items():
        provider, kind = facts.get("litellm_provider"), facts.get("mode")
        if provider not in PROVIDERS or kind not in KINDS:
            continue
        name = key.removeprefix(f"{provider}/")
        if SKIP.search(name) or not facts.get("input_cost_per_token"):
            continue
        if facts.get("deprecation_date", "9999") <= date:
            continue
        # The others list their own endpoints under other names; only OpenAI's models say which of several they have.
        if provider == "openai" and ENDPOINTS[kind] not in facts.get("supported_endpoints", [ENDPOINTS[kind]]):
            continue
        found[f"{provider}/{name}"] = row(provider, name, kind, facts)
    return sorted(found.values(), key=lambda made: (PROVIDERS.index(made["name"].split("/")[0]), made["name"]))


def row(provider: str, name: str, kind: str, facts: dict[str, Any]) -> dict[str, Any]:
    """Return one model as the package keeps it: prices in USD per million tokens."""
    made: dict[str, Any] = {"name": f"{provider}/{name}"}
    if kind != "chat":
        made["kind"] = kind
    for field, theirs in PRICES.items():
        if facts.get(theirs):
            made[field] = per_million(facts[theirs])
    if facts.get("max_input_tokens"):
        made["context"] = int(facts["max_input_tokens"])
    if kind == "chat" and facts.get("max_output_tokens"):
        made["max_output"] = int(facts["max_output_tokens"])
    if facts.get("supports_reasoning"):
        made["effort"] = True
        if THINKS[provider](name, facts):
            made["reasoning"] = True
    return made


def per_million(dollars: float) -> float | int:
    """Return a price per token as one per million tokens, exactly as it was written."""
    price = Decimal(str(dollars)) * 10**6
    return int(price) if price == price.to_integral_value() else float(price)


def main(path: str, version: str, date: str) -> None:
    """Write the table."""
    made = rows(json.loads(Path(path).read_text("utf-8")), date)
    lines = ",\n".join(json.dumps(model, separators=(", ", ": ")) for model in made)
    head = json.dumps({"source": f"LiteLLM {version} (MIT)", "date": date})[:-1]
    TABLE.write_text(f'{head}, "models": [\n{lines}\n]}}\n', "utf-8")
    sys.stdout.write(f"{len(made)} models\n")


if __name__ == "__main__":
    main(*sys.argv[1:4])
