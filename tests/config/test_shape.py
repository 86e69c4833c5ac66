"""Types, references and the words of what does not fit, each at its place."""

import pytest

from tests.config.conftest import faults, read

LOCAL = "providers: {local: {kind: openai-compatible, base_url: 'http://h/v1', %s}}"


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("api_key: 12345", "text; put it in quotes; found a number"),
        ("api_key: [a]", "must be text; found a list"),
        ("http2: maybe", "must be on or off; found text"),
        ("http2: 1", "must be on or off; found a number"),
        ("headers: [a]", "must be a mapping (`name: value`); found a list"),
        ("headers: {x: 1}", "must be text; put it in quotes; found a number"),
        ("price: {input: free}", "must be a plain decimal number; found text"),
        ("price: {input: '1'}", "must be a plain decimal number; found text"),
        ("price: {input: -0.5}", "must be from 0 to 1,000,000"),
        ("price: {input: .nan}", "must be a plain decimal number; found a number"),
        ("price: {input: 1:30}", "must be a plain decimal number; found a number"),
        ("price: {input: 0x10}", "must be a plain decimal number; found a number"),
        ("price: {input: 010}", "must be a plain decimal number; found a number"),
        ("price: {input: 1e400}", "must be from 0 to 1,000,000"),
        ("timeouts: {total: 0}", "must be from 0.001 to 3,600"),
        ("colour: red", "unknown key `colour`"),
        ("base_ulr: x", "unknown key `base_ulr`; did you mean `base_url`?"),
    ],
)
def test_what_does_not_fit(one_fault, entry, said):
    assert said in one_fault(LOCAL % entry)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("models: {local/x: {context: 1.5}}\n" + LOCAL % "", "must be a whole number"),
        ("routes: {r: {targets: local/x}}\n" + LOCAL % "", "must be a list (`[one, two]`); found text"),
        ("routes: {r: {}}", "needs `targets`"),
        ("routes: {r: {targets: [1]}}", "must be text; put it in quotes; found a number"),
        ("routes: {r: {targets: [sandbox/chat], on_unsupported: dorp}}", "not `dorp`; did you mean `drop`?"),
        ("routes: {r: {targets: [sandbox/chat], attempts: 11}}", "must be from 1 to 10"),
        ("limits: {body: 0}", "must be from 1,024 to 104,857,600"),
        ("aliases: {a: on}", "must be text; put it in quotes; found on or off"),
        ("aliases: {a: }", "must be text; put it in quotes; found nothing"),
        ("providers: {p: x}", "must be a mapping"),
        ("x-y: 1\nz-y: 1", "unknown key `z-y`"),
    ],
)
def test_what_does_not_fit_elsewhere(one_fault, text, said):
    assert said in one_fault(text)


def test_switches_are_read_in_every_spelling():
    for word, value in {"on": True, "off": False, "yes": True, "No": False, "'off'": False, "TRUE": True}.items():
        assert read(f"sandbox: {word}").sandbox is value


def test_references_fill_any_type():
    text = "limits: {body: '${BODY:-2048}'}\nsandbox: ${SANDBOX:-off}\n"
    text += "aliases: {a: 'p/${M}'}\nproviders: {p: {kind: openai}}"
    config = read(text, {"RPS": "2.5", "M": "4o", "SANDBOX": ""})
    assert (config.limits.body, config.sandbox) == (2048, False)
    assert config.aliases == {"a": "p/4o"}


def test_a_reference_that_is_a_number_may_be_text():
    key = read(LOCAL % "api_key: '${KEY}'", {"KEY": "12345"}).providers["local"].api_key
    assert key is not None
    assert key.reveal() == "12345"


def test_a_reference_in_braces_without_quotes_is_explained(one_fault):
    assert "inside braces, a `${NAME}` must be in quotes" in one_fault(LOCAL % "api_key: ${KEY}")


def test_two_dollars_stand_for_one():
    assert read("aliases: {a: 'sandbox/$${x}'}").aliases == {"a": "sandbox/${x}"}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("${NOT_THERE}", "the environment variable NOT_THERE is not set"),
        ("${not closed", "`${` must be followed by"),
        ("${}", "`${` must be followed by"),
        ("${1x}", "`${` must be followed by"),
    ],
)
def test_a_reference_to_nothing(one_fault, value, said):
    assert said in one_fault(LOCAL % f"api_key: '{value}'")


def test_all_missing_variables_of_one_text_are_named():
    found = faults(LOCAL % "api_key: '${ONE}${TWO}'")
    assert ["ONE" in found[0], "TWO" in found[1]] == [True, True]


def test_no_fault_repeats_a_secret():
    canary = "sk-canary-0123456789"
    environ = {"SECRET": canary}
    texts = [
        LOCAL % "price: {input: '${SECRET}'}",
        LOCAL % "http2: '${SECRET}'",
        "providers: {p: {kind: '${SECRET}'}}",
        f"providers: {{p: {{kind: {canary}}}}}",
        f"providers: {{p: {canary}}}",
        f"providers: {{p: {{kind: openai, {canary}: x}}}}",
        f"{canary}: x",
        f"providers: {{{canary}: {{kind: x}}}}",
        "providers: {p: {kind: openai, base_url: 'https://user:${SECRET}@host'}}",
        "providers: {p: {kind: openai, base_url: '${SECRET}'}}",
        "providers: {p: {kind: openai, headers: {a b: '${SECRET}'}}}",
        "routes: {r: {targets: ['${SECRET}/x', '${SECRET}']}}",
        "routes: {r: {targets: [sandbox/chat], on_unsupported: '${SECRET}'}}",
        f"routes: {{r: {{targets: [{canary}, {canary}/m]}}}}",
        f"aliases: {{a: {canary}}}",
        f"steps: {{{canary}: on}}",
        f"a: '{canary}",
        f"{canary}: {{",
        f"a: *{canary}",
    ]
    for text in texts:
        found = faults(text, environ)
        assert found, text
        assert not [fault for fault in found if "canary" in fault], (text, found)
