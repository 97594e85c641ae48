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
        self._found = ""

    def grid_kw(self) -> float | None:
        """Return kW at the connection point, positive importing; None while nobody knows."""
        if not self._is_meter(self._found):
            self._found = self._name()
        if not self._found:
            return None
        power = self._door.latest("power.active", Location(self._unit, self._found))
        if power is None or power.sequence == 0 or power.quality is not Quality.GOOD:
            return None
        if power.age_s(self._clock.monotonic_s()) > self._max_age_s or not isinstance(power.value, float):
            return None
        return power.value

    def _name(self) -> str:
        found = self._door.latest_all("device", Location(self._unit, ANY))
        return next((one.location.device for one in found if _at_connection_point(one.value)), "")

    def _is_meter(self, name: str) -> bool:
        record = self._door.latest("device", Location(self._unit, name)) if name else None
        return record is not None and _at_connection_point(record.value)


def _at_connection_point(record: object) -> bool:
    return isinstance(record, DeviceRecord) and any(
        isinstance(one, MeterCapability) and one.at_connection_point for one in record.capabilities
    )
