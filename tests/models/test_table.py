"""The tables that ship with the package."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from headgate.core.money import Usage, nano_from_usd, usd
from headgate.models.price import price
from headgate.models.table import Model, Tables, written
from headgate.providers import catalog, kinds
from headgate.providers.base import PriceConfig

ROOT = Path(__file__).parent.parent.parent
TABLES = Tables()
ALL = {f"{kind}/{model.name}": model for kind in TABLES.kinds() for model in TABLES.of(kind).models}
AHEAD = {"azure", "bedrock", "vertex"}  # kinds whose providers may be built by a module of their own


def test_it_has_the_vendors_that_people_use() -> None:
    assert {
        "openai", "anthropic", "gemini", "vertex", "azure", "bedrock", "xai", "groq", "mistral", "cohere",
        "huggingface", "ollama", "deepseek", "together", "openrouter", "fireworks", "perplexity", "cerebras", "nvidia",
        "sandbox",
    } <= set(TABLES.kinds()) <= kinds() | set(catalog.rows()) | AHEAD  # fmt: skip
    assert len(ALL) > 700
    assert sum(model.price is not None for model in ALL.values()) > 0.95 * len(ALL)
    assert len(Counter(model.kind for model in ALL.values())) == 9


def test_figures_make_sense() -> None:
    for name, model in ALL.items():
        cost = model.price
        if cost is None:
            continue
        rates = [cost.input, cost.output, *(t.input or 0 for t in cost.tiers), *(t.output or 0 for t in cost.tiers)]
        assert all(0 <= rate <= 1000 for rate in rates), name
        assert cost.image <= 1 and cost.search <= 0.1 and cost.request <= 1 and cost.second <= 0.1, name
        assert [tier.above for tier in cost.tiers] == sorted({tier.above for tier in cost.tiers}), name
        assert price(cost).bound(10**6, 10**6, Usage(images=1, searches=1)) < 10**13, name
    for name in ("openai/gpt-4o", "anthropic/claude-opus-4-5", "gemini/gemini-2.5-pro"):
        assert ALL[name].max_output and ALL[name].context


def test_nothing_is_free_unless_that_is_said() -> None:
    free = {
        name
        for name, model in ALL.items()
        if model.price is not None and not any(getattr(model.price, f) for f in PriceConfig.__struct_fields__)
    }
    for name in free:
        kind, _, model = name.partition("/")
        assert kind in ("ollama", "sandbox") or model.endswith(":free") or ALL[name].kind == "moderation", name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("openai/gpt-4o-mini", PriceConfig(0.15, 0.6, 0.075)),
        ("anthropic/claude-haiku-4-5", PriceConfig(1, 5, 0.1, 1.25, cache_write_1h=2, search=0.01)),
        ("gemini/gemini-2.5-flash", PriceConfig(0.3, 2.5, 0.03, audio_input=1, search=0.035)),
        ("openai/text-embedding-3-small", PriceConfig(0.02)),
        ("openai/tts-1", PriceConfig(character=15)),
        ("openai/whisper-1", PriceConfig(second=0.0001)),
        ("cohere/rerank-v3.5", PriceConfig(search=0.002)),
        ("openai/omni-moderation-latest", PriceConfig()),
        ("ollama/qwen:7b", PriceConfig()),
        ("openai/gpt-4", PriceConfig(30, 60)),
    ],
)
def test_known_prices(name: str, expected: PriceConfig) -> None:
    found = ALL[name].price
    assert found is not None
    for field in PriceConfig.__struct_fields__:
        if (wanted := getattr(expected, field)) not in (None, 0.0):
            assert getattr(found, field) == wanted, field


def test_long_prompts_cost_more_where_the_vendor_says_so() -> None:
    found = ALL["gemini/gemini-2.5-pro"].price
    assert found is not None
    assert [(t.above, t.input, t.output, t.cached) for t in found.tiers] == [(200_000, 2.5, 15, 0.25)]
    made = price(found)
    assert usd(made.cost(Usage(200_000, 1000))) == "0.26"
    assert usd(made.cost(Usage(200_001, 1000))) == "0.5150025"


def test_prices_are_exact_integers() -> None:
    made = price(PriceConfig(input=0.15, output=0.6, cached=0.075, cache_write=0.0, request=0.005))
    assert (made.input, made.output, made.cached, made.cache_write) == (150_000, 600_000, 75_000, 0)
    assert (made.request, made.extra, made.tiers) == (5_000_000_000, None, ())
    assert made.cost(Usage()) == nano_from_usd("0.005")
    pieces = price(PriceConfig(image=0.04, search=0.01, character=15, second=0.0001))
    used = Usage(images=2, searches=3, characters=1_000_000, milliseconds=1_500)
    assert usd(pieces.cost(used)) == "15.11015"


def test_snapshots_fine_tunes_and_arns_are_found() -> None:
    assert TABLES.of("anthropic").find("claude-3-opus-20240229") is ALL["anthropic/claude-3-opus-latest"]
    assert TABLES.of("openai").find("gpt-4o-2024-05-13") is ALL["openai/gpt-4o-2024-05-13"]
    tuned = TABLES.of("openai").find("ft:gpt-4o-mini-2024-07-18:acme::abc")
    assert tuned is ALL["openai/ft:gpt-4o-mini-2024-07-18"]
    arn = "arn:aws:bedrock:us-east-1:012345678901:inference-profile/us.anthropic.claude-opus-4-7"
    assert TABLES.of("bedrock").find(arn) is ALL["bedrock/us.anthropic.claude-opus-4-7"]
    assert TABLES.of("openai").find("gpt-99-2030-01-01") is None
    assert TABLES.of("../../etc").models == []


def test_status_and_dates() -> None:
    assert ALL["openai/gpt-4o-2024-11-20"].released == "2024-11-20"
    assert ALL["openai/gpt-4o-2024-11-20"].version == "2024-11-20"
    assert ALL["openai/gpt-4o"].released is ALL["openai/gpt-4o"].version is None
    assert Model("x-2024-13-45").released is None
    retiring = Model("m", retires="2026-06-01")
    assert (retiring.status("2026-05-31"), retiring.status("2026-06-01")) == ("active", "deprecated")
    assert Model("gemini-3-pro-preview").status("2026-01-01") == "testing"
    assert Model("expert").status("2026-01-01") == "active"


def test_the_home_goes_over_the_package(tmp_path: Path) -> None:
    one = TABLES.of("groq")
    (tmp_path / "groq.json").write_bytes(written(one).replace(b'"input":0.05', b'"input":7.5'))
    over = Tables(tmp_path)
    assert over.of("groq") != one
    assert over.of("xai") == TABLES.of("xai")
    (tmp_path / "groq.json").write_text("{")
    with pytest.raises(ValueError, match=r"groq\.json is no table"):
        Tables(tmp_path).of("groq")


def test_written_tables_are_read_again(tmp_path: Path) -> None:
    for kind in TABLES.kinds():
        (tmp_path / f"{kind}.json").write_bytes(written(TABLES.of(kind)))
        assert Tables(tmp_path).of(kind) == TABLES.of(kind)


def test_the_data_loads_quickly_and_only_what_is_asked_for() -> None:
    """In a process of its own, as the first command of a day would."""
    code = (
        "import time, headgate.models.registry as r\n"
        "t = time.process_time(); x = r.Registry(); x.tables.of('openai'); r.row('openai')\n"
        "print(time.process_time() - t, list(x.tables._read))"
    )
    said = [subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True).split() for _ in range(3)]
    assert min(float(took) for took, _ in said) < 5
    assert said[0][1] == "['openai']"


def test_the_data_says_where_it_is_from() -> None:
    notice = (ROOT / "src/headgate/models/data/NOTICE.md").read_text()
    assert "MIT License" in notice and "litellm" in notice and "genai-prices" in notice
    for kind in TABLES.kinds():
        table = TABLES.of(kind)
        assert table.source and len(table.date) == 10
        assert all(model.source < len(table.sources) for model in table.models)
    table = TABLES.of("anthropic")
    assert table.source_of(table.by_name["claude-opus-4-5"]).startswith("https://")
