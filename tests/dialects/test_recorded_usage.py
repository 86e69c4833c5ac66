"""Every recorded exchange of every provider: the usage we read is the usage that was reported."""

from pathlib import Path
from typing import Any

import pytest

from headgate.core.money import Usage
from tests.dialects import accounts, recorded

EXCEPTIONS: dict[str, str] = {}
"""Exchanges, as ``provider/id``, whose usage is read otherwise than it was reported, each with the reason."""
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "recorded.md"
CHATS = {"chat", "completions", "responses", "messages", "converse", "generate_content", "chat_v2", "ollama_chat"}


def shares(usage: Usage | None) -> tuple[int, ...] | None:
    """What both sides count."""
    if usage is None:
        return None
    tokens = (usage.input, usage.output, usage.cached, usage.cache_write, usage.reasoning)
    return (*tokens, usage.searches, usage.milliseconds)


def dialect_of(row: accounts.Row) -> str:
    """The dialect's name: two of the audio API's paths have one each, and Gemini's array of replies its own."""
    if row["request"]["path"].endswith("/translations"):
        return "openai-translations"
    if isinstance(row["response"].get("body"), list):
        return "gemini:GeminiArray"
    return accounts.api_of(row).dialect


def read(row: accounts.Row) -> list[Usage | None]:
    """Return the usage that each of our readers finds in an answer."""
    dialect, stream = accounts.spoken(dialect_of(row)), accounts.stream_of(row)
    if not stream:
        body = recorded.dumped(row["response"]["body"])
        sniffed = [dialect.sniff(body).usage]
        return [*sniffed, dialect.read_reply(body).usage] if row["api"] in CHATS else sniffed
    tap, reader = dialect.tap(hide_usage=False), dialect.reader()
    for seen in (tap, reader):
        seen.feed(stream)
        seen.close()
        assert seen.failure is None, seen.failure
    return [tap.usage, reader.usage]


@pytest.mark.parametrize("provider", accounts.PROVIDERS)
def test_the_usage_that_is_read_is_the_usage_that_was_reported(provider: str, record_property: Any) -> None:
    rows = recorded.every(provider)
    differing, compared = {}, 0
    for row in rows:
        if accounts.failed(row) or accounts.silent(row):
            continue
        name, said = f"{provider}/{row['id']}", accounts.told(row)
        assert said is not None or not (row["facts"] or {}).get("usage"), "a usage that nobody here looks at"
        compared += said is not None
        expected, found = shares(said.usage if said is not None else None), [shares(one) for one in read(row)]
        if any(one != expected for one in found):
            differing[name] = f"reported {expected}, read {found}"
        elif said is not None and said.total not in (None, said.usage.total):
            differing[name] = f"reported {said.total} in all, which is not the sum {said.usage.total}"
    record_property("recorded", [provider, len(rows), compared])
    assert differing.keys() == {name for name in EXCEPTIONS if name.startswith(f"{provider}/")}, differing
    assert compared


def test_the_page_that_counts_them_is_up_to_date() -> None:
    if not recorded.FOLDER.is_dir():
        pytest.skip("the recorded exchanges are not here")
    assert PAGE.read_text("utf-8") == accounts.page(recorded.FOLDER), "python -m tests.dialects.accounts docs/reference"
