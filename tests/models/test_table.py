"""The table that ships with the package."""

import subprocess
import sys
from pathlib import Path

import pytest

from headgate.core.money import Usage, nano_from_usd, usd
from headgate.models.registry import Registry, price
from headgate.models.table import Model, models, tables
from headgate.providers import catalog
from headgate.providers.base import PriceConfig

ROOT = Path(__file__).parent.parent.parent


def test_it_has_the_vendors_that_people_use() -> None:
    vendors = {name.partition("/")[0] for name in models()}
    assert vendors == {"openai", "anthropic", "gemini", "groq", "xai", "mistral", "deepseek", "sandbox"}
    assert vendors <= set(catalog.rows())
    assert len(models()) > 60
    assert sum(len(table.models) for table in tables()) == len(models())


@pytest.mark.parametrize("model", models().values(), ids=lambda m: m.name)
def test_figures_make_sense(model: Model) -> None:
    assert model.input is not None and 0 < model.input <= 100
    if model.kind == "chat":
        assert model.output is not None and model.input <= model.output <= 500
        assert model.max_output is None or (model.context is not None and 0 < model.max_output <= model.context * 1.01)
    assert model.cached is None or model.cached <= model.input
    assert model.cache_write is None or model.input <= model.cache_write <= 2 * model.input
    assert model.effort or not model.reasoning


@pytest.mark.parametrize(
    ("name", "input", "output", "cached", "cache_write"),
    [
        ("openai/gpt-4o-mini", 0.15, 0.6, 0.075, None),
        ("anthropic/claude-haiku-4-5", 1, 5, 0.1, 1.25),
        ("anthropic/claude-opus-4-5", 5, 25, 0.5, 6.25),
        ("gemini/gemini-2.5-flash", 0.3, 2.5, 0.03, None),
        ("groq/openai/gpt-oss-20b", 0.075, 0.3, 0.0375, None),
        ("openai/text-embedding-3-small", 0.02, None, None, None),
    ],
)
def test_known_prices(
    name: str, input: float, output: float | None, cached: float | None, cache_write: float | None
) -> None:
    model = models()[name]
    assert (model.input, model.output, model.cached, model.cache_write) == (input, output, cached, cache_write)


def test_prices_are_exact_integers() -> None:
    made = price(PriceConfig(input=0.15, output=0.6, cached=0.075, cache_write=0.0, request=0.005))
    assert (made.input, made.output, made.cached, made.cache_write) == (150_000, 600_000, 75_000, 0)
    assert made.request == 5_000_000_000
    assert made.cost(Usage()) == nano_from_usd("0.005")
    usage = Usage(input=1_000_000, output=1_000_000, cached=400_000)
    assert usd(price(PriceConfig(0.15, 0.6, 0.075)).cost(usage)) == "0.72"


def test_a_first_request_to_the_sandbox_costs_something() -> None:
    model = models()["sandbox/chat"]
    assert (model.input, model.output) == (0.10, 0.40)
    assert price(PriceConfig(model.input or 0, model.output or 0)).cost(Usage(input=15, output=42)) == 18_300


def test_the_data_loads_quickly() -> None:
    """In a process of its own, as the first command of a day would."""
    code = (
        "import time, headgate.models.registry as r\n"
        "t = time.process_time(); r.Registry(); r.models(); r.row('openai')\n"
        "print(time.process_time() - t)"
    )
    took = min(float(subprocess.check_output([sys.executable, "-c", code], cwd=ROOT)) for _ in range(3))
    assert took < 5


def test_the_data_says_where_it_is_from() -> None:
    assert all(table.source and len(table.date) == 10 for table in tables())
    assert "MIT License" in (ROOT / "src/headgate/models/data/NOTICE.md").read_text()
    assert Registry().bare_names([]) == {}
