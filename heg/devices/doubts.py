"""What a device said and was not believed: refusals, counters that jump, a state of charge that cannot be.

Most devices never say such a thing, and hundreds may be attached: it is made when the first thing is doubted.
"""

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from heg.data.door import Door
from heg.devices.counting import Counted, SeriesKey
from heg.devices.limits import AgeLimits
from heg.model.counters import CounterEvent
from heg.model.instance import Location
from heg.model.losses import loss
from heg.model.records import AlarmRecord, Severity
from heg.model.refusals import Refusal, RefusalCode
from heg.model.timings import Timings
from heg.runtime.clock import Clock

logger = logging.getLogger(__name__)

_SOC_OUT_OF_RANGE = loss("soc-out-of-range")
_MOST_LOGGED = 512


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every device of a unit shares."""

    door: Door
    clock: Clock
    unit: str
    limits: AgeLimits
    timings: Timings


class Doubts:
    """One device's. `name` gives what it is called now."""

    __slots__ = ("_around", "_impossible", "_jumping", "_logged", "_name", "_told", "refusals")

    def __init__(self, around: Surroundings, name: Callable[[], str]) -> None:
        self._around, self._name = around, name
        self.refusals: Counter[RefusalCode] = Counter()
        self._told: Counter[RefusalCode] = Counter()
        self._logged: set[tuple[str, RefusalCode]] = set()
        self._jumping: set[SeriesKey] = set()
        self._impossible: set[SeriesKey] = set()

    def refuse(self, variable: str, refusal: Refusal) -> None:
        """Count a refusal; each kind is logged once, the count goes on."""
        self.refusals[refusal.code] += 1
        if (variable, refusal.code) not in self._logged and len(self._logged) < _MOST_LOGGED:
            self._logged.add((variable, refusal.code))
            logger.warning("%s: %s %s", self._name(), variable or "an answer was refused:", refusal)

    def tell(self) -> None:
        """Publish the counts that have grown."""
        for code, count in self.refusals.items():
            if count != self._told[code]:
                self._told[code] = count
                self._around.door.write("self.refusals", self._place(str(code)), float(count))

    def counter(self, key: SeriesKey, register: float, counted: Counted) -> None:
        """Name a counter's jump when it is doubted, and what it was when it is settled."""
        name = ".".join(piece for piece in key if piece)
        place = self._place(f"counter.{name}")
        if counted.event is CounterEvent.REFUSED:
            self.refuse(key[0], Refusal(RefusalCode.OUT_OF_RANGE, f"a plausible step of {name}", f"{register:g} kWh"))
            if key not in self._jumping:
                self._jumping.add(key)
                text = f"{name} of {self._name()} stands at {register:g} kWh, which cannot follow from its last reading"
                self._around.door.write("alarm", place, AlarmRecord(True, Severity.WARNING, text))
        elif key in self._jumping:
            self._jumping.discard(key)
            text = f"{name} of {self._name()}: {counted.event}; the books go on without the step"
            self._around.door.write("alarm", place, AlarmRecord(False, Severity.WARNING, text))

    def state_of_charge(self, key: SeriesKey, refusal: Refusal | None) -> None:
        """A state of charge that cannot be is the owner's to know: the storage soon rests for it."""
        if (refusal is not None) == (key in self._impossible):
            return
        self._impossible ^= {key}
        name = self._name()
        text = f"{name} reports a sound state of charge again"
        if refusal is not None:
            text = f"{name}: state of charge: {refusal}. {_SOC_OUT_OF_RANGE.in_force}"
        alarm = AlarmRecord(refusal is not None, Severity.WARNING, text)
        self._around.door.write("alarm", self._place(_SOC_OUT_OF_RANGE.id), alarm)

    def _place(self, part: str) -> Location:
        return Location(self._around.unit, self._name(), part)
