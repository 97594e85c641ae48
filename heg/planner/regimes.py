"""Which regime lets a storage do the right thing with load and sun that nobody planned (spec ebr.md, beyond).

What a slot's plan assumed will not be what comes. The worth of a kWh in the storage at the slot's end (the dual of its
balance) says what to do with the difference: surplus is stored where that earns more than its export, load is covered
where that costs less than its import.
"""

from dataclasses import dataclass

import numpy as np

from heg.model.regimes import GridBand, Regime, RegimeOrder
from heg.planner.house import Bools, Floats, House, Store
from heg.planner.solve import Solution

TOLERANCE_KW = 1e-3
"""Planned power below this is none: the regime would not be worth its name for a watt."""

TIE_EUR_PER_KWH = 1e-4
"""Worths closer than this to a price are equal to it; the storage then does what self-consumption would."""

OPEN_KW = 1_000.0
"""The side of a band on which there is no limit."""


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """The regimes of one storage's slots, and what they were chosen by."""

    orders: tuple[RegimeOrder, ...]
    absorbs: Bools
    covers: Bools


def choose(house: House, number: int, solution: Solution) -> Choice:
    """Return the regime of each slot for the storage with this number."""
    store, power_kw, worth = house.stores[number], solution.power_kw[number], solution.worth[number]
    alone_kw = solution.grid_kw - power_kw
    absorbs, covers = _marginal(house, store, worth)
    absorbs |= power_kw > TOLERANCE_KW
    covers |= power_kw < -TOLERANCE_KW
    imports = power_kw > np.maximum(-alone_kw, 0.0) + TOLERANCE_KW
    exports = -power_kw > np.maximum(alone_kw, 0.0) + TOLERANCE_KW
    limited = _limited(house, solution, power_kw)
    orders = []
    for slot in range(house.slots):
        if not store.plugged[slot]:
            order = RegimeOrder(Regime.HOLD)
        elif limited[slot]:
            order = RegimeOrder(Regime.LIMIT, band=_band(house, slot))
        elif imports[slot]:
            order = RegimeOrder(Regime.CHARGE, float(power_kw[slot]))
        elif exports[slot]:
            order = RegimeOrder(Regime.DISCHARGE, float(-power_kw[slot]))
        else:
            order = RegimeOrder(_following(bool(absorbs[slot]), bool(covers[slot])))
        orders.append(order)
    return Choice(tuple(orders), absorbs, covers)


def _marginal(house: House, store: Store, worth: Floats) -> tuple[Bools, Bools]:
    """Return where unplanned surplus is stored and where unplanned load is covered."""
    absorbs = (store.one_way * worth >= house.sell_price - TIE_EUR_PER_KWH) & (store.charge_kw > 0.0)
    cost = worth / store.one_way + store.wear_eur_per_kwh
    covers = (cost <= house.buy_price + TIE_EUR_PER_KWH) & (store.discharge_kw > 0.0)
    return absorbs, covers


def _limited(house: House, solution: Solution, power_kw: Floats) -> Bools:
    """Return the slots in which the storage does what it does to keep the house inside a limit or the tube."""
    grid_kw = solution.grid_kw
    high_kw, low_kw = _edges(house)
    at_high = (np.abs(grid_kw - high_kw) < TOLERANCE_KW) & (solution.shadows.high + solution.shadows.tube_high > 0.0)
    at_low = (np.abs(grid_kw - low_kw) < TOLERANCE_KW) & (solution.shadows.low + solution.shadows.tube_low > 0.0)
    return (at_high & (power_kw < -TOLERANCE_KW)) | (at_low & (power_kw > TOLERANCE_KW))


def _edges(house: House) -> tuple[Floats, Floats]:
    if not house.has_tube:
        return house.high_kw, house.low_kw
    return np.minimum(house.high_kw, house.tube_high_kw), np.maximum(house.low_kw, house.tube_low_kw)


def _band(house: House, slot: int) -> GridBand:
    high_kw, low_kw = _edges(house)
    return GridBand(max(float(low_kw[slot]), -OPEN_KW), min(float(high_kw[slot]), OPEN_KW))


def _following(absorbs: bool, covers: bool) -> Regime:
    if absorbs and covers:
        return Regime.BALANCE
    if covers:
        return Regime.COVER
    return Regime.ABSORB if absorbs else Regime.HOLD
