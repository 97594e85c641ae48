"""The plan without a solver: every storage follows self-consumption, a vehicle charges for its target at once."""

import numpy as np

from heg.model.regimes import Regime, RegimeOrder
from heg.planner.house import Floats, House, Store

LEAST_KW = 1e-3


def rule(house: House) -> tuple[tuple[Floats, ...], tuple[tuple[RegimeOrder, ...], ...]]:
    """Return each storage's power and regimes. Vehicles come first: people wait for them, batteries do not."""
    net_kw = house.net_kw.copy()
    powers: dict[str, Floats] = {}
    orders: dict[str, tuple[RegimeOrder, ...]] = {}
    for store in sorted(house.stores, key=lambda each: each.target is None):
        powers[store.name], orders[store.name] = _follow(house, store, net_kw)
        net_kw += powers[store.name]
    return tuple(powers[store.name] for store in house.stores), tuple(orders[store.name] for store in house.stores)


def run_at_once(house: House) -> tuple[Floats, ...]:
    """Return each cycle's power when it begins as soon as it may."""
    powers = []
    for cycle in house.cycles:
        power_kw = np.zeros(house.slots)
        power_kw[cycle.earliest :][: len(cycle.power_kw)] = cycle.power_kw
        powers.append(power_kw)
    return tuple(powers)


def _follow(house: House, store: Store, net_kw: Floats) -> tuple[Floats, tuple[RegimeOrder, ...]]:
    power_kw = np.zeros(house.slots)
    orders: list[RegimeOrder] = []
    soc_kwh = store.soc_kwh
    for slot, hours in enumerate(house.hours):
        low_kw = -min(store.discharge_kw[slot], (soc_kwh - store.floor_kwh) * store.one_way / hours)
        high_kw = min(store.charge_kw[slot], (store.capacity_kwh - soc_kwh) / store.one_way / hours)
        order, wanted_kw = _order(house, store, slot, soc_kwh, float(net_kw[slot]))
        kw = min(max(wanted_kw, min(low_kw, 0.0)), max(high_kw, 0.0))
        if 0.0 < kw < store.least_charge_kw:
            kw = 0.0
        power_kw[slot] = kw
        soc_kwh += (kw * store.one_way if kw > 0.0 else kw / store.one_way) * hours
        orders.append(order)
    return power_kw, tuple(orders)


def _order(house: House, store: Store, slot: int, soc_kwh: float, net_kw: float) -> tuple[RegimeOrder, float]:
    target = store.target
    if not store.plugged[slot]:
        return RegimeOrder(Regime.HOLD), 0.0
    if target is not None and slot < target.slot and soc_kwh < target.energy_kwh - LEAST_KW:
        room_kw = max(0.0, min(float(store.charge_kw[slot]), float(house.high_kw[slot]) - net_kw))
        need_kw = (target.energy_kwh - soc_kwh) / store.one_way / float(house.hours[slot])
        kw = max(min(room_kw, need_kw), min(store.least_charge_kw, room_kw))
        return RegimeOrder(Regime.CHARGE, kw), max(kw, -net_kw)
    if store.discharge_kw[slot] > 0.0 and target is None:
        return RegimeOrder(Regime.BALANCE), -net_kw
    return RegimeOrder(Regime.ABSORB), max(0.0, -net_kw)
