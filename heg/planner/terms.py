"""What a tariff and the house add to the program beyond energy and storages: peak, blocks, desired profile, cycles."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from heg.planner.house import DIGITS_KW, Cycle, Floats, House
from heg.planner.matrix import NO_COLUMNS, Builder, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Charges:
    """Where the tariff's terms are; empty where it has none. `full` are the binaries of blocks that must fill first."""

    peak_rows: Ints
    energy_row: Ints
    full: Ints
    desired_rows: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Cycles:
    """The binaries `of` each cycle, which cycle uses which at what kW in a slot, and one each to `skip` it, which stays
    shut while limits can be kept with all.
    """

    of: tuple[Ints, ...]
    owners: Ints
    uses: tuple[Ints, Ints, Floats]
    skip: Ints

    @property
    def columns(self) -> Ints:
        """All binaries."""
        return np.concatenate([*self.of, self.skip])

    def power_kw(self, values: Floats, number: int, slots: int) -> Floats:
        """Return one cycle's kW in each slot (of `number` among those that have room)."""
        at, columns, kw = self.uses
        mine = self.owners == number
        power_kw = np.bincount(at[mine], kw[mine] * np.round(values[columns[mine]]), slots)
        return np.round(power_kw, DIGITS_KW)  # what switches on and off again leaves no dust


def put_charges(make: Builder, house: House, imported: Ints, exported: Ints, bound_kw: Floats) -> Charges:
    """Add the peak charge, the blocks and the desired profile, as far as the house has them."""
    peak_rows = _peak(make, house, imported, exported)
    energy_row, full = _blocks(make, house, imported, float(house.hours @ bound_kw) + 1.0)
    return Charges(peak_rows, energy_row, full, _desired(make, house, imported, exported))


def _peak(make: Builder, house: House, imported: Ints, exported: Ints) -> Ints:
    if house.peak_price <= 0.0:
        return NO_COLUMNS
    peak = make.columns(1, 0.0, np.inf, cost=house.peak_price)
    rows = make.rows(house.slots, -np.inf, house.peak_so_far_kw)
    make.put(rows, imported, 1.0)
    make.put(rows, exported, -1.0)
    make.put(rows, np.repeat(peak, house.slots), -1.0)
    return rows


def _blocks(make: Builder, house: House, imported: Ints, most_kwh: float) -> tuple[Ints, Ints]:
    """What is imported fills the blocks. Where prices rise it does so in order by itself, else binaries see to it."""
    if not house.steps:
        return NO_COLUMNS, NO_COLUMNS
    prices = np.array([step.price for step in house.steps])
    widths_kwh = np.minimum([step.width_kwh for step in house.steps], most_kwh)
    filled = make.columns(len(prices), 0.0, widths_kwh, cost=prices)
    row = make.rows(1, 0.0, 0.0)
    make.put(np.repeat(row, house.slots), imported, house.hours)
    make.put(np.repeat(row, len(prices)), filled, -1.0)
    count = len(prices) - 1 if (np.diff(prices) < 0.0).any() else 0
    full = make.columns(count, 0.0, 1.0, whole=True)
    before = make.rows(count, 0.0, np.inf)
    make.put(before, filled[:count], 1.0)
    make.put(before, full, -widths_kwh[:count])
    after = make.rows(count, -np.inf, 0.0)
    make.put(after, filled[1 : count + 1], 1.0)
    make.put(after, full, -widths_kwh[1 : count + 1])
    return row, full


def _desired(make: Builder, house: House, imported: Ints, exported: Ints) -> Ints:
    """The 1-norm distance from the desired profile."""
    where = house.desired
    count = int(where.sum())
    if not count:
        return NO_COLUMNS
    price = house.desired_price * house.hours[where]
    over, under = (make.columns(count, 0.0, np.inf, cost=price) for _ in range(2))
    rows = make.rows(count, house.desired_kw[where], house.desired_kw[where])
    make.put(rows, imported[where], 1.0)
    make.put(rows, exported[where], -1.0)
    make.put(rows, over, -1.0)
    make.put(rows, under, 1.0)
    return rows


def put_cycles(make: Builder, house: House, balance: Ints) -> Cycles:
    """Add each cycle once within its window; of equal starts a search is led to the first."""
    of, owners, slots, powers, skips, uses = [], [NO_COLUMNS], [NO_COLUMNS], [np.zeros(0)], [NO_COLUMNS], [NO_COLUMNS]
    for number, cycle in enumerate(house.cycles):
        skip = make.columns(1, 0.0, 0.0, whole=True)
        put = _pauses if cycle.interruptible else _starts
        mine, used, at, kw = put(make, cycle, skip, 1.0 / house.slots)
        make.put(balance[at], used, -kw)
        of.append(mine)
        skips.append(skip)
        uses.append(used)
        slots.append(at)
        powers.append(kw)
        owners.append(np.full(len(used), number, dtype=np.int32))
    return Cycles(
        tuple(of),
        np.concatenate(owners),
        (np.concatenate(slots), np.concatenate(uses), np.concatenate(powers)),
        np.concatenate(skips),
    )


def _starts(make: Builder, cycle: Cycle, skip: Ints, tie: float) -> tuple[Ints, Ints, Ints, Floats]:
    """One binary for each slot in which it may begin."""
    length = len(cycle.power_kw)
    begins = np.arange(cycle.earliest, cycle.latest - length + 1, dtype=np.int32)
    starts = make.columns(len(begins), 0.0, 1.0, ties=np.asarray(tie * begins, dtype=np.float64), whole=True)
    row = make.rows(1, 1.0, 1.0)
    make.put(np.repeat(row, len(starts)), starts, 1.0)
    make.put(row, skip, 1.0)
    at = (begins[:, None] + np.arange(length)).ravel().astype(np.int32)
    return starts, np.repeat(starts, length).astype(np.int32), at, np.tile(cycle.power_kw, len(begins))


def _pauses(make: Builder, cycle: Cycle, skip: Ints, tie: float) -> tuple[Ints, Ints, Ints, Floats]:
    """A binary for each of its slots and each moment at which that may be done: once done it stays so, and no slot is
    done before the one in front of it. This is totally unimodular; only the house's costs make it mixed.
    """
    length = len(cycle.power_kw)
    room = cycle.latest - cycle.earliest - length + 1
    begins = np.arange(cycle.earliest, cycle.earliest + room, dtype=np.int32)
    parts = [make.columns(room, 0.0, 1.0, ties=-tie, whole=True) for _ in range(length)]
    for part in parts:
        last = make.rows(1, 1.0, 1.0)
        make.put(last, part[-1:], 1.0)
        make.put(last, skip, 1.0)
        stays = make.rows(room - 1, 0.0, np.inf)
        make.put(stays, part[1:], 1.0)
        make.put(stays, part[:-1], -1.0)
    for before, after in pairwise(parts):
        order = make.rows(room, 0.0, np.inf)
        make.put(order, before, 1.0)
        make.put(order, after, -1.0)
    ons = [begins + number for number in range(length)]
    at = np.concatenate([slots for on in ons for slots in (on, on[1:])])
    used = np.concatenate([columns for part in parts for columns in (part, part[:-1])])
    kw = [np.full(count, sign * power) for power in cycle.power_kw for count, sign in ((room, 1.0), (room - 1, -1.0))]
    return np.concatenate(parts), used, at, np.concatenate(kw)
