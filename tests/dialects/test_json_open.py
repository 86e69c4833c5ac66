"""What is left of a large body without its long strings: every name and word of it, and nothing hidden."""

import json
from typing import Any

import pytest

from headgate.core.errors import BadRequest
from headgate.dialects.json_guard import look

LONG = "a text that nobody need look through, " * 100
LINES = 'with "quotes" and\nlines, ' * 200
COMPACT: dict[str, Any] = {"separators": (",", ":")}
SPACED: dict[str, Any] = {}


def outline(document: Any, **how: Any) -> bytes | None:
    return look(json.dumps(document, **how).encode())[1].outline


def chat(*parts: Any, text: str = LINES) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": text}, {"role": "user", "content": list(parts)}]}


@pytest.mark.parametrize("how", [COMPACT, SPACED], ids=["compact", "spaced"])
@pytest.mark.parametrize("text", [LONG, LINES], ids=["nothing escaped", "escapes"])
def test_names_and_words_stay_and_long_strings_go(text: str, how: dict[str, Any]) -> None:
    inner = {"type": "item_reference", "deep": [{"fileUri": text, "k": LONG}]}
    left = outline(chat({"type": "text", "text": text}, inner, text=text), **how)
    assert left is not None and len(left) < len(text)
    for word in ("model", "messages", "role", "content", "item_reference", "deep", "fileUri"):
        assert b'"%b"' % word.encode() in left
    assert b"nobody need" not in left and b"quotes" not in left


def test_what_is_left_is_all_but_text_of_a_conversation_with_tools() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": json.dumps({"file_id": LONG})}}
    document = chat({"type": "text", "text": LINES})
    document["messages"] += [{"role": "assistant", "tool_calls": [call]}] * 3
    left = outline(document, **COMPACT)
    assert left is not None and b'"tool_calls"' in left and b"file_id" not in left


@pytest.mark.parametrize("how", [COMPACT, SPACED], ids=["compact", "spaced"])
@pytest.mark.parametrize("place", ["message", "part", "source"])
def test_what_stands_under_a_name_that_stands_twice_is_not_left_out(place: str, how: dict[str, Any]) -> None:
    """A server that takes the first of two would read what the last does not show."""
    part = {"type": "file", "file": {"twice": {"file_id": "file-1"}, "file_data": LINES}}
    document = chat(part, {"type": "text", "text": LINES})
    body = json.dumps(document, **how)
    names = {"message": '"content"', "part": '"file"', "source": '"twice"'}
    name = names[place]
    at = body.rindex(name) if place != "source" else body.index(name)
    colon = ": " if how == SPACED else ":"
    comma = ", " if how == SPACED else ","
    hidden = f'{name}{colon}{{"hidden"{colon}1}}{comma}'
    body = body[:at] + hidden + body[at:]
    left = look(body.encode())[1].outline
    assert left is None or b'"hidden"' in left


def test_no_room_is_made_for_a_hidden_name_by_leaving_spaces_out() -> None:
    body = json.dumps(chat(*[{"type": "text", "text": LINES}] * 20))
    tight = json.dumps(chat(*[{"type": "text", "text": LINES}] * 20), **COMPACT)
    spare = len(body) - len(tight)
    hidden = '"content":[{"file_id":"%s"}],'
    hidden %= "f" * (spare - len(hidden) + 2)
    at = tight.rindex('"content"')
    assert len(tight[:at] + hidden + tight[at:]) == len(body)
    assert look((tight[:at] + hidden + tight[at:]).encode())[1].outline is None


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(chat({"type": "text", "text": LINES}), indent=2),
        json.dumps(chat(text=LINES)).replace('"role"', '"r\\u006fle"', 1),
        json.dumps({"a": ["b"] * 20_000, "role": 1}),
    ],
    ids=["written with other spaces", "a name with escapes", "many quotes"],
)
def test_where_something_may_be_hidden_nothing_is_left_out(body: str) -> None:
    left = look(body.encode())[1].outline
    assert left is None or b'"role"' in left


def test_a_small_body_is_not_opened() -> None:
    opened = look(b'{"model":"m","messages":[{"role":"user","content":"hi"}]}')[1]
    assert not opened.outline and not opened.objects


def test_a_word_at_the_end_keeps_its_quotes() -> None:
    left = look(b'{"model":"m","x":"%b","url":1%b}' % (LONG.encode(), b" " * 200))[1].outline
    assert left is not None and b'"url"' in left


def test_a_large_body_with_a_name_twice_at_its_top_is_refused() -> None:
    body = json.dumps(chat(text=LINES))
    with pytest.raises(BadRequest) as caught:
        look(body.replace('"model"', '"model":1,"model"', 1).encode())
    assert caught.value.code == "duplicate_key"
