"""Every fault that the wall can commit, by the name that a model is called by."""

from inspect import iscoroutinefunction
from types import ModuleType

from headgate.faultlab import streams, whole
from headgate.faultlab.attempt import Fault
from headgate.faultlab.prefill import PREFILL


def of(module: ModuleType) -> dict[str, Fault]:
    """Return the faults of *module*: each of its own coroutine functions, ``begin`` but for its use by others."""
    own = ((name, one) for name, one in vars(module).items() if iscoroutinefunction(one) and name != "begin")
    return {name: one for name, one in own if one.__module__ == module.__name__}


FAULTS: dict[str, Fault] = {**of(whole), **of(streams), **whole.STATUSES, **PREFILL}
