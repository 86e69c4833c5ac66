"""The whole way from text to a Config, and everything that is refused on it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.config import Config, ConfigError, load, loads
from headgate.config.parse import MAX_BYTES
from headgate.providers.base import ProviderConfig
from tests.config.conftest import KNOWN, faults, read

EXAMPLE = """\
providers:
  local: {kind: openai-compatible, base_url: "http://127.0.0.1:9100/v1", api_key: "${LOCAL_KEY}"}
  claude: {kind: anthropic, base_url: "http://127.0.0.1:9200", api_key: "${CLAUDE_KEY}"}
models:
  local/mock: {price: {input: 1.00, output: 2.00}, context: 128000}   # USD per million tokens
routes:
  fast: {targets: [local/mock, claude/claude-x]}      # asked for as model "fast": first, then the next on failure
"""
ENVIRON = {"LOCAL_KEY": "one", "CLAUDE_KEY": "two"}


def test_the_example():
    config = read(EXAMPLE, ENVIRON)
    local = config.providers["local"]
    assert (local.kind, local.base_url) == ("openai-compatible", "http://127.0.0.1:9100/v1")
    assert local.api_key is not None
    assert local.api_key.reveal() == "one"
    price = config.models["local/mock"].price
    assert price is not None
    assert (price.input, price.output, config.models["local/mock"].context) == (1.0, 2.0, 128000)
    assert config.routes["fast"].targets == ["local/mock", "claude/claude-x"]


def test_no_file_and_an_empty_file_are_the_defaults(tmp_path):
    (tmp_path / "c.yaml").write_text("# nothing yet\n")
    assert load(None, {}, KNOWN) == load(tmp_path / "c.yaml", {}, KNOWN) == Config()
    assert Config().limits.body == 20_000_000


def test_a_section_with_everything_commented_out_is_empty():
    assert read("routes:\n#  fast: {targets: [sandbox/chat]}\nlimits:\n") == Config()


def test_every_fault_at_once_in_order():
    found = faults("""\
        providers:
          local: {kind: openai-compatable, api_key: "${LOCAL_KEY}", colour: red}
        modles: {}
        aliases: {quick: local/x, slow: quick}
        routes:
          fast: {targets: [locl/x, local/y], attempts: many}
    """)
    assert found == [
        "2:17 providers.local.kind: unknown kind `openai-compatable`; did you mean `openai-compatible`?",
        "2:45 providers.local.api_key: the environment variable LOCAL_KEY is not set; "
        "set it, or write ${LOCAL_KEY:-default}",
        f"2:61 providers.local: unknown key `colour`; known are {', '.join(sorted(ProviderConfig.__struct_fields__))}",
        "3:1 : unknown key `modles`; did you mean `models`?",
        "4:27 aliases.slow: `quick` is an alias too: name the route or `provider/model` itself",
        "6:20 routes.fast.targets[0]: no provider `locl`; did you mean `local`?",
        "6:48 routes.fast.attempts: must be a plain decimal number; found text",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("providers:\n\tlocal: {}\n", "2:1 : a tab: YAML is indented with spaces"),
        ("a: b: c\n", "1:5 : not valid YAML: mapping values are not allowed in this context"),
        ("routes: {fast: {targets: [a/b}\n", "1:30 : not valid YAML"),
        ("routes: *nowhere\n", "1:9 : not valid YAML: found undefined alias"),
        ("a: 1\n---\nb: 2\n", "2:1 : not valid YAML: expected a single document"),
        ("a: \x07\n", "1:4 : a character that YAML does not allow"),
        ("- one\n", "1:1 : must be a mapping (`name: value`); found a list"),
        ("just text\n", "1:1 : must be a mapping"),
        ("routes: !!python/object:os.system {}\n", "1:9 routes: a YAML tag is not allowed here"),
        ("limits: {body: !!python/name:os.system x}\n", "1:16 limits.body: a YAML tag is not allowed here"),
        ("a: " + "[" * 5000 + "\n", "1:35 : is nested more than 32 levels deep"),
        ("? [a]\n: b\n", "1:3 : a key must be text"),
    ],
)
def test_yaml_that_is_refused(text, said):
    assert faults(text)[0].startswith(said)


def test_bytes_that_are_not_text():
    with pytest.raises(ConfigError) as caught:
        loads(b"routes: {}\nname: \xff\xfe\n", {}, KNOWN)
    assert [(p.line, p.column, p.message) for p in caught.value.problems] == [(2, 7, "is not UTF-8 text")]


def test_a_byte_order_mark_is_no_fault():
    assert loads(b"\xef\xbb\xbfsandbox: off\n", {}, KNOWN).sandbox is False


def test_a_file_over_a_megabyte(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(ConfigError, match="is larger than 1,000,000 bytes"):
        load(path, {}, KNOWN)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: cannot be read: No such file"):
        load(tmp_path / "nowhere.yaml", {}, KNOWN)


def test_a_duplicate_key(one_fault):
    assert one_fault("sandbox: on\nsandbox: off\n") == "2:1 sandbox: is given twice"


def test_anchors_and_merges_work():
    config = read("""\
        x-common: &common {attempts: 2, min_output: 64}
        routes:
          a: {<<: *common, targets: [sandbox/chat]}
          b: {<<: *common, targets: [sandbox/chat], attempts: 1}
    """)
    assert (config.routes["a"].attempts, config.routes["a"].min_output) == (2, 64)
    assert (config.routes["b"].attempts, config.routes["b"].min_output) == (1, 64)


def test_an_alias_bomb_is_bounded():
    many = ", ".join(["sandbox/m"] * 1000)
    routes = ", ".join(f"r{i}: *route" for i in range(1000))
    found = faults(f"x-a: &route {{targets: [{many}]}}\nroutes: {{{routes}}}\n")
    assert any("holds more than 50,000 values" in fault for fault in found)
    assert len(found) <= 201


def test_an_anchor_inside_itself(one_fault):
    text = "routes: &a\n  fast: {targets: [sandbox/chat], skip: [*a]}\n"
    assert one_fault(text).startswith("1:9 routes.fast.skip[0]: must be text")


def test_cut_at_any_byte_it_is_valid_or_refused():
    refused = 0
    for cut in range(len(EXAMPLE)):
        try:
            loads(EXAMPLE.encode()[:cut], ENVIRON, KNOWN)
        except ConfigError as error:
            refused += bool(error.problems)
    assert refused > len(EXAMPLE) / 2


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_make_it_fail_otherwise(data):
    try:
        loads(data, {}, KNOWN)
    except ConfigError as error:
        assert error.problems


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, len(EXAMPLE) - 1), st.sampled_from("{}[]:,&*!|>'\"%@`#- \n\t0a$")), max_size=8)
)
def test_no_mutation_makes_it_fail_otherwise(edits):
    text = list(EXAMPLE)
    for position, character in edits:
        text[position] = character
    try:
        loads("".join(text).encode(), ENVIRON, KNOWN)
    except ConfigError as error:
        assert error.problems
