"""Instances of JSON schemas: valid, small, repeatable, and never without end."""

import re
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.providers.sandbox.hints import Hints
from headgate.providers.sandbox.schema import instance
from headgate.providers.sandbox.strings import FORMATS, Unsatisfiable
from tests.providers.sandbox.valid import valid

TREE = {
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "value": {"type": "string"},
                "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
                "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
            },
            "required": ["value", "children", "next"],
            "additionalProperties": False,
        }
    },
    "$ref": "#/$defs/node",
}
SCHEMAS: list[Any] = [
    {},
    {"type": "object"},
    {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a", "b"]},
    {"properties": {"a": {"type": "boolean"}}, "required": ["a"], "additionalProperties": False},
    {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 3},
    {"type": "object", "properties": {"a": {"type": "null"}}, "minProperties": 2},
    {"type": "object", "properties": {"a": False, "b": True}},
    {"type": "array", "items": {"type": "string"}, "minItems": 5, "maxItems": 7},
    {"type": "array", "items": {"type": "integer", "minimum": 3}, "uniqueItems": True, "minItems": 4},
    {"type": "array", "items": {"enum": ["a", "b", "c"]}, "uniqueItems": True, "minItems": 3},
    {"type": "array", "items": {"type": "boolean"}, "uniqueItems": True, "minItems": 2},
    {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "items": False},
    {"type": "array", "maxItems": 0},
    {"type": "integer", "minimum": 10, "maximum": 12},
    {"type": "integer", "exclusiveMinimum": 10, "exclusiveMaximum": 12},
    {"type": "integer", "maximum": -5},
    {"type": "integer", "multipleOf": 7, "minimum": 1},
    {"type": "number", "exclusiveMinimum": 0, "maximum": 0.001},
    {"type": "number", "multipleOf": 0.25, "minimum": 0.3, "maximum": 0.6},
    {"type": "number", "minimum": 0.1234, "maximum": 0.1235},
    {"type": "string", "minLength": 40},
    {"type": "string", "maxLength": 3},
    {"type": "string", "minLength": 0, "maxLength": 0},
    {"type": "string", "pattern": r"^[A-Z]{3}-\d{4}$"},
    {"type": "string", "pattern": r"^(foo|bar)[^a-z]+\w*$", "minLength": 12},
    {"type": "string", "pattern": r"^\+?[1-9]\d{6,14}$"},
    {"type": "string", "pattern": r"^(abcdefghij)*(xy){2,}$", "minLength": 5},
    {"type": ["null", "string"]},
    {"type": ["integer", "string", "null"]},
    {"const": {"a": [1]}},
    {"enum": [None, 3, "x"]},
    {"anyOf": [{"type": "integer", "minimum": 5, "maximum": 4}, {"type": "string"}]},
    {"oneOf": [{"type": "null"}, {"type": "integer"}]},
    {"anyOf": [False, {"$ref": "#/nowhere"}, True]},
    {"type": "object", "properties": {"a": {"anyOf": [{"type": "string"}, {"type": "null"}]}}, "required": ["a"]},
    {"allOf": [{"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}, {"required": ["b"]}]},
    {"allOf": [{"type": "integer", "minimum": 3}, {"minimum": 9, "maximum": 10}]},
    {"$defs": {"a/b": {"type": "integer"}}, "type": "array", "items": {"$ref": "#/$defs/a~1b"}},
    {"definitions": {"s": {"type": "string"}}, "properties": {"x": {"$ref": "#/definitions/s", "minLength": 30}}},
    TREE,
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=str)
@pytest.mark.parametrize("seed", [0, 1, 12345])
def test_an_instance_is_valid(schema: Any, seed: int) -> None:
    made = instance(schema, seed, Hints("Say something of Ada and 7 boats"))
    if "a~1b" not in str(schema) and "nowhere" not in str(schema):
        assert valid(made, schema), made
    assert made == instance(schema, seed, Hints("Say something of Ada and 7 boats"))


def test_a_recursive_schema_ends() -> None:
    assert len(str(instance(TREE, 1, Hints("")))) < 20_000


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "integer", "minimum": 2, "maximum": 1},
        {"type": "integer", "exclusiveMinimum": 1, "exclusiveMaximum": 2},
        {"type": "integer", "multipleOf": 10, "minimum": 1, "maximum": 9},
        {"type": "array", "items": {"enum": ["a"]}, "uniqueItems": True, "minItems": 2},
        {"type": "array", "minItems": 10**9},
        {"type": "string", "minLength": 10**9},
        {"type": "string", "pattern": "^a{4000}b{4000}$"},
        {"type": "object", "required": ["a"], "additionalProperties": False},
        {"type": "wizard"},
        {"$ref": "#/nowhere"},
        {"$ref": "https://elsewhere.example/schema"},
        {"$ref": "#"},
        {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
        {
            "$defs": {"a": {"type": "object", "required": ["x"], "properties": {"x": {"$ref": "#/$defs/a"}}}},
            "$ref": "#/$defs/a",
        },
        False,
    ],
    ids=str,
)
def test_what_cannot_be_made_is_refused(schema: Any) -> None:
    with pytest.raises(Unsatisfiable):
        instance(schema, 1, Hints(""))


def fans_out(key: str) -> dict[str, Any]:
    """Thirty levels, each pointing to the next one twice."""
    steps = {f"s{n}": {key: [{"$ref": f"#/$defs/s{n + 1}"}, {"$ref": f"#/$defs/s{n + 1}"}]} for n in range(30)}
    return {"$defs": {**steps, "s30": False}, "$ref": "#/$defs/s0"}


@pytest.mark.parametrize("key", ["allOf", "anyOf", "oneOf", "prefixItems"])
def test_references_that_fan_out_cost_little(key: str) -> None:
    began = time.monotonic()
    with pytest.raises((Unsatisfiable, TypeError)):
        instance(fans_out(key), 1, Hints(""))
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_formats_have_examples(form: str) -> None:
    assert instance({"type": "string", "format": form}, 1, Hints("Paris")) == FORMATS[form]


def test_a_pattern_that_needs_a_search_gets_plain_text() -> None:
    assert isinstance(instance({"type": "string", "pattern": r"^(?=.*\d)(a)\1$"}, 1, Hints("")), str)
    assert isinstance(instance({"type": "string", "pattern": "("}, 1, Hints("")), str)


def test_the_prompt_fills_the_fields() -> None:
    schema = {
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}, "unit": {"enum": ["metric", "us"]}}
    }
    made = instance(schema, 1, Hints("The weather in New York for 3 days, metric please"))
    assert made == {"city": "New York", "days": 3, "unit": "metric"}


ATOMS = st.one_of(
    st.builds(
        lambda a, b: {"type": "integer", "minimum": a, "maximum": a + b}, st.integers(-99, 99), st.integers(0, 9)
    ),
    st.builds(
        lambda a, b: {"type": "string", "minLength": a, "maxLength": a + b}, st.integers(0, 30), st.integers(0, 9)
    ),
    st.sampled_from(
        [{"type": "boolean"}, {"type": "null"}, {"const": 5}, {"enum": ["x", 2]}, {"type": "number"}, True, {}]
    ),
)
ANY_SCHEMA = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.builds(lambda i, n: {"type": "array", "items": i, "minItems": n}, inner, st.integers(0, 3)),
        st.builds(
            lambda p, more: {
                "type": "object",
                "properties": p,
                "required": sorted(p)[::2],
                "additionalProperties": more,
            },
            st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
            st.booleans(),
        ),
        st.builds(lambda a, b: {"anyOf": [a, b]}, inner, inner),
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(ANY_SCHEMA, st.integers(0, 2**40))
def test_any_schema_of_these_words_gets_a_valid_instance(schema: Any, seed: int) -> None:
    assert valid(instance(schema, seed, Hints("Ada has 12 boats in Paris")), schema)


@settings(deadline=None, derandomize=True)
@given(st.text(max_size=200))
def test_hints_take_any_text(text: str) -> None:
    hints = Hints(text)
    assert isinstance(hints.names, list)
    assert all(isinstance(n, float) for n in hints.numbers)
    assert isinstance(hints.several, bool)


def test_hints_take_long_text_quickly() -> None:
    began = time.monotonic()
    for text in ("A " * 50_000, '"' * 100_000, "1" * 100_000, "a, " * 30_000, "(" * 100_000):
        hints = Hints(text)
        assert hints.names is not None and hints.numbers is not None and hints.several is not None
        hints.string("expression")
    assert time.monotonic() - began < 5


def test_pattern_examples_match() -> None:
    for pattern in (r"^[^\d\s]{2}$", r"^(?:a|b){2,}\.[a-f0-9]+$", r"^\W\S\D.$", r"^x*$", r"^[\w-]+@[\w-]+\.com$"):
        made = instance({"type": "string", "pattern": pattern}, 1, Hints(""))
        assert re.search(pattern, made), (pattern, made)
