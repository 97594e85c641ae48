"""What the slot loop knows: prices, others' forecasts, the past, what flows, what is stored.

It looks every few seconds, at the process image only; nothing here waits. What the plan makes of it: gather.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from heg.data.door import Door
from heg.model.books import BillingRecord
from heg.model.cycles import CycleRecord
from heg.model.envelope import Envelope
from heg.model.instance import ANY, Instance, Location, Quality
from heg.model.losses import loss
from heg.model.records import AlarmRecord, VehicleRecord
from heg.model.slots import Profile, slot_start
from heg.model.tariff import TariffTerms
from heg.services.planning.household import Flows, Household, flows, household, number
from heg.services.planning.past import SeriesPast, SlotMean
from heg.services.planning.prices import SlotBook
from heg.services.planning.settings import PlanningSettings
from heg.services.planning.sky import WEATHER, Sky
from heg.services.planning.soc import SocJudged, SocKeeper
from heg.services.planning.vehicle import Plugged

FORECAST_MISSING = loss("forecast-missing")
"""Without a provider's word the past goes to the forecaster, however short it is; that names what stands in."""
IMPORT, EXPORT, CO2 = "profile.price.import", "profile.price.export", "profile.price.co2"
DAY_AHEAD = "profile.price.day_ahead"
DEMAND, PRODUCTION = "profile.demand", "profile.production"
TUBE_LOW, TUBE_HIGH = "profile.tube.low", "profile.tube.high"
_MOST = {
    **dict.fromkeys((IMPORT, EXPORT, CO2, DAY_AHEAD), 20.0),
    **dict.fromkeys((DEMAND, PRODUCTION, TUBE_LOW, TUBE_HIGH), 1000.0),
}
_OWN = frozenset({DEMAND, PRODUCTION})
"""Series that this loop publishes itself, at the unit's own place."""
_HALF = 0.5


@dataclass(frozen=True, slots=True)
class Looked:
    """What one look found: who is there, and how often what is said from outside has changed."""

    members: Household
    words: int


class Outlook:
    """One per slot loop. `past`, `means` and `books` are by variable; `members` and `seen` are of the last look."""

    def __init__(self, door: Door, settings: PlanningSettings) -> None:
        self._door, self._settings = door, settings
        self.here = Location(settings.unit)
        self.books = {variable: SlotBook(settings.slot_minutes, most) for variable, most in _MOST.items()}
        self.past = {name: SeriesPast(settings.slot_minutes) for name in ("slot.demand", "slot.production")}
        self.means = {name: SlotMean() for name in self.past}
        self.sky = Sky()
        self._keepers: dict[str, SocKeeper] = {}
        self._heard: dict[tuple[str, Location], int] = {}
        self._words = 0
        self.terms: TariffTerms | None = None
        """What the contract asks beyond its prices; None before a feed of this run has said so."""
        self.cycles: tuple[CycleRecord, ...] = ()
        """What appliances are to run, in the order of their names."""
        self._slot: datetime | None = None
        self.members = Household()
        self.seen = Flows(None, None)

    def look(self, now_s: float, now: datetime) -> Looked:
        """See what is new."""
        self.members = household(self._door, self._settings.unit)
        seen = self.seen = flows(self._door, self._settings.unit, self.members, now_s, self._settings.power_max_age_s)
        self._measure(now_s, now, {"slot.demand": seen.demand_kw, "slot.production": seen.production_kw})
        self._store(now_s)
        for variable in (*self.books, *WEATHER):
            self._listen(variable, now)
        self._read_terms()
        self._read_cycles()
        for variable, past in self.past.items():
            self._book(variable, past)
        return Looked(self.members, self._words)

    def clock_stepped(self) -> None:
        """The labels jumped: what was measured of the running slot belongs to none, and all words are heard again."""
        self._slot = None
        self._heard = {}
        self.means = {name: SlotMean() for name in self.past}

    def past_is_read(self) -> None:
        """The store has told what it knows of the past: the forecasts are others now."""
        self._words += 1

    def judged(self, now_s: float) -> dict[str, SocJudged]:
        """Return what is in each storage that answers."""
        return {
            name: self._keeper(name).judge(now_s, impossible=self._impossible(name))
            for name, _ in self.members.storages
            if name not in self.members.lost
        }

    def limit(self, variable: str, name: str, now_s: float) -> float | None:
        """Return a device's own limit of the moment (kW), None where it states none."""
        place = Location(self._settings.unit, name)
        return number(self._door.latest(variable, place), now_s, 2 * self._settings.soc_max_age_s)

    def cars(self) -> tuple[Plugged, ...]:
        """Return the plugged cars at chargers that answer."""
        found = []
        for name, capability in self.members.chargers:
            instance = self._door.latest("vehicle", Location(self._settings.unit, name))
            record = instance.value if instance is not None and instance.sequence else None
            if isinstance(record, VehicleRecord) and record.plugged and name not in self.members.lost:
                found.append(Plugged(name, capability, record))
        return tuple(found)

    def billed(self) -> BillingRecord | None:
        """Return how far the books have counted the billing periods."""
        instance = self._door.latest("books.billing", self.here)
        return instance.value if instance is not None and isinstance(instance.value, BillingRecord) else None

    def envelope(self) -> Envelope | None:
        """Return what is left to the connection point, None before control has said so in this run."""
        instance = self._door.latest("envelope", self.here)
        fresh = instance is not None and instance.sequence > 0
        return instance.value if fresh and instance is not None and isinstance(instance.value, Envelope) else None

    def hands_off(self) -> bool:
        """Tell whether the owner keeps everything released."""
        instance = self._door.latest("hands_off", self.here)
        return instance is not None and instance.value in ("on", True)

    # -- the pieces of a look

    def _measure(self, now_s: float, now: datetime, powers: Mapping[str, float | None]) -> None:
        slot = slot_start(now, self._settings.slot)
        before, self._slot = self._slot, slot
        for variable, kw in powers.items():
            mean = self.means[variable]
            if before is not None and slot != before:
                measured_s = mean.seconds
                ended_kw = mean.restart(now_s)
                if ended_kw is not None and measured_s >= _HALF * self._settings.slot.total_seconds():
                    # The books close a little later; the forecast must not wait for them.
                    self.past[variable].put(before, ended_kw, provisional=True)
            mean.add(now_s, kw)

    def _store(self, now_s: float) -> None:
        for name, capability in self.members.storages:
            keeper = self._keeper(name)
            keeper.capability = capability
            place = Location(self._settings.unit, name)
            soc = number(self._door.latest("soc", place), now_s, self._settings.soc_max_age_s)
            power = self._door.latest("power.active", place)
            keeper.see(now_s, soc, number(power, now_s, self._settings.power_max_age_s))

    def _keeper(self, name: str) -> SocKeeper:
        found = self._keepers.get(name)
        if found is None:
            capability = dict(self.members.storages)[name]
            found = self._keepers[name] = SocKeeper(name, capability)
        return found

    def _impossible(self, name: str) -> bool:
        alarm = self._door.latest("alarm", Location(self._settings.unit, name, "soc-out-of-range"))
        return alarm is not None and isinstance(alarm.value, AlarmRecord) and alarm.value.active

    def _listen(self, variable: str, now: datetime) -> None:
        found = self._door.latest_all(variable, Location(self._settings.unit, ANY, ANY))
        new = [one for one in found if self._is_news(variable, one)]
        if not new:
            return
        new.sort(key=lambda one: one.sequence)
        if variable in WEATHER:
            changed = self.sky.learn(variable, new, now)
        else:
            changed = self.books[variable].learn((one.value for one in new if isinstance(one.value, Profile)), now)
        if changed:
            self._words += 1

    def _read_terms(self) -> None:
        found = self._door.latest_all("tariff", Location(self._settings.unit, ANY))
        newest = max(found, key=lambda one: one.sequence, default=None)
        if newest is None or not newest.sequence or not isinstance(newest.value, TariffTerms):
            return
        if newest.value != self.terms:
            self.terms = newest.value
            self._words += 1

    def _read_cycles(self) -> None:
        found = (one.value for one in self._door.latest_all("cycle", Location(self._settings.unit, ANY, ANY)))
        cycles = [one for one in found if isinstance(one, CycleRecord) and one.active]
        before = {(one.name, one.asked) for one in self.cycles}
        self.cycles = tuple(sorted(cycles, key=lambda one: one.name))
        if {(one.name, one.asked) for one in self.cycles} != before:
            self._words += 1

    def _is_news(self, variable: str, one: Instance) -> bool:
        if variable in _OWN and not one.location.device:
            return False
        # A feed tells a series with gaps as one profile a run, the later ones at parts of its place.
        part = one.location.part
        if one.quality is Quality.BAD or (part and not part.startswith("run.")):
            return False
        key = (variable, one.location)
        if self._heard.get(key) == one.sequence:
            return False
        self._heard[key] = one.sequence
        return True

    def _book(self, variable: str, past: SeriesPast) -> None:
        one = self._door.latest(variable, self.here)
        if one is None or self._heard.get((variable, self.here)) == one.sequence:
            return
        self._heard[variable, self.here] = one.sequence
        if isinstance(one.value, float) and one.quality is not Quality.BAD:
            past.put(slot_start(one.time, self._settings.slot), one.value)
