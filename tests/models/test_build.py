"""Tables made from public data, on small input."""

import json
import runpy
import sys
import types
import zipfile
from pathlib import Path
from typing import Any

import pytest

from headgate.models.build import fetch, genai, litellm, save, tables
from headgate.models.table import Tables

SCRIPT = Path(__file__).parent.parent.parent / "scripts/refresh_models.py"


def entry(provider: str, mode: str = "chat", **facts: Any) -> dict[str, Any]:
    return {"litellm_provider": provider, "mode": mode, "input_cost_per_token": 1e-06, **facts}


LITELLM = {
    "sample_spec": {"litellm_provider": "one of", "mode": "chat"},
    "gpt-x": entry(
        "openai",
        output_cost_per_token=1.5e-05,
        cache_read_input_token_cost=7.5e-08,
        cache_creation_input_token_cost_above_1hr=2e-06,
        output_cost_per_reasoning_token=1.5e-05,
        input_cost_per_token_above_200k_tokens=2e-06,
        output_cost_per_token_above_200k_tokens=3e-05,
        input_cost_per_token_above_200k_tokens_priority=9,
        search_context_cost_per_query={"search_context_size_medium": 0.01},
        max_input_tokens=128000,
        max_output_tokens=16384,
        supports_reasoning=True,
        supports_function_calling=True,
        deprecation_date="2026-01-01",
        source="https://a",
    ),
    "groq/org/thinker": entry("groq"),
    "gpt-responses": entry("openai", "responses", supported_endpoints=["/v1/responses"]),
    "mistral/embedder": entry("mistral", "embedding", max_output_tokens=5, output_vector_size=1024),
    "gpt-free": entry("openai", input_cost_per_token=0),
    "gpt-slip": entry("openai", input_cost_per_token=0.0032),
    "ollama/local": entry("ollama", input_cost_per_token=0),
    "ft:gpt-x": entry("openai"),
    "us.claude": entry("bedrock_converse"),
    "bedrock/us-east-1/claude": entry("bedrock"),
    "azure/eu/gpt-x": entry("azure"),
    "vertex_ai/claude@20250101": entry("vertex_ai-anthropic_models"),
    "low/1024-x-1024/gpt-image": entry("openai", "image_generation"),
    "dalle": {"litellm_provider": "openai", "mode": "image_generation", "output_cost_per_image": 0.04},
    "image-tokens": entry("openai", "image_generation", output_cost_per_image=9, output_cost_per_image_token=4e-05),
    "speaker": {"litellm_provider": "openai", "mode": "audio_speech", "input_cost_per_character": 1.5e-05},
    "hearer": {"litellm_provider": "openai", "mode": "audio_transcription", "input_cost_per_second": 0.0001},
    "ranker": {"litellm_provider": "cohere", "mode": "rerank", "input_cost_per_query": 0.002},
    "stepped": entry(
        "dashscope",
        input_cost_per_token=0,
        tiered_pricing=[
            {"range": [0, 32000], "input_cost_per_token": 1e-06},
            {"range": [32000, 64000], "input_cost_per_token": 2e-06},
        ],
    ),
    "elsewhere": entry("nobody-knows"),
    "video": entry("openai", "video_generation"),
}
GENAI = """
from .types import *
providers: list[Provider] = [
    Provider(id='openrouter', name='OR', api_pattern='x', pricing_urls=['https://or'], models=[
        ModelInfo(id='a/b', match=ClauseOr(or_=[ClauseEquals(equals='a/b'), ClauseEquals(equals='a/b-2025-01-01')]),
            context_window=1000, deprecated=True, prices=ModelPrice(
                input_mtok=TieredPrices(base=Decimal('0.3'), tiers=[Tier(start=128000, price=Decimal('0.6'))]),
                output_mtok=Decimal('2.5'), requests_kcount=Decimal('5'))),
        ModelInfo(id='a/c:free', match=ClauseEquals(equals='a/c:free'), prices=ModelPrice(input_mtok=Decimal('0'))),
        ModelInfo(id='a/d', match=ClauseEquals(equals='a/d'), prices=ModelPrice()),
    ]),
    Provider(id='openai', name='O', api_pattern='x', models=[
        ModelInfo(id='gpt-x', match=ClauseEquals(equals='gpt-x'), prices=[
            ConditionalPrice(prices=ModelPrice(input_mtok=Decimal('1'), output_mtok=Decimal('15'),
                cache_write_mtok=Decimal('1.25'))),
            ConditionalPrice(constraint=StartDateConstraint(start_date=date(2030, 1, 1)), prices=ModelPrice()),
        ]),
        ModelInfo(id='gpt-other', match=ClauseEquals(equals='gpt-other'), prices=ModelPrice(input_mtok=Decimal('7'))),
    ]),
    Provider(id='huggingface_one', name='H', api_pattern='x', models=[
        ModelInfo(id='m', match=ClauseEquals(equals='m'), prices=ModelPrice(input_mtok=Decimal('1')))]),
    Provider(id='huggingface_two', name='H', api_pattern='x', models=[
        ModelInfo(id='m', match=ClauseEquals(equals='m'), prices=ModelPrice(input_mtok=Decimal('2')))]),
    Provider(id='nobody', name='N', api_pattern='x', models=[]),
]
"""
DATA = json.dumps(LITELLM).encode()


def test_models_are_selected_and_priced_per_million() -> None:
    rows = litellm.rows(DATA)
    assert rows["openai"]["gpt-x"] == {
        "price": {
            "input": 1, "output": 15, "cached": 0.075, "cache_write_1h": 2, "search": 0.01,
            "tiers": [{"above": 200000, "input": 2, "output": 30}],
        },
        "context": 128000,
        "max_output": 16384,
        "can": "tools reasoning streaming",
        "retires": "2026-01-01",
        "source": "https://a",
    }  # fmt: skip
    assert set(rows["openai"]) == {
        "gpt-x", "gpt-responses", "gpt-free", "gpt-slip", "ft:gpt-x", "dalle", "image-tokens", "speaker", "hearer",
    }  # fmt: skip
    assert rows["openai"]["gpt-responses"]["speaks"] == ["openai-responses"]
    assert "price" not in rows["openai"]["gpt-free"] and "price" not in rows["openai"]["gpt-slip"]
    assert rows["ollama"]["local"]["price"] == {"input": 0}
    assert rows["groq"] == {"org/thinker": {"price": {"input": 1}, "can": "streaming"}}
    assert rows["mistral"]["embedder"] == {"kind": "embedding", "price": {"input": 1}, "dimensions": 1024}
    assert rows["bedrock"] == {"us.claude": {"price": {"input": 1}, "can": "streaming", "regions": ["us"]}}
    assert "azure" not in rows and list(rows["vertex"]) == ["claude@20250101"]


def test_pieces_have_prices_of_their_own() -> None:
    rows = litellm.rows(DATA)
    assert rows["openai"]["dalle"]["price"] == {"image": 0.04}
    assert rows["openai"]["image-tokens"]["price"] == {"input": 1, "image_output": 40}
    assert rows["openai"]["speaker"]["price"] == {"character": 15}
    assert rows["openai"]["hearer"]["price"] == {"second": 0.0001}
    assert rows["cohere"]["ranker"]["price"] == {"search": 0.002}


def test_the_second_data_set_is_read_and_not_run() -> None:
    rows = genai.rows(GENAI.encode(), "2026-01-01")
    model = rows["openrouter"]["a/b"]
    assert model["price"] == {
        "input": 0.3, "output": 2.5, "request": 0.005, "tiers": [{"above": 128000, "input": 0.6}],
    }  # fmt: skip
    assert (model["context"], model["retired"], model["source"]) == (1000, True, "https://or")
    assert rows["openrouter"]["a/b-2025-01-01"] == model
    assert rows["openrouter"]["a/c:free"]["price"] == {"input": 0}
    assert "a/d" not in rows["openrouter"]
    assert {name: facts["price"]["input"] for name, facts in rows["huggingface"].items()} == {
        "m": 2, "m:one": 1, "m:two": 2,
    }  # fmt: skip
    with pytest.raises(ValueError, match="more than constants"):
        genai.rows(b"providers: list = [__import__('os').system('true') for x in y]", "2026-01-01")
    with pytest.raises(ValueError, match="not the table"):
        genai.rows(b"x = 1", "2026-01-01")


def test_the_sets_are_joined(tmp_path: Path) -> None:
    made = tables(DATA, GENAI.encode(), versions={"litellm": "1.2"}, date="2026-01-01")
    openai = made["openai"]
    assert "LiteLLM 1.2 (MIT)" in openai.source and "genai-prices" in openai.source
    joined = openai.by_name["gpt-x"].price
    assert joined is not None and (joined.cache_write, joined.cached) == (1.25, 0.075)
    assert openai.by_name["gpt-other"].price is not None
    assert openai.source_of(openai.by_name["gpt-x"]).startswith("https://a by LiteLLM")
    assert {"sandbox", "ollama", "openrouter"} <= set(made)
    save(made, tmp_path)
    assert Tables(tmp_path).of("openai") == openai
    for wrong in (b"[]", b"{}", b'{"a": 5}'):
        with pytest.raises(ValueError, match="not LiteLLM's table"):
            tables(wrong, None, versions={}, date="2026-01-01")


def wheels(directory: Path) -> None:
    with zipfile.ZipFile(directory / "litellm-9.9.9-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"litellm/{fetch.FILES['litellm']}", DATA)
    with zipfile.ZipFile(directory / "genai_prices-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("genai_prices/data.py", GENAI)


def test_wheels_and_files_are_found(tmp_path: Path) -> None:
    with pytest.raises(fetch.NoData, match="neither a wheel"):
        fetch.found(tmp_path)
    wheels(tmp_path)
    data = fetch.found(tmp_path)
    assert (data.prices, data.more) == (DATA, GENAI.encode())
    assert data.versions == {"litellm": "9.9.9", "genai-prices": "1.0"}
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / fetch.FILES["litellm"]).write_bytes(DATA)
    assert fetch.found(plain).more is None


def test_what_pip_cannot_fetch_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = types.SimpleNamespace(returncode=1, stderr="ERROR: no route\n")
    monkeypatch.setattr("subprocess.run", lambda *words, **more: failed)
    with pytest.raises(fetch.NoData, match=r"no route.*--from-dir"):
        fetch.fetched()


def test_the_script_writes_every_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wheels(tmp_path)
    runpy.run_path(str(SCRIPT))["main"](["--from-dir", str(tmp_path)], tmp_path / "out")
    assert "models" in capsys.readouterr().out
    assert Tables(tmp_path / "out").of("cohere").find("ranker") is not None
    assert sys.modules.get("litellm") is None
