"""The simulated grid meter: models 201 to 204 (integers with scale factors) and 211 to 214 (floats).

W is positive when importing. What it shows is as old as `age_s` says, counters included. The total counters net the
phases, as a billing meter does; those of the phases count each by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hil.devices.device import Now, SunSpecDevice, common
from hil.devices.registers import BASE_ADDRESS, ModelSpec
from hil.house.grid import GridState, electrical, voltages
from hil.house.house import House
from hil.house.quantities import Phases, watt_hours

VARIANTS = ("201", "202", "203", "204", "211", "212", "213", "214")
_PHASES = {"1": 1, "2": 2, "3": 3, "4": 3}


@dataclass(frozen=True, slots=True)
class MeterSettings:
    """Which meter it is and how old its measurements are."""

    variant: str = "203"
    serial: str = "RIG-METER-1"
    unit_id: int = 1
    base: int = BASE_ADDRESS
    age_s: float = 1.0
    counter_start_wh: float = 0.0

    def __post_init__(self) -> None:
        if self.variant not in VARIANTS:
            raise ValueError(f"meter variant {self.variant!r}: expected one of {', '.join(VARIANTS)}")
        if not 0.0 <= self.age_s <= 10.0:
            raise ValueError(f"meter age_s = {self.age_s}: expected between 0 and 10 seconds")


class Wiring:
    """How the meter's current transformers were fitted; the default is right."""

    def __init__(self) -> None:
        self.reversed_phases: frozenset[int] = frozenset()
        self.order: tuple[int, int, int] = (1, 2, 3)

    def seen(self, phases: Phases) -> Phases:
        """What the meter makes of the true power per phase."""
        first, second, third = (
            -phases[source - 1] if source in self.reversed_phases else phases[source - 1] for source in self.order
        )
        return first, second, third


class GridMeter(SunSpecDevice):
    """A three-phase meter at the connection point."""

    def __init__(self, name: str, house: House, now: Now, settings: MeterSettings = MeterSettings()) -> None:
        self.settings = settings
        self.age_s = settings.age_s
        self.wiring = Wiring()
        self.import_offset_wh = settings.counter_start_wh
        self.export_offset_wh = settings.counter_start_wh
        self._phases = _PHASES[settings.variant[-1]]
        super().__init__(name, house, now, unit_id=settings.unit_id, base=settings.base)

    def models(self) -> Sequence[ModelSpec]:
        """Common and the meter model."""
        scales: dict[str, float] = {}
        if self.settings.variant.startswith("20"):
            scales = {"A_SF": -2, "V_SF": -1, "Hz_SF": -2, "W_SF": 0, "VA_SF": 0, "VAR_SF": 0, "PF_SF": -1}
            scales |= {"TotWh_SF": 0, "TotVAh_SF": 0, "TotVArh_SF": 0}
        return [
            common("Rig", f"Meter {self.settings.variant}", self.settings.serial),
            ModelSpec(int(self.settings.variant), {**scales, "Evt": 0}),
        ]

    def refresh(self) -> None:
        """What the connection point was `age_s` ago."""
        state = self.house.seen_before(self.age_s)
        active, reactive = self.wiring.seen(state.active), self.wiring.seen(state.reactive)
        at = electrical(active, reactive, voltages(state.active, state.at_us), state.at_us)
        fields = self.image[int(self.settings.variant)]
        total_w, total_va = sum(active) / 1000, sum(at.apparent_va)
        fields.put(
            W=total_w,
            VA=total_va,
            VAR=sum(reactive) / 1000,
            PF=100.0 * total_w / total_va if total_va >= 1 else 100.0,
            A=sum(at.current_a),
            PhV=sum(at.voltage_v) / 3,
            PPV=sum(at.line_to_line_v) / 3,
            Hz=at.frequency_hz,
        )
        for index, letter in enumerate("ABC"[: self._phases]):
            fields.put(
                **{
                    f"Wph{letter}": active[index] / 1000,
                    f"VAph{letter}": at.apparent_va[index],
                    f"VARph{letter}": reactive[index] / 1000,
                    # A meter's currents are signed (int16): with the direction of the power.
                    f"Aph{letter}": at.current_a[index] if active[index] >= 0 else -at.current_a[index],
                    f"PhVph{letter}": at.voltage_v[index],
                    f"PFph{letter}": 100.0 * active[index] / 1000 / at.apparent_va[index]
                    if at.apparent_va[index] >= 1
                    else 100.0,
                }
            )
        for pair, volts in zip(("AB", "BC", "CA"), at.line_to_line_v, strict=True):
            if self._phases == 3:
                fields.put(**{f"PhVph{pair}": volts, f"PPVph{pair}": volts})
        self._put_counters(state)

    def _put_counters(self, state: GridState) -> None:
        """Counters follow the wiring: a reversed meter counts import as export."""
        books, fields = state.books, self.image[int(self.settings.variant)]
        ins, outs = books.imported, books.exported
        reversed_all = len(self.wiring.reversed_phases) == 3
        if reversed_all:
            ins, outs = outs, ins
        fields.put(TotWhImp=watt_hours(ins) + self.import_offset_wh, TotWhExp=watt_hours(outs) + self.export_offset_wh)
        for index, letter in enumerate("ABC"[: self._phases]):
            source = self.wiring.order[index]
            pair = (books.imported_phases[source - 1], books.exported_phases[source - 1])
            ins, outs = reversed(pair) if source in self.wiring.reversed_phases else pair
            fields.put(**{f"TotWhImpPh{letter}": watt_hours(ins), f"TotWhExpPh{letter}": watt_hours(outs)})
