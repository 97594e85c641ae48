"""The house as accounting sees it through the door: one look, from the process image, that waits for nothing."""

from datetime import datetime

from heg.data.door import Door
from heg.model.capabilities import StorageCapability, VehicleCapability
from heg.model.instance import Location, Quality
from heg.model.records import VehicleRecord
from heg.services.accounting.ledger import Look
from heg.services.accounting.levels import COUNTERS, DeviceSeen, Reading, Role
from heg.services.accounting.settings import AccountingSettings
from heg.services.accounting.shadow import Battery, Car
from heg.services.planning.household import Household, household, number


class HouseView:
    """Makes looks. One per run of the service."""

    def __init__(self, door: Door, settings: AccountingSettings) -> None:
        self._door, self._settings = door, settings
        self._powered: set[str] = set()

    def look(self, now_s: float, now: datetime) -> Look:
        """See the house now."""
        members = household(self._door, self._settings.unit)
        devices = [
            *([self._device(members.meter, Role.METER, members, now_s)] if members.meter else []),
            *(self._device(name, Role.PRODUCER, members, now_s) for name, _ in members.producers),
            *(self._device(name, Role.STORAGE, members, now_s) for name, _ in members.storages),
            *(self._device(name, Role.CHARGER, members, now_s) for name, _ in members.chargers),
        ]
        stored = [self._stored_kwh(name, can, now_s) for name, can in members.storages]
        known = [one for one in stored if one is not None]
        return Look(
            at_s=now_s,
            utc=now,
            devices=tuple(devices),
            stored_kwh=sum(known) if known and len(known) == len(stored) else None,
            battery=self._battery(members),
            car=self._car(members),
            awaited=bool(members.awaited),
        )

    def _device(self, name: str, role: Role, members: Household, now_s: float) -> DeviceSeen:
        power_kw = number(self._door.latest("power.active", self._at(name)), now_s, self._settings.power_max_age_s)
        if power_kw is not None:
            self._powered.add(name)
        counters: dict[str, Reading] = {}
        for variable in COUNTERS[role]:
            one = self._door.latest(variable, self._at(name))
            # A value of the last run has sequence 0: it is not a reading of now.
            fresh = one is not None and one.sequence > 0 and one.quality is Quality.GOOD
            if fresh and one is not None and isinstance(one.value, float):
                counters[variable] = Reading(one.value, one.sequence)
        silent = name in members.lost or (power_kw is None and name in self._powered)
        return DeviceSeen(name, role, power_kw, counters, silent)

    def _stored_kwh(self, name: str, can: StorageCapability, now_s: float) -> float | None:
        soc = number(self._door.latest("soc", self._at(name)), now_s, self._settings.timings.soc_max_age_s)
        return None if soc is None else soc * can.capacity_kwh

    def _battery(self, members: Household) -> Battery | None:
        cans = [can for _, can in members.storages]
        capacity_kwh = sum(can.capacity_kwh for can in cans)
        if capacity_kwh <= 0:
            return None
        return Battery(
            capacity_kwh=capacity_kwh,
            charge_kw=sum(max(can.max_rate_kw, 0.0) for can in cans),
            discharge_kw=sum(max(-can.min_rate_kw, 0.0) for can in cans),
            round_trip_efficiency=sum(can.capacity_kwh * can.round_trip_efficiency for can in cans) / capacity_kwh,
            reserve_share=sum(can.capacity_kwh * can.reserve_share for can in cans) / capacity_kwh,
        )

    def _car(self, members: Household) -> Car | None:
        for name, can in members.chargers:
            one = self._door.latest("vehicle", self._at(name))
            record = one.value if one is not None and one.sequence else None
            if isinstance(record, VehicleRecord) and record.plugged and name not in members.lost:
                return self._plugged(name, can, record)
        return None

    def _plugged(self, name: str, can: VehicleCapability, record: VehicleRecord) -> Car:
        wanted_kwh = None
        known = record.soc is not None and record.target_soc is not None and record.capacity_kwh is not None
        if self._settings.vehicle_at_once and known:
            share = (record.target_soc or 0.0) - (record.soc or 0.0)
            wanted_kwh = max(0.0, share) * (record.capacity_kwh or 0.0)
        return Car(f"{name} {record.since}", max(can.max_rate_kw, 0.0), wanted_kwh)

    def _at(self, name: str) -> Location:
        return Location(self._settings.unit, name)
