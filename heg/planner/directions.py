"""Which way a slot goes: seeing where an answer goes both ways, and holding a program to one."""

from dataclasses import replace

import numpy as np

from heg.planner.house import Bools, Floats, House, Store
from heg.planner.matrix import Arrays
from heg.planner.problem import Exclusive, Problem

TOLERANCE_KW = 1e-6


def mixed(house: House, problem: Problem, values: Floats, *, priced: bool) -> Exclusive:
    """Return the slots that go both ways: every slot is looked at, whatever its prices (facts: losses can pay)."""
    grid = np.zeros(house.slots, dtype=np.bool_)
    if priced:  # elsewhere taking both ways off each other costs nothing
        both_kw = np.minimum(values[problem.imported], values[problem.exported])
        grid = (both_kw > TOLERANCE_KW) & (house.least_buy_price < house.sell_price)
    stores = []
    for store, columns in zip(house.stores, problem.stores, strict=True):
        charge_kw, discharge_kw = values[columns.charge], values[columns.discharge]
        too_little = (charge_kw > TOLERANCE_KW) & (charge_kw < store.least_charge_kw - TOLERANCE_KW)
        stores.append((np.minimum(charge_kw, discharge_kw) > TOLERANCE_KW) | too_little)
    return Exclusive(grid, tuple(stores))


def directions_kept(house: House, problem: Problem, arrays: Arrays, values: Floats) -> Arrays:
    """Return the program in which every slot, with a binary or without, goes the way it went in this answer."""
    lower, upper = arrays.lower.copy(), arrays.upper.copy()
    for store, columns in zip(house.stores, problem.stores, strict=True):
        charges = values[columns.charge] > values[columns.discharge]
        upper[columns.charge[~charges]] = upper[columns.discharge[charges]] = 0.0
        lower[columns.charge[charges]] = np.minimum(store.least_charge_kw, store.charge_kw[charges])
    imports = values[problem.imported] > values[problem.exported]
    dear = house.least_buy_price < house.sell_price
    upper[problem.imported[~imports & dear]] = upper[problem.exported[imports & dear]] = 0.0
    return replace(arrays, lower=lower, upper=upper)


def one_direction(store: Store, net_kw: Floats, house: House, *, up: bool) -> tuple[Store, Floats]:
    """Return the storage with one direction left in each slot, and the least it then charges.

    Where charging has a least power, slots below it are switched on (`up`), or as the energy of the mixed answer adds
    up, so that no more is ever charged than that answer could hold.
    """
    idle = np.abs(net_kw) <= TOLERANCE_KW
    charging = (net_kw > TOLERANCE_KW) | (idle & (house.net_kw < 0.0))
    if store.least_charge_kw > 0.0:
        able, hours = store.charge_kw > 0.0, house.hours
        charging = (net_kw > TOLERANCE_KW) & able
        if not up:
            charging = _switched(np.maximum(net_kw, 0.0) * hours, store.least_charge_kw * hours, able)
    narrowed = replace(
        store,
        charge_kw=np.where(charging, store.charge_kw, 0.0),
        discharge_kw=np.where((net_kw <= TOLERANCE_KW) & ~charging, store.discharge_kw, 0.0),
    )
    return narrowed, np.where(charging, store.least_charge_kw, 0.0)


def _switched(wanted_kwh: Floats, least_kwh: Floats, able: Bools) -> Bools:
    owed_kwh = 0.0
    switched = np.zeros(len(wanted_kwh), dtype=np.bool_)
    for slot, kwh in enumerate(wanted_kwh):
        owed_kwh += float(kwh)
        if able[slot] and kwh > 0.0 and owed_kwh >= least_kwh[slot] > 0.0:
            switched[slot] = True
            owed_kwh -= max(float(least_kwh[slot]), float(kwh))
    return switched
