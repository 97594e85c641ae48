"""The mixed-integer linear program of spec ebr.md, clause by clause, as arrays.

Binaries stand only in the slots that `Exclusive` names: the common case is a plain linear program.
"""

from dataclasses import dataclass

import numpy as np

from heg.planner.house import Bools, Floats, House, Store
from heg.planner.matrix import NO_COLUMNS, Arrays, Builder, Ints
from heg.planner.terms import Charges, Cycles, put_charges, put_cycles


@dataclass(frozen=True, slots=True, eq=False)
class Exclusive:
    """The slots in which a binary forbids both directions at once: at the connection point and in each storage."""

    grid: Bools
    stores: tuple[Bools, ...]

    @classmethod
    def nowhere(cls, house: House) -> "Exclusive":
        """Return the plain linear program's."""
        nothing = np.zeros(house.slots, dtype=np.bool_)
        return cls(nothing, tuple(nothing for _ in house.stores))

    @classmethod
    def everywhere(cls, house: House) -> "Exclusive":
        """Return the whole mixed-integer program's."""
        everything = np.ones(house.slots, dtype=np.bool_)
        return cls(everything, tuple(everything for _ in house.stores))

    def __or__(self, other: "Exclusive") -> "Exclusive":
        pairs = zip(self.stores, other.stores, strict=True)
        return Exclusive(self.grid | other.grid, tuple(mine | theirs for mine, theirs in pairs))

    def __bool__(self) -> bool:
        return bool(self.grid.any()) or any(bool(slots.any()) for slots in self.stores)


@dataclass(frozen=True, slots=True, eq=False)
class StoreColumns:
    """Where a storage's variables and rows are."""

    charge: Ints
    discharge: Ints
    soc: Ints
    soc_rows: Ints
    short: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """The arrays and where in them things are; empty blocks where the house has no such thing."""

    arrays: Arrays
    imported: Ints
    exported: Ints
    used: Ints
    above: Ints
    below: Ints
    beyond_row: Ints
    balance_rows: Ints
    high_rows: Ints
    low_rows: Ints
    tube_high_rows: Ints
    tube_low_rows: Ints
    stores: tuple[StoreColumns, ...]
    charges: Charges
    cycles: Cycles
    directions: Ints

    @property
    def choices(self) -> Ints:
        """The binaries that say what is done, not in which direction: when cycles run, which blocks are full."""
        return np.concatenate([self.cycles.columns, self.charges.full])

    @property
    def binaries(self) -> Ints:
        """All binaries."""
        return np.concatenate([self.directions, self.choices])


def build(house: House, exclusive: Exclusive) -> Problem:
    """Return the program of this house with binaries in these slots."""
    return _Building(house, exclusive).problem()


class _Building:
    def __init__(self, house: House, exclusive: Exclusive) -> None:
        self._house = house
        self._exclusive = exclusive
        self._make = Builder()
        self._binaries: list[Ints] = []

    def problem(self) -> Problem:
        house, make, slots = self._house, self._make, self._house.slots
        hours = house.hours
        bound_kw = _most_kw(house)
        imported = make.columns(slots, 0.0, bound_kw, cost=hours * house.buy_price)
        exported = make.columns(slots, 0.0, bound_kw, cost=-hours * house.sell_price)
        balance = make.rows(slots, house.demand_kw, house.demand_kw)
        make.put(balance, imported, 1.0)
        make.put(balance, exported, -1.0)
        lowest_used_kw = 0.0 if house.curtailable else house.production_kw
        used = make.columns(slots, lowest_used_kw, house.production_kw)
        make.put(balance, used, 1.0)
        self._one_way(imported, exported, bound_kw, bound_kw, self._exclusive.grid)
        limits = self._limits(imported, exported)
        tubes = self._tubes(imported, exported)
        stores = tuple(
            self._store(store, balance, slots_)
            for store, slots_ in zip(house.stores, self._exclusive.stores, strict=True)
        )
        charges = put_charges(make, house, imported, exported, bound_kw)
        cycles = put_cycles(make, house, balance)
        return Problem(
            make.arrays(),
            imported,
            exported,
            used,
            *limits[:3],
            balance,
            *limits[3:],
            *tubes,
            stores,
            charges,
            cycles,
            np.concatenate([NO_COLUMNS, *self._binaries]),
        )

    def _store(self, store: Store, balance: Ints, exclusive: Bools) -> StoreColumns:
        """Spec ebr.md, The MILP 1 to 4: present or idle, SoC from SoC, inside its bounds, part of the home's power."""
        make, hours, slots = self._make, self._house.hours, self._house.slots
        order = np.arange(slots) / max(slots, 1)
        fixed = [_first(slots, sign * (store.first_kw or 0.0)) for sign in (1.0, -1.0)]
        charge = make.columns(slots, fixed[0], store.charge_kw, ties=hours * order)
        discharge = make.columns(
            slots, fixed[1], store.discharge_kw, cost=hours * store.wear_eur_per_kwh, ties=hours * (2.0 + order)
        )
        soc = make.columns(slots, store.floor_kwh, store.capacity_kwh, cost=_end_cost(slots, store))
        make.put(balance, charge, -1.0)
        make.put(balance, discharge, 1.0)
        first = np.zeros(slots)
        first[:1] = store.soc_kwh
        rows = make.rows(slots, first, first)
        make.put(rows, soc, 1.0)
        make.put(rows[1:], soc[:-1], -1.0)
        make.put(rows, charge, -hours * store.one_way)
        make.put(rows, discharge, hours / store.one_way)
        binary = self._one_way(charge, discharge, store.charge_kw, store.discharge_kw, exclusive)
        if store.least_charge_kw > 0.0 and len(binary):
            least = make.rows(len(binary), 0.0, np.inf)
            make.put(least, charge[exclusive], 1.0)
            make.put(least, binary, -np.minimum(store.least_charge_kw, store.charge_kw[exclusive]))
        return StoreColumns(charge, discharge, soc, rows, self._target(store, soc))

    def _target(self, store: Store, soc: Ints) -> Ints:
        """A person's target at departure: soft, at a high price."""
        if store.target is None or store.target.slot == 0:
            return NO_COLUMNS
        short = self._make.columns(1, 0.0, np.inf, cost=store.target.penalty_eur_per_kwh)
        row = self._make.rows(1, store.target.energy_kwh, np.inf)
        self._make.put(row, soc[store.target.slot - 1 : store.target.slot], 1.0)
        self._make.put(row, short, 1.0)
        return short

    def _one_way(self, up: Ints, down: Ints, up_kw: Floats, down_kw: Floats, where: Bools) -> Ints:
        """No slot both charges and discharges, none both imports and exports: a binary says which."""
        count = int(where.sum())
        if not count:
            return NO_COLUMNS
        make = self._make
        binary = make.columns(count, 0.0, 1.0, whole=True)
        rows = make.rows(count, -np.inf, 0.0)
        make.put(rows, up[where], 1.0)
        make.put(rows, binary, -up_kw[where])
        rows = make.rows(count, -np.inf, down_kw[where])
        make.put(rows, down[where], 1.0)
        make.put(rows, binary, down_kw[where])
        self._binaries.append(binary)
        return binary

    def _limits(self, imported: Ints, exported: Ints) -> tuple[Ints, Ints, Ints, Ints, Ints]:
        """Spec ebr.md, The MILP 5. `above` and `below` open only where the limits cannot all be kept (solve.py)."""
        house, make = self._house, self._make
        if not house.has_limits:
            return (NO_COLUMNS,) * 5
        above = make.columns(house.slots, 0.0, 0.0)
        below = make.columns(house.slots, 0.0, 0.0)
        high = make.rows(house.slots, -np.inf, house.high_kw)
        low = make.rows(house.slots, house.low_kw, np.inf)
        for rows in (high, low):
            make.put(rows, imported, 1.0)
            make.put(rows, exported, -1.0)
        make.put(high, above, -1.0)
        make.put(low, below, 1.0)
        total = make.rows(1, 0.0, np.inf)
        every = np.repeat(total, house.slots)
        make.put(every, above, house.hours)
        make.put(every, below, house.hours)
        return above, below, total, high, low

    def _tubes(self, imported: Ints, exported: Ints) -> tuple[Ints, Ints]:
        """The distribution penalty for energy outside the tube (spec ebr.md, The MILP)."""
        house, make = self._house, self._make
        if not house.has_tube:
            return NO_COLUMNS, NO_COLUMNS
        price = house.hours * house.outside_tube_price
        above = make.columns(house.slots, 0.0, np.inf, cost=price)
        below = make.columns(house.slots, 0.0, np.inf, cost=price)
        high = make.rows(house.slots, -np.inf, house.tube_high_kw)
        low = make.rows(house.slots, house.tube_low_kw, np.inf)
        for rows in (high, low):
            make.put(rows, imported, 1.0)
            make.put(rows, exported, -1.0)
        make.put(high, above, -1.0)
        make.put(low, below, 1.0)
        return high, low


def _first(slots: int, power_kw: float) -> Floats:
    """Return the least power of each slot where that of the first one is given."""
    least_kw = np.zeros(slots)
    least_kw[:1] = max(0.0, power_kw)
    return least_kw


def _end_cost(slots: int, store: Store) -> Floats:
    cost = np.zeros(slots)
    cost[-1:] = -store.end_value_eur_per_kwh
    return cost


def _most_kw(house: House) -> Floats:
    """No import and no export is larger than everything at once: the bound that binaries switch."""
    power = np.abs(house.demand_kw) + house.production_kw + 1.0
    for store in house.stores:
        power = power + np.maximum(store.charge_kw, store.discharge_kw)
    for cycle in house.cycles:
        power = power + cycle.power_kw.max()
    return power
