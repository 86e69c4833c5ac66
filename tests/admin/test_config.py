"""The configuration in force, as the management API shows it."""

import msgspec

from headgate.admin.config import masked
from headgate.config import loads
from tests.config.conftest import KNOWN

TEXT = b"""
providers:
  local:
    kind: openai
    api_key: ${SECRET}
    headers: {x-team: canary-header, authorization: Bearer canary-bearer-0123456789}
  other: {kind: groq}
routes:
  fast: {targets: [local/x, other/y]}
"""


async def test_no_secret_is_shown(api):
    config = loads(TEXT, {"SECRET": "sk-canary-0123456789"}, KNOWN)
    shown = masked(msgspec.to_builtins(config, enc_hook=str))
    assert shown["providers"]["local"] == {
        "kind": "openai",
        "api_key": "***",
        "headers": {"x-team": "***", "authorization": "***"},
    }
    assert shown["routes"] == {"fast": {"targets": ["local/x", "other/y"]}}
    assert "canary" not in str(shown)


def test_credentials_in_other_places_are_masked_too():
    shown = masked({"proxy": "http://user:canary@proxy:8080", "note": ["sk-canary0123456789"], "api_key": None})
    assert "canary" not in str(shown)
    assert shown["api_key"] is None
