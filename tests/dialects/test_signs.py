"""A small body says with one look whether a word stands in it that means more than text; whoever looks knows them all."""

import json
from typing import Any

import pytest

from headgate.dialects import signs
from headgate.dialects.json_guard import look
from headgate.pipeline import choose, linked, owned
from headgate.providers.objects import KEYS

TEXT = 'The "url" and the \\ of a file_id,\nin words: "image", \\"json_schema\\".'


def outline(text: str) -> bytes | None:
    return look(text.encode())[1].outline


def chat(part: Any, **how: Any) -> str:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": [part, TEXT]}]}, **how)


@pytest.mark.parametrize("how", [{}, {"separators": (",", ":")}, {"indent": 1}], ids=["spaced", "compact", "lines"])
def test_text_alone_leaves_nothing_to_look_through(how: dict[str, Any]) -> None:
    assert outline(chat({"type": "text", "text": TEXT}, **how)) == b""
    assert outline('{"model":"m","messages":[{"role":"user","content":"hello"}]}') == b""


@pytest.mark.parametrize("word", sorted(signs.ANY))
def test_a_word_is_seen_as_a_name_and_as_a_type_and_with_a_letter_by_its_number(word: bytes) -> None:
    name = word.decode()
    assert outline(chat({name: "x"})) is None
    assert outline(chat({"type": name})) is None
    assert outline(chat({"deep": [{name: {}}]}, separators=(",", ":"))) is None
    assert outline(chat({name: "x"}).replace(name, f"\\u{ord(name[0]):04x}{name[1:]}")) is None


def test_whoever_looks_for_words_looks_for_some_of_these() -> None:
    marks = {mark for some in owned.MARKS.values() for mark in some}
    looked_for = {key.encode() for key in KEYS} | {b"item_reference"}
    assert {key for key in looked_for if any(mark in key for mark in marks)} <= signs.ANY
    assert {word.strip(b'"') for word in (*choose.VISION, *choose.FORMS, *choose.TOOL_RESULTS)} <= signs.ANY
    for word in signs.LINKS:
        quoted = b'"%b"' % word
        assert linked._SIGNS.fullmatch(quoted) and any(mark in quoted for mark in linked._MARKS)
