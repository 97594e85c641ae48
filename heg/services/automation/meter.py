"""The grid meter of the connection point, as automation reads it."""

from heg.data.door import Door
from heg.model.capabilities import MeterCapability
from heg.model.instance import ANY, Location, Quality
from heg.model.records import DeviceRecord
from heg.runtime.clock import Clock


class Meter:
    """What one unit draws from the grid; a value is believed for `max_age_s`."""

    def __init__(self, door: Door, clock: Clock, unit: str, max_age_s: float) -> None:
        self._door, self._clock, self._unit, self._max_age_s = door, clock, unit, max_age_s

    def grid_kw(self) -> float | None:
        """Return kW at the connection point, positive importing; None while nobody knows."""
        name = self._name()
        if name is None:
            return None
        power = self._door.latest("power.active", Location(self._unit, name))
        if power is None or power.sequence == 0 or power.quality is not Quality.GOOD:
            return None
        if power.age_s(self._clock.monotonic_s()) > self._max_age_s or not isinstance(power.value, float):
            return None
        return power.value

    def _name(self) -> str | None:
        for instance in self._door.latest_all("device", Location(self._unit, ANY)):
            record = instance.value
            if isinstance(record, DeviceRecord) and any(
                isinstance(one, MeterCapability) and one.at_connection_point for one in record.capabilities
            ):
                return instance.location.device
        return None
