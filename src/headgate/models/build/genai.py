"""The table of genai-prices, ``genai_prices/data.py`` of the package: MIT, Pydantic Services.

It is one Python literal of constructor calls; it is read as such, and never run.
"""

import ast
import re
from collections.abc import Iterator
from typing import Any

Facts = dict[str, Any]

KINDS = {
    "openai": "openai",
    "anthropic": "anthropic",
    "google": "gemini",
    "aws": "bedrock",
    "azure": "azure",
    "x-ai": "xai",
    "groq": "groq",
    "mistral": "mistral",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "together": "together",
    "fireworks": "fireworks",
    "perplexity": "perplexity",
    "cerebras": "cerebras",
    "openrouter": "openrouter",
    "moonshotai": "moonshot",
    "zai": "zai",
}
HUGGING = "huggingface_"
PRICES = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cached": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "cache_write_1h": "cache_write_1h_mtok",
    "reasoning": "output_reasoning_mtok",
    "audio_input": "input_audio_mtok",
    "audio_cached": "cache_audio_read_mtok",
    "audio_output": "output_audio_mtok",
    "image_input": "input_image_mtok",
    "image_output": "output_image_mtok",
}
THOUSANDS = {"request": "requests_kcount", "search": "web_searches_kcount"}
KIND_WORDS = (
    (re.compile(r"embed"), "embedding"),
    (re.compile(r"rerank"), "rerank"),
    (re.compile(r"whisper|transcribe"), "transcription"),
    (re.compile(r"realtime|-live|sonic"), "realtime"),
    (re.compile(r"tts"), "speech"),
    (re.compile(r"moderation"), "moderation"),
    (re.compile(r"^(?:gpt|dall-e|imagen).*image|dall-e|imagen"), "image"),
    (re.compile(r"davinci|babbage|^ada$|^curie$|gpt-3\.5-turbo-instruct"), "completion"),
)
MISFILED = re.compile(
    r"^claude|:free$|:extended$|\.ft-|^ft:|^gpt-oss|-image(?:-mini|-2)?$|^computer-use$|^gpt-5\.3$|^gpt-3\.5-0301$"
)
"""Names of OpenRouter's and Vertex's that stand under a vendor."""
SNAPSHOT = re.compile(r"-(?:20\d\d-?\d\d-?\d\d|\d\d-20\d\d|\d{4}|latest)$")


def rows(source: bytes, date: str) -> dict[str, dict[str, Facts]]:
    """Return the priced models by kind of provider, at the prices of *date* (``YYYY-MM-DD``)."""
    found: dict[str, dict[str, Facts]] = {}
    for provider in providers(source):
        id = str(provider.get("id"))
        routed = id.removeprefix(HUGGING) if id.startswith(HUGGING) else ""
        kind = "huggingface" if routed else KINDS.get(id)
        if kind is None:
            continue
        page = next(iter(provider.get("pricing_urls") or ()), "")
        for model in provider.get("models") or ():
            facts = row(kind, model, page, date)
            strange = kind in ("openai", "gemini", "mistral", "azure") and MISFILED.search(str(model["id"]))
            if facts is None or strange:
                continue
            for name in names(kind, model):
                if not routed:
                    found.setdefault(kind, {}).setdefault(name, facts)
                    continue
                found.setdefault(kind, {})[f"{name}:{routed}"] = facts
                _dearest(found[kind], name, facts)
    return found


def _dearest(models: dict[str, Facts], name: str, facts: Facts) -> None:
    """A name without its server goes to any of them: it is priced as the dearest."""
    before = models.get(name)
    if before is None or _sum(facts) > _sum(before):
        models[name] = facts


def _sum(facts: Facts) -> float:
    return float(facts["price"].get("input", 0)) + float(facts["price"].get("output", 0))


def row(kind: str, model: Facts, page: str, date: str) -> Facts | None:
    """Return one model as :class:`headgate.models.table.Model` has it; ``None`` for one without a price."""
    id = str(model["id"])
    price = price_of(current(model.get("prices"), date))
    if not any(price.values()):
        if not id.endswith(":free"):
            return None
        price = {"input": 0}
    made: Facts = {"price": price, "source": page}
    what = next((word for pattern, word in KIND_WORDS if pattern.search(id)), "chat")
    if what != "chat":
        made["kind"] = what
    else:
        made["can"] = "streaming"
    if model.get("context_window"):
        made["context"] = model["context_window"]
    if model.get("deprecated"):
        made["retired"] = True
    return made


def names(kind: str, model: Facts) -> Iterator[str]:
    """Yield the names it can be asked for by: its own, and those of its snapshots that are told in full."""
    id = str(model["id"])
    if kind == "bedrock":
        id = id.removeprefix("regional.")
    elif kind == "fireworks" and "/" not in id:
        id = f"accounts/fireworks/models/{id}"
    elif kind == "perplexity":
        id = id.removeprefix("perplexity/")
    yield id
    for other in _equals(model.get("match") or {}):
        if other != id and SNAPSHOT.sub("", other) == SNAPSHOT.sub("", id):
            yield other


def _equals(match: Facts) -> Iterator[str]:
    if "equals" in match:
        yield match["equals"]
    for inner in match.get("or_") or ():
        yield from _equals(inner)


def current(prices: Any, date: str) -> Facts:
    """Return the prices in force on *date*; of those that change with the hour, the ones without a condition."""
    if not isinstance(prices, list):
        return prices or {}
    found: Facts = {}
    for entry in prices:
        limit = entry.get("constraint")
        if limit is None or (limit["_"] == "StartDateConstraint" and limit["start_date"] <= date):
            found = entry["prices"]
    return found


def price_of(prices: Facts) -> Facts:
    """Return USD per million tokens of each kind, with tiers."""
    price: Facts = {}
    tiers: dict[int, Facts] = {}
    for kind, field in PRICES.items():
        value = prices.get(field)
        if isinstance(value, dict):
            for tier in value["tiers"]:
                tiers.setdefault(int(tier["start"]), {})[kind] = number(tier["price"])
            value = value["base"]
        if value is not None:
            price[kind] = number(value)
    for kind, field in THOUSANDS.items():
        if (value := prices.get(field)) is not None and not isinstance(value, dict):
            price[kind] = number(value) / 1000
    if (value := prices.get("input_mchars")) is not None:
        price["character"] = number(value)
    if (value := prices.get("audio_hours") or prices.get("input_audio_hours")) is not None:
        price["second"] = number(value) / 3600
    if tiers:
        price["tiers"] = [{"above": start, **tiers[start]} for start in sorted(tiers)]
    return price


def number(text: Any) -> float | int:
    """Return a decimal as the number it is."""
    value = float(text)
    return int(value) if value.is_integer() else value


def providers(source: bytes) -> list[Facts]:
    """Read the literal: each call as its keywords and its name under ``_``; raise ``ValueError`` for anything else."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"this is not the table of genai-prices: {error}") from None
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == "providers":
            found = _value(node.value)
            return found if isinstance(found, list) else []
    raise ValueError("this is not the table of genai-prices: it has no `providers`")


def _value(node: ast.expr | None) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            return [_value(part) for part in parts]
        case ast.Dict(keys=keys, values=values):
            return {_value(key): _value(value) for key, value in zip(keys, values, strict=True)}
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return f"-{_value(inner)}"
        case ast.Call(func=func, args=args, keywords=keywords):
            return _call(
                str(_value(func)), [_value(arg) for arg in args], {k.arg or "": _value(k.value) for k in keywords}
            )
    raise ValueError("this is not the table of genai-prices: it holds more than constants")


def _call(name: str, args: list[Any], keywords: Facts) -> Any:
    if name == "Decimal":
        return args[0]
    if name == "date":
        year, month, day = args
        return f"{year:04d}-{month:02d}-{day:02d}"
    return {"_": name, **keywords}
