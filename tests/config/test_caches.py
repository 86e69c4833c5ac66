"""Caches in the configuration: what is wrong with one is told with its line."""

import pytest

from headgate.config.known import known
from headgate.config.load import loads
from headgate.config.types import ConfigError

GOOD = """caches:
  answers: {store: sqlite, ttl: 60}
  near: {kind: semantic, semantic: {bound: 0.05}}
routes:
  fast: {targets: [sandbox/chat], cache: answers}
"""


def test_a_good_one() -> None:
    config = loads(GOOD.encode(), {}, known({}))
    assert (config.caches["answers"].ttl, config.caches["near"].semantic.bound) == (60, 0.05)
    assert config.routes["fast"].cache == "answers"


@pytest.mark.parametrize(
    ("was", "is_", "line", "told"),
    [
        ("cache: answers", "cache: answer", 5, "routes.fast.cache: no cache `answer`; did you mean `answers`?"),
        ("ttl: 60", "ttl: 0", 2, "caches.answers.ttl: must be from 1 to"),
        ("ttl: 60", "tll: 60", 2, "unknown key `tll`; did you mean `ttl`?"),
        ("store: sqlite", "store: disk", 2, "caches.answers.store: must be one of memory, none, redis, sqlite"),
        ("ttl: 60", "max_bytes: 2000, max_entry: 3000", 2, "caches.answers.max_entry: is more than `max_bytes`"),
        ("ttl: 60", "keys: [a], without_keys: [a]", 2, "names a key that `keys` names too"),
        ("  answers:", "  stats: {}\n  answers:", 2, "the name `stats` is taken by the API"),
        ("  answers:", "  'a b': {}\n  answers:", 2, "a cache's name is 1 to 64 letters"),
        ("kind: semantic,", "kind: semantic, store: none,", 3, "needs a store that keeps something"),
        ("bound: 0.05", "bound: 2", 3, "caches.near.semantic.bound: must be from 0.001 to 0.2"),
        ("cache: answers", "cache: answers, fan_out: {answer: all}", 5, "a route that compares answers"),
    ],
)
def test_what_is_wrong_is_told_where_it_is(was: str, is_: str, line: int, told: str) -> None:
    with pytest.raises(ConfigError) as found:
        loads(GOOD.replace(was, is_, 1).encode(), {}, known({}))
    assert any(told in str(one) and one.line == line for one in found.value.problems), found.value.problems
