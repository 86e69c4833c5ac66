"""Answers in another shape."""

import random

import pytest

from headgate.core.chat import Chunk, End, Start, TextDelta, ToolDelta
from headgate.core.errors import UpstreamFailed
from headgate.pipeline.shape import HELD, MAX_PIECE, Blocks, Cut, Format, Shaper, document, formatted

TEXT = (
    "# Title\n\nSome **bold** words and `code`. [safe](https://x.example) [bad](javascript:alert(1))\n"
    "and <script>alert(1)</script>!\n\n- one\n- two\n\n1. a\n2. b\n\n```python\nx = 1\n\ny = 2\n```\n\nThe end? Yes."
)


def cut(text: str, rng: random.Random) -> list[Chunk]:
    at = sorted(rng.randrange(len(text) + 1) for _ in range(12))
    return [TextDelta(text[a:b]) for a, b in zip([0, *at], [*at, len(text)], strict=True) if a < b]


def shaped(chunks: list[Chunk], format_: Format | None, piece: Cut | None) -> list[Chunk]:
    shaper = Shaper(format_, piece)
    out = [done for chunk in chunks for done in shaper.feed([chunk])]
    return out + shaper.close()


def said(chunks: list[Chunk]) -> list[str]:
    return [chunk.text for chunk in chunks if isinstance(chunk, TextDelta)]


def test_html_is_sanitized() -> None:
    html = formatted(TEXT, "html")
    assert "<h1>Title</h1>" in html and "<strong>bold</strong>" in html and 'href="https://x.example"' in html
    assert "<script>" not in html and 'href="javascript' not in html


def test_text_has_no_marks() -> None:
    text = formatted(TEXT, "text")
    assert text.startswith("Title\n\nSome bold words and code. safe ")
    assert "- one\n- two\n" in text and "1. a\n2. b\n" in text and "x = 1\n\ny = 2\n" in text and "```" not in text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a": 1}', '{"a": 1}'),
        ('Here:\n```json\n{"a": [1, 2]}\n```\nDone', '{"a": [1, 2]}'),
        ('It is {"a": {"b": "}"}} I think', '{"a": {"b": "}"}}'),
        ("no document", None),
        ("{broken", None),
    ],
)
def test_the_document_in_a_text(text: str, found: str | None) -> None:
    assert document(text) == found
    assert formatted(text, "json") == (text if found is None else found)


def test_code_alone() -> None:
    assert formatted(TEXT, "code") == "x = 1\n\ny = 2\n"
    assert formatted("none here", "code") == "none here"


@pytest.mark.parametrize("format_", ["as-is", "text", "markdown", "html", "json", "code", None])
@pytest.mark.parametrize("seed", range(8))
def test_a_stream_says_what_a_whole_answer_says(format_: Format | None, seed: int) -> None:
    out = shaped(cut(TEXT, random.Random(seed)), format_, None)
    assert "".join(said(out)) == formatted(TEXT, format_)


@pytest.mark.parametrize(
    ("piece", "first"),
    [("word", ["One ", "two. "]), ("sentence", ["One two. ", "Three!\n"]), ("line", ["One two. Three!\n", "four"]),
     ("token", ["One", " two"])],
)  # fmt: skip
@pytest.mark.parametrize("seed", range(8))
def test_pieces_of_one_kind(piece: Cut, first: list[str], seed: int) -> None:
    text = "One two. Three!\nfour"
    out = said(shaped(cut(text, random.Random(seed)), None, piece))
    assert "".join(out) == text and out[:2] == first


def test_what_is_no_text_passes_in_its_place() -> None:
    chunks: list[Chunk] = [
        Start("id", "m"),
        TextDelta("thinking aloud", kind="thinking"),
        TextDelta("half a wo"),
        ToolDelta(0, "call_1", "f", "{}"),
        End("tool_calls"),
    ]
    out = shaped(chunks, None, "word")
    assert said(out) == ["thinking aloud", "half ", "a ", "wo"]
    assert [type(chunk) for chunk in out[-2:]] == [ToolDelta, End]


def test_choices_do_not_mix() -> None:
    out = shaped([TextDelta("a b", 0), TextDelta("c d", 1), TextDelta(" e", 0), End("stop", choice=0)], None, "word")
    texts = {at: "".join(c.text for c in out if isinstance(c, TextDelta) and c.choice == at) for at in (0, 1)}
    assert texts == {0: "a b e", 1: "c d"}


def test_blocks_that_may_change_are_held() -> None:
    assert Blocks().feed("para\n\nmore\n") == "para\n\n"
    assert Blocks().feed("para\n\nmore") == "", "the last line may yet turn out to be a list"
    assert Blocks().feed("- a\n\n- b\n") == ""
    assert Blocks().feed("```\na\n\nb\n") == ""
    assert Blocks(whole=True).feed("para\n\nmore\n") == ""


def test_a_number_that_becomes_a_list_stays_in_it() -> None:
    out = shaped([TextDelta("1. a\n\n2"), TextDelta(". b\n")], "html", None)
    assert "".join(said(out)).count("<ol>") == 1


def test_what_is_held_has_an_end() -> None:
    shaper = Shaper("json", None)
    with pytest.raises(UpstreamFailed, match="too many to be formatted"):
        for _ in range(HELD // 1_000_000 + 2):
            shaper.feed([TextDelta("x" * 1_000_000)])


@pytest.mark.parametrize("piece", ["word", "sentence", "line", "token"])
def test_a_piece_without_an_end_is_cut(piece: Cut) -> None:
    text = "x" * 20_000
    out = said(shaped([TextDelta(text[i : i + 10]) for i in range(0, len(text), 10)], None, piece))
    assert "".join(out) == text and max(map(len, out)) <= MAX_PIECE + 10


def test_a_long_block_of_code_is_looked_at_once() -> None:
    blocks, lines = Blocks(), 0
    looked = blocks._begins

    def counted(line: str) -> bool:
        nonlocal lines
        lines += 1
        return looked(line)

    blocks._begins = counted  # type: ignore[method-assign]
    for line in ["```\n", *["x = 1\n"] * 1_999]:
        assert blocks.feed(line) == ""
    assert lines == 2_000
