"""Threads that stand back."""

import os
import sys
from threading import Event, get_native_id

import pytest

from headgate.observe.background import BEHIND
from headgate.observe.rounds import Rounds


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a priority is a process's")
@pytest.mark.parametrize("behind", [True, False])
def test_a_thread_that_stands_back_does_so_alone(behind):
    own, seen = os.getpriority(os.PRIO_PROCESS, get_native_id()), []
    made = Event()

    def work():
        seen.append(os.getpriority(os.PRIO_PROCESS, get_native_id()))
        made.set()
        return 60.0

    rounds = Rounds("test", work, behind=behind)
    rounds.start(0.0)
    made.wait(10)
    rounds.stop(5)
    assert seen == [min(BEHIND, 19) if behind else own]
    assert os.getpriority(os.PRIO_PROCESS, get_native_id()) == own
