"""Battery dimensioning: the planner's program over a whole history, with capacity and rate as variables.

spec ebr.md, Battery dimensioning: battery cost + energy + CO2, perfect foresight, the battery ends as full as it began.
Both directions in one slot are forbidden only where the linear program would use them (facts: losses can pay).
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np

from heg.planner.highs import Answer, Outcome, Program, run
from heg.planner.house import Bools, Floats
from heg.planner.matrix import Arrays, Builder, Ints

TIE_EUR_PER_KWH = 1e-7
"""Settles ties: of plans that cost the same, the one that cycles less. Never reported as cost."""

TOLERANCE_KW = 1e-6
NEAR_SHARE = 1e-3
NEAREST_SHARE = 1e-7
MANY_SLOTS = 3_000
"""An answer is the best when none can be cheaper by more than `NEAR_SHARE` of what is bought and sold; of no more slots
than this, by more than `NEAREST_SHARE`. Over a year it takes minutes to settle the last cents."""

ROUNDS = 6
LEAST_TIME_S = 0.5
CURVE = (1.0, 1.25, 1.5, 1.75, 2.0, 0.75, 0.5, 0.25)
"""Shares of the best capacity whose saving is computed too, in the order in which one answer is near the next."""

FINE_SLOTS = 20_000
"""Of more slots than this every second of them is left out: each takes seconds then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SizingInputs:
    """A home's history without gaps, and what a battery costs for as long as the history lasts.

    `buy_eur_per_kwh` and `sell_eur_per_kwh` are what an imported kWh costs and an exported one brings, all counted.
    """

    slot_minutes: int
    net_kw: Sequence[float]
    buy_eur_per_kwh: Sequence[float]
    sell_eur_per_kwh: Sequence[float]
    ess_eur_per_kwh: float
    ess_eur_per_kw: float
    round_trip_efficiency: float = 0.9
    max_kwh: float = 200.0
    max_kw: float = 100.0
    time_limit_s: float = 60.0
    curve: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SizedBattery:
    """A capacity, the rate that is best with it, and what the home then draws, kW at the connection point.

    `counted_eur` is energy as counted plus battery; `gap_eur` by how much a better answer could be cheaper.
    """

    capacity_kwh: float
    rate_kw: float
    counted_eur: float
    discharged_kwh: float
    grid_kw: tuple[float, ...]
    gap_eur: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sized:
    """The best battery, and others beside it by capacity, without one among them."""

    best: SizedBattery
    curve: tuple[SizedBattery, ...] = ()


class UnsizedError(Exception):
    """The solver found nothing in its time."""


def size(inputs: SizingInputs) -> Sized:
    """Return the best battery of a home. All values have to be finite. Raises `UnsizedError`."""
    return _Sizing(inputs).sized()


@dataclass(frozen=True, slots=True, eq=False)
class _Columns:
    arrays: Arrays
    imported: Ints
    charge: Ints
    discharge: Ints
    exported_rows: Ints
    capacity: int
    rate: int


@dataclass(frozen=True, slots=True, eq=False)
class _Held:
    """What is bounded to keep slots to one direction: variables at zero, slots that sell nothing."""

    columns: list[int] = field(default_factory=list)
    slots: list[int] = field(default_factory=list)


class _Sizing:
    def __init__(self, inputs: SizingInputs) -> None:
        self._inputs = inputs
        self._hours = inputs.slot_minutes / 60.0
        self._net_kw = np.array(inputs.net_kw, dtype=np.float64)
        self._buy = np.array(inputs.buy_eur_per_kwh, dtype=np.float64)
        self._sell = np.array(inputs.sell_eur_per_kwh, dtype=np.float64)
        self._slots = len(self._net_kw)
        self._columns = self._built(self._nowhere(), self._nowhere())
        self._program = Program(self._columns.arrays)
        self._left_s = inputs.time_limit_s
        share = NEAREST_SHARE if self._slots <= MANY_SLOTS else NEAR_SHARE
        self._near_eur = share * self._turnover_eur()

    def sized(self) -> Sized:
        best = self._best()
        if not self._inputs.curve:
            return Sized(best=best)
        found = [self._alone(), best, *self._around(best)]
        return Sized(best=best, curve=tuple(sorted(found, key=lambda battery: battery.capacity_kwh)))

    def _nowhere(self) -> Bools:
        return np.zeros(self._slots, dtype=np.bool_)

    def _built(self, one_way: Bools, grid_one_way: Bools) -> _Columns:
        """Put the program together; exports are what imports, storage and the house leave, and have no variable."""
        inputs, make, slots, hours = self._inputs, Builder(), self._slots, self._hours
        imported = make.columns(slots, 0.0, self._most_kw(), cost=hours * (self._buy - self._sell))
        charge = make.columns(slots, 0.0, inputs.max_kw, cost=hours * (self._sell + TIE_EUR_PER_KWH))
        discharge = make.columns(slots, 0.0, inputs.max_kw, cost=hours * (TIE_EUR_PER_KWH - self._sell))
        energy = make.columns(slots, 0.0, np.inf)
        capacity = make.columns(1, 0.0, inputs.max_kwh, cost=inputs.ess_eur_per_kwh)
        rate = make.columns(1, 0.0, inputs.max_kw, cost=inputs.ess_eur_per_kw)
        exported = make.rows(slots, self._net_kw, np.inf)
        for columns, sign in ((imported, 1.0), (charge, -1.0), (discharge, 1.0)):
            make.put(exported, columns, sign)
        self._stored(make, energy, charge, discharge)
        full = make.rows(slots, -np.inf, 0.0)
        make.put(full, energy, 1.0)
        make.put(full, np.repeat(capacity, slots), -1.0)
        fast = make.rows(slots, -np.inf, 0.0)  # of both together: one of them is zero
        make.put(fast, charge, 1.0)
        make.put(fast, discharge, 1.0)
        make.put(fast, np.repeat(rate, slots), -1.0)
        # Where selling brings more than buying costs, no more is bought than house and charging draw, in one direction.
        gains = self._buy < self._sell
        bought = make.rows(int(gains.sum()), -np.inf, np.maximum(self._net_kw[gains], 0.0))
        make.put(bought, imported[gains], 1.0)
        make.put(bought, charge[gains], -1.0)
        self._one_way(make, charge, discharge, one_way)
        self._grid_one_way(make, (imported, charge, discharge), grid_one_way)
        return _Columns(make.arrays(), imported, charge, discharge, exported, int(capacity[0]), int(rate[0]))

    def _stored(self, make: Builder, energy: Ints, charge: Ints, discharge: Ints) -> None:
        one_way = self._inputs.round_trip_efficiency**0.5
        rows = make.rows(self._slots, 0.0, 0.0)
        if self._slots > 1:  # a single slot ends as it began
            make.put(rows, energy, 1.0)
            make.put(rows, np.roll(energy, 1), -1.0)
        make.put(rows, charge, -self._hours * one_way)
        make.put(rows, discharge, self._hours / one_way)

    def _one_way(self, make: Builder, charge: Ints, discharge: Ints, where: Bools) -> None:
        count, most_kw = int(where.sum()), self._inputs.max_kw
        if not count:
            return
        binary = make.columns(count, 0.0, 1.0, whole=True)
        rows = make.rows(count, -np.inf, 0.0)
        make.put(rows, charge[where], 1.0)
        make.put(rows, binary, -most_kw)
        rows = make.rows(count, -np.inf, most_kw)
        make.put(rows, discharge[where], 1.0)
        make.put(rows, binary, most_kw)

    def _grid_one_way(self, make: Builder, columns: tuple[Ints, Ints, Ints], where: Bools) -> None:
        count, most_kw = int(where.sum()), self._most_kw()[where]
        if not count:
            return
        imported, charge, discharge = (column[where] for column in columns)
        binary = make.columns(count, 0.0, 1.0, whole=True)
        rows = make.rows(count, -np.inf, 0.0)
        make.put(rows, imported, 1.0)
        make.put(rows, binary, -most_kw)
        rows = make.rows(count, -np.inf, self._net_kw[where] + most_kw)
        for column, sign in ((imported, 1.0), (charge, -1.0), (discharge, 1.0)):
            make.put(rows, column, sign)
        make.put(rows, binary, most_kw)

    def _most_kw(self) -> Floats:
        return np.abs(self._net_kw) + self._inputs.max_kw

    def _best(self) -> SizedBattery:
        relaxed = self._minimised()
        rounded = self._rounded(relaxed)
        if rounded.gap_eur <= self._near_eur:
            return rounded
        return self._searched(relaxed, rounded)

    def _around(self, best: SizedBattery) -> Iterator[SizedBattery]:
        shares = CURVE if self._slots <= FINE_SLOTS else CURVE[::2]
        for share in shares[1:]:
            capacity_kwh = share * best.capacity_kwh
            if TOLERANCE_KW < capacity_kwh <= self._inputs.max_kwh:
                self._program.bound(self._columns.capacity, capacity_kwh, capacity_kwh)
                with suppress(UnsizedError):
                    yield self._rounded(self._minimised())

    def _alone(self) -> SizedBattery:
        return self._battery(0.0, 0.0, np.zeros(self._slots))

    def _minimised(self) -> Answer:
        answer = self._program.minimise(max(LEAST_TIME_S, self._left_s))
        self._left_s -= answer.seconds
        if answer.outcome is not Outcome.OPTIMAL:
            raise UnsizedError("the solver found nothing in its time")
        return answer

    def _mixed(self, values: Floats) -> tuple[Bools, Bools]:
        """Return the slots that charge and discharge at once, and those that buy and sell at once and gain by it."""
        columns = self._columns
        charge_kw, discharge_kw = values[columns.charge], values[columns.discharge]
        imported_kw = values[columns.imported]
        exported_kw = imported_kw - self._net_kw - charge_kw + discharge_kw
        grid = (np.minimum(imported_kw, exported_kw) > TOLERANCE_KW) & (self._buy < self._sell)
        return np.minimum(charge_kw, discharge_kw) > TOLERANCE_KW, grid

    def _rounded(self, relaxed: Answer) -> SizedBattery:
        """Return the answer with each slot in the direction it had on balance.

        A few linear programs from a near basis in place of a search: where losses pay a little, it does.
        """
        bound_eur = float(self._columns.arrays.cost @ relaxed.values)
        answer, held = relaxed, _Held()
        try:
            for number in range(ROUNDS):
                both, grid = self._mixed(answer.values)
                if not both.any() and not grid.any():
                    break
                if number == ROUNDS - 1:  # one slot's hold has moved another's too often: all are held
                    both, grid = ~self._nowhere(), self._buy < self._sell
                self._hold(answer.values, both, grid, held)
                answer = self._minimised()
        finally:
            self._open(held)
        gap_eur = max(0.0, float(self._columns.arrays.cost @ answer.values) - bound_eur)
        return self._of(self._columns, answer.values, gap_eur)

    def _hold(self, values: Floats, both: Bools, grid: Bools, held: _Held) -> None:
        """Hold slots to the direction they had on balance."""
        columns = self._columns
        net_kw = values[columns.charge] - values[columns.discharge]
        charging = np.where(np.abs(net_kw) > TOLERANCE_KW, net_kw > 0.0, self._net_kw < 0.0)
        exports = self._net_kw + net_kw < 0.0
        closed = (
            columns.discharge[both & charging],
            columns.charge[both & ~charging],
            columns.imported[grid & exports],
        )
        for column in map(int, np.concatenate(closed)):
            self._program.bound(column, 0.0, 0.0)
            held.columns.append(column)
        for slot in map(int, np.flatnonzero(grid & ~exports)):  # all that is bought is drawn, nothing is left to sell
            net = float(self._net_kw[slot])
            self._program.bound_row(int(columns.exported_rows[slot]), net, net)
            held.slots.append(slot)

    def _open(self, held: _Held) -> None:
        columns, upper = self._columns, self._columns.arrays.upper
        for column in held.columns:
            self._program.bound(column, 0.0, float(upper[column]))
        for slot in held.slots:
            self._program.bound_row(int(columns.exported_rows[slot]), float(self._net_kw[slot]), np.inf)

    def _searched(self, relaxed: Answer, rounded: SizedBattery) -> SizedBattery:
        """Return the best that a search over binaries finds in its time, in slots that need them."""
        both, grid = self._mixed(relaxed.values)
        for _ in range(ROUNDS):
            if self._left_s <= LEAST_TIME_S:
                break
            columns = self._built(both, grid)
            answer = run(columns.arrays, time_limit_s=self._left_s, gap_eur=self._near_eur)
            self._left_s -= answer.seconds
            if not answer.solved:
                break
            more, more_grid = self._mixed(answer.values)
            if not (more & ~both).any() and not (more_grid & ~grid).any():
                found = self._of(columns, answer.values, answer.gap_eur)
                return min(found, rounded, key=lambda battery: battery.counted_eur)
            both, grid = both | more, grid | more_grid
        return rounded

    def _of(self, columns: _Columns, values: Floats, gap_eur: float) -> SizedBattery:
        power_kw = values[columns.charge] - values[columns.discharge]
        return self._battery(float(values[columns.capacity]), float(values[columns.rate]), power_kw, gap_eur)

    def _battery(self, capacity_kwh: float, rate_kw: float, power_kw: Floats, gap_eur: float = 0.0) -> SizedBattery:
        inputs, grid_kw = self._inputs, self._net_kw + power_kw
        energy_eur = np.maximum(grid_kw, 0.0) @ self._buy - np.maximum(-grid_kw, 0.0) @ self._sell
        battery_eur = inputs.ess_eur_per_kwh * capacity_kwh + inputs.ess_eur_per_kw * rate_kw
        return SizedBattery(
            capacity_kwh=capacity_kwh,
            rate_kw=rate_kw,
            counted_eur=self._hours * float(energy_eur) + battery_eur,
            discharged_kwh=self._hours * float(np.maximum(-power_kw, 0.0).sum()),
            grid_kw=tuple(grid_kw.tolist()),
            gap_eur=gap_eur,
        )

    def _turnover_eur(self) -> float:
        """What the home without a battery buys and sells."""
        bought = np.maximum(self._net_kw, 0.0) @ np.abs(self._buy)
        return max(1.0, self._hours * float(bought + np.maximum(-self._net_kw, 0.0) @ np.abs(self._sell)))
