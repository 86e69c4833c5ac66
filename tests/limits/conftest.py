"""Gates of both kinds on one clock that the test moves."""

import pytest

from tests.clock import Nanoseconds


@pytest.fixture
def clock() -> Nanoseconds:
    return Nanoseconds(10**15)
