"""Why: a code for programs and a sentence with the figures for people, for each storage and slot (spec ebr.md)."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np

from heg.model.plan import SlotReason, SlotReasonCode
from heg.model.regimes import Regime, wanted_kw
from heg.planner.house import Floats, House, Store
from heg.planner.regimes import TOLERANCE_KW, Choice
from heg.planner.solve import Solution

_SAME_WORTH = 1e-4
_NO_SHADOW = 1e-6
_NEAR_KWH = 1e-3

_OWN_LIMITS = ("tube_high", "tube_low", "peak", "desired", "soc_high", "soc_low")
_LIMIT_WORDS = {
    "contract_max": "the contract's highest power",
    "grid_max": "the highest power allowed now",
    "contract_min": "the contract's lowest power",
    "grid_min": "the lowest power allowed now",
    "tube_high": "the upper edge of the agreed profile",
    "tube_low": "the lower edge of the agreed profile",
    "peak": "the highest import that is paid for",
    "desired": "the desired profile",
}


class _Slot(NamedTuple):
    """What is known of one storage in one slot; `power_kw` is what the regime makes of the slot as it is forecast."""

    store: Store
    power_kw: float
    alone_kw: float
    regime: Regime
    bounded: bool
    plugged: bool
    absorbs: bool
    covers: bool
    soc_after_kwh: float
    buy: float
    sell: float
    worth: float
    binding: str
    shadow: float
    departing: bool
    later_price: float | None
    later_hours: float | None


def explain(house: House, number: int, solution: Solution, choice: Choice) -> tuple[SlotReason, ...]:
    """Return the reason of each slot for the storage with this number."""
    later = _realised(solution.power_kw[number], solution.worth[number])
    reasons = []
    for at, facts in zip(later, _slots(house, number, solution, choice, later), strict=True):
        code = _code(facts) if facts.plugged else SlotReasonCode.NOT_PLUGGED
        buys = facts.power_kw > max(0.0, -facts.alone_kw) + TOLERANCE_KW or facts.alone_kw > 0.0
        reasons.append(
            SlotReason(
                code,
                _text(code, facts),
                price_now_eur_per_kwh=facts.buy if buys else facts.sell,
                price_later_eur_per_kwh=facts.later_price,
                later=None if at is None else _start(house, at),
                binding=facts.binding,
                shadow_eur_per_kwh=facts.shadow,
            )
        )
    return tuple(reasons)


def _slots(house: House, number: int, solution: Solution, choice: Choice, later: list[int | None]) -> Iterator[_Slot]:
    store, power_kw = house.stores[number], solution.power_kw[number]
    soc_kwh = store.soc_after_kwh(power_kw, house.hours)
    alone_kw = (solution.grid_kw - power_kw).tolist()
    prices = np.where(solution.grid_kw >= -TOLERANCE_KW, house.buy_price, house.sell_price).tolist()
    begins_h = np.concatenate(([0.0], np.cumsum(house.hours))).tolist()
    leaves = 0 if store.target is None else store.target.slot
    names, shadows = _binding(house, store, solution, soc_kwh, solution.worth[number])
    columns = zip(
        _expected_kw(house, store, choice, soc_kwh, alone_kw),
        alone_kw,
        (order.regime for order in choice.orders),
        choice.bounded.tolist(),
        store.plugged.tolist(),
        choice.absorbs.tolist(),
        choice.covers.tolist(),
        soc_kwh[1:].tolist(),
        house.buy_price.tolist(),
        house.sell_price.tolist(),
        choice.worth.tolist(),
        names,
        shadows,
        (slot < leaves for slot in range(house.slots)),
        (None if at is None else prices[at] for at in later),
        (None if at is None else begins_h[at] - begins_h[slot] for slot, at in enumerate(later)),
        strict=True,
    )
    return (_Slot(store, *values) for values in columns)


def _expected_kw(house: House, store: Store, choice: Choice, soc_kwh: Floats, alone_kw: list[float]) -> list[float]:
    """Return what the regimes make of the slots as they are forecast."""
    spare_kw = np.maximum(soc_kwh[:-1] - store.floor_kwh, 0.0) * store.one_way / house.hours
    room_kw = np.maximum(store.capacity_kwh - soc_kwh[:-1], 0.0) / store.one_way / house.hours
    lowest_kw = (-np.minimum(store.discharge_kw, spare_kw)).tolist()
    highest_kw = np.minimum(store.charge_kw, room_kw).tolist()
    return [
        min(max(wanted_kw(order, alone), lowest), highest)
        for order, alone, lowest, highest in zip(choice.orders, alone_kw, lowest_kw, highest_kw, strict=True)
    ]


def _start(house: House, slot: int) -> datetime:
    return house.start + timedelta(minutes=house.slot_minutes * slot)


def _realised(power_kw: Floats, worth: Floats) -> list[int | None]:
    """Return for each slot the next one that discharges at the same worth, None before the worth changes."""
    later: list[int | None] = []
    following: int | None = None
    for slot in range(len(power_kw) - 1, -1, -1):
        if slot + 1 < len(worth) and abs(worth[slot + 1] - worth[slot]) > _SAME_WORTH:
            following = None
        later.append(following)
        if power_kw[slot] < -TOLERANCE_KW:
            following = slot
    return later[::-1]


def _binding(
    house: House, store: Store, solution: Solution, soc_kwh: Floats, worth: Floats
) -> tuple[list[str], list[float]]:
    """Return the name and the shadow price of the limit that binds hardest in each slot."""
    shadows = solution.shadows
    after = np.concatenate((worth[1:], [store.end_value_eur_per_kwh]))
    full = soc_kwh[1:] > store.capacity_kwh - _NEAR_KWH
    empty = soc_kwh[1:] < store.floor_kwh + _NEAR_KWH
    above = np.where(house.high_kw < house.contract_high_kw, "grid_max", "contract_max")
    below = np.where(house.low_kw > house.contract_low_kw, "grid_min", "contract_min")
    prices = np.stack(
        [
            shadows.high,
            shadows.low,
            shadows.tube_high,
            shadows.tube_low,
            shadows.peak,
            shadows.desired,
            np.where(full, np.maximum(after - worth, 0.0), 0.0),
            np.where(empty, np.maximum(worth - after, 0.0), 0.0),
        ]
    )
    hardest = prices.argmax(axis=0)
    values = prices[hardest, np.arange(len(hardest))].tolist()
    limits = ((grid[0], grid[1], *_OWN_LIMITS) for grid in zip(above.tolist(), below.tolist(), strict=True))
    names = [
        names[kind] if value > _NO_SHADOW else ""
        for names, kind, value in zip(limits, hardest.tolist(), values, strict=True)
    ]
    return names, [value if value > _NO_SHADOW else 0.0 for value in values]


def _code(facts: _Slot) -> SlotReasonCode:
    if facts.bounded:
        agreed = facts.binding.startswith("tube") or facts.binding == "desired"
        return SlotReasonCode.TUBE if agreed else SlotReasonCode.LIMIT
    if facts.regime is Regime.CHARGE:
        return SlotReasonCode.DEPARTURE if facts.departing else SlotReasonCode.CHEAP_NOW
    if facts.regime is Regime.DISCHARGE:
        return SlotReasonCode.SELL_NOW
    if facts.power_kw > TOLERANCE_KW:
        return SlotReasonCode.STORE_SURPLUS
    if facts.power_kw < -TOLERANCE_KW:
        return SlotReasonCode.COVER_LOAD if facts.absorbs else SlotReasonCode.DEAR_NOW
    return _idle_code(facts)


def _idle_code(facts: _Slot) -> SlotReasonCode:
    loaded, sunny = facts.alone_kw > TOLERANCE_KW, facts.alone_kw < -TOLERANCE_KW
    if loaded and facts.store.discharge_kw.any() and facts.soc_after_kwh <= facts.store.floor_kwh + _NEAR_KWH:
        return SlotReasonCode.EMPTY
    if sunny and facts.soc_after_kwh >= facts.store.capacity_kwh - _NEAR_KWH:
        return SlotReasonCode.FULL
    if facts.absorbs and facts.covers:
        return SlotReasonCode.SELF_CONSUMPTION
    if loaded and not facts.covers and facts.store.discharge_kw.any():
        return SlotReasonCode.SAVE_FOR_LATER
    if sunny and not facts.absorbs:
        return SlotReasonCode.ROOM_FOR_LATER
    return SlotReasonCode.NOTHING_TO_GAIN


def _text(code: SlotReasonCode, facts: _Slot) -> str:
    head = _HEADS[code](facts)
    return f"{head}{_limit(facts)}."


def _limit(facts: _Slot) -> str:
    words = _LIMIT_WORDS.get(facts.binding)
    return f"; {words} binds, one kWh more would save {facts.shadow:.3f} EUR" if words else ""


def _later(facts: _Slot) -> str:
    if facts.later_price is None or facts.later_hours is None:
        return f"a kWh kept is worth {facts.worth:.3f} EUR"
    return f"{facts.later_price:.3f} EUR in {facts.later_hours:.1f} h, a kWh kept is worth {facts.worth:.3f} EUR"


_HEADS: dict[SlotReasonCode, Callable[[_Slot], str]] = {
    SlotReasonCode.CHEAP_NOW: lambda f: f"Charges {f.power_kw:.2f} kW: a kWh costs {f.buy:.3f} EUR now, {_later(f)}",
    SlotReasonCode.DEPARTURE: lambda f: (
        f"Charges {f.power_kw:.2f} kW to be ready at departure: a kWh costs {f.buy:.3f} EUR now"
    ),
    SlotReasonCode.SELL_NOW: lambda f: (
        f"Discharges {-f.power_kw:.2f} kW, more than the house draws: a kWh brings {f.sell:.3f} EUR now, {_later(f)}"
    ),
    SlotReasonCode.STORE_SURPLUS: lambda f: (
        f"Stores surplus, {f.power_kw:.2f} kW: sold it would bring {f.sell:.3f} EUR a kWh now, {_later(f)}"
    ),
    SlotReasonCode.COVER_LOAD: lambda f: (
        f"Covers the house, {-f.power_kw:.2f} kW: bought a kWh would cost {f.buy:.3f} EUR now, {_later(f)}"
    ),
    SlotReasonCode.DEAR_NOW: lambda f: (
        f"Covers the house, {-f.power_kw:.2f} kW, and leaves surplus to the grid: a kWh costs {f.buy:.3f} EUR and "
        f"brings {f.sell:.3f} EUR now, {_later(f)}"
    ),
    SlotReasonCode.SELF_CONSUMPTION: lambda f: (
        f"Follows the house: a kWh costs {f.buy:.3f} EUR and brings {f.sell:.3f} EUR now, {_later(f)}"
    ),
    SlotReasonCode.SAVE_FOR_LATER: lambda f: f"Saves its energy: a kWh costs {f.buy:.3f} EUR now, {_later(f)}",
    SlotReasonCode.ROOM_FOR_LATER: lambda f: f"Keeps room: surplus sold now brings {f.sell:.3f} EUR a kWh, {_later(f)}",
    SlotReasonCode.NOTHING_TO_GAIN: lambda f: (
        f"Rests: a kWh costs {f.buy:.3f} EUR and brings {f.sell:.3f} EUR now, {_later(f)}"
    ),
    SlotReasonCode.FULL: lambda f: f"Full at {f.soc_after_kwh:.1f} kWh",
    SlotReasonCode.EMPTY: lambda f: f"Empty at {f.soc_after_kwh:.1f} kWh: a kWh costs {f.buy:.3f} EUR now",
    SlotReasonCode.LIMIT: lambda f: f"Keeps the house inside its limit with {abs(f.power_kw):.2f} kW",
    SlotReasonCode.TUBE: lambda f: f"Keeps the house inside the agreed profile with {abs(f.power_kw):.2f} kW",
    SlotReasonCode.NOT_PLUGGED: lambda _f: "Not plugged",
}
