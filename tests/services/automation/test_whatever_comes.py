"""Owner, utility, prices, appliances and crashes in any order: at the end everybody is as its user left it."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heg.control.journal_format import read_file
from heg.data.door import CommandAnswer
from heg.model.instance import Location
from heg.model.leases import Claimant
from heg.model.policy import CUSTOMER
from heg.model.timings import Timings
from heg.runtime.clock import Clock
from heg.services.automation.service import Automation
from heg.services.automation.settings import ApplianceRule, AutomationSettings, Strategy
from heg.unit.settings import AUTOMATION
from tests.control.gateway import Gateway
from tests.control.gateway import settings as control_settings
from tests.services.automation.scene import ON, ROME, UNIT
from tests.services.automation.test_with_control import furnished
from tests.support.stepped import stepped

FLEET = {
    "heater": ("optional", 3.0),
    "dryer": ("flexible", 2.0),
    "oven": ("must-run", 2.5),
    "lamp": ("optional", 0.5),
    "computer": ("flexible", 0.1),
}
RULES = (ApplianceRule(name="dryer", max_price=0.3), ApplianceRule(name="computer", max_price=0.25, runs=True))
SPEAKS = dict.fromkeys(
    (Claimant.APPLIANCE, Claimant.UTILITY, Claimant.PLAN, Claimant.AUTOMATION), frozenset({AUTOMATION})
)


class Happening(NamedTuple):
    """What happens (a method of `Village`), to which appliance, with which state, how much of it, the wait after."""

    what: str
    name: str
    state: str
    much: float
    wait_s: float


class Village:
    """A house with a gateway and automation that can end and begin anew. Its users only ever switch on."""

    def __init__(self, clock: Clock, folder: Path) -> None:
        self.clock, self.folder = clock, folder
        self.house, self.machines = furnished(clock, **FLEET)
        self.machines["heater"].wakes_after_s = 20.0
        self.boot = 0

    def begin(self) -> None:
        control = control_settings(boot=f"boot-{self.boot}", claimants=SPEAKS)
        self.gateway = Gateway(self.house, self.folder / "journal", control)
        self._automate()

    def _automate(self) -> None:
        plain = AutomationSettings(unit="home", timings=Timings.for_cycle(1.0), zone=ROME)
        wanted = replace(plain, strategy=Strategy.FULL, rules=RULES)
        self.task = asyncio.create_task(
            Automation(self.house.data.admit(CUSTOMER, AUTOMATION), self.clock, wanted).run()
        )

    async def happens(self, one: Happening) -> None:
        await getattr(self, one.what)(one)
        await self.clock.sleep(one.wait_s)
        assert not self.task.done()

    async def manual(self, one: Happening) -> None:
        await self._ask(one.name, "manual", power_state=one.state, valid_s=60.0 + 600.0 * one.much)

    async def release(self, one: Happening) -> None:
        await self._ask(one.name, "manual", release=True)

    async def order(self, one: Happening) -> None:
        name = "" if one.much > 0.6 else one.name
        await self._ask(name, "appliance", power_state=one.state, minutes=1 + 20 * one.much)

    async def reduce(self, one: Happening) -> None:
        await self.gateway.owner.command("command.reduce", UNIT, {"max_import_kw": 6 * one.much, "minutes": 20})

    async def price(self, one: Happening) -> None:
        self.gateway.owner.write("price.import", Location("home", "spot"), 0.5 * one.much)

    async def load(self, one: Happening) -> None:
        self.house.load_kw = [4.0 * one.much] * 3

    async def press(self, one: Happening) -> None:
        self.machines[one.name].pressed(ON)

    async def vanish(self, one: Happening) -> None:
        machine = self.machines[one.name]
        assert machine.handle is not None
        machine.silent = True
        machine.handle.lost("gone")

    async def appear(self, one: Happening) -> None:
        machine = self.machines[one.name]
        assert machine.handle is not None
        machine.silent = False
        machine.handle.alive()

    async def wake_up(self, one: Happening) -> None:
        await self._ask(one.name, "register", kind="wake_up", start=f"{int(23 * one.much):02}:30:00")

    async def no_standby(self, one: Happening) -> None:
        hour = self.clock.utc().hour
        await self._ask(
            one.name, "register", kind="no_standby", start=f"{hour:02}:00:30", stop=f"{(hour + 2) % 24:02}:00:00"
        )

    async def exchange(self, one: Happening) -> None:
        """Their driver is configured anew."""
        some = frozenset(f"uuid:{name}" for name in (one.name, "heater", "dryer"))
        await self.gateway.room.let_go(some)
        await self.clock.sleep(10 * one.much)
        self.gateway.room.take_up(some)

    async def hands_off(self, one: Happening) -> None:
        await self.gateway.owner.command("command.hands_off", UNIT, {"on": one.much > 0.5}, timeout_s=60.0)

    async def set_clock(self, one: Happening) -> None:
        self.clock.jump_utc(7200.0 * (one.much - 0.5))

    async def crash(self, one: Happening) -> None:
        await self.gateway.crash()
        await self.end_of_automation()
        for machine in self.machines.values():
            machine.forgets()
        await self.clock.sleep(1000.0 * one.much)
        self.boot += one.much > 0.7
        self.begin()

    async def end_of_automation(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def contents_everybody(self) -> None:
        """Nothing is asked any more, everybody answers, energy is cheap, and hours pass."""
        quiet = Happening("", "", "", 0.0, 0.0)
        await self.hands_off(quiet)
        for name in self.machines:
            await self.appear(quiet._replace(name=name))
            await self.release(quiet._replace(name=name))
        await self.price(quiet)
        await self.load(quiet)
        await self._ask("", "appliance", release=True)
        await self.gateway.owner.command("command.reduce", UNIT, {"release": True})
        await self.clock.sleep(10_000.0)

    async def _ask(self, name: str, command: str, **said: object) -> CommandAnswer:
        return await self.gateway.owner.command(f"command.{command}", Location("home", name), said, timeout_s=60.0)


_QUIET = {"begin", "happens", "end_of_automation", "contents_everybody"}
happenings = st.builds(
    Happening,
    st.sampled_from(sorted(name for name in vars(Village) if not name.startswith("_") and name not in _QUIET)),
    st.sampled_from(sorted(FLEET)),
    st.sampled_from(["on", "standby", "off"]),
    st.floats(0, 1),
    st.sampled_from([0.0, 0.3, 1.0, 5.0, 40.0, 400.0]),
)


@pytest.mark.soak
@settings(max_examples=30, deadline=None, derandomize=False)
@given(st.lists(happenings, min_size=10, max_size=50))
def test_all_end_as_their_users_left_them(told: list[Happening]) -> None:
    @stepped
    async def story(clock: Clock) -> None:
        with tempfile.TemporaryDirectory(prefix="heg-village-") as folder:
            village = Village(clock, Path(folder))
            async with village.house.living():
                village.begin()
                for one in told:
                    await village.happens(one)
                await village.contents_everybody()
                assert {name: one.state for name, one in village.machines.items()} == dict.fromkeys(FLEET, ON)
                assert [alarm for alarm in village.gateway.alarms() if "wake-up" not in alarm] == []
                assert await village.gateway.stop()
                await village.end_of_automation()
            said, _ = read_file((Path(folder) / "journal").read_bytes())
            assert said.held == {}

    story()
