"""What the manager knows of devices from earlier runs: the names they had, and who of them is awaited."""

from collections.abc import Mapping
from dataclasses import replace

from heg.devices.contract import FEED
from heg.devices.device import write_lost_alarm
from heg.devices.doubts import Surroundings
from heg.model.instance import ANY, Location
from heg.model.loss_types import LossRow
from heg.model.records import AlarmRecord, DeviceRecord, DeviceStatus, Severity


class DeviceMemory:
    """Read once, from the device records that the last run left; `lost_row` says how long a device is awaited."""

    def __init__(self, around: Surroundings, lost_row: LossRow) -> None:
        self._around = around
        self._lost_row = lost_row
        self._before: dict[str, DeviceRecord] = {}
        self._awaited: set[str] = set()
        self._started_s = around.clock.monotonic_s()
        self._read = False

    def due(self) -> bool:
        """Tell, once, that it is time to read: not before the first use, when the data interface is open."""
        due, self._read = not self._read, True
        return due

    def recall(self) -> None:
        """Read the records: a known identity keeps its name, a known device is awaited."""
        self._started_s = self._around.clock.monotonic_s()
        for record in self.records():
            if record.identity:
                self._before[record.identity] = record
                # A feed is there because it is configured: nobody has to look for one that is not any more.
                if record.status is not DeviceStatus.REMOVED and record.protocol != FEED:
                    self._awaited.add(record.identity)

    def records(self) -> list[DeviceRecord]:
        """Every device there is or ever was, as the records say it now."""
        found = self._around.door.latest_all("device", Location(self._around.unit, ANY, ANY))
        return [one.value for one in found if isinstance(one.value, DeviceRecord)]

    def record_of(self, name: str) -> DeviceRecord | None:
        """What is known of the device of a name, attached now or ever."""
        found = self._around.door.latest("device", Location(self._around.unit, name))
        return found.value if found is not None and isinstance(found.value, DeviceRecord) else None

    def names(self) -> dict[str, str]:
        """Names by identity."""
        return {identity: record.name for identity, record in self._before.items()}

    def met(self, identity: str, name: str) -> DeviceRecord | None:
        """A device is attached: it is awaited no more; return what was known of it."""
        before = self._before.get(identity)
        self._awaited.discard(identity)
        self._before[identity] = DeviceRecord(name, "", "", "", "", "", "", DeviceStatus.ATTACHED)
        return before

    def renamed(self, devices: Mapping[str, str]) -> None:
        """Devices have other names."""
        self._before = {
            identity: replace(record, name=devices.get(record.name, record.name))
            for identity, record in self._before.items()
        }

    def removed(self, record: DeviceRecord) -> None:
        """A device that no driver has is taken out by its owner: nobody waits for it any more."""
        self._awaited.discard(record.identity)
        gone = replace(record, status=DeviceStatus.REMOVED, detail="removed by its owner")
        self._before[record.identity] = gone
        self._around.door.write("device", Location(self._around.unit, record.name), gone)
        text = f"{record.name} was removed"
        write_lost_alarm(self._around, record.name, AlarmRecord(active=False, severity=Severity.INFO, text=text))

    def give_up_waiting(self, now_s: float) -> None:
        """A device of the last run that did not come back in time is lost, though no driver has met it in this one."""
        stated_s = self._lost_row.max_age.at(self._around.timings) if self._lost_row.max_age is not None else 0.0
        limit_s = max(stated_s, self._around.limits.lost_after_s(0.0))
        if not self._awaited or now_s - self._started_s <= limit_s:
            return
        for identity in self._awaited:
            record = self._before[identity]
            text = f"{record.name} has not been found within {limit_s:g} s of the start"
            self._before[identity] = lost = replace(record, status=DeviceStatus.LOST, detail=f"lost: {text}")
            self._around.door.write("device", Location(self._around.unit, record.name), lost)
            write_lost_alarm(self._around, record.name, AlarmRecord(active=True, severity=Severity.ALARM, text=text))
        self._awaited.clear()
