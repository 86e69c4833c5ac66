"""Credentials: by how they begin, by what calls them so, and what is none."""

import pytest

from headgate.guardrails.secrets import KNOWN, Secrets, entropy

TAIL = "a1B2c3D4e5F6g7H8j9K0m1N2p3Q4r5S6t7U8v9W0x1Y2z3A4b5C6d7E8f9G0h1J2k3L4m5N6o7P8q9R0s1T2u3V4w5X6y7Z8"
MADE = {
    "headgate": ["hg_" + TAIL[:49], "hga_" + TAIL[:49]],
    "anthropic": ["sk-ant-api03-" + TAIL[:60]],
    "openai": ["sk-proj-" + TAIL[:60], "sk-" + TAIL[:48]],
    "google": ["AIza" + TAIL[:35]],
    "aws": ["AKIAIOSFODNN7EXAMPLE"],
    "github": ["ghp_" + TAIL[:36], "github_pat_" + TAIL[:70]],
    "gitlab": ["glpat-" + TAIL[:20]],
    "slack": ["xoxb-123456789012-" + TAIL[:24]],
    "stripe": ["sk_live_" + TAIL[:24], "whsec_" + TAIL[:32]],
    "huggingface": ["hf_" + TAIL[:34]],
    "groq": ["gsk_" + TAIL[:52]],
    "xai": ["xai-" + TAIL[:80]],
    "jwt": ["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0." + TAIL[:43]],
    "private_key": ["-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nabc=\n-----END RSA PRIVATE KEY-----"],
    "sendgrid": ["SG." + TAIL[:22] + "." + TAIL[:43]],
    "npm": ["npm_" + TAIL[:36]],
    "telegram": ["110201543:AA" + TAIL[:33]],
}
ASSIGNED = [
    ('password = "hunter2!xyz9"', "hunter2!xyz9"),
    ("api_key: 9f86d081884c7d659a2feaa0c55ad015", "9f86d081884c7d659a2feaa0c55ad015"),
    ("Das Passwort lautet S0mmer#2024", "S0mmer#2024"),
    ("export DB_PASSWORD=tr0ub4dor&3", "tr0ub4dor&3"),
    ("https://bob:s3cr3tpw@db.corp.example/x", "s3cr3tpw"),
]
NONE = [
    "password = your_password", "the secret is love", "token: null", "api_key = os.environ['KEY']", "pass: xxxxxxxxxxxx",
    "the password is required", "sk-learn is a library", "AKIA is a prefix", "eyJ", "secret: ${SECRET}", "ghp_short",
    "https://corp.example:8080/a@b", "-----BEGIN CERTIFICATE-----\nMIIEow\n-----END CERTIFICATE-----",
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text"), [(k, t) for k, texts in MADE.items() for t in texts])
def test_found_by_how_they_begin(kind: str, text: str) -> None:
    for framed in (text, f"use {text}, please", f'{{"key":"{text}"}}', f"Authorization: Bearer {text}\n"):
        found = Secrets().find(framed)
        kinds = {name for _, _, name in found}
        assert kind in kinds or "assigned" in kinds, (framed, found)
        covered = "".join(framed[s:e] for s, e, _ in found)
        assert text.removeprefix("110201543") in covered


@pytest.mark.parametrize(("text", "value"), ASSIGNED)
def test_found_by_what_calls_them_so(text: str, value: str) -> None:
    assert [text[s:e] for s, e, _ in Secrets().find(text)] == [value]


@pytest.mark.parametrize("text", NONE)
def test_what_is_none(text: str) -> None:
    assert Secrets().find(text) == []


def test_a_key_without_an_end_is_taken_as_far_as_it_goes() -> None:
    text = "here: -----BEGIN PRIVATE KEY-----\nMIIEow\n" + "A" * 100
    assert [text[s:e] for s, e, _ in Secrets(types=["private_key"]).find(text)] == [text[6:]]


def test_only_what_is_asked_for() -> None:
    text = f"{MADE['aws'][0]} {MADE['github'][0]}"
    assert [name for _, _, name in Secrets(types=["github"]).find(text)] == ["github"]


def test_entropy() -> None:
    assert entropy("aaaa") == 0 and entropy("abcd") == 2
    assert set(KNOWN) > {"openai", "aws"}
