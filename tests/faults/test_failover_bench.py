"""The sixteen scenarios of Failover Bench in fast timing, judged from both sides."""

from collections.abc import Iterator

import pytest

from headgate.core.secret import Secret
from headgate.faultlab.drill import Stage, play
from headgate.faultlab.scenarios import FAST, SCENARIOS, Limits, Scenario
from headgate.faultlab.wall import Wall
from tests.e2e.processes import Gateway

pytestmark = pytest.mark.xdist_group("failover-bench")


def configured(wall: Wall, limits: Limits) -> str:
    """A configuration with a route and two accounts for each scenario, all of them at the wall."""
    times = f"{{headers: {limits.headers}, first_token: {limits.first_token}, idle: {limits.idle}}}"
    lines = ["providers:"]
    for scenario in SCENARIOS:
        for name in (f"{scenario.id}-first", f"{scenario.id}-spare"):
            url = f"http://127.0.0.1:{wall.port}/{name}/v1"
            lines.append(
                f'  {name}: {{kind: openai-compatible, base_url: "{url}", api_key: k, timeouts: {times}, '
                f"price: {{input: 1, output: 2}}}}"
            )
    lines.append("routes:")
    lines += [f"  {s.id}: {{targets: [{s.id}-first/first, {s.id}-spare/second]}}" for s in SCENARIOS]
    return "\n".join(lines) + "\n"


def stage(scenario: Scenario) -> Stage:
    return Stage(scenario.id, f"{scenario.id}-first/first", f"{scenario.id}-spare/second")


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, Wall]]:
    wall = Wall()
    gateway = Gateway(tmp_path_factory.mktemp("bench"), config=configured(wall, FAST)).start()
    yield gateway, wall
    assert gateway.stop() == 0


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[s.id for s in SCENARIOS])
def test_scenario(both: tuple[Gateway, Wall], scenario: Scenario) -> None:
    gateway, wall = both
    outcome = play(scenario, stage(scenario), wall, gateway.port, Secret(gateway.first_key), FAST)
    assert not outcome.complaint, f"{scenario.id} {scenario.title}: {outcome.complaint}"
