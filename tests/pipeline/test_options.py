"""What callers ask of the gateway itself."""

import pytest

from headgate.core.call import Call
from headgate.core.errors import BadRequest, MediaType
from headgate.pipeline.options import read_options


def call(**headers: str) -> Call:
    given = {"content-type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    lines = [(name.encode(), value.encode()) for name, value in given.items()]
    return Call(surface="openai", operation="chat", dialect=None, link=None, headers=lines, t0=0.0)


def test_all_options() -> None:
    one = call(
        x_headgate_tags="a, b", x_headgate_user="u", x_headgate_session="s", x_headgate_timeout="2.5",
        x_headgate_on_unsupported="drop", x_headgate_metadata='{"k": 1}', x_headgate_stream_info="1", x_headgate_clamp="off",
    )  # fmt: skip
    read_options(one)
    options = one.options
    assert options.tags == ("a", "b") and options.user == "u" and options.session == "s" and options.timeout == 2.5
    assert (
        options.on_unsupported == "drop" and options.metadata == {"k": 1} and options.stream_info and not options.clamp
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x_headgate_timeout", "soon"),
        ("x_headgate_timeout", "-1"),
        ("x_headgate_timeout", "nan"),
        ("x_headgate_timeout", "999999"),
        ("x_headgate_on_unsupported", "maybe"),
        ("x_headgate_metadata", "[1]"),
        ("x_headgate_metadata", "{"),
        ("x_headgate_user", ""),
        ("x_headgate_user", "u" * 300),
        ("x_headgate_tags", ",".join(map(str, range(30)))),
        ("x_headgate_stream_info", "si"),
    ],
)
def test_nonsense_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(BadRequest) as refused:
        read_options(call(**{name: value}))
    assert refused.value.param == name.replace("_", "-")


def test_an_unknown_option_is_refused_with_the_list() -> None:
    with pytest.raises(BadRequest, match="x-headgate-tags") as refused:
        read_options(call(x_headgate_nonsense="1"))
    assert refused.value.code == "unknown_option"


@pytest.mark.parametrize("media", ["", "text/plain", "application/jsonx", "multipart/form-data"])
def test_only_json_is_taken(media: str) -> None:
    with pytest.raises(MediaType):
        read_options(call(content_type=media))


@pytest.mark.parametrize("media", ["application/json", "application/json; charset=utf-8", "Application/JSON ; x=y"])
def test_json_in_any_spelling(media: str) -> None:
    read_options(call(content_type=media))


def test_a_callers_trace_goes_on() -> None:
    one = call(traceparent="00-" + "ab" * 16 + "-" + "cd" * 8 + "-01")
    read_options(one)
    assert one.trace_id == "ab" * 16


@pytest.mark.parametrize(
    "value", ["junk", "00-" + "0" * 32 + "-" + "1" * 16 + "-01", "00-" + "AB" * 16 + "-" + "1" * 16 + "-01"]
)
def test_a_broken_trace_is_not_taken(value: str) -> None:
    one = call(traceparent=value)
    own = one.trace_id
    read_options(one)
    assert one.trace_id == own


@pytest.mark.parametrize(
    ("given", "trace", "parent"),
    [
        (f"00-{'a' * 32}-{'b' * 16}-01", "a" * 32, "b" * 16),
        (f"00-{'0' * 32}-{'b' * 16}-01", "", None),
        (f"00-{'a' * 32}-{'0' * 16}-01", "", None),
        (f"00-{'A' * 32}-{'b' * 16}-01", "", None),
    ],
)
def test_the_callers_trace_goes_on(given: str, trace: str, parent: str | None) -> None:
    one = call(traceparent=given)
    read_options(one)
    assert (one.trace_id, one.parent_id) == (trace or one.id.replace("-", ""), parent)


def again(**headers: str) -> tuple[Call, Call]:
    """Two calls with the same headers over one connection."""
    first, second = call(**headers), call(**headers)
    first.memo = second.memo = {}
    read_options(first)
    read_options(second)
    return first, second


def test_the_same_headers_are_read_once_and_say_the_same() -> None:
    first, second = again(x_headgate_tags="a, b", x_headgate_timeout="2.5")
    assert first.memo and second.options is first.options and second.options.tags == ("a", "b")
    first, second = again()
    assert first.memo and second.options == call().options


@pytest.mark.parametrize(
    "headers",
    [
        {"idempotency-key": "one"},
        {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"},
        {"x_headgate_metadata": '{"k": 1}'},
    ],
    ids=["word", "trace", "metadata"],
)
def test_what_belongs_to_one_call_is_read_for_each(headers: dict[str, str]) -> None:
    first, second = again(**headers)
    assert not first.memo
    assert (second.word, second.parent_id, second.options.metadata) == (
        first.word,
        first.parent_id,
        first.options.metadata,
    )
    assert second.word or second.parent_id or second.options.metadata


def test_what_is_refused_is_refused_again() -> None:
    first = call(content_type="text/plain")
    first.memo = {}
    for _ in range(2):
        with pytest.raises(MediaType):
            read_options(first)
