from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.core.chat import (
    Choice,
    Chunk,
    Counted,
    End,
    Part,
    Refusal,
    Reply,
    SignatureDelta,
    Start,
    Text,
    TextDelta,
    Thinking,
    ToolCall,
    ToolDelta,
)
from headgate.core.fold import fold, unfold
from headgate.core.money import Usage

WORDS = st.text(max_size=8)
PARTS = st.one_of(
    st.builds(Text, WORDS),
    st.builds(Refusal, WORDS),
    st.builds(ToolCall, st.just("id"), st.just("name"), WORDS),
    st.builds(Thinking, WORDS, st.none(), st.none(), st.none()),
    st.builds(
        Thinking, WORDS, st.text(min_size=1, max_size=4), st.none(), st.sampled_from([None, "anthropic-messages"])
    ),
    st.builds(Thinking, st.just(""), st.none(), WORDS, st.sampled_from([None, "anthropic-messages"])),
)
FINISH = st.sampled_from(["stop", "length", "tool_calls", "content_filter", "error"])
CHOICES = st.lists(
    st.tuples(st.lists(PARTS, max_size=6), FINISH, st.none() | WORDS, st.none() | WORDS), min_size=1, max_size=3
)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(CHOICES, st.none() | st.builds(Usage, st.integers(0, 9), st.integers(0, 9)))
def test_a_reply_unfolded_folds_into_itself(choices, usage):
    reply = Reply(
        id="r",
        model="m",
        created=7,
        choices=[Choice(i, parts, finish, native, stop) for i, (parts, finish, native, stop) in enumerate(choices)],
        usage=usage,
    )
    assert fold(unfold(reply)) == reply


def test_what_comes_in_pieces_is_put_together():
    parts: list[Part] = [
        Thinking("a b", "sig", source="s"),
        Text("one two"),
        Text("three"),
        ToolCall("i", "f", '{"a":1}'),
        ToolCall("j", "g", ""),
        Refusal("no"),
    ]
    chunks: list[Chunk] = [
        Start("r", "m", 5, Usage(1)),
        TextDelta("a", kind="thinking"),
        TextDelta(" b", kind="thinking"),
        SignatureDelta("sig", source="s"),
        TextDelta(""),
        TextDelta("one"),
        TextDelta(" two"),
        TextDelta("three", new=True),
        ToolDelta(0, "i", "f"),
        ToolDelta(1, "j"),
        ToolDelta(0, arguments='{"a"'),
        ToolDelta(1, name="g"),
        ToolDelta(0, arguments=":1}"),
        TextDelta("no", kind="refusal"),
        End("tool_calls", "tool_use", "END"),
        Counted(Usage(3, 4)),
    ]
    expected = Choice(0, parts, "tool_calls", "tool_use", "END")
    assert fold(chunks) == Reply(id="r", model="m", created=5, choices=[expected], usage=Usage(3, 4))


def test_choices_may_take_turns():
    chunks: list[Chunk] = [
        TextDelta("b", 1),
        TextDelta("a", 0),
        TextDelta("B", 1),
        End("stop", choice=1),
        TextDelta("A", 0),
    ]
    assert [(c.index, c.parts, c.finish) for c in fold(chunks).choices] == [
        (0, [Text("aA")], None),
        (1, [Text("bB")], "stop"),
    ]


def test_log_probabilities_are_joined():
    chunks = [
        TextDelta("a", logprobs={"content": [1], "refusal": None}),
        TextDelta("b", logprobs={"content": [2, 3], "refusal": None}),
    ]
    assert fold(chunks).choices[0].logprobs == {"content": [1, 2, 3], "refusal": None}
    reply = Reply(id="", model="", choices=[Choice(0, [Text("a")], logprobs={"content": [1]})])
    assert fold(unfold(reply)) == reply


def test_nothing_folds_into_nothing():
    assert fold([]) == Reply(id="", model="", choices=[])


def test_a_long_answer_takes_no_longer_than_it_must():
    assert fold(TextDelta("x") for _ in range(200_000)).choices[0].parts == [Text("x" * 200_000)]
