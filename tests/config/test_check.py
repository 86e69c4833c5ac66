"""Names that must exist, must not clash, and must not lead in circles."""

import pytest

from tests.config.conftest import faults, read

LOCAL = "providers: {local: {kind: openai-compatible, base_url: 'http://127.0.0.1:1/v1'}}\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("providers: {p: {kind: opnai}}", "unknown kind `opnai`; did you mean `openai`?"),
        ("providers: {p: {kind: openai-compatible}}", "needs `base_url`: the kind `openai-compatible` has none"),
        ("providers: {sandbox: {kind: openai}}", "the name `sandbox` belongs to the embedded provider"),
        ("providers: {use-case: {kind: openai}}", "the name `use-case` is reserved"),
        ("providers: {a/b: {kind: openai}}", "a provider's name is 1 to 64 letters"),
        ("providers: {'': {kind: openai}}", "a provider's name is 1 to 64 letters"),
        ("providers: {p: {kind: openai, base_url: 'ftp://h'}}", "must be a URL such as https://host/v1"),
        ("providers: {p: {kind: openai, base_url: 'https://'}}", "must be a URL such as https://host/v1"),
        ("providers: {p: {kind: openai, base_url: 'https://h:99999'}}", "must be a URL such as https://host/v1"),
        ("providers: {p: {kind: openai, base_url: 'https://h /x'}}", "must be a URL such as https://host/v1"),
        ("providers: {p: {kind: openai, base_url: 'https://u:p@h'}}", "must not hold a user or password"),
        ("providers: {p: {kind: openai, base_url: 'https://h?x=1'}}", "must not have a query or fragment"),
        ("providers: {p: {kind: openai, proxy: 'h:1'}}", "must be a URL such as https://host/v1"),
        ("providers: {p: {kind: openai, headers: {Host: x}}}", "is not a header that can be set here"),
        ('providers: {p: {kind: openai, headers: {x-a: "a\\r\\nb: c"}}}', "a header's value is printable ASCII"),
        ('providers: {p: {kind: openai, api_key: "a\\nb"}}', "is not printable ASCII; is there a line break in it?"),
        ("observe: {otlp: {endpoint: 'collector:4318'}}", "must be a URL such as https://host/v1"),
        ("observe: {otlp: {headers: {Host: x}}}", "is not a header that can be set here"),
        ('observe: {otlp: {headers: {x-a: "a\\r\\nb: c"}}}', "a header's value is printable ASCII"),
        ("observe: {otlp: {sample: 2}}", "0 to 1"),
        ("observe: {langfuse: {host: 'https://u:p@h'}}", "must not hold a user or password"),
        ("observe: {webhook: {url: 'ftp://h', secret: abc}}", "must be a URL such as https://host/v1"),
        ("observe: {log: {}}", "needs `to`"),
        ("models: {mock: {}}", "must be written `provider/model`, as in `sandbox/mock`"),
        ("models: {locl/x: {}}", "no provider `locl`"),
        ("models: {sandbox/: {}}", "names no model: write `sandbox/model`"),
        ("steps: {polsh: off}", "no step `polsh`; did you mean `polish`?"),
        ("routes: {r: {targets: [sandbox/chat], skip: [plan]}}", "no step `plan`; known are measure, polish"),
        ("routes: {r: {targets: []}}", "must name at least one deployment"),
        ("routes: {r: {targets: [r]}}", "is the route itself"),
        ("routes: {r: {targets: [sandbox/a, sandbox/a]}}", "`sandbox/a` is in this list already"),
        ("routes: {r: {targets: [groq/x]}}", "no provider `groq`: set GROQ_API_KEY, or add `providers.groq`"),
        ("routes: {r: {targets: [gpt-4oo]}}", "no model `gpt-4oo`; did you mean `gpt-4o`?"),
        ("routes: {r: {targets: [gpt-4o]}}", "`gpt-4o` must be written in full: did you mean `openai/gpt-4o`?"),
        ("routes: {r: {targets: [chat]}}", "`chat` must be written in full: did you mean `sandbox/chat`?"),
        ("providers: {p: {kind: openai, enabled: off}}\nroutes: {r: {targets: [p/x]}}", "has `enabled: off`"),
        ("providers: {p: {kind: openai, enabled: off}}\naliases: {a: p/x}", "the provider of `p/x` has `enabled: off`"),
        ("routes: {sandbox: {targets: [sandbox/a]}}", "is the name of the provider `sandbox`"),
        ("routes: {sandbox/a: {targets: [sandbox/b]}}", "begins with the name of the provider `sandbox`"),
        ("routes: {use-case/x: {targets: [sandbox/b]}}", "names that begin with `use-case/` are reserved"),
        ("routes: {'a b': {targets: [sandbox/b]}}", "printable characters without spaces"),
        ("aliases: {a: a}", "is an alias of itself"),
        ("aliases: {sandbox: sandbox/x}", "is the name of the provider `sandbox`"),
        ("aliases: {a: nowhere/x}", "no provider `nowhere`"),
        ("sandbox: off\nroutes: {r: {targets: [sandbox/a]}}", "no provider `sandbox`"),
    ],
)
def test_one_fault(one_fault, text, said):
    assert said in one_fault(text)


def test_a_bare_name_of_the_file_must_be_written_in_full(one_fault):
    text = LOCAL + "models: {local/mock: {}}\nroutes: {r: {targets: [mock]}}"
    assert "`mock` must be written in full: did you mean `local/mock`?" in one_fault(text)


def test_a_name_that_is_a_route_and_an_alias(one_fault):
    text = "aliases: {fast: sandbox/x}\nroutes:\n  fast: {targets: [sandbox/a]}"
    assert one_fault(text) == "3:3 routes.fast: is a route and an alias (line 1): rename one"


def test_a_target_that_is_nothing():
    assert [fault.partition(": ")[2] for fault in faults("routes: {r: {targets: [sandbox/a, null]}}")] == [
        "must be text; put it in quotes; found nothing"
    ]


def test_a_route_that_targets_a_route_or_an_alias():
    text = "aliases: {a: sandbox/x}\nroutes: {r: {targets: [sandbox/a]}, s: {targets: [r, a]}}"
    assert [fault.partition(": ")[2] for fault in faults(text)] == [
        "`r` is a route: a target is a deployment, such as `provider/model`",
        "`a` is an alias: a target is a deployment, such as `provider/model`",
    ]


def test_aliases_in_a_circle():
    found = faults("aliases: {a: b, b: c, c: a, d: a}")
    assert ["in a circle" in fault for fault in found] == [True, True, True, False]


def test_what_may_be_named():
    config = read(
        LOCAL
        + """
models: {local/any/slashes: {context: 10}}
aliases: {quick: fast, mine: local/unlisted, known: sandbox/chat}
routes: {fast: {targets: [local/any/slashes, sandbox/chat], skip: [polish]}}
steps: {measure: off}
"""
    )
    assert config.aliases["quick"] == "fast"
    assert config.steps == {"measure": False}


def test_names_of_entries_that_are_wrong_inside_are_known_still(one_fault):
    assert "providers.p: must be a mapping" in one_fault("providers: {p: 3}\nroutes: {r: {targets: [p/x]}}")
