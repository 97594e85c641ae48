"""What energy in a storage is worth when load and sun are not what was forecast.

The duals of the linear program say what a kWh is worth if everything comes as expected, and at a vertex they say it for
one side only. Here the worth of every state of charge at every slot's end is found backwards through the horizon
(dynamic programming, one storage, the others as planned): in each slot the storage does the best thing for each load
and sun that may come, as its regime lets it. Sun errs for the whole horizon in the same direction, load from slot to
slot. The curves are concave, so that a price has one level at which the next kWh is worth just that.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from heg.planner.house import Floats, House, Kink, Store
from heg.planner.matrix import Ints

Places: TypeAlias = npt.NDArray[np.intp]

LEVELS = 26
"""States of charge at which the worth is known; between them it is straight."""

FINE_SLOTS = 6
COARSE_HOURS = 1.0
"""The first slots are taken one by one, what follows by the hour: their regimes will be chosen again before."""

SUN_FACTORS = (0.75, 1.0, 1.25)
SUN_WEIGHTS = (0.3, 0.4, 0.3)
LOAD_SPREAD = 0.4
LOAD_SPREAD_KW = 0.1
SUN_SPREAD = 0.2
SAME_EUR_PER_KWH = 1e-9
_NODES = (-1.2247, 0.0, 1.2247)
_NODE_WEIGHTS = (1 / 6, 2 / 3, 1 / 6)


@dataclass(frozen=True, slots=True, eq=False)
class Worth:
    """Worth of a storage's energy at the end of each slot: EUR at `LEVELS` states of charge from empty to full."""

    store: Store
    curves: Floats

    @property
    def step_kwh(self) -> float:
        """Energy between two levels."""
        return self.store.capacity_kwh / (LEVELS - 1)

    def marginal(self, soc_kwh: Floats) -> Floats:
        """Return EUR per kWh at these energies at each slot's end."""
        slopes = _slopes(self.curves, self.step_kwh)
        at = np.clip((soc_kwh / self.step_kwh - 1e-6).astype(int), 0, LEVELS - 2)
        return np.asarray(slopes[np.arange(len(at)), at])

    def levels_kwh(self, price: Floats) -> Floats:
        """Return for each slot the energy up to which the next kWh is worth at least its price."""
        return _level(_slopes(self.curves, self.step_kwh), price[:, None] - SAME_EUR_PER_KWH) * self.step_kwh


def expected_worth(house: House, store: Store, others_kw: Floats) -> Worth:
    """Return the worth of a storage's energy through the horizon, the other storages doing as planned."""
    starts = _starts(house)
    recursion = _Recursion(*_coarse(house, store, others_kw, starts))
    weights = np.array(SUN_WEIGHTS)
    curves = np.empty((len(starts), LEVELS))
    value = recursion.at_end()
    for slot in range(len(starts) - 1, -1, -1):
        curves[slot] = weights @ value
        value = recursion.before(slot, value)
    lengths = np.diff(np.append(starts, house.slots))
    return Worth(store, np.repeat(curves, lengths, axis=0))


def _starts(house: House) -> Ints:
    """Return where the steps of the recursion begin."""
    together = max(1, round(COARSE_HOURS * 60 / house.slot_minutes))
    fine = np.arange(min(FINE_SLOTS, house.slots))
    return np.concatenate((fine, np.arange(len(fine), house.slots, together))).astype(np.int32)


def _coarse(house: House, store: Store, others_kw: Floats, starts: Ints) -> tuple[House, Store, Floats]:
    """Return the same house in longer slots: energy kept, prices and powers as their mean over time."""
    if len(starts) == house.slots:
        return house, store, others_kw
    hours = np.add.reduceat(house.hours, starts)

    def mean(values: Floats) -> Floats:
        return np.asarray(np.add.reduceat(values * house.hours, starts) / hours)

    coarse_store = replace(store, charge_kw=mean(store.charge_kw), discharge_kw=mean(store.discharge_kw))
    coarse_house = replace(
        house,
        hours=hours,
        demand_kw=mean(house.demand_kw),
        production_kw=mean(house.production_kw),
        import_price=mean(house.import_price),
        export_price=mean(house.export_price),
        co2_price=mean(house.co2_price),
        low_kw=mean(house.low_kw),
        high_kw=mean(house.high_kw),
        tube_low_kw=mean(house.tube_low_kw),
        tube_high_kw=mean(house.tube_high_kw),
        desired_kw=mean(house.desired_kw),
        peak_shadow=None if house.peak_shadow is None else mean(house.peak_shadow),
    )
    return coarse_house, coarse_store, mean(others_kw)


class _Recursion:
    def __init__(self, house: House, store: Store, others_kw: Floats) -> None:
        self._house, self._store = house, store
        self._step_kwh = store.capacity_kwh / (LEVELS - 1)
        self._one_way = store.one_way
        self._soc_kwh = np.arange(LEVELS) * self._step_kwh
        self._base: Places = (np.arange(len(SUN_FACTORS)) * LEVELS)[:, None, None]
        self._weights = np.array(_NODE_WEIGHTS)
        self._net_kw = _nets(house, others_kw)
        kinks = house.kinks
        self._prices = [_prices(house, slot, kinks) for slot in range(house.slots)]
        self._limits_kw = (house.low_kw, house.kept_high_kw) if house.has_kept_limits else None
        hours = house.hours[:, None]
        room_kw = (store.capacity_kwh - self._soc_kwh) / store.one_way
        spare_kw = np.maximum(self._soc_kwh - store.floor_kwh, 0.0) * store.one_way
        self._most_kw = np.minimum(room_kw / hours, store.charge_kw[:, None])[:, :, None]
        self._least_kw = np.maximum(-spare_kw / hours, -store.discharge_kw[:, None])[:, :, None]

    def at_end(self) -> Floats:
        """Return the worth at the horizon's end, alike for each sun."""
        return np.tile(self._store.end_value_eur_per_kwh * self._soc_kwh, (len(SUN_FACTORS), 1))

    def before(self, slot: int, value: Floats) -> Floats:
        """Return the worth at the slot's start, given that at its end; [sun, level]."""
        store, net_kw, one_way = self._store, self._net_kw[slot], self._one_way
        hours = float(self._house.hours[slot])
        edges_kw, prices = self._prices[slot]
        until = self._until_worth(_slopes(value, self._step_kwh), prices, hours)[:, :, :, None]
        power_kw: Floats = until[0]
        for edge_kw, until_kw in zip(edges_kw, until[1:], strict=True):
            power_kw = np.maximum(until_kw, np.minimum(power_kw, edge_kw - net_kw))
        if self._limits_kw is not None:
            low_kw, high_kw = self._limits_kw
            power_kw = np.minimum(np.maximum(power_kw, low_kw[slot] - net_kw), high_kw[slot] - net_kw)
        power_kw = np.maximum(np.minimum(power_kw, self._most_kw[slot]), self._least_kw[slot])
        stored_kw = np.minimum(power_kw * one_way, power_kw / one_way)  # the losses take from either direction
        worth = _at(value, (self._soc_kwh[:, None] + hours * stored_kw) / self._step_kwh, self._base)
        cost = _cost(power_kw + net_kw, edges_kw, prices)
        if store.wear_eur_per_kwh:
            cost -= store.wear_eur_per_kwh * np.minimum(power_kw, 0.0)
        return np.asarray((worth - hours * cost) @ self._weights)

    def _until_worth(self, slopes: Floats, prices: Sequence[float], hours: float) -> Floats:
        """Return the powers that lead each level to where the next kWh is worth each price at the terminals."""
        one_way, wear = self._one_way, self._store.wear_eur_per_kwh
        stored = [price / one_way for price in prices]
        given = [(price - wear) * one_way for price in prices]
        level_kwh = _level(slopes, np.array(stored + given)[:, None, None])[:, :, None] * self._step_kwh
        up_kwh, down_kwh = level_kwh[: len(prices)] - self._soc_kwh, self._soc_kwh - level_kwh[len(prices) :]
        up_kw = np.maximum(up_kwh, 0.0) / (one_way * hours)
        return np.asarray(up_kw - np.maximum(down_kwh, 0.0) * (one_way / hours))


def _nets(house: House, others_kw: Floats) -> Floats:
    """Return the net loads that may come: [slot, sun, 1, node], kW."""
    factors, nodes = np.array(SUN_FACTORS), np.array(_NODES)
    production_kw = house.production_kw
    spread_kw = np.hypot(LOAD_SPREAD * np.abs(house.demand_kw) + LOAD_SPREAD_KW, SUN_SPREAD * production_kw)
    mean_kw = (house.demand_kw + others_kw)[:, None] - production_kw[:, None] * factors
    return np.asarray((mean_kw[:, :, None] + spread_kw[:, None, None] * nodes)[:, :, None, :])


def _prices(house: House, slot: int, kinks: Sequence[Kink]) -> tuple[Sequence[float], Sequence[float]]:
    """Return the grid powers at which the price of a kWh changes, and the prices below, between and above them."""
    buy, sell = float(house.buy_price[slot]), float(house.sell_price[slot])
    if house.curtailable:
        sell = max(sell, 0.0)
    sell = min(sell, buy)  # both at once is not possible, and a concave cost has no levels
    if not kinks:
        return (0.0,), (sell, buy)
    changes = [(0.0, buy - sell)]
    price = sell
    for kink in kinks:
        at_kw = float(kink.at_kw[slot])
        if np.isfinite(at_kw):
            price -= kink.below
            changes.append((at_kw, float(kink.rise[slot])))
    changes.sort()
    prices = [price]
    for _edge, more in changes:
        prices.append(prices[-1] + more)
    return tuple(edge for edge, _more in changes), tuple(prices)


def _cost(grid_kw: Floats, edges_kw: Sequence[float], prices: Sequence[float]) -> Floats:
    """Return EUR per hour, but for a constant."""
    cost = prices[0] * grid_kw
    for edge_kw, below, above in zip(edges_kw, prices, prices[1:], strict=False):
        if above > below:
            cost += (above - below) * np.maximum(grid_kw - edge_kw, 0.0)
    return cost


def _slopes(values: Floats, step_kwh: float) -> Floats:
    return (values[:, 1:] - values[:, :-1]) / step_kwh


def _level(slopes: Floats, price: float | Floats) -> Floats:
    """Return how many steps from empty are worth at least the price; curves are concave, so these come first."""
    return np.asarray(np.add.reduce(slopes >= price, axis=-1, dtype=np.float64))


def _at(value: Floats, position: Floats, base: Places) -> Floats:
    """Return the values between levels; `position` in levels, [sun, level, node]."""
    lower = np.minimum(position.astype(np.intp), LEVELS - 2)
    share = position - lower
    flat = value.ravel()
    index = lower + base
    left = flat[index]
    return np.asarray(left + share * (flat[index + 1] - left))
