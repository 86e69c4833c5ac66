"""Threads whose work may lag: they let those go first who keep a caller waiting."""

import os
from contextlib import suppress
from threading import get_native_id

BEHIND = 10
"""How much nicer than others a thread is: of a core that both want it gets a tenth."""


def stand_back() -> None:
    """Have the calling thread run behind others from now on, where the system has priorities of threads (Linux)."""
    if os.uname().sysname == "Linux":
        with suppress(OSError):  # a sandbox may not let it
            os.setpriority(os.PRIO_PROCESS, get_native_id(), BEHIND)
