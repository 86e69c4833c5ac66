import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.core.redact import _HEADS, _RULES, redact, scrub

CANARY = "c4n4ry0c4n4ry0c4n4ry0c4n4ry0c4n4ry0"


@pytest.mark.parametrize(
    "text",
    [
        f"Incorrect API key provided: sk-proj-{CANARY}.",
        f"Incorrect API key provided: {CANARY}.",
        f"sk-ant-api03-{CANARY}-AA is not allowed",
        f"Authorization: Bearer {CANARY}",
        f"authorization: bearer {CANARY}",
        f'{{"api_key": "{CANARY}"}}',
        f"api-key={CANARY}",
        f"x-api-key: {CANARY}",
        f"x-goog-api-key: {CANARY}",
        f"GET https://host/v1/models?key={CANARY}&alt=sse",
        f"https://host/x?alt=sse&api_key={CANARY}",
        f"https://s3/x?X-Amz-Signature={CANARY}",
        f"postgresql://gateway:{CANARY}@db/headgate",
        f"hg_{CANARY} and hga_{CANARY}",
        f"gsk_{CANARY}, hf_{CANARY}, xai-{CANARY}",
        f"AIzaSy{CANARY}",
        f"AKIA{CANARY.upper()}",
        f"token eyJhbGciOiJIUzI1NiJ9.eyJ{CANARY}.{CANARY}",
        f"Basic {CANARY}",
        f"client_secret='{CANARY}'",
    ],
)
def test_no_credential_stays(text):
    assert "c4n4ry0" not in redact(text).lower()
    assert "***" in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens.",
        "max_tokens: 4096 is above the model's limit; ask for fewer.",
        "Invalid value for 'tools[0].function.name': it has 65 characters.",
        "The task-force met at https://example.com/path?page=2.",
        "",
    ],
)
def test_what_is_no_credential_stays(text):
    assert redact(text) == text


def test_the_words_around_a_credential_stay():
    assert redact("Key sk-abcdef123456 has no access to model x.") == "Key *** has no access to model x."


def test_time_grows_with_the_length_alone():
    assert redact("sk-" * 50_000 + "api key" * 20_000)


@pytest.mark.parametrize(
    ("line", "told", "left"),
    [
        (b"authorization: Bearer plainwords123", b"no key (plainwords123)!", b"no key (*************)!"),
        (b"Authorization: Bearer plainwords123", b'{"k":"plainwords123"}', b'{"k":"*************"}'),
        (b"x-goog-api-key: abcdefghijklmnop", b"abcdefghijklm*** is wrong", b"**************** is wrong"),
        (b"api-key: short", b"short", b"short"),
        (b"user-agent: headgate-gateway", b"headgate-gateway", b"headgate-gateway"),
    ],
)
def test_a_provider_does_not_repeat_the_credential_that_it_was_sent(line, told, left):
    assert scrub(told, b"POST /x HTTP/1.1\r\nhost: h\r\n" + line + b"\r\n") == left


@given(st.one_of([st.from_regex(rule, alphabet=st.characters(max_codepoint=127)) for rule, _ in _RULES]))
@settings(max_examples=200, deadline=None)
def test_the_quick_look_misses_nothing(text):
    assert any(head in text.lower() for head in _HEADS)
