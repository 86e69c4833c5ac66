from collections.abc import Iterator

import pytest

from headgate.faultlab.wall import Wall


@pytest.fixture(scope="session")
def wall() -> Iterator[Wall]:
    yield Wall()
