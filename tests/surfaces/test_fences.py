"""Code told from prose, however it is cut."""

import random

import pytest

from headgate.core.errors import UpstreamFailed
from headgate.surfaces.fences import Fences, tidy

TEXT = (
    "Here it is:\n\n```python path=src/a.py\nprint('`hi`')\n\nx = '''\n```no fence: not alone\n'''\n```\n"
    "and\n~~~~go\nfunc main() {}\n~~~\n~~~~\nThat is all, with `inline` code"
)


def cut(text: str, rng: random.Random) -> list[str]:
    at = sorted(rng.randrange(len(text) + 1) for _ in range(rng.randrange(20)))
    return [text[a:b] for a, b in zip([0, *at], [*at, len(text)], strict=True)]


def test_blocks_and_prose() -> None:
    fences = Fences()
    fences.feed(TEXT)
    fences.close()
    python, go = fences.blocks
    assert (python.language, python.path) == ("python", "src/a.py")
    assert python.code == "print('`hi`')\n\nx = '''\n```no fence: not alone\n'''\n"
    assert (go.language, go.path, go.code) == ("go", None, "func main() {}\n~~~\n")
    assert fences.text == "Here it is:\n\nand\nThat is all, with `inline` code"


@pytest.mark.parametrize("seed", range(50))
def test_any_cut_gives_the_same(seed: int) -> None:
    whole, parts = Fences(), Fences()
    pieces = whole.feed(TEXT) + whole.close()
    found = [piece for part in cut(TEXT, random.Random(seed)) for piece in parts.feed(part)] + parts.close()
    assert parts.blocks == whole.blocks and parts.text == whole.text
    assert "".join(p.text for p in found) == "".join(p.text for p in pieces)


def test_a_block_that_is_never_closed_is_a_block() -> None:
    fences = Fences()
    fences.feed("```js\nlet a")
    fences.close()
    assert fences.blocks[0].code == "let a"


@pytest.mark.parametrize(
    ("code", "tidied"),
    [
        ("  a = 1\r\n  b = 2  \r\n\r\n", "a = 1\nb = 2\n"),
        ("a\rb", "a\nb\n"),
        ("", ""),
        ("\n\n", ""),
        ("if x:\n\ty\n", "if x:\n\ty\n"),
    ],
)
def test_tidy(code: str, tidied: str) -> None:
    assert tidy(code) == tidied


def test_what_is_kept_has_an_end() -> None:
    fences = Fences()
    with pytest.raises(UpstreamFailed, match="over 8,388,608 characters"):
        for _ in range(9):
            fences.feed("x" * 1_000_000)
