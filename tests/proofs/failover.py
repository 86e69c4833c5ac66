"""The sixteen scenarios of Failover Bench in full timing: the gateway's own time limits, a minute of flapping."""

from contextlib import ExitStack
from pathlib import Path

from headgate.core.secret import Secret
from headgate.faultlab.drill import play_all
from headgate.faultlab.scenarios import FAST, SCENARIOS, Limits
from headgate.faultlab.wall import Wall
from tests.e2e.processes import Gateway
from tests.faults.test_failover_bench import configured, stage
from tests.proofs import Progress


def prove(scale: float, folder: Path, progress: Progress) -> str:
    wall, limits = Wall(), Limits() if scale >= 1 else FAST
    done: list[str] = []
    with ExitStack() as at_end:
        gateway = Gateway(folder / "home", config=configured(wall, limits)).start()
        at_end.callback(gateway.kill)
        stages = {scenario.id: stage(scenario) for scenario in SCENARIOS}

        def tell(outcome: object) -> None:
            done.append("")
            progress(len(done), len(SCENARIOS))

        outcomes = play_all(stages, wall, gateway.port, Secret(gateway.first_key), limits, tell)
        failed = [f"{one.id} {one.title}: {one.complaint}" for one in outcomes if one.complaint]
        assert not failed, "; ".join(failed)
        assert gateway.stop() == 0
    timing = "full" if scale >= 1 else "fast"
    return f"{len(outcomes)} of {len(SCENARIOS)} scenarios passed in {timing} timing"
