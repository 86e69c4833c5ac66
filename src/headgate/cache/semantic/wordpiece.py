"""Text to the numbers of BERT's word pieces, as its uncased vocabulary has them: https://arxiv.org/abs/1810.04805."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path

LONGEST_WORD = 100
"""Characters; a longer word is unknown."""
_SPLIT = re.compile(r"[^\W_]+|[^\s\w]|_", re.UNICODE)
_IDEOGRAPH = re.compile("([\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff])")


class WordPiece:
    """A vocabulary and how words are cut by it."""

    def __init__(self, vocabulary: Mapping[str, int]) -> None:
        self._vocabulary = vocabulary
        self._unknown = vocabulary["[UNK]"]
        self.begin = vocabulary["[CLS]"]
        self.end = vocabulary["[SEP]"]

    @classmethod
    def read(cls, file: Path) -> "WordPiece":
        """Return the vocabulary of a ``vocab.txt``: a piece a line."""
        return cls({piece: i for i, piece in enumerate(file.read_text("utf-8").split("\n")) if piece})

    def numbers(self, text: str) -> list[int]:
        """Return the numbers of *text*'s pieces, without the marks of its begin and end."""
        return [number for word in words(text) for number in self._pieces(word)]

    def _pieces(self, word: str) -> list[int]:
        whole = self._vocabulary.get(word)
        if whole is not None:
            return [whole]
        if len(word) > LONGEST_WORD:
            return [self._unknown]
        found: list[int] = []
        start = 0
        while start < len(word):
            before = "##" if start else ""
            for end in range(len(word), start, -1):
                number = self._vocabulary.get(before + word[start:end])
                if number is not None:
                    break
            else:
                return [self._unknown]
            found.append(number)
            start = end
        return found


def words(text: str) -> Iterator[str]:
    """Yield words and signs of *text*, in small letters without accents; an ideograph is a word."""
    text = text.lower()
    if not text.isascii():
        text = "".join([c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn"])
        text = _IDEOGRAPH.sub(r" \1 ", text)
    return (found[0] for found in _SPLIT.finditer(text))
