"""The plugged cars: answers `command.plug_in`, keeps the record `vehicle` and the state of charge at each charger.

What a person asked for also holds without a plan: a claim of automation charges to the target and not beyond, as soon
as control would charge anyway. Loss row `vehicle-soc-unknown`.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from heg.data.door import CommandAnswer, Door, Outcome
from heg.model.capabilities import VehicleCapability
from heg.model.instance import ANY, Instance, Location, Quality
from heg.model.leases import Claim, Claimant, Reason, ReasonCode
from heg.model.losses import loss
from heg.model.records import AlarmRecord, DeviceRecord, DeviceStatus, Severity, VehicleRecord
from heg.model.refusals import Refusal, RefusalCode
from heg.model.regimes import Regime, RegimeOrder
from heg.model.timings import Timings
from heg.runtime.clock import Clock
from heg.services.car_book import CarBook, Charger, Sight, rounded, worth_writing
from heg.services.car_words import Said, read_words

logger = logging.getLogger(__name__)

_SOC_UNKNOWN = loss("vehicle-soc-unknown")
_ANNOUNCED_FOR = timedelta(minutes=30)
_UNPLUGGED = "unplugged"
_CLAIM_S = 900.0
_CLAIM_AGAIN_S = 300.0
_ENDED_S = 1e-3
_SOC_STEP = 0.002


@dataclass(slots=True)
class _Kept:
    """One charger as the service keeps it."""

    name: str
    capability: VehicleCapability
    book: CarBook
    written: VehicleRecord | None = None
    soc_told: float = -1.0
    soc_told_s: float = float("-inf")
    claimed: RegimeOrder | None = None
    claimed_s: float = float("-inf")
    silent_since_s: float | None = None
    asked: bool = False


class VehicleService:
    """One per unit. `zone` is the house's, in which people say when they leave."""

    def __init__(self, door: Door, clock: Clock, unit: str, timings: Timings, zone: ZoneInfo) -> None:
        self._door, self._clock, self._unit, self._zone = door, clock, unit, zone
        self._look_s = max(2.0, timings.cycle_s)
        self._soc_every_s = timings.soc_max_age_s / 3
        self._patience_s = _SOC_UNKNOWN.max_age.at(timings) if _SOC_UNKNOWN.max_age is not None else 0.0
        self._kept: dict[str, _Kept] = {}

    async def run(self) -> None:
        """Answer and keep until cancelled."""
        answering = (
            self._door.answer("command.plug_in", Location(self._unit), self._plug_in),
            self._door.answer("command.plug_in", Location(self._unit, ANY), self._plug_in),
        )
        try:
            while True:
                self.look()
                await self._clock.sleep(self._look_s)
        finally:
            for receipt in answering:
                self._door.unsubscribe(receipt.request)

    def look(self) -> None:
        """Take in what every charger shows now."""
        for instance in self._door.latest_all("device", Location(self._unit, ANY)):
            record = instance.value
            if not isinstance(record, DeviceRecord) or record.status is not DeviceStatus.ATTACHED:
                continue
            capability = next((one for one in record.capabilities if isinstance(one, VehicleCapability)), None)
            if capability is not None and instance.sequence > 0:
                self._keep(self._charger(record.name, capability))

    # Keeping

    def _charger(self, name: str, capability: VehicleCapability) -> _Kept:
        kept = self._kept.get(name)
        if kept is None or kept.capability != capability:
            old = self._door.latest("vehicle", Location(self._unit, name))
            before = old.value if old is not None and isinstance(old.value, VehicleRecord) else None
            what = Charger(capability.capacity_kwh, capability.round_trip_efficiency)
            kept = self._kept[name] = _Kept(name, capability, CarBook(what, before))
        return kept

    def _keep(self, kept: _Kept) -> None:
        sight = self._sight(kept.name)
        if sight is not None:
            self._tell(kept, kept.book.see(sight, self._clock.utc()))
        self._complain(kept, sight)

    def _sight(self, name: str) -> Sight | None:
        """What the charger shows, None while that is not known."""
        connection = self._good("state.connection", name)
        if connection is None:
            return None
        counter, session = self._number("energy.import", name), self._number("energy.session", name)
        return Sight(connection.value != _UNPLUGGED, counter, session)

    def _tell(self, kept: _Kept, record: VehicleRecord) -> None:
        place, now_s = Location(self._unit, kept.name), self._clock.monotonic_s()
        if worth_writing(kept.written, record):
            kept.written = record
            self._door.write("vehicle", place, rounded(record))
        if record.plugged and record.soc is not None:
            moved = abs(record.soc - kept.soc_told) >= _SOC_STEP
            if moved or now_s - kept.soc_told_s >= self._soc_every_s:
                kept.soc_told, kept.soc_told_s = record.soc, now_s
                self._door.write("soc", place, round(record.soc, 4))
        self._claim(kept, record)

    def _claim(self, kept: _Kept, record: VehicleRecord) -> None:
        """What was asked for also holds while nobody plans: charge, but not beyond the target."""
        order, now_s = None, self._clock.monotonic_s()
        if record.plugged and record.target_soc is not None and record.soc is not None:
            regime = Regime.ABSORB if kept.capability.surplus_only else Regime.CHARGE
            order = RegimeOrder(regime, kept.capability.max_rate_kw, ends_at_soc=record.target_soc)
        if order == kept.claimed and (order is None or now_s - kept.claimed_s < _CLAIM_AGAIN_S):
            return
        kept.claimed, kept.claimed_s = order, now_s
        target = f"Charges to {record.target_soc:.0%}, as asked." if record.target_soc is not None else "Nothing asked."
        claim = Claim(
            Claimant.AUTOMATION,
            Reason(ReasonCode.AUTOMATION, target),
            _ENDED_S if order is None else _CLAIM_S,
            order=order,
        )
        self._door.write("claim", Location(self._unit, kept.name, "automation"), claim)

    def _complain(self, kept: _Kept, sight: Sight | None) -> None:
        """Say so when the state of charge of a plugged car is not known for a while."""
        if sight is None:
            return  # the charger is lost: that is another row's matter
        told = kept.written is not None and kept.written.soc is not None and sight.counter_kwh is not None
        known = told or not kept.book.plugged
        now_s = self._clock.monotonic_s()
        if known:
            kept.silent_since_s = None
        elif kept.silent_since_s is None:
            kept.silent_since_s = now_s
        missing = kept.silent_since_s is not None and now_s - kept.silent_since_s >= self._patience_s
        if missing == kept.asked:
            return
        kept.asked = missing
        text = f"How full the car at {kept.name} is, is not known. {_SOC_UNKNOWN.in_force}"
        mend = f"say it: heg plug-in --charger {kept.name} --soc 40%" if missing else ""
        place = Location(self._unit, kept.name, _SOC_UNKNOWN.id)
        self._door.write("alarm", place, AlarmRecord(missing, Severity.INFO, text, mend))

    def _good(self, variable: str, name: str) -> Instance | None:
        """A value of this run that is believed."""
        instance = self._door.latest(variable, Location(self._unit, name))
        good = instance is not None and instance.sequence > 0 and instance.quality is Quality.GOOD
        return instance if good else None

    def _number(self, variable: str, name: str) -> float | None:
        instance = self._good(variable, name)
        value = None if instance is None else instance.value
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

    # Answering

    async def _plug_in(self, place: Location, arguments: Mapping[str, object]) -> CommandAnswer:
        self.look()
        kept = self._meant(place.device)
        if isinstance(kept, Refusal):
            return CommandAnswer(Outcome.REFUSED, refusal=kept)
        now = self._clock.utc()
        said = read_words(arguments, now, self._zone, kept.book.capacity_kwh)
        if isinstance(said, Refusal):
            return CommandAnswer(Outcome.REFUSED, refusal=said)
        if not kept.book.plugged:
            kept.book.announce(said, now + _ANNOUNCED_FOR)
            text = f"Noted. No car is plugged at {kept.name}; it counts for the one that comes within 30 minutes."
            return CommandAnswer(Outcome.PARTLY, text)
        record = kept.book.say(said, now)
        kept.soc_told_s = float("-inf")
        self._tell(kept, record)
        logger.info("%s: %s", kept.name, text := self._said(kept.name, said, record))
        return CommandAnswer(Outcome.DONE, text, detail=_detail(record))

    def _meant(self, device: str) -> _Kept | Refusal:
        """The charger that is meant: the one named, or the only one."""
        if device in self._kept:
            return self._kept[device]
        names = ", ".join(sorted(self._kept))
        if device or not self._kept:
            return Refusal(RefusalCode.DEVICE_LOST, f"a charger among {names or 'none'}", device or "none")
        if len(self._kept) > 1:
            return Refusal(RefusalCode.CONFLICT, f"one charger among {names}", "none named", "name the charger")
        return next(iter(self._kept.values()))

    def _said(self, name: str, said: Said, record: VehicleRecord) -> str:
        if said.forget:
            return f"{name}: forgotten; the car is charged as if nobody had said anything."
        full = "how full it is was not said" if record.soc is None else f"{record.soc:.0%} full"
        if record.target_soc is None:
            return f"{name}: {full}; no target."
        leaves = _moment(record.departure_utc)
        when = f" by {leaves.astimezone(self._zone):%a %H:%M}" if leaves is not None else ", as soon as may be"
        return f"{name}: to {record.target_soc:.0%}{when}; {full}."


def _detail(record: VehicleRecord) -> dict[str, object]:
    short = rounded(record)
    return {
        "soc": short.soc,
        "soc_uncertainty": short.soc_uncertainty,
        "capacity_kwh": short.capacity_kwh,
        "departure_utc": short.departure_utc or None,
        "target": short.target_soc,
    }


def _moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None
