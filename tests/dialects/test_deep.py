"""JSON that is nested deeper than anybody can read, in everything that comes from outside: no exception but our own."""

import random
import re

import pytest

from headgate.config import ConfigError
from headgate.core.errors import HeadgateError
from tests.proofs.fuzz import TARGETS

DEEP = {
    f"{depth} {kind}": begin * depth + b"1" + end * depth
    for depth in (200, 400, 900, 20_000)
    for kind, begin, end in (("arrays", b"[", b"]"), ("objects", b'{"text":', b"}"))
}
MEMBER = re.compile(rb'"\w+":(?=["\d\[{tfn])')


@pytest.mark.parametrize("shape", DEEP)
@pytest.mark.parametrize("reader", [name for name, (seed, _) in TARGETS.items() if b'{"' in seed])
def test_what_is_nested_too_deep_is_refused_or_passed_over(reader: str, shape: str) -> None:
    seed, read = TARGETS[reader]
    unknown = seed.replace(b'{"', b'{"deep":' + DEEP[shape] + b',"', 1)
    known = [seed[: found.end()] + DEEP[shape] + b',"it_was":' + seed[found.end() :] for found in MEMBER.finditer(seed)]
    for data in (unknown, *known):
        try:
            read(data, random.Random(1))
        except (HeadgateError, ConfigError):
            pass
