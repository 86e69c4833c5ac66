"""The scripts that write the shipped data, on small input."""

import base64
import json
import runpy
from pathlib import Path
from typing import Any

import pytest

from headgate.models import tokens

SCRIPTS = Path(__file__).parent.parent.parent / "scripts"


def entry(provider: str, **facts: Any) -> dict[str, Any]:
    return {"litellm_provider": provider, "mode": "chat", "input_cost_per_token": 1e-06, **facts}


def test_models_are_selected_and_priced_per_million() -> None:
    table = {
        "gpt-x": entry(
            "openai",
            output_cost_per_token=1.5e-05,
            cache_read_input_token_cost=7.5e-08,
            max_input_tokens=128000,
            max_output_tokens=16384,
            supports_reasoning=True,
            default_reasoning_effort="none",
        ),
        "groq/org/thinker": entry("groq", supports_reasoning=True),
        "mistral/embedder": entry("mistral", mode="embedding", max_output_tokens=5),
        "gpt-gone": entry("openai", deprecation_date="2026-01-01"),
        "gpt-responses-only": entry("openai", supported_endpoints=["/v1/responses"]),
        "gpt-free": entry("openai", input_cost_per_token=0),
        "ft:gpt-x": entry("openai"),
        "gpt-x-audio": entry("openai"),
        "bedrock/other": entry("bedrock"),
        "gpt-image": entry("openai", mode="image_generation"),
    }
    made = runpy.run_path(str(SCRIPTS / "refresh_models.py"))["rows"](table, "2026-01-01")
    assert made == [
        {
            "name": "openai/gpt-x",
            "input": 1,
            "output": 15,
            "cached": 0.075,
            "context": 128000,
            "max_output": 16384,
            "effort": True,
        },
        {"name": "groq/org/thinker", "input": 1, "effort": True, "reasoning": True},
        {"name": "mistral/embedder", "kind": "embedding", "input": 1},
    ]
    assert json.dumps(made)


def test_a_rank_file_survives_packing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = [b"a", b"\xff\x00", b"long token", b"\n"]
    text = b"".join(b"%b %d\n" % (base64.b64encode(word), rank) for rank, word in enumerate(words))
    script = runpy.run_path(str(SCRIPTS / "pack_ranks.py"))
    (tmp_path / "small.xz").write_bytes(script["packed"](text))
    monkeypatch.setattr(tokens, "DATA", tmp_path)
    assert list(tokens.vocabulary("small")) == words


def test_an_unknown_rank_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "evil.tiktoken").write_bytes(b"YQ== 0\n")
    with pytest.raises(SystemExit, match="not a rank file"):
        runpy.run_path(str(SCRIPTS / "pack_ranks.py"))["main"]([str(tmp_path / "evil.tiktoken")])
