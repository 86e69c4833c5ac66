"""Takes credentials out of text that others wrote: provider errors, exception messages, fields of a log line."""

import re

_HIDDEN = "***"
_RULES = (
    # Keys by the way they begin. Providers echo them half masked, hence the asterisk.
    (re.compile(r"\b(?:sk|pk|rk|xai|pplx|nvapi|csk|esecret)-[A-Za-z0-9_*.\-]{4,}"), _HIDDEN),
    (re.compile(r"\b(?:hga?|gsk|hf|fw|r8|tgp|gh[opsu]|glpat|github_pat)_[A-Za-z0-9_*\-]{6,}"), _HIDDEN),
    (re.compile(r"\b(?:AIza|ya29\.|AKIA|ASIA)[A-Za-z0-9_.\-]{10,}"), _HIDDEN),
    (re.compile(r"\beyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]+(?:\.[A-Za-z0-9_\-]*)?"), _HIDDEN),
    # Credentials by what stands before them.
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=*\-]{8,}"), rf"\1 {_HIDDEN}"),
    (re.compile(r"://[^/\s:@]{1,200}:[^/\s@]{1,200}@"), f"://{_HIDDEN}@"),
    (
        re.compile(
            r"(?i)([?&;](?:key|api[_-]?key|access[_-]?token|token|sig|signature|secret|password|x-amz-[a-z-]+)=)"
            r"[^&\s\"'<>#]+"
        ),
        rf"\1{_HIDDEN}",
    ),
    (
        re.compile(
            r"(?i)\b((?:x-)?(?:api|goog-api)[_-]?key|x-goog-api-key|authorization|cookie|client[_-]secret|secret|password)"
            r"(\"?'?\s{0,3}[:=]\s{0,3}\"?'?)(?!bearer |basic )[^\s\"',;}&]{4,}"
        ),
        rf"\1\2{_HIDDEN}",
    ),
    (re.compile(r"(?i)\b(api key[^:\n]{0,40}: ?)[^\s\"',;]{6,}"), rf"\1{_HIDDEN}"),
)


_HEADS = (
    "sk-", "pk-", "rk-", "xai-", "pplx-", "nvapi-", "hg_", "hga_", "gsk_", "hf_", "fw_", "r8_", "tgp_", "gho_", "ghp_",
    "ghs_", "ghu_", "glpat_", "github_pat_", "aiza", "ya29.", "akia", "asia", "eyj", "bearer", "basic", "://", "key=",
    "token=", "sig=", "signature=", "x-amz-", "api_key", "api-key", "apikey", "api key", "authorization", "cookie",
    "secret", "password",
)  # fmt: skip
"""One of these, in lower case, stands in every text that a rule changes: looking for them takes a tenth of the time."""


def redact(text: str) -> str:
    """Return *text* with every credential in it replaced by ``***``: keys, tokens, bearer values, secrets in URLs."""
    if text.isascii():  # beyond it, there are letters that a rule takes for these in another case
        lower = text.lower()
        if not any([head in lower for head in _HEADS]):
            return text
    for rule, shown in _RULES:
        text = rule.sub(shown, text)
    return text


_CREDENTIAL = re.compile(rb"(?im)^(?:authorization|[^:\r\n]*(?:key|token|secret|auth)[^:\r\n]*):[ \t]*([^\r\n]+)")
_SHORTEST = 8
_ECHOED = 12
"""Characters of its beginning by which a credential that is repeated in part is known."""


def scrub(data: bytes, head: bytes) -> bytes:
    """Return what a provider answered without the credential that it was sent in *head*, whatever that looks like.

    As many asterisks stand in its place, so that the length that was announced stays true.
    """
    for value in _CREDENTIAL.findall(head):
        for word in {value, value.rpartition(b" ")[2]}:
            if len(word) >= _SHORTEST and word[:_ECHOED] in data:
                part = re.escape(word[:_ECHOED]) + rb"[^\s\"'<>(),;]*"
                data = re.sub(part, lambda found: b"*" * len(found[0]), data)
    return data
