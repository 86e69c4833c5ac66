import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.core.errors import BadRequest
from headgate.dialects import json_guard
from headgate.dialects.json_guard import check, top_level

LONG = b'"' + b"a\\n" * 2000 + b'"'  # makes a body large and escaped: the other way through the guard


def refusal(body: bytes) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        check(body)
    return caught.value


def both(body: bytes) -> list[bytes]:
    """The body as it is, and with a field in front that sends it down the path for large bodies."""
    return [body, body.replace(b"{", b'{"pad":' + LONG + b",", 1)]


@pytest.mark.parametrize(
    ("body", "offset"),
    [
        (b"", 0),
        (b"   ", 3),
        (b"{", 1),
        (b'{"a":1', 6),
        (b'{"a":1,}', 7),
        (b'{"a":tru}', 6),
        (b'{"a":1} x', 9),
        (b'{"a":"\\q"}', 7),
        (b'{"a":01}', 6),
        (b'{"a":"' + b"x" * 100, 106),
    ],
)
def test_what_is_no_json_is_refused_with_its_offset(body, offset):
    error = refusal(body)
    assert (error.status, error.type, error.code) == (400, "invalid_request_error", "invalid_json")
    assert f"byte {offset}" in error.message


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"1", b"null"])
def test_a_body_must_be_an_object(body):
    assert refusal(body).code == "invalid_json"


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":"\xff"}',
        b'{"a":"\xed\xa0\x80"}',
        b'\xef\xbb\xbf{"a":1}',
        '{"a":1}'.encode("utf-16"),
        '{"a":1}'.encode("utf-16-le"),
        '{"a":1}'.encode("utf-16-be"),
        '{"a":1}'.encode("utf-32"),
        b'{"a":"caf\xe9"}',
    ],
)
def test_only_utf8_is_taken(body):
    assert refusal(body).code == "invalid_encoding"


def nested(depth: int, mixed: bool = False) -> bytes:
    """A document of so many levels."""
    if mixed:
        opened, closed = (b'{"b":[' * depth)[: depth // 2 * 6], b"]}" * (depth // 2)
        return opened + (b"{}" if depth % 2 else b"0") + closed
    return b'{"a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


@pytest.mark.parametrize("mixed", [False, True])
def test_64_levels_pass_and_65_do_not(mixed):
    for body in both(nested(64, mixed)):
        check(body)
    for body in both(nested(65, mixed)):
        assert refusal(body).code == "json_too_deep"


@pytest.mark.parametrize("depth", [100, 1_000, 100_000, 10_000_000])
def test_no_depth_harms(depth):
    assert refusal(nested(depth)).code == "json_too_deep"
    assert refusal(b'{"a":' + b"[" * depth).code == "json_too_deep"
    assert refusal(b'{"a":' * min(depth, 4_000_000)).code == "json_too_deep"
    assert refusal(b"[[]," * min(depth, 5_000_000)).code == "json_too_deep"
    assert refusal(b'{"p":' + LONG + b',"a":' + b"[" * depth).code == "json_too_deep"


def test_depth_inside_of_long_values_is_seen():
    part = b'{"type":"text","text":' + LONG + b',"x":%b}'
    for depth, refused in ((57, False), (58, False), (60, False), (61, True)):
        body = b'{"m":[{"c":[' + part % (b"[" * depth + b"]" * depth) + b"]}]}"
        if depth + 5 > 64:
            assert refusal(body).code == "json_too_deep", depth
        else:
            assert not refused
            check(body)


def test_brackets_in_strings_do_not_count():
    for body in both(b'{"a":"' + b'[{\\"' * 500 + b'"}') + both(b'{"a":"\\\\","b":"' + b"[" * 100 + b'"}'):
        check(body)


@pytest.mark.parametrize(
    "number",
    [b"NaN", b"Infinity", b"-Infinity", b"1" * 5000, b"1e999", b"-1E+400", b"1" * 310, b"1" * 250 + b"e99", b"[1e999]"],
)
def test_numbers_past_a_double_are_refused(number):
    for body in both(b'{"temperature":%b}' % number):
        error = refusal(body)
        assert error.code == "invalid_number", body[:40]


@pytest.mark.parametrize(
    "value",
    [b"1e308", b"-1.5e-400", b"1" * 300, b"0.1234567890123456789", b'"NaN 1e999"', b"true", b"[false,null]", b"1E2"],
)
def test_other_numbers_pass_untouched(value):
    for body in both(b'{"a":%b}' % value):
        assert bytes(top_level(body)["a"]) == value


def test_a_key_may_stand_once():
    for body in both(b'{"model":"a","messages":[],"model":"b"}'):
        error = refusal(body)
        assert (error.code, error.param) == ("duplicate_key", "model")
    assert refusal(b'{"model":"a", "mod\\u0065l":"b"}').code == "duplicate_key"
    assert refusal(b'{"a":"\\ud800","a":1}').code == "duplicate_key"
    check(b'{"a":{"b":1,"b":2}}')  # deeper ones are the upstream's affair
    assert list(top_level(b'{"mod\\u0065l":"b","x":1}')) == ["model", "x"]


@pytest.mark.parametrize("space", [None, 2, "\t"])
def test_spelling_does_not_matter(space):
    fields = {"model": "m", "messages": [{"role": "user", "content": 'say "é" \\ [1e999]'}], "é": None, "n": 1}
    body = json.dumps(fields, indent=space).encode()
    top = top_level(body)
    assert {k: json.loads(bytes(v)) for k, v in top.items()} == fields
    assert top_level(b" \n" + body + b"\r\n ").keys() == top.keys()


def test_lone_surrogates_and_nul_are_kept_as_given():
    for body in both(rb'{"a":"\ud800","b":["\udfff x \ud83d\ude42"],"user":"\u0000"}'):
        top = top_level(body)
        assert bytes(top["a"]) == rb'"\ud800"'
        assert bytes(top["b"]) == rb'["\udfff x \ud83d\ude42"]'
        assert bytes(top["user"]) == rb'"\u0000"'
    assert refusal(rb'{"a":"\ud800",}').code == "invalid_json"
    assert refusal(rb'{"a":"\ud800","b":NaN}').code == "invalid_number"
    check(rb'{"a":"\\ud800"}')


@pytest.mark.parametrize("name", ["api_base", "base_url", "api_key", "model_list", "extra_headers"])
def test_nobody_sends_the_gateway_elsewhere(name):
    for place, param in (
        (f'{{"{name}":"x"}}', name),
        (f'{{"metadata":{{"a":1,"{name}":"x"}}}}', f"metadata.{name}"),
        (f'{{"tools":[{{"type":"function"}},{{"{name}":1}}]}}', f"tools[1].{name}"),
        (f'{{"tools":[{{"x":"\\ud800"}},{{"{name}":1}}]}}', f"tools[1].{name}"),
        (f'{{"tools":[3,{{"{name}":1}}]}}', f"tools[1].{name}"),
        ('{"' + "".join(f"\\u{ord(c):04x}" for c in name) + '":1}', name),
    ):
        for body in both(place.encode()):
            error = refusal(body)
            assert (error.code, error.param) == ("parameter_not_allowed", param)
    check(
        f'{{"messages":[{{"content":"{name}"}}],"tools":[{{"parameters":{{"properties":{{"{name}":1}}}}}}]}}'.encode()
    )
    check(f'{{"metadata":"{name}","tools":{{"{name}":1}}}}'.encode())


def test_a_body_of_nothing_but_quotes_is_refused():
    assert refusal(b'"' * 3_000_000).code == "invalid_json"
    assert refusal(b"[" * 65 + b'""' * 1_500_000).code == "json_too_deep"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=5), st.booleans(), st.sampled_from([None, 1]))
def test_any_object_is_taken_apart_and_left_as_it_was(fields, ascii_only, indent):
    if json_guard.FORBIDDEN & fields.keys() or {"metadata", "tools"} & fields.keys():
        return
    body = json.dumps(fields, ensure_ascii=ascii_only, indent=indent).encode("utf-8", "surrogatepass")
    try:
        body.decode()
    except UnicodeDecodeError:
        assert refusal(body).code == "invalid_encoding"
        return
    for one in both(body) if fields else [body]:
        found = {k: json.loads(bytes(v)) for k, v in top_level(one).items() if k != "pad"}
        assert found == {k: v for k, v in fields.items() if k != "pad"}


def pairs_of(body: bytes):
    def number(text):
        value = float(text)
        if value in (float("inf"), float("-inf")):
            raise ValueError
        return value

    def constant(text):
        raise ValueError

    return json.loads(
        body.decode(),
        object_pairs_hook=lambda p: ("object", p),
        parse_float=number,
        parse_int=number,
        parse_constant=constant,
    )


def test_mutated_bodies_get_the_reference_verdict():
    rng = random.Random(11)
    seed = rb'{"model":"m\"","messages":[{"role":"user","content":"\\ \ud83d\ude42 [1e9]"}],"n":1.5e3,"x":{"y":[]}}'
    for _ in range(20_000):
        body = bytearray(seed)
        for _ in range(rng.randrange(1, 4)):
            at = rng.randrange(len(body))
            body[at : at + rng.randrange(3)] = rng.choice([b'"', b"\\", b"{", b"]", b",", b"1", b"e9", b"", b":", b" "])
        text = bytes(body)
        try:
            kind, pairs = pairs_of(text)
            assert kind == "object"
            expected = len({k for k, _ in pairs}) == len(pairs)
        except (ValueError, TypeError, AssertionError):
            expected = False
        try:
            top_level(text)
            assert expected, text
        except BadRequest as error:
            assert not expected, (text, error.message)
