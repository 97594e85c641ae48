"""The appliances as the process image shows them: present or lost, in which state since when, drawing how much."""

from collections.abc import Mapping
from dataclasses import dataclass

from heg.data.door import Door
from heg.model.appliances import PowerState
from heg.model.capabilities import ApplianceCapability
from heg.model.instance import ANY, Location, Quality
from heg.model.leases import Claim, Claimant
from heg.model.records import DeviceRecord, DeviceStatus
from heg.runtime.clock import Clock

_LONG_AGO_S = -1e9
_DRAWS_KW = 0.01


@dataclass(frozen=True, slots=True)
class Appliance:
    """One appliance now. `state` is None before it has told one; `since_s` is when it changed last (monotonic).

    `kw` is what it draws while it works: as measured, else as it says; 0 where nobody knows.
    """

    name: str
    identity: str
    capability: ApplianceCapability
    present: bool
    actuator: bool
    state: PowerState | None
    since_s: float
    kw: float

    @property
    def on(self) -> bool:
        """Tell whether it works."""
        return self.state is PowerState.ON


class Sight:
    """Looks at all appliances of one unit, and remembers since when each is in its state."""

    def __init__(self, door: Door, clock: Clock, unit: str) -> None:
        self._door, self._clock, self._unit = door, clock, unit
        self._states: dict[str, tuple[PowerState, float]] = {}

    def look(self) -> dict[str, Appliance]:
        """Return the appliances by name; those that were removed are left out."""
        pattern = Location(self._unit, ANY)
        states = {one.location.device: one for one in self._door.latest_all("state.power", pattern)}
        powers = {one.location.device: one for one in self._door.latest_all("power.active", pattern)}
        found: dict[str, Appliance] = {}
        for instance in self._door.latest_all("device", pattern):
            record = instance.value
            if not isinstance(record, DeviceRecord) or instance.sequence == 0:
                continue
            capability = next((one for one in record.capabilities if isinstance(one, ApplianceCapability)), None)
            if capability is None or record.status is DeviceStatus.REMOVED:
                continue
            name = instance.location.device
            told = states.get(name)
            state, since_s = self._state(name, told.value if told is not None and told.sequence > 0 else None)
            power = powers.get(name)
            good = power is not None and power.sequence > 0 and power.quality is Quality.GOOD
            measured = power.value if good and power is not None and state is PowerState.ON else None
            kw = measured if isinstance(measured, float) and measured > _DRAWS_KW else capability.rated_kw
            present = record.status is DeviceStatus.ATTACHED
            found[name] = Appliance(
                name, record.identity, capability, present, record.actuator, state, since_s, max(0.0, kw)
            )
        for name in [one for one in self._states if one not in found]:
            del self._states[name]
        return found

    def _state(self, name: str, told: object) -> tuple[PowerState | None, float]:
        state = next((one for one in PowerState if one == told), None)
        before = self._states.get(name)
        if state is None:
            return None, _LONG_AGO_S
        if before is None or before[0] is not state:
            # What it was in when we came, it may have been in for long.
            self._states[name] = (state, _LONG_AGO_S if before is None else self._clock.monotonic_s())
        return self._states[name]


def claims_of(door: Door, unit: str, claimant: Claimant, now_s: float) -> Mapping[str, Claim]:
    """Return what somebody's living claims say, by device."""
    found = door.latest_all("claim", Location(unit, ANY, claimant.name.lower()))
    return {
        one.location.device: one.value
        for one in found
        if isinstance(one.value, Claim) and one.sequence > 0 and one.age_s(now_s) < one.value.valid_s
    }
