"""A home's whole history with a battery of a given size: the least cost of its energy, and what more battery saves.

With the size given no variable couples all slots, and a linear program over a year is solved in a fraction of a second;
with capacity and rate as its variables the same program takes many times as long.
"""

from dataclasses import dataclass

import numpy as np

from heg.planner.highs import Answer, Outcome, Program
from heg.planner.house import Bools, Floats
from heg.planner.matrix import Arrays, Builder, Ints

TIE_EUR_PER_KWH = 1e-7
"""Settles ties: of plans that cost the same, the one that cycles less. Never reported as cost."""

TOLERANCE_KW = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Home:
    """A home's history: net load without a battery, what an imported kWh costs and an exported one brings."""

    hours: float
    net_kw: Floats
    buy: Floats
    sell: Floats
    one_way: float
    most_rate_kw: float

    @property
    def slots(self) -> int:
        """How many slots there are."""
        return len(self.net_kw)

    @property
    def most_kw(self) -> Floats:
        """More than the house can draw or give with any battery."""
        return np.asarray(np.abs(self.net_kw) + self.most_rate_kw)

    @property
    def left_eur(self) -> float:
        """What it would cost to trade all of the net load at the price of exports: what no variable is counted for."""
        return self.hours * float((self.sell * self.net_kw).sum())

    @property
    def gains(self) -> Bools:
        """Tell in which slots selling brings more than buying costs."""
        return self.buy < self.sell

    @property
    def burns(self) -> Bools:
        """Tell in which slots losing energy may pay."""
        return (self.sell < TIE_EUR_PER_KWH) | (self.buy < TIE_EUR_PER_KWH) | self.gains


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Powers:
    """What a program does, kW of each slot."""

    imported: Floats
    charge: Floats
    discharge: Floats

    @property
    def battery(self) -> Floats:
        """What the battery takes on balance."""
        return np.asarray(self.charge - self.discharge)

    def both(self, home: Home) -> tuple[Bools, Bools]:
        """Return the slots that charge and discharge at once, and those that buy and sell at once and gain by it."""
        exported = self.imported - home.net_kw - self.battery
        grid = (np.minimum(self.imported, exported) > TOLERANCE_KW) & home.gains
        return np.minimum(self.charge, self.discharge) > TOLERANCE_KW, grid


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Operated:
    """The least cost with a battery of this size, and by how much a little more capacity or rate would change it."""

    energy_eur: float
    eur_per_kwh: float
    eur_per_kw: float
    powers: Powers


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Places:
    """Where the variables of a home's slots are, and the rows that say what is exported."""

    imported: Ints
    charge: Ints
    discharge: Ints
    energy: Ints
    exported: Ints

    def powers(self, values: Floats) -> Powers:
        """Return what an answer does."""
        return Powers(imported=values[self.imported], charge=values[self.charge], discharge=values[self.discharge])


class Operation:
    """The program of a home, kept; each size is solved from the basis of the one before."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._no_imports, self._no_exports = (np.zeros(home.slots, dtype=np.bool_) for _ in range(2))
        make = Builder()
        self._places = put_operation(make, home)
        storage = np.concatenate([self._places.charge, self._places.discharge])
        self._storage, self._free = storage, np.ones(len(storage), dtype=np.bool_)
        # Of both together, since one of them is zero: what keeps losses that pay in bounds.
        self._fast = make.rows(int(home.burns.sum()), -np.inf, 0.0)
        make.put(self._fast, self._places.charge[home.burns], 1.0)
        make.put(self._fast, self._places.discharge[home.burns], 1.0)
        self._arrays = make.arrays()
        self._program = Program(self._arrays)

    def at(self, capacity_kwh: float, rate_kw: float, time_limit_s: float) -> tuple[Operated | None, float]:
        """Return the least cost with a battery of this size, None where time did not suffice, and the seconds taken."""
        zeros = np.zeros(len(self._storage))
        self._program.bound(self._storage, zeros, np.where(self._free, rate_kw, 0.0))
        energy = self._places.energy
        self._program.bound(energy, zeros[: len(energy)], np.full(len(energy), capacity_kwh))
        fast = len(self._fast)
        self._program.bound_rows(self._fast, np.full(fast, -np.inf), np.full(fast, rate_kw))
        answer = self._program.minimise(time_limit_s)
        if answer.outcome is not Outcome.OPTIMAL:
            return None, answer.seconds
        return self._operated(answer), answer.seconds

    def _operated(self, answer: Answer) -> Operated:
        """What bounds cost is the reduced cost of what lies at them, counted from the duals: so every slope is one."""
        reduced = _reduced_costs(self._arrays, answer.duals)
        return Operated(
            energy_eur=float((self._arrays.cost * answer.values).sum()) + self._home.left_eur,
            eur_per_kwh=float(np.minimum(reduced[self._places.energy], 0.0).sum()),
            eur_per_kw=float(
                np.minimum(reduced[self._storage[self._free]], 0.0).sum()
                + np.minimum(answer.duals[self._fast], 0.0).sum()
            ),
            powers=self._places.powers(answer.values),
        )

    def hold(self, powers: Powers, both: Bools, grid: Bools) -> None:
        """Hold slots to the direction that they had on balance, until `release`."""
        net_kw, slots = powers.battery, self._home.slots
        charging = np.where(np.abs(net_kw) > TOLERANCE_KW, net_kw > 0.0, self._home.net_kw < 0.0)
        exports = self._home.net_kw + net_kw < 0.0
        self._free[:slots] &= ~(both & ~charging)
        self._free[slots:] &= ~(both & charging)
        self._no_imports |= grid & exports
        self._no_exports |= grid & ~exports  # what is bought is drawn
        self._bound_grid()

    def release(self) -> None:
        """Hold no slot any more."""
        for held in (self._no_imports, self._no_exports):
            held[:] = False
        self._free[:] = True
        self._bound_grid()

    def _bound_grid(self) -> None:
        slots = np.flatnonzero(self._home.gains)
        columns, rows = self._places.imported[slots], self._places.exported[slots]
        most_kw = np.where(self._no_imports[slots], 0.0, self._arrays.upper[columns])
        self._program.bound(columns, np.zeros(len(slots)), most_kw)
        net_kw = self._home.net_kw[slots]
        self._program.bound_rows(rows, net_kw, np.where(self._no_exports[slots], net_kw, np.inf))


def put_operation(make: Builder, home: Home, most_kw: float = 0.0, most_kwh: float = 0.0) -> Places:
    """Add the program of a home with a battery; exports are what imports, storage and house leave: no variable."""
    slots, hours = home.slots, home.hours
    imported = make.columns(slots, 0.0, home.most_kw, cost=hours * (home.buy - home.sell))
    charge = make.columns(slots, 0.0, most_kw, cost=hours * (home.sell + TIE_EUR_PER_KWH))
    discharge = make.columns(slots, 0.0, most_kw, cost=hours * (TIE_EUR_PER_KWH - home.sell))
    energy = make.columns(slots, 0.0, most_kwh)
    exported = make.rows(slots, home.net_kw, np.inf)
    for columns, sign in ((imported, 1.0), (charge, -1.0), (discharge, 1.0)):
        make.put(exported, columns, sign)
    stored = make.rows(slots, 0.0, 0.0)
    if slots > 1:  # a single slot ends as it began
        make.put(stored, energy, 1.0)
        make.put(stored, np.roll(energy, 1), -1.0)
    make.put(stored, charge, -hours * home.one_way)
    make.put(stored, discharge, hours / home.one_way)
    # Where selling brings more than buying costs, no more is bought than house and charging draw, in one direction.
    gains = home.gains
    bought = make.rows(int(gains.sum()), -np.inf, np.maximum(home.net_kw[gains], 0.0))
    make.put(bought, imported[gains], 1.0)
    make.put(bought, charge[gains], -1.0)
    return Places(imported=imported, charge=charge, discharge=discharge, energy=energy, exported=exported)


def _reduced_costs(arrays: Arrays, duals: Floats) -> Floats:
    """Return what remains of each variable's cost when every row is paid its dual."""
    prices = np.repeat(duals, np.diff(arrays.starts))
    return np.asarray(arrays.cost - np.bincount(arrays.columns, arrays.values * prices, len(arrays.cost)))
