"""Rules and channels in the configuration: the page's own example is good, and every fault is told with its place."""

import re
from pathlib import Path

import pytest

from headgate.alerts.kinds import FILES
from headgate.alerts.shipped import SHIPPED, in_force
from headgate.config import ConfigError, loads
from headgate.config.known import known

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "alerts.md").read_text()
ENVIRON = {
    "SLACK_WEBHOOK_URL": "https://hooks.slack.example/x", "PAGERDUTY_ROUTING_KEY": "0" * 32, "ALERT_SECRET": "s" * 32,
}  # fmt: skip


def load(text):
    return loads(text.encode(), environ=ENVIRON, known=known({}))


def test_the_example_of_the_page():
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    config = load(example)
    rules = in_force(config.alerts, {}, config.channels)
    assert rules.shared["provider-down"].channels == ["ops", "pager"]
    assert not rules.shared["breaker-open"].enabled
    assert rules.channels == {"ops", "pager", "mail", "own"}
    assert "x" not in str(config.channels["ops"].secret)


def test_the_page_names_every_kind_and_what_is_shipped():
    assert all(f"| `{kind}` |" in PAGE for kind in FILES)
    assert all(f"`{name}`" in PAGE for name in SHIPPED)


@pytest.mark.parametrize(
    ("text", "path", "words"),
    [
        ("alerts: {a: {kind: eror_rate}}", "alerts.a.kind", "did you mean `error_rate`"),
        ("alerts: {a: {kind: error_rate, above: 3}}", "alerts.a.above", "from 0 to 1"),
        ("alerts: {a: {kind: error_rate, channels: [ops]}}", "alerts.a.channels[0]", "no channel `ops`"),
        ("alerts: {a: {kind: latency, by: model, route: x}}", "alerts.a.by", "one kind of name"),
        ("alerts: {'a b': {kind: home}}", "alerts.a b", "letters"),
        ("alerts: {a: error_rate}", "alerts.a", "must be a rule"),
        ("channels: {a: {kind: slak, secret: x}}", "channels.a.kind", "no kind of channel"),
        ("channels: {a: {kind: slack}}", "channels.a", "is needed by slack"),
        ("channels: {a: {kind: email, target: nobody}}", "channels.a.target", "no e-mail address"),
        ("channels: {a: {kind: webhook, target: x, secrt: y}}", "channels.a", "unknown key"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text, path, words):
    with pytest.raises(ConfigError) as caught:
        load(text)
    assert any(one.path == path and words in one.message for one in caught.value.problems), caught.value.problems
