"""Where the configuration came from, as the management API tells it."""

from headgate.admin.origins import lines, settings_of
from headgate.settings import load

TEXT = b"""\
providers:
  local:
    kind: openai
    timeouts: {connect: 2}
routes:
  fast: {targets: [local/x]}
"""


def test_lines_are_those_of_the_file():
    assert lines(TEXT) == {
        "providers": 1,
        "providers.local": 2,
        "providers.local.kind": 3,
        "providers.local.timeouts": 4,
        "routes": 5,
        "routes.fast": 6,
        "routes.fast.targets": 6,
    }
    assert lines(b"") == {}


def test_a_setting_tells_who_set_it_and_no_secret():
    environ = {"HEADGATE_PORT": "9000", "HEADGATE_REDIS_URL": "redis://:canary@h/0", "HEADGATE_HOST": ""}
    found = {one.name: one for one in settings_of(load(environ, {"workers": 3}), environ)}
    assert (found["port"].value, found["port"].source) == ("9000", "environment")
    assert (found["workers"].value, found["workers"].source) == ("3", "command line")
    assert (found["host"].value, found["host"].source) == ("127.0.0.1", "default")
    assert found["redis_url"].value == "***"
    assert found["home"].source == "default"


async def test_the_schema_is_for_whoever_is_signed_in_and_origins_for_who_sees_the_configuration(api):
    answer = await api.ask("GET", "/api/v1/config/schema", "key")
    assert answer.status_code == 200
    assert "Pii" in answer.json()["$defs"]
    assert (await api.ask("GET", "/api/v1/config/origins", "key")).status_code == 403
    found = (await api.ask("GET", "/api/v1/config/origins", "other")).json()
    assert found["settings"] == []
    assert found["lines"]["routes.cheap"] == 7
