"""The other kinds: words, forms, languages, topics, links, code, judges."""

import json
from typing import Any

import pytest

from headgate.core.secret import Secret
from headgate.guardrails import format, keywords, regex, topics
from headgate.guardrails.jsonschema import Schema
from headgate.guardrails.kinds import BUILTIN, KINDS, made
from headgate.guardrails.regular import Expression
from headgate.guardrails.rules import rule
from headgate.guardrails.run import examine
from headgate.guardrails.types import MOST_KEPT, NONE, Guardrail, Means, Place, Span, Unavailable, Verdict

CASES: list[tuple[dict[str, Any], str, str]] = [
    ({"kind": "keywords", "words": ["Project Orion"]}, "about PROJECT\norion", "about Orion"),
    ({"kind": "keywords", "words": ["Orion"], "exact": True}, "Orion", "orion, Orions"),
    ({"kind": "keywords", "required": ["disclaimer", "no advice"]}, "buy now", "This is no advice."),
    ({"kind": "regex", "patterns": {"t": r"\bPRJ-\d{4}\b"}}, "see PRJ-1234.", "see PRJ-12345"),
    ({"kind": "regex", "patterns": {"t": "abc"}, "ignore_case": True}, "ABC", "ab c"),
    ({"kind": "toxicity"}, "You are an idiot!", "The idiot of the village is a novel's figure."),
    ({"kind": "toxicity", "categories": ["threat"]}, "I will find you and ich bringe dich um", "you are an idiot"),
    ({"kind": "topics", "deny": ["medical"]}, "What dosage of ibuprofen?", "What dosage of rain?"),
    ({"kind": "topics", "deny": ["medical"]}, "What dos\u200bage of ｉｂuprofen?", "What dosage of rain?"),
    ({"kind": "topics", "own": {"wine": ["grape", "barrel", "riesling"]}}, "Riesling from the barrel", "a barrel of a barrel"),
    ({"kind": "language", "allow": ["en"]}, "Das ist nicht gut, und die Leute wissen es auch.", "This is what the people know."),
    ({"kind": "language", "allow": ["de", "en"]}, "これは日本語の文章です", "ok"),
    ({"kind": "length", "max_characters": 5}, "123456", "12345"),
    ({"kind": "length", "max_words": 2, "max_lines": 1}, "a b c", "a b"),
    ({"kind": "length", "min_characters": 3}, "ab", "abc"),
    ({"kind": "format"}, "{'a': 1}", '{"a": 1}'),
    ({"kind": "format", "form": "one_of", "answers": ["yes", "no"]}, "maybe", " Yes "),
    ({"kind": "format", "schema": {"type": "array", "items": {"type": "integer"}}}, '["a"]', "[1, 2]"),
    ({"kind": "urls"}, "see https://corp.example/a", "see corp.example"),
    ({"kind": "urls", "allow": ["corp.example"]}, "https://evil.example", "https://a.corp.example/x http://corp.example"),
    ({"kind": "urls", "allow": ["corp.example"]}, "https://corp.example.evil.example", "https://CORP.example./"),
    ({"kind": "urls", "schemes": ["https"]}, "http://corp.example", "https://corp.example"),
    ({"kind": "urls", "addresses": False, "deny": ["x.example"]}, "http://10.0.0.1/a", "http://corp.example"),
    ({"kind": "urls", "images": False}, "![x](https://evil.example/?q=1)", "[x](https://evil.example/?q=1)"),
    ({"kind": "code"}, "```py\nprint(1)\n```", "no code here, just import duties"),
    ({"kind": "code", "languages": ["sql"]}, "SELECT a FROM b\nDROP TABLE c", "def f():\n    return 1"),
]  # fmt: skip


@pytest.mark.parametrize(("entry", "bad", "good"), CASES)
def test_kinds(entry: dict[str, Any], bad: str, good: str) -> None:
    guard = made(entry)
    place: Place = "output" if "output" in guard.on else "user"
    verdict = guard.check([Span(bad, place)], NONE)
    assert isinstance(verdict, Verdict) and verdict.act == "block", bad
    assert all(bad[f.start : f.end] for f in verdict.findings) and verdict.reason
    assert guard.check([Span(good, place)], NONE) == Verdict(), good
    assert list(guard.faults()) == []


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"kind": "keywords", "words": ["secret project"]}, "secret project"),
        ({"kind": "keywords", "words": ["ｓｅｃｒｅｔ project"]}, "secret project"),
        ({"kind": "regex", "patterns": {"p": r"\bsecret project\b"}}, "secret project"),
        ({"kind": "toxicity", "categories": ["insult"]}, "you are an idiot"),
    ],
)
async def test_nothing_hides_in_odd_forms_and_escapes(entry: dict[str, Any], said: str) -> None:
    ruled = rule("mine", {**entry, "action": "mask"})
    wide = "".join([chr(ord(c) + 0xFEE0) if c.isalpha() else c for c in said])
    for hidden in (
        said,
        f"{said[:3]}\u200b{said[3:]}",
        f"{said[:3]}\u00ad{said[3:]}",
        wide,
        said.replace(" ", "\u3000"),
    ):
        for text, json_ in ((f"x\n{hidden}.", False), (json.dumps({"a": f"line\n{hidden}"}), True)):
            [outcome] = await examine([ruled], "output", [Span(text, "tool_argument", json_)], NONE)
            [one] = outcome.verdict.findings
            assert outcome.verdict.act == "mask" and text[: one.start].endswith(("x\n", "line\\n"))
            assert text[one.end :] in (".", '"}'), text


def test_odd_forms_that_are_looked_for_are_found() -> None:
    for entry in ({"kind": "keywords", "words": ["—", "\u200b"]}, {"kind": "regex", "patterns": {"p": "—|\u200b"}}):
        guard = made(entry)
        assert len(guard.find("a — b")) == len(guard.find("a\u200bb")) == 1, entry
    assert made({"kind": "regex", "patterns": {"p": "—"}}).find("a - b") == []


async def test_a_form_is_judged_with_its_escapes() -> None:
    ruled = rule("mine", {"kind": "format"})
    [outcome] = await examine([ruled], "output", [Span(json.dumps({"a": 'x"y\n'}), "output", True)], NONE)
    assert outcome.verdict.act == "allow"


def test_every_kind_is_there_and_says_what_it_is() -> None:
    assert len(KINDS) == len(BUILTIN) == len(set(KINDS))
    for kind in KINDS:
        assert issubclass(KINDS[kind], Guardrail) and KINDS[kind].__doc__, kind
        assert {name for name, _ in KINDS[kind].__annotations__.items()} or kind


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        ({"kind": "keywords"}, "words"),
        ({"kind": "keywords", "words": ["fine", "x" * 513]}, "words"),
        ({"kind": "keywords", "words": ["fine", " "]}, "words"),
        ({"kind": "keywords", "required": ["x " * 257]}, "required"),
        ({"kind": "keywords", "required": [""]}, "required"),
        ({"kind": "topics", "own": {"mine": ["x" * 513]}}, "own"),
        ({"kind": "topics", "own": {"mine": [""]}}, "own"),
        ({"kind": "regex", "patterns": {"x": "(a"}}, "patterns"),
        ({"kind": "regex", "patterns": {"x": r"(a)\1"}}, "patterns"),
        ({"kind": "regex", "patterns": {"x": "(?=a)b"}}, "patterns"),
        ({"kind": "pii", "reversible": True}, "reversible"),
        ({"kind": "pii", "action": "reroute"}, "action"),
        ({"kind": "pii", "action": "reask"}, "action"),
        ({"kind": "pii", "on": []}, "on"),
        ({"kind": "language", "allow": ["xx"]}, "allow"),
        ({"kind": "topics", "deny": ["nothing"]}, "deny"),
        ({"kind": "format", "action": "mask"}, "action"),
        ({"kind": "format", "schema": {"unevaluatedItems": False}}, "schema"),
        ({"kind": "length"}, "max_characters"),
        ({"kind": "lakera", "url": "ftp://x"}, "url"),
        ({"kind": "bedrock_guardrail", "guardrail": "g"}, "access_key_id"),
        ({"kind": "judge", "model": "m", "policy": " "}, "policy"),
        ({"kind": "names", "model": "no_such_model"}, "kind"),
        ({"kind": "urls", "allow": ["https://x.example/"]}, "allow"),
    ],
)
def test_settings_that_make_no_sense(entry: dict[str, Any], field: str) -> None:
    assert field in {name for name, _ in made(entry).faults()}


def test_a_phrase_may_be_as_long_as_that() -> None:
    for entry in (
        {"kind": "keywords", "words": ["x" * 512], "required": ["y " * 256]},
        {"kind": "topics", "own": {"mine": ["x" * 512]}},
    ):
        assert not list(made(entry).faults())


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        (r"\d{3}-\d{2}", "x123-45y 678-90", [(1, 7), (9, 15)]),
        (r"(?:foo|foobar)baz?", "foobarba foobaz", [(0, 8), (9, 15)]),
        (r"^ab|ab$", "ab ab", [(0, 2), (3, 5)]),
        (r"\Bb\b", "ab b", [(1, 2)]),
        (r"[^a-c]+", "abcxyzabc", [(3, 6)]),
        (r"a*", "baab", [(1, 3)]),
        (r".", "a\nb", [(0, 1), (2, 3)]),
        (r"[é-í]+x?", "éêëx", [(0, 4)]),
    ],
)
def test_expressions(pattern: str, text: str, found: list[tuple[int, int]]) -> None:
    assert list(Expression(pattern).find(text)) == found


def test_expressions_are_bounded() -> None:
    assert list(Expression("a+", longest=4).find("a" * 10)) == [(0, 4), (4, 8), (8, 10)]
    with pytest.raises(ValueError, match="too large"):
        Expression("(((a{50}){50}){50})")


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"type": "object", "required": ["a"], "additionalProperties": False, "properties": {"a": {"type": "integer"}}}, {"a": 1}, {"a": 1, "b": 2}),
        ({"type": ["string", "null"]}, None, 1),
        ({"enum": [1, "x"]}, 1, True),
        ({"anyOf": [{"type": "string"}, {"minimum": 5}]}, 6, 4),
        ({"oneOf": [{"type": "integer"}, {"minimum": 5}]}, 3, 7),
        ({"not": {"type": "string"}}, 1, "x"),
        ({"type": "array", "prefixItems": [{"type": "string"}], "items": {"type": "number"}}, ["a", 1], ["a", "b"]),
        ({"uniqueItems": True, "minItems": 1}, [1, 2], [1, 1]),
        ({"type": "string", "pattern": "^a+$", "maxLength": 3}, "aa", "ab"),
        ({"$defs": {"n": {"type": "integer"}}, "properties": {"x": {"$ref": "#/$defs/n"}}}, {"x": 1}, {"x": "1"}),
        ({"patternProperties": {"^x": {"type": "integer"}}, "additionalProperties": {"type": "string"}}, {"xa": 1, "b": "c"}, {"xa": "1"}),
        ({"multipleOf": 0.1, "exclusiveMaximum": 1}, 0.3, 1),
        (True, 1, None),
    ],
)  # fmt: skip
def test_schemas(schema: Any, good: Any, bad: Any) -> None:
    made_ = Schema(schema if isinstance(schema, dict) else {"allOf": [schema]})
    assert made_.fault(good) is None
    assert bad is None or made_.fault(bad) is not None


def test_schemas_that_cannot_be_used() -> None:
    for schema in ({"unknown": 1}, {"$ref": "#/nowhere"}, {"$ref": "http://x"}, {"pattern": "(?=a)"}, {"items": 3}):
        with pytest.raises(ValueError, match=r"[a-z]"):
            Schema(schema)


def test_what_is_compiled_of_settings_is_not_kept_for_ever() -> None:
    """Whoever may try guardrails could fill the memory otherwise."""
    for kept in (regex._compiled, keywords._phrases, topics._own, format._schema):
        assert kept.cache_info().maxsize == MOST_KEPT


async def test_a_judge() -> None:
    asked: list[tuple[str, str, str]] = []

    async def ask(model: str, system: str, text: str) -> str:
        asked.append((model, system, text))
        return 'Sure: {"violates": true, "score": 0.9, "reason": "gives advice"}'

    guard = made({"kind": "judge", "model": "fast", "policy": "No medical advice."})
    verdict = await guard.check([Span("Take two pills."), Span(" ")], Means(ask=ask))  # type: ignore[misc]
    assert (verdict.act, verdict.reason, verdict.score) == ("block", "gives advice", 0.9)
    model, system, text = asked[0]
    assert model == "fast" and "No medical advice." in system and "<user>\nTake two pills.\n</user>" in text

    async def babble(*_: str) -> str:
        return "I cannot say."

    with pytest.raises(Unavailable):
        await guard.check([Span("x")], Means(ask=babble))  # type: ignore[misc]
    with pytest.raises(Unavailable):
        await guard.check([Span("x")], NONE)  # type: ignore[misc]


async def test_names_are_known_where_a_model_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    from types import SimpleNamespace

    from headgate.guardrails import names

    entity = SimpleNamespace(start_char=6, end_char=14, label_="PERSON")
    other = SimpleNamespace(start_char=0, end_char=5, label_="DATE")
    monkeypatch.setattr(names, "_load", lambda model: lambda text: SimpleNamespace(ents=[entity, other]))
    verdict = await made({"kind": "names", "action": "mask"}).check([Span("Dear, Jane Roe!")], NONE)  # type: ignore[misc]
    assert verdict.act == "mask" and [(f.start, f.end, f.type) for f in verdict.findings] == [(6, 14, "person")]


def test_a_key_is_hidden() -> None:
    guard = made({"kind": "lakera", "api_key": "lk-very-secret-key"})
    assert isinstance(guard.api_key, Secret) and "lk-very" not in repr(guard)  # type: ignore[attr-defined]
