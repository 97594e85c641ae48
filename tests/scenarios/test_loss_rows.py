"""Each row of the loss matrix has a scenario of the rig, and holds what it states in the time it states.

What a gateway suffers inside one process runs stepped; what needs a process of its own (kill -9, a spoilt file, a full
disk) runs in scaled time.
"""

from functools import partial
from pathlib import Path
from time import time  # noqa: TID251 - two processes agree on house time by the real one

import pytest

import hil
from heg.model.losses import LOSSES
from heg.runtime.clock import Clock
from heg.runtime.loops import ScaledTiming, run
from hil.gateway_process import GatewayProcess, ProcessPlan, fresh_folder
from hil.ports import free_port
from hil.rig import Rig
from hil.scenario import Scenario, Verdict, load, perform
from tests.support.house import a_house
from tests.support.stepped import run_stepped

FOLDER = Path(hil.__file__).parent / "scenarios"
SCENARIOS = {path.stem: load(path, offline=True) for path in sorted(FOLDER.glob("*.toml"))}
WITH_GATEWAY = {name: scenario for name, scenario in SCENARIOS.items() if scenario.needs_gateway}
STEPPED = [name for name, scenario in WITH_GATEWAY.items() if not scenario.needs_process]
IN_PROCESSES = [name for name, scenario in WITH_GATEWAY.items() if scenario.needs_process]
QUICK = {"process-killed"}
"""Of those in processes the one that stays in the suite; the others are `./dev soak`."""


def test_every_row_has_its_scenario() -> None:
    played = {scenario.row: name for name, scenario in SCENARIOS.items() if scenario.row}
    missing = set(LOSSES) - set(played)
    assert not missing, f"rows without a scenario: {sorted(missing)}"
    assert all(LOSSES[row].scenario == name for row, name in played.items())


@pytest.mark.parametrize("name", STEPPED)
def test_what_a_row_states_holds(name: str, tmp_path: Path) -> None:
    scenario = SCENARIOS[name]
    lines: list[str] = []

    async def scene(clock: Clock) -> list[Verdict]:
        async with a_house(clock, tmp_path, plan=scenario.plan, sections=scenario.gateway) as house:
            return await perform(scenario, house.rig, house.view, lines.append, house)

    verdicts = run_stepped(scene, start_utc=scenario.start_utc)
    assert all(verdict.met for verdict in verdicts), "\n".join(lines)


@pytest.mark.system
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.soak]) for name in IN_PROCESSES]
)
def test_what_a_row_states_holds_across_processes(name: str, tmp_path: Path) -> None:
    scenario = SCENARIOS[name]
    lines: list[str] = []
    epoch_s = time()
    timing = ScaledTiming(scenario.speed, scenario.start_utc, epoch_s)
    verdicts = run(partial(_beside_a_process, scenario, tmp_path / "gateway", epoch_s, lines), timing=timing)
    assert all(verdict.met for verdict in verdicts), "\n".join(lines)


async def _beside_a_process(
    scenario: Scenario, folder: Path, epoch_s: float, lines: list[str], clock: Clock
) -> list[Verdict]:
    async with Rig(scenario.plan, clock) as rig:
        port = free_port()
        plan = ProcessPlan(fresh_folder(folder), port, scenario.speed, scenario.start_utc, epoch_s, scenario.beside)
        gateway = GatewayProcess(rig, clock, plan)
        try:
            await gateway.start()
            return await perform(scenario, rig, gateway.view, lines.append, gateway)
        finally:
            await gateway.stop()
