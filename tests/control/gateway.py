"""A control room over the house in memory, as the composition root would build it."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from heg.control.room import ControlRoom
from heg.control.settings import ControlSettings, settings_for
from heg.model.instance import ANY, Location
from heg.model.leases import Claim, LeaseRecord
from heg.model.policy import CUSTOMER
from heg.model.records import AlarmRecord
from heg.model.refusals import Refusal
from heg.runtime.supervisor import Supervisor
from tests.control.house import House

BOOT = "boot-1"


def settings(**changes: object) -> ControlSettings:
    contract = {"max_import_kw": 11.0, "max_export_kw": 11.0, "max_a_per_phase": 35.0, "phases": 3}
    limits = {key: changes.pop(key) for key in tuple(changes) if key in contract}
    base = settings_for("home", 1.0, boot=BOOT, **(contract | limits))  # type: ignore[arg-type]
    return replace(base, **changes)  # type: ignore[arg-type]


class Gateway:
    """The control room of one process; `crash` ends it without a word, as kill -9 would."""

    def __init__(self, house: House, journal: Path, wanted: ControlSettings | None = None) -> None:
        self.house, self.clock, self.journal = house, house.clock, journal
        self.cycles = 0
        self.crashed = False
        self.supervisor = Supervisor(house.clock)
        self.door = house.data.admit(CUSTOMER, "control")
        self.planner = house.data.admit(CUSTOMER, "planner")
        self.owner = house.data.admit(CUSTOMER, "web")
        self.room = ControlRoom(
            self.door,
            house.devices,
            house.clock,
            self.supervisor,
            journal,
            wanted or settings(),
            self._completed,
        )
        self.supervisor.start("control", self.room.run, critical=True)

    def _completed(self) -> None:
        self.cycles += 1

    async def crash(self) -> None:
        self.crashed = True
        await self.supervisor.shutdown()
        self.room._desk.close()
        await self.room._journal.close()

    async def stop(self) -> bool:
        done = await self.room.close()
        await self.supervisor.shutdown()
        return done

    def lease(self, device: str = "battery") -> LeaseRecord:
        found = self.owner.latest("lease", Location("home", device))
        assert found is not None
        assert isinstance(found.value, LeaseRecord)
        return found.value

    def alarms(self) -> list[str]:
        return [
            f"{one.location}: {one.value.text}"
            for one in self.owner.latest_all("alarm", Location("home", ANY, ANY))
            if isinstance(one.value, AlarmRecord) and one.value.active
        ]

    def plan(self, claim: Claim, device: str = "battery") -> Refusal | None:
        place = Location("home", device, claim.claimant.name.lower())
        return self.planner.write("claim", place, claim).refusal

    async def until(self, what: Callable[[], bool], most_s: float = 60.0) -> float:
        """Wait until something holds; returns how long it took."""
        began_s = self.clock.monotonic_s()
        while not what():
            assert self.clock.monotonic_s() - began_s <= most_s, f"not within {most_s} s"
            await self.clock.sleep(0.1)
        return self.clock.monotonic_s() - began_s


@contextlib.asynccontextmanager
async def running(house: House, journal: Path, wanted: ControlSettings | None = None) -> AsyncIterator[Gateway]:
    """House and gateway, both ended in order afterwards."""
    async with house.living():
        gateway = Gateway(house, journal, wanted)
        try:
            yield gateway
        finally:
            if not gateway.crashed:
                await gateway.stop()


Story = Callable[[Gateway], Awaitable[None]]
