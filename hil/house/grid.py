"""The connection point: what flows per phase, what the meter has counted, and the electrical quantities there."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hil.house.quantities import MICROSECONDS, MILLION, Phases

NOMINAL_V = 230.0
LINE_OHM = 0.12
"""Resistance of one conductor of the service line: 5 kW on one phase lowers its voltage by about 2.6 V."""


@dataclass(frozen=True, slots=True)
class Books:
    """Energy counted at the connection point, in whole nanojoules.

    The totals net the three phases in every instant, as the house's billing meter does; the phases count each by
    itself. Import less export is therefore the same in both.
    """

    imported: int = 0
    exported: int = 0
    imported_phases: Phases = (0, 0, 0)
    exported_phases: Phases = (0, 0, 0)

    def after(self, phases: Phases, dt_us: int) -> Books:
        """The books after this power has flowed for `dt_us`."""
        total = (phases[0] + phases[1] + phases[2]) * dt_us
        first, second, third = phases[0] * dt_us, phases[1] * dt_us, phases[2] * dt_us
        ins, outs = self.imported_phases, self.exported_phases
        return Books(
            self.imported + max(total, 0),
            self.exported + max(-total, 0),
            (ins[0] + max(first, 0), ins[1] + max(second, 0), ins[2] + max(third, 0)),
            (outs[0] + max(-first, 0), outs[1] + max(-second, 0), outs[2] + max(-third, 0)),
        )


@dataclass(frozen=True, slots=True)
class GridState:
    """One instant at the connection point; `active` and `reactive` positive when importing, in mW and mvar."""

    at_us: int
    active: Phases
    reactive: Phases
    books: Books

    @property
    def total_milliwatt(self) -> int:
        """Sum of the phases."""
        return self.active[0] + self.active[1] + self.active[2]


@dataclass(frozen=True, slots=True)
class Electrical:
    """Voltages, currents and apparent power of three phases, and the frequency."""

    voltage_v: tuple[float, float, float]
    current_a: tuple[float, float, float]
    apparent_va: tuple[float, float, float]
    frequency_hz: float

    @property
    def line_to_line_v(self) -> tuple[float, float, float]:
        """Voltages L1-L2, L2-L3, L3-L1, the phases standing 120 degrees apart."""
        first, second, third = self.voltage_v
        return _chord(first, second), _chord(second, third), _chord(third, first)


def electrical(active: Phases, reactive: Phases, voltage_v: tuple[float, float, float], at_us: int) -> Electrical:
    """Electrical quantities that belong to a power per phase at these voltages."""
    apparent = tuple(math.hypot(p, q) / 1000 for p, q in zip(active, reactive, strict=True))
    currents = tuple(s / v for s, v in zip(apparent, voltage_v, strict=True))
    return Electrical(
        voltage_v,
        (currents[0], currents[1], currents[2]),
        (apparent[0], apparent[1], apparent[2]),
        frequency_hz(at_us),
    )


def voltages(active: Phases, at_us: int) -> tuple[float, float, float]:
    """Phase voltages: nominal, a slow swing of the street, and the drop or rise our own power causes."""
    seconds = at_us / MICROSECONDS
    street = 1.5 * math.sin(seconds / 700.0) + 0.8 * math.sin(seconds / 41.0)
    first, second, third = (
        NOMINAL_V + street + 0.3 * offset - LINE_OHM * (power / 1000) / NOMINAL_V
        for offset, power in enumerate(active, start=-1)
    )
    return first, second, third


def frequency_hz(at_us: int) -> float:
    """Grid frequency: 50 Hz with the small wandering every grid shows."""
    seconds = at_us / MICROSECONDS
    return 50.0 + 0.018 * math.sin(seconds / 97.0) + 0.007 * math.sin(seconds / 13.0)


def _chord(first: float, second: float) -> float:
    return math.sqrt(first * first + second * second + first * second)


REACTIVE_PER_ACTIVE_PPM = round(math.tan(math.acos(0.97)) * MILLION)
"""Reactive power that goes with the house's ordinary load, at a power factor of 0.97."""
