"""Dimensioning as one mixed-integer program: capacity and rate are variables, binaries stand in slots that need them.

spec ebr.md, Battery dimensioning. Exact, and slow over long histories.
"""

from dataclasses import dataclass

import numpy as np

from heg.planner.cuts import Box, Size
from heg.planner.highs import run
from heg.planner.house import Bools, Floats
from heg.planner.matrix import Arrays, Builder, Ints
from heg.planner.operation import Home, Places, Powers, put_operation

ROUNDS = 6
LEAST_TIME_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dimensioned:
    """The battery that was found, what it does, and by how much a better one could be cheaper."""

    size: Size
    powers: Powers
    gap_eur: float


@dataclass(frozen=True, slots=True, eq=False)
class Dimensioning:
    """What a home's best battery is asked by: `price` are EUR per kWh and per kW."""

    home: Home
    price: Size
    box: Box

    def searched(self, powers: Powers, *, gap_eur: float, time_limit_s: float) -> Dimensioned | None:
        """Return the best battery; None where time ran out. `powers` show which slots want both directions."""
        both, grid = powers.both(self.home)
        for _ in range(ROUNDS):
            if time_limit_s <= LEAST_TIME_S:
                return None
            arrays, places, sizes = self._built(both, grid)
            answer = run(arrays, time_limit_s=time_limit_s, gap_eur=gap_eur)
            time_limit_s -= answer.seconds
            if not answer.solved:
                return None
            found = places.powers(answer.values)
            more, more_grid = found.both(self.home)
            if not (more & ~both).any() and not (more_grid & ~grid).any():
                kwh, kw = (float(answer.values[column]) for column in sizes)
                return Dimensioned(size=Size(kwh, kw), powers=found, gap_eur=answer.gap_eur)
            both, grid = both | more, grid | more_grid
        return None

    def _built(self, one_way: Bools, grid_one_way: Bools) -> tuple[Arrays, Places, Ints]:
        make, slots = Builder(), self.home.slots
        places = put_operation(make, self.home, self.box.most.kw, np.inf)
        capacity = make.columns(1, 0.0, self.box.most.kwh, cost=self.price.kwh)
        rate = make.columns(1, 0.0, self.box.most.kw, cost=self.price.kw)
        full = make.rows(slots, -np.inf, 0.0)
        make.put(full, places.energy, 1.0)
        make.put(full, np.repeat(capacity, slots), -1.0)
        fast = make.rows(slots, -np.inf, 0.0)  # of both together: one of them is zero
        make.put(fast, places.charge, 1.0)
        make.put(fast, places.discharge, 1.0)
        make.put(fast, np.repeat(rate, slots), -1.0)
        self._one_way(make, places, one_way)
        self._grid_one_way(make, places, grid_one_way)
        return make.arrays(), places, np.concatenate([capacity, rate])

    def _one_way(self, make: Builder, places: Places, where: Bools) -> None:
        most_kw = np.full(int(where.sum()), self.box.most.kw)
        binary = make.columns(len(most_kw), 0.0, 1.0, whole=True)
        self._only(make, places.charge[where], binary, -most_kw, np.zeros(len(most_kw)))
        self._only(make, places.discharge[where], binary, most_kw, most_kw)

    def _grid_one_way(self, make: Builder, places: Places, where: Bools) -> None:
        most_kw, net_kw = self.home.most_kw[where], self.home.net_kw[where]
        binary = make.columns(len(most_kw), 0.0, 1.0, whole=True)
        self._only(make, places.imported[where], binary, -most_kw, np.zeros(len(most_kw)))
        rows = self._only(make, places.imported[where], binary, most_kw, net_kw + most_kw)
        make.put(rows, places.charge[where], -1.0)
        make.put(rows, places.discharge[where], 1.0)

    @staticmethod
    def _only(make: Builder, columns: Ints, binary: Ints, factor: Floats, most: Floats) -> Ints:
        rows = make.rows(len(columns), -np.inf, most)
        make.put(rows, columns, 1.0)
        make.put(rows, binary, factor)
        return rows
