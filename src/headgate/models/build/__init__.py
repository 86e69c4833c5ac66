"""Makes the tables of models from public data: two data sets that are published as Python packages.

LiteLLM's (MIT) says what models can do and, page by page, what they cost; genai-prices' (MIT) adds models that the
first does not list, OpenRouter's and Hugging Face's above all. Nothing of either package is run: one is JSON, the other
is read as the literal it is.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from headgate.models.build import genai, litellm, own
from headgate.models.table import DATED, Model, Table, written

Rows = dict[str, dict[str, dict[str, Any]]]
"""Kind of provider -> model -> its facts, as :class:`Model` has them; ``source`` is still the page itself."""


def tables(prices: bytes, more: bytes | None, *, versions: Mapping[str, str], date: str) -> dict[str, Table]:
    """Return a table for each kind of provider, from LiteLLM's JSON and the source of ``genai_prices/data.py``.

    *versions* names the version of each package, *date* is today. Raise ``ValueError`` for what is not such data.
    """
    name = f"LiteLLM {versions.get('litellm', 'of unknown version')} (MIT)"
    rows = litellm.rows(prices)
    others = []
    if more is not None:
        name += f" and genai-prices {versions.get('genai-prices', 'of unknown version')} (MIT)"
        others.append(genai.rows(more, date))
    for other in (*others, own.rows(rows)):
        for kind, models in other.items():
            known = rows.setdefault(kind, {})
            listed = {DATED.sub("", name) for name in known}
            for model, facts in models.items():
                if model in known:
                    _complete(known[model], facts)
                elif kind in own.VENDORS and DATED.sub("", model) not in listed | own.NEW:
                    known[model] = {**facts, "retired": True}
                else:
                    known[model] = facts
    return {kind: _table(name, date, models) for kind, models in sorted(rows.items()) if models}


def _complete(facts: dict[str, Any], other: Mapping[str, Any]) -> None:
    """Add the kinds of price that only the other data set has, where both agree on the plain ones."""
    price, more = facts.get("price"), other.get("price")
    if price and more and all(price.get(kind) == more.get(kind) for kind in ("input", "output")):
        price.update({kind: value for kind, value in more.items() if kind not in price and kind != "tiers"})


def _table(source: str, date: str, models: Mapping[str, dict[str, Any]]) -> Table:
    pages = sorted({facts.get("source", "") for facts in models.values()})
    number = {page: index for index, page in enumerate(pages)}
    made = [
        msgspec.convert({**facts, "name": name, "source": number[facts.get("source", "")]}, Model)
        for name, facts in sorted(models.items())
    ]
    return Table(source, date, pages, made)


def save(found: Mapping[str, Table], directory: Path) -> None:
    """Write a file for each table; one is replaced whole or not at all."""
    directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    for kind, table in found.items():
        fresh = directory / f"{kind}.json.new"
        fresh.write_bytes(written(table))
        fresh.replace(directory / f"{kind}.json")
