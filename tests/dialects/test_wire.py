import json

import msgspec
import pytest

from headgate.dialects import wire

LONE = rb'{"a": "\ud800", "b": [1.50, "\\ud800 \ud83d\ude42 \udc00"], "\udfff": {"c": null}}'


def test_lone_surrogates_are_read_and_written_as_they_were():
    decoded = wire.decode(LONE)
    assert decoded == json.loads(LONE)
    assert json.loads(wire.encode(decoded)) == decoded
    assert rb"\ud800" in wire.encode(decoded) and wire.encode("plain é") == '"plain é"'.encode()


def test_members_and_items_are_the_bytes_that_came():
    found = wire.members(LONE)
    assert list(found) == ["a", "b", "\udfff"]
    assert bytes(found["b"]) == rb'[1.50, "\\ud800 \ud83d\ude42 \udc00"]'
    assert [bytes(item) for item in wire.items(found["b"])] == [b"1.50", rb'"\\ud800 \ud83d\ude42 \udc00"']
    assert wire.items(b"[]") == [] and wire.members(b" { } ") == {}
    assert wire.items(rb'[ "\ud800" ]')[0] == msgspec.Raw(rb'"\ud800"')


@pytest.mark.parametrize("body", [b"", b'{"a":', rb'{"a":"\ud800",}', rb'{"a":"\ud800","b":NaN}', rb'["\ud800" 1]'])
def test_what_is_no_json_is_refused(body):
    for read in (wire.decode, wire.members, wire.items):
        with pytest.raises(msgspec.DecodeError):
            read(body)


def test_another_kind_of_value_is_refused():
    for read, body in ((wire.members, rb'["\ud800"]'), (wire.items, rb'{"a":"\ud800"}'), (wire.members, b"1")):
        with pytest.raises(msgspec.ValidationError):
            read(body)


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (b'{"a": 1}', '{"a": 1}'),
        (b'{\n "b": 0.10000000000000000001, "a":\n 1E2, "c": 123456789012345678901234567890}',
         '{"b":0.10000000000000000001,"a":1E2,"c":123456789012345678901234567890}'),
        (b'{"a":\n"x  \\n y"}', '{"a":"x  \\n y"}'),
        (b'{"a":\n"\\ud800"}', '{"a":\n"\\ud800"}'),
    ],
)  # fmt: skip
def test_values_over_several_lines_lose_their_space_alone(value, line):
    assert wire.one_line(msgspec.Raw(value)) == line


def test_offsets_do_not_move():
    clean = wire.without_lone_surrogates(LONE)
    assert len(clean) == len(LONE) and rb"\\ud800 \ud83d\ude42 \ufffd" in clean
