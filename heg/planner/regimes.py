"""Which regime lets a storage do the right thing with load and sun that nobody planned (spec ebr.md, beyond).

What a slot's plan assumed will not be what comes. The worth of a kWh in the storage at the slot's end says what to do
with the difference: surplus is stored where that earns more than its export, load is covered where that costs less than
its import, and both only as far as the next kWh's worth allows.
"""

import math
from dataclasses import dataclass

import numpy as np

from heg.model.regimes import GridBand, Regime, RegimeOrder
from heg.planner.house import Bools, Floats, House, Store
from heg.planner.solve import Solution
from heg.planner.worth import Worth, expected_worth

TOLERANCE_KW = 1e-3
"""Planned power below this is none: the regime would not be worth its name for a watt."""

TIE_EUR_PER_KWH = 1e-4
"""Worths closer than this to a price are equal to it; the storage then does what self-consumption would."""

LEAST_SHARE = 0.01
"""Share of its rate below which a storage is not led to charge or discharge by itself."""

NEAR_KWH = 1e-6

OPEN_KW = 1_000.0
"""The side of a band on which there is no limit."""


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """The regimes of one storage's slots, and what they were chosen by. `worth` is EUR per kWh at the slot's end.

    `bounded` are the slots in which it acts for the sake of a limit, a peak or an agreed profile.
    """

    orders: tuple[RegimeOrder, ...]
    bounded: Bools
    absorbs: Bools
    covers: Bools
    worth: Floats


def choose(house: House, number: int, solution: Solution) -> Choice:
    """Return the regime of each slot for the storage with this number."""
    store, power_kw = house.stores[number], solution.power_kw[number]
    limited = _limited(house, solution, power_kw)
    steered = _steered(house, number, solution)
    shift = _shift(house, solution, steered)
    alone_kw = solution.grid_kw - power_kw
    if store.name == "ess" and store.capacity_kwh > 0.0:
        others_kw = alone_kw - house.demand_kw + solution.used_kw
        choice = _by_curve(house, expected_worth(house, store, others_kw), power_kw, alone_kw, shift)
    else:
        choice = _by_dual(house, store, solution.worth[number], power_kw, alone_kw, shift)
    orders = list(choice.orders)
    for slot in np.flatnonzero(np.isfinite(steered)):
        orders[int(slot)] = RegimeOrder(Regime.LIMIT, band=GridBand(float(steered[slot]), float(steered[slot])))
    for slot in np.flatnonzero(limited | ~store.plugged):
        at = int(slot)
        orders[at] = RegimeOrder(Regime.LIMIT, band=_band(house, at)) if limited[at] else RegimeOrder(Regime.HOLD)
    if store.name == "ess" and math.isfinite(house.peak_kw):
        orders = [_under_peak(house, at, order) for at, order in enumerate(orders)]
    return Choice(tuple(orders), limited | np.isfinite(steered), choice.absorbs, choice.covers, choice.worth)


def _under_peak(house: House, slot: int, order: RegimeOrder) -> RegimeOrder:
    """Return the order that does the same and besides covers what load nobody forecast goes beyond the planned peak."""
    band = _band(house, slot)
    if order.regime is Regime.HOLD:
        return RegimeOrder(Regime.LIMIT, band=band)
    if order.regime is Regime.ABSORB and order.ends_at_soc is None and band.high_kw >= 0.0:
        return RegimeOrder(Regime.LIMIT, band=GridBand(0.0, band.high_kw))
    return order


def _steered(house: House, number: int, solution: Solution) -> Floats:
    """Return the grid power that the storage is to keep whatever load and sun do, nan in the other slots.

    That is the desired profile where the plan meets it, and the planned peak where the plan charges up to it. One
    storage does so: two that follow the same measurement would fight.
    """
    store, steered = house.stores[number], np.full(house.slots, np.nan)
    if number or store.capacity_kwh <= 0.0:
        return steered
    if house.peak_shadow is not None:
        at_peak = (np.abs(solution.grid_kw - house.peak_kw) < TOLERANCE_KW) & (house.peak_shadow > 0.0)
        steered[at_peak & (solution.power_kw[number] > TOLERANCE_KW)] = house.peak_kw
    kept = house.desired & (np.abs(solution.grid_kw - house.desired_kw) < TOLERANCE_KW)
    steered[kept] = house.desired_kw[kept]
    return steered


def _shift(house: House, solution: Solution, steered: Floats) -> Floats:
    """Return what a kWh more costs for leading away from the desired profile, less where it leads towards it."""
    away = house.desired & np.isnan(steered)
    direction = np.sign(solution.grid_kw - np.where(away, house.desired_kw, 0.0))
    return np.where(away, house.desired_price * direction, 0.0)


def _by_curve(house: House, worth: Worth, power_kw: Floats, alone_kw: Floats, shift: Floats) -> Choice:
    """Choose by the levels at which the next kWh is worth what it costs or brings."""
    store, hours = worth.store, house.hours
    soc_kwh = store.soc_after_kwh(power_kw, hours)
    levels = _levels(house, worth, soc_kwh[1:], shift)
    at_kwh = soc_kwh[:-1]
    charge_kw = np.minimum((levels.bought - at_kwh) / store.one_way / hours, store.charge_kw)
    if math.isfinite(house.peak_kw):
        charge_kw = np.minimum(charge_kw, np.maximum(house.peak_kw - alone_kw, 0.0))
    discharge_kw = np.minimum((at_kwh - levels.unsold) * store.one_way / hours, store.discharge_kw)
    absorbs, covers = at_kwh < levels.stored - NEAR_KWH, at_kwh > levels.kept + NEAR_KWH
    orders = []
    for slot in range(house.slots):
        load_kw = float(alone_kw[slot])
        ceiling = _share(float(levels.stored[slot]), store)
        floor = _share(float(levels.kept[slot]), store)
        if charge_kw[slot] > LEAST_SHARE * store.charge_kw[slot]:
            order = RegimeOrder(Regime.CHARGE, float(charge_kw[slot]), ends_at_soc=ceiling if ceiling < 1.0 else None)
        elif discharge_kw[slot] > max(LEAST_SHARE * store.discharge_kw[slot], load_kw + TOLERANCE_KW):
            order = RegimeOrder(Regime.DISCHARGE, float(discharge_kw[slot]))
        else:
            order = _follow(bool(absorbs[slot]), bool(covers[slot]), load_kw, floor, ceiling)
        orders.append(order)
    return Choice(tuple(orders), np.zeros(house.slots, np.bool_), absorbs, covers, worth.marginal(soc_kwh[1:]))


@dataclass(frozen=True, slots=True, eq=False)
class _Levels:
    """Up to where it pays to buy and to store surplus, down to where to cover load and to sell; kWh, for each slot."""

    bought: Floats
    stored: Floats
    kept: Floats
    unsold: Floats


def _levels(house: House, worth: Worth, planned_kwh: Floats, shift: Floats) -> _Levels:
    """Where it makes no difference, what follows the house is done, and what leads it only as far as planned."""
    store, buy = worth.store, house.buy_price + shift
    sell = np.minimum(house.sell_price + shift, buy)
    bought = [worth.levels_kwh((buy + tie) / store.one_way) for tie in (TIE_EUR_PER_KWH, -TIE_EUR_PER_KWH)]
    brings = sell - store.wear_eur_per_kwh
    unsold = [worth.levels_kwh((brings + tie) * store.one_way) for tie in (-TIE_EUR_PER_KWH, TIE_EUR_PER_KWH)]
    return _Levels(
        bought=np.maximum(bought[0], np.minimum(bought[1], planned_kwh)),
        stored=worth.levels_kwh((sell - TIE_EUR_PER_KWH) / store.one_way),
        kept=worth.levels_kwh((buy - store.wear_eur_per_kwh + TIE_EUR_PER_KWH) * store.one_way),
        unsold=np.minimum(unsold[0], np.maximum(unsold[1], planned_kwh)),
    )


def _follow(absorbs: bool, covers: bool, load_kw: float, floor: float, ceiling: float) -> RegimeOrder:
    """Return the regime that follows the house, with the state of charge at which that ends being worth it."""
    regime = _following(absorbs, covers)
    if regime is Regime.BALANCE and ceiling < 1.0 and load_kw < 0.0:
        regime = Regime.ABSORB  # of the two ends an order can name one: that of the side which is expected
    if regime is Regime.ABSORB:
        return RegimeOrder(regime, ends_at_soc=ceiling if ceiling < 1.0 else None)
    if regime is Regime.HOLD:
        return RegimeOrder(regime)
    return RegimeOrder(regime, ends_at_soc=floor if floor > 0.0 else None)


def _share(energy_kwh: float, store: Store) -> float:
    return min(max(energy_kwh / store.capacity_kwh, 0.0), 1.0)


def _by_dual(house: House, store: Store, worth: Floats, power_kw: Floats, alone_kw: Floats, shift: Floats) -> Choice:
    """Choose by what was planned, and by the dual of the storage's balance for what was not."""
    absorbs, covers = _marginal(house, store, worth, shift)
    absorbs |= power_kw > TOLERANCE_KW
    covers |= power_kw < -TOLERANCE_KW
    imports = power_kw > np.maximum(-alone_kw, 0.0) + TOLERANCE_KW
    exports = -power_kw > np.maximum(alone_kw, 0.0) + TOLERANCE_KW
    orders = []
    for slot in range(house.slots):
        if imports[slot]:
            order = RegimeOrder(Regime.CHARGE, float(power_kw[slot]))
        elif exports[slot]:
            order = RegimeOrder(Regime.DISCHARGE, float(-power_kw[slot]))
        else:
            order = RegimeOrder(_following(bool(absorbs[slot]), bool(covers[slot])))
        orders.append(order)
    return Choice(tuple(orders), np.zeros(house.slots, np.bool_), absorbs, covers, worth)


def _marginal(house: House, store: Store, worth: Floats, shift: Floats) -> tuple[Bools, Bools]:
    """Return where unplanned surplus is stored and where unplanned load is covered."""
    absorbs = (store.one_way * worth >= house.sell_price + shift - TIE_EUR_PER_KWH) & (store.charge_kw > 0.0)
    cost = worth / store.one_way + store.wear_eur_per_kwh
    covers = (cost <= house.buy_price + shift + TIE_EUR_PER_KWH) & (store.discharge_kw > 0.0)
    return absorbs, covers


def _limited(house: House, solution: Solution, power_kw: Floats) -> Bools:
    """Return the slots in which the storage does what it does to keep the house inside a limit or the tube."""
    grid_kw = solution.grid_kw
    high_kw, low_kw = _edges(house)
    at_high = (np.abs(grid_kw - high_kw) < TOLERANCE_KW) & (_shadow_high(solution) > 0.0)
    at_low = (np.abs(grid_kw - low_kw) < TOLERANCE_KW) & (solution.shadows.low + solution.shadows.tube_low > 0.0)
    return (at_high & (power_kw < -TOLERANCE_KW)) | (at_low & (power_kw > TOLERANCE_KW))


def _shadow_high(solution: Solution) -> Floats:
    return solution.shadows.high + solution.shadows.tube_high + solution.shadows.peak


def _edges(house: House) -> tuple[Floats, Floats]:
    if not house.has_tube:
        return house.kept_high_kw, house.low_kw
    return np.minimum(house.kept_high_kw, house.tube_high_kw), np.maximum(house.low_kw, house.tube_low_kw)


def _band(house: House, slot: int) -> GridBand:
    high_kw, low_kw = _edges(house)
    return GridBand(max(float(low_kw[slot]), -OPEN_KW), min(float(high_kw[slot]), OPEN_KW))


def _following(absorbs: bool, covers: bool) -> Regime:
    if absorbs and covers:
        return Regime.BALANCE
    if covers:
        return Regime.COVER
    return Regime.ABSORB if absorbs else Regime.HOLD
