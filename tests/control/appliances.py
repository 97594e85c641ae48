"""Appliances for control's tests: a power state, a user beside it, sleep and waking; actuators of their kind."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

from heg.control.settings import ControlSettings
from heg.data.door import CommandAnswer
from heg.devices.contract import DeviceHandle, DeviceInfo, OwnerSettings, ReadBack
from heg.model.appliances import PowerState, WakeMethod
from heg.model.capabilities import ApplianceCapability
from heg.model.instance import Location
from heg.model.leases import Claim, Claimant, Reason, ReasonCode, SetPoint
from heg.model.refusals import Refusal, RefusalCode
from heg.runtime.clock import Clock
from tests.control.gateway import Gateway, running
from tests.control.house import House

ON, STANDBY, OFF = PowerState.ON, PowerState.STANDBY, PowerState.OFF
HEATER = Location("home", "heater")
WHY = Reason(ReasonCode.AUTOMATION, "Energy is dear now.")


@dataclass
class Machine:
    """One appliance and the driver's record of it, which remembers what was before the first command."""

    clock: Clock
    state: PowerState = PowerState.ON
    draws_kw: float = 2.0
    refuses: str = ""
    ignores: bool = False
    silent: bool = False
    wakes_after_s: float = 0.0
    before: PowerState | None = None
    periods: dict[int, tuple[str, str]] = field(default_factory=dict)
    log: list[tuple[float, str]] = field(default_factory=list)
    changes: list[tuple[float, PowerState]] = field(default_factory=list)
    handle: DeviceHandle | None = None
    told: Callable[[], None] = lambda: None

    async def apply(self, set_point: SetPoint) -> Refusal | None:
        assert set_point.power_state is not None
        self.told()
        self.log.append((self.clock.monotonic_s(), str(set_point.power_state)))
        if (refusal := self._refusal()) is not None:
            return refusal
        if set_point.lasting:
            self.before = set_point.power_state
        if self.before is None:
            self.before = self.state
        self._obeys(set_point.power_state)
        return None

    async def read_back(self) -> ReadBack | Refusal:
        return ReadBack(self.before is not None, SetPoint(power_state=self.state))

    async def release(self) -> Refusal | None:
        self.log.append((self.clock.monotonic_s(), "release"))
        if (refusal := self._refusal()) is not None:
            return refusal
        if self.before is not None:
            self._obeys(self.before)
        self.before = None
        return None

    def inherit(self, before: PowerState) -> None:
        self.before = before

    async def ask(self) -> Refusal | None:
        return self._refusal()

    async def standby_period(self, start: str, stop: str) -> int | Refusal:
        if (refusal := self._refusal()) is not None:
            return refusal
        number = len(self.periods) + 7
        self.periods[number] = (start, stop)
        return number

    async def withdraw(self, registration: int) -> Refusal | None:
        if self.periods.pop(registration, None) is None:
            return Refusal(RefusalCode.DEVICE_REFUSED, "a registered number", str(registration))
        return None

    def pressed(self, state: PowerState) -> None:
        """Its user presses its button."""
        self._becomes(state)

    def forgets(self) -> None:
        """The gateway's process ends: what the driver remembered of it goes."""
        self.before = None

    @property
    def commands(self) -> list[str]:
        return [what for _, what in self.log]

    def _obeys(self, state: PowerState) -> None:
        if self.ignores:
            return
        if self.wakes_after_s and state is PowerState.ON and self.state is not PowerState.ON:
            asyncio.get_running_loop().call_later(self.wakes_after_s, self._becomes, PowerState.ON)
        else:
            self._becomes(state)

    def _becomes(self, state: PowerState) -> None:
        if state is not self.state:
            self.changes.append((self.clock.monotonic_s(), state))
        self.state = state
        if self.handle is not None:
            self.handle.report("state.power", str(state))

    def _refusal(self) -> Refusal | None:
        if self.silent:
            return Refusal(RefusalCode.TIMEOUT, "an answer", "none")
        if self.refuses:
            return Refusal(RefusalCode.DEVICE_REFUSED, "an action carried out", self.refuses)
        return None


def add_appliance(house: House, name: str, **fields: object) -> Machine:
    """Attach one, as the UPnP driver would; `importance` and the like are what its owner says in `[device.NAME]`."""
    said = {key: fields.pop(key) for key in tuple(fields) if key in OwnerSettings.__dataclass_fields__}
    if said:
        owners = [*house.devices._owners, OwnerSettings(name=name, identity=f"uuid:{name}", **said)]  # type: ignore[arg-type]
        house.devices.reconfigure(owners, "UTC")
    machine = Machine(house.clock, **fields)  # type: ignore[arg-type]
    attach(house, name, machine)
    return machine


def attach(house: House, name: str, machine: Machine) -> None:
    """Found, or found again."""
    capability = ApplianceCapability(machine.draws_kw, wake=WakeMethod.WOL)
    info = DeviceInfo(f"uuid:{name}", "Test", name, "", "1", "upnp", "192.0.2.7", (capability,), name)
    machine.handle = house.devices.attach(info, interval_s=float("inf"), actuator=machine, appliance=machine)
    machine.handle.report("state.power", str(machine.state))
    assert machine.handle.name == name


@contextlib.asynccontextmanager
async def one_appliance(
    clock: Clock, tmp_path: Path, wanted: ControlSettings | None = None, **fields: object
) -> AsyncIterator[tuple[Gateway, Machine]]:
    """A gateway that has run for five seconds, and appliance `heater` beside it."""
    house = House(clock)
    heater = add_appliance(house, "heater", **fields)
    async with running(house, tmp_path / "j", wanted) as gateway:
        await clock.sleep(5)
        yield gateway, heater


def wish(state: PowerState | None = None, claimant: Claimant = Claimant.AUTOMATION, **more: object) -> Claim:
    return Claim(claimant, WHY, 3600.0, power_state=state, **more)  # type: ignore[arg-type]


def over(claimant: Claimant = Claimant.AUTOMATION) -> Claim:
    return Claim(claimant, WHY, 1e-6)


async def manual(gateway: Gateway, **arguments: object) -> CommandAnswer:
    return await gateway.owner.command("command.manual", HEATER, arguments, timeout_s=300.0)
