"""References to secrets that others keep, such as ``vault:secret/data/headgate#openai``: how they are written."""

import difflib
import re

import msgspec

FILE = "file:"
"""How a text begins that names a file with the secret in it, rather than being it."""
FIELD = r"#(?P<field>[^\s#]{1,256})"
LOOPBACK = r"http://(?:127\.0\.0\.1|localhost|\[::1\])"
NEAR = 0.8


class Reference(msgspec.Struct, frozen=True):
    """Names one secret; nothing of the secret is in it."""

    scheme: str
    """Who keeps it: a name in ``FORMS``."""
    target: str
    """Where it is there."""
    field: str = ""
    """Which part of it is meant; empty for the whole."""

    def __str__(self) -> str:
        return f"{self.scheme}:{self.target}" + (f"#{self.field}" if self.field else "")


class Form(msgspec.Struct, frozen=True):
    """How references to one kind of manager are written."""

    manager: str
    pattern: re.Pattern[str]
    """Of what stands after the colon, with groups ``target`` and ``field``."""
    words: str
    """An example, and what may be left out."""


FORMS = {
    "vault": Form(
        "HashiCorp Vault",
        re.compile(r"(?P<target>[\w.~@+=-]+(?:/[\w.~@+=-]+)+(?:\?version=[0-9]{1,9})?)" + FIELD, re.A),
        "vault:secret/data/headgate#openai (the path that the API has, with `data/` for KV version 2; then the field)",
    ),
    "aws-secretsmanager": Form(
        "AWS Secrets Manager",
        re.compile(
            r"(?P<target>(?:arn:aws[a-z-]*:secretsmanager:[a-z0-9-]{4,32}:[0-9]{12}:secret:)?[\w/+=.@!-]{1,512})"
            rf"(?:{FIELD})?",
            re.A,
        ),
        "aws-secretsmanager:headgate/openai, or its ARN, and #field where it holds JSON",
    ),
    "gcp-secretmanager": Form(
        "Google Secret Manager",
        re.compile(
            r"(?P<target>projects/[a-z0-9:.-]{1,128}(?:/locations/[a-z0-9-]{1,64})?/secrets/[\w-]{1,255}"
            rf"(?:/versions/[\w-]{{1,64}})?)(?:{FIELD})?",
            re.A,
        ),
        "gcp-secretmanager:projects/my-project/secrets/openai/versions/latest, and #field where it holds JSON",
    ),
    "azure-keyvault": Form(
        "Azure Key Vault",
        re.compile(
            rf"(?P<target>(?:https://[A-Za-z0-9.-]{{1,253}}|{LOOPBACK})(?::[0-9]{{1,5}})?/secrets/[A-Za-z0-9-]{{1,127}}"
            rf"(?:/[A-Za-z0-9]{{1,64}})?)(?:{FIELD})?",
            re.A,
        ),
        "azure-keyvault:https://my-vault.vault.azure.net/secrets/openai, and #field where it holds JSON",
    ),
}
ALIASES = {
    "hashicorp-vault": "vault",
    "keyvault": "azure-keyvault",
    "secretsmanager": "aws-secretsmanager",
    "secretmanager": "gcp-secretmanager",
    "google-secretmanager": "gcp-secretmanager",
}


def reference(text: str) -> Reference | None:
    """Return what *text* refers to, ``None`` where it is the secret itself.

    Raise ``ValueError``, saying how it is written, for what is nearly one. Nothing of *text* is repeated: it may be a
    secret.
    """
    scheme, colon, rest = text.partition(":")
    form = FORMS.get(scheme)
    if form is None:
        if colon and (near := _near(scheme)) is not None:
            raise ValueError(
                f"begins with a word that refers to nothing; did you mean `{near}:`? It is written {FORMS[near].words}"
            )
        return None
    found = form.pattern.fullmatch(rest)
    if found is None or any(step in (".", "..") for step in re.split("[/?]", found["target"])):
        raise ValueError(f"is no reference to {form.manager}: it is written {form.words}")
    return Reference(scheme, found["target"], found["field"] or "")


def refers(text: str) -> bool:
    """Return whether *text* is a reference, or meant as one."""
    try:
        return reference(text) is not None
    except ValueError:
        return True


def _near(word: str) -> str | None:
    if not re.fullmatch(r"[A-Za-z_-]{4,40}", word):
        return None
    plain = word.lower().replace("_", "-")
    if plain in ALIASES:
        return ALIASES[plain]
    return next(iter(difflib.get_close_matches(plain, FORMS, n=1, cutoff=NEAR)), None)
