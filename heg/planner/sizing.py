"""Battery dimensioning: the planner's program over a whole history, and the size with which that costs least.

spec ebr.md, Battery dimensioning: battery cost + energy + CO2, perfect foresight, the battery ends as full as it began.
Both directions in one slot are forbidden only where the linear program would use them (facts: losses can pay).
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from heg.planner.cuts import Box, Cut, Size, lowest
from heg.planner.dimensioning import LEAST_TIME_S, ROUNDS, Dimensioning
from heg.planner.house import Floats
from heg.planner.operation import TOLERANCE_KW, Home, Operation, Powers

NEAR_SHARE = 1e-3
NEAREST_SHARE = 1e-7
MANY_SLOTS = 3_000
"""An answer is the best when none can be cheaper by more than `NEAR_SHARE` of what is bought and sold; of no more slots
than this, by more than `NEAREST_SHARE`. Over a year it takes minutes to settle the last cents."""

SETTLED_SHARE = (1e-8, 1e-6)
"""The size alone is settled more closely, in few slots and in many."""

BESIDE = 10.0
"""Batteries beside the best are settled so many times less closely."""
CURVE = (1.25, 1.5, 1.75, 2.0, 0.75, 0.5, 0.25)
"""Shares of the best capacity whose saving is computed too, in the order in which one answer is near the next."""


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
class _Point:
    """A size and what it costs, what the home does with it, the least that any could cost, and the cuts that say so."""

    cut: Cut
    powers: Powers
    bound_eur: float
    cuts: tuple[Cut, ...]


@dataclass(slots=True)
class _Clock:
    left_s: float


class _Asked:
    """Says what a size costs, and keeps the best with what the home does then."""

    def __init__(self, operation: Operation, price: Size, clock: _Clock) -> None:
        self._operation = operation
        self._price = price
        self._clock = clock
        self.best: tuple[Cut, Powers] | None = None

    def __call__(self, size: Size) -> Cut | None:
        clock, price = self._clock, self._price
        if self.best is not None and clock.left_s <= 0.0:
            return None
        operated, seconds = self._operation.at(size.kwh, size.kw, max(LEAST_TIME_S, clock.left_s))
        clock.left_s -= seconds
        if operated is None:
            return None
        eur = operated.energy_eur + price.kwh * size.kwh + price.kw * size.kw
        cut = Cut(size, eur, price.kwh + operated.eur_per_kwh, price.kw + operated.eur_per_kw)
        if self.best is None or cut.eur < self.best[0].eur:
            self.best = cut, operated.powers
        return cut


class _Sizing:
    def __init__(self, inputs: SizingInputs) -> None:
        self._inputs = inputs
        self._home = Home(
            hours=inputs.slot_minutes / 60.0,
            net_kw=np.array(inputs.net_kw, dtype=np.float64),
            buy=np.array(inputs.buy_eur_per_kwh, dtype=np.float64),
            sell=np.array(inputs.sell_eur_per_kwh, dtype=np.float64),
            one_way=inputs.round_trip_efficiency**0.5,
            most_rate_kw=inputs.max_kw,
        )
        self._box = Box(Size(0.0, 0.0), Size(inputs.max_kwh, inputs.max_kw))
        self._price = Size(inputs.ess_eur_per_kwh, inputs.ess_eur_per_kw)
        self._operation = Operation(self._home)
        self._cuts: tuple[Cut, ...] = ()
        self._clock = _Clock(inputs.time_limit_s)
        few, turnover_eur = self._home.slots <= MANY_SLOTS, self._turnover_eur()
        self._near_eur = turnover_eur * (NEAREST_SHARE if few else NEAR_SHARE)
        self._settled_eur = turnover_eur * (SETTLED_SHARE[0] if few else SETTLED_SHARE[1])

    def sized(self) -> Sized:
        best = self._best()
        if not self._inputs.curve:
            return Sized(best=best)
        alone = self._battery(Size(0.0, 0.0), np.zeros(self._home.slots))
        found = [alone, best, *self._around(best)]
        return Sized(best=best, curve=tuple(sorted(found, key=lambda battery: battery.capacity_kwh)))

    def _best(self) -> SizedBattery:
        relaxed = self._least(self._guess(), self._box, self._settled_eur)
        rounded = self._rounded(relaxed, self._box, self._settled_eur)
        if rounded.gap_eur <= self._near_eur:
            return rounded
        asked = Dimensioning(self._home, self._price, self._box)
        found = asked.searched(relaxed.powers, gap_eur=self._near_eur, time_limit_s=self._clock.left_s)
        if found is None:
            return rounded
        searched = self._battery(found.size, found.powers.battery, found.gap_eur)
        return min(searched, rounded, key=lambda battery: battery.counted_eur)

    def _guess(self) -> Size:
        """Half of what the home draws in a day, in three hours: a place to begin, no more."""
        days = self._home.slots * self._home.hours / 24.0
        kwh = 0.5 * self._home.hours * float(np.maximum(self._home.net_kw, 0.0).sum()) / days
        kwh = min(max(kwh, 1.0), self._inputs.max_kwh)
        return Size(kwh, min(kwh / 3.0, self._inputs.max_kw))

    def _around(self, best: SizedBattery) -> Iterator[SizedBattery]:
        for share in CURVE:
            kwh = share * best.capacity_kwh
            if TOLERANCE_KW < kwh <= self._inputs.max_kwh:
                box = Box(Size(kwh, 0.0), Size(kwh, self._inputs.max_kw))
                start = Size(kwh, min(best.rate_kw * share**0.5, self._inputs.max_kw))
                near_eur = BESIDE * self._settled_eur
                with suppress(UnsizedError):
                    yield self._rounded(self._least(start, box, near_eur), box, near_eur)

    def _least(self, start: Size, box: Box, near_eur: float, *, held: Sequence[Cut] | None = None) -> _Point:
        """Return the best size in the box; `held` are the cuts that are known while slots are held to a direction."""
        asked = _Asked(self._operation, self._price, self._clock)
        found = lowest(asked, start, box, near_eur=near_eur, cuts=self._cuts if held is None else held)
        if found is None or asked.best is None:
            raise UnsizedError("the solver found nothing in its time")
        if held is None:
            self._cuts = found.cuts
        return _Point(*asked.best, found.bound_eur, found.cuts)

    def _rounded(self, relaxed: _Point, box: Box, near_eur: float) -> SizedBattery:
        """Return the battery with each slot in the direction it had on balance.

        A few linear programs from a near basis in place of a search: where losses pay a little, it does.
        """
        point, cuts, settled = relaxed, self._cuts, True
        try:
            for number in range(ROUNDS):
                both, grid = point.powers.both(self._home)
                mixed = bool(both.any() or grid.any())
                if settled and not mixed:
                    break
                if mixed:
                    if number >= ROUNDS - 2:  # one slot's hold has moved another's too often: all are held
                        both, grid = np.ones(self._home.slots, dtype=np.bool_), self._home.gains
                    self._operation.hold(point.powers, both, grid)
                within = Box(point.cut.size, point.cut.size) if mixed else box
                point = self._least(point.cut.size, within, near_eur, held=cuts)
                cuts, settled = point.cuts, not mixed
        finally:
            self._operation.release()
        return self._battery(point.cut.size, point.powers.battery, max(0.0, point.cut.eur - relaxed.bound_eur))

    def _battery(self, size: Size, power_kw: Floats, gap_eur: float = 0.0) -> SizedBattery:
        home, grid_kw = self._home, self._home.net_kw + power_kw
        energy_eur = (grid_kw * np.where(grid_kw > 0.0, home.buy, home.sell)).sum()
        return SizedBattery(
            capacity_kwh=size.kwh,
            rate_kw=size.kw,
            counted_eur=home.hours * float(energy_eur) + self._price.kwh * size.kwh + self._price.kw * size.kw,
            discharged_kwh=home.hours * float(np.maximum(-power_kw, 0.0).sum()),
            grid_kw=tuple(grid_kw.tolist()),
            gap_eur=gap_eur,
        )

    def _turnover_eur(self) -> float:
        """What the home without a battery buys and sells."""
        home = self._home
        price = np.abs(np.where(home.net_kw > 0.0, home.buy, home.sell))
        return max(1.0, home.hours * float((np.abs(home.net_kw) * price).sum()))
