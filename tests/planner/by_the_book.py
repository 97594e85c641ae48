"""What a plan's file must say of a problem's file: the formula and every clause, from the written words alone.

Nothing of heg is used here: both files are plain dictionaries.
"""

from __future__ import annotations

import math
from typing import Any

NEAR = 1e-6
File = dict[str, Any]


def series(problem: File, key: str) -> list[float]:
    return list(problem.get(key) or [0.0] * len(problem["demand_kw"]))


def limits(problem: File, key: str) -> list[float | None]:
    return list(problem.get(key) or [None] * len(problem["demand_kw"]))


def cost_parts(problem: File, plan: File) -> dict[str, float]:
    """Each part of the objective, recomputed."""
    h = problem["slot_minutes"] / 60
    objective = problem.get("objective") or "energy+co2"
    grid = plan["grid_kw"]
    bought, sold = [max(g, 0.0) for g in grid], [max(-g, 0.0) for g in grid]
    co2 = sum(h * kw * price for kw, price in zip(bought, series(problem, "co2_eur_per_kwh"), strict=True))
    energy = sum(h * kw * price for kw, price in zip(bought, problem["import_eur_per_kwh"], strict=True))
    energy -= sum(h * kw * price for kw, price in zip(sold, series(problem, "export_eur_per_kwh"), strict=True))
    money = objective != "co2"
    tube = 0.0
    if objective == "energy+co2+distribution":
        lows, highs = limits(problem, "tube_low_kw"), limits(problem, "tube_high_kw")
        for g, low, high in zip(grid, lows, highs, strict=True):
            outside = max(0.0, g - high if high is not None else 0.0, low - g if low is not None else 0.0)
            tube += h * (problem.get("outside_tube_eur_per_kwh") or 0.0) * outside
    wear = left = short = 0.0
    for name in ("ess", "pev"):
        store = problem.get(name)
        if store:
            wear += sum(h * max(-kw, 0.0) for kw in plan[f"{name}_kw"]) * (store.get("wear_eur_per_kwh") or 0.0)
            left += end_value(problem, name) * plan[f"{name}_soc_kwh"][-1]
    pev = problem.get("pev") or {}
    if pev.get("target_slot") is not None and pev["target_slot"] >= 0:
        lacking = max(0.0, (pev.get("target_kwh") or 0.0) - plan["pev_soc_kwh"][pev["target_slot"]])
        short = lacking * (10.0 if pev.get("target_penalty_eur_per_kwh") is None else pev["target_penalty_eur_per_kwh"])
    highest = max(0.0, max(bought) - (problem.get("peak_so_far_kw") or 0.0))
    desired = problem.get("desired_kw")
    off = sum(h * abs(g - want) for g, want in zip(grid, desired, strict=True)) if desired else 0.0
    return {
        "energy": energy if money else 0.0,
        "co2": co2,
        "outside_tube": tube,
        "wear": wear,
        "target": short,
        "end_value": -left,
        "peak": (problem.get("peak_eur_per_kw") or 0.0) * highest,
        "blocks": in_blocks(problem, h * sum(bought)) if money else 0.0,
        "desired": (problem.get("desired_weight_eur_per_kwh") or 0.0) * off,
    }


def in_blocks(problem: File, bought_kwh: float) -> float:
    """What the energy costs more, by the blocks it falls in: each step holds until the next one begins."""
    blocks = problem.get("blocks")
    if not blocks:
        return 0.0
    first = blocks.get("so_far_kwh") or 0.0
    steps = sorted(blocks["steps"], key=lambda step: step["from_kwh"])
    ends = [step["from_kwh"] for step in steps[1:]] + [math.inf]
    total = 0.0
    for step, end in zip(steps, ends, strict=True):
        inside = max(0.0, min(first + bought_kwh, end) - max(first, step["from_kwh"]))
        total += inside * step["eur_per_kwh"]
    return total


def block_now(problem: File) -> float:
    """What the next imported kWh costs more, by the block that it falls in."""
    blocks = problem.get("blocks") or {"steps": []}
    begun = [step for step in blocks["steps"] if step["from_kwh"] <= (blocks.get("so_far_kwh") or 0.0)]
    return max(begun, key=lambda step: step["from_kwh"])["eur_per_kwh"] if begun else 0.0


def end_value(problem: File, name: str) -> float:
    """The given worth of a kWh left, else by the rule that docs/integrators/plan-file.md states."""
    store = problem[name]
    if store.get("end_value_eur_per_kwh") is not None:
        return store["end_value_eur_per_kwh"]
    co2 = series(problem, "co2_eur_per_kwh")
    money = problem.get("objective") != "co2"
    buy = [
        c + (price + block_now(problem) if money else 0.0)
        for c, price in zip(co2, problem["import_eur_per_kwh"], strict=True)
    ]
    efficiency = 0.9 if store.get("round_trip_efficiency") is None else store["round_trip_efficiency"]
    cheapest = 0.98 * max(0.0, min(buy)) / math.sqrt(efficiency)
    if name == "pev":
        return cheapest
    usual = 0.9 * sum(buy) / len(buy)
    net = [load - sun for load, sun in zip(problem["demand_kw"], series(problem, "production_kw"), strict=True)]
    over, lacking = sum(max(0.0, -kw) for kw in net), sum(max(0.0, kw) for kw in net)
    sunny = min(1.0, over / lacking) if lacking > 0.0 else 1.0
    return usual + sunny * min(0.0, cheapest - usual)


def broken(problem: File, plan: File) -> list[str]:
    """Every clause that the plan breaks, in words; limits of the connection are not among them."""
    return [
        *_powers(problem, plan),
        *_store(problem, plan, "ess"),
        *_store(problem, plan, "pev"),
        *_cycles(problem, plan),
    ]


def beyond_kwh(problem: File, plan: File) -> float:
    """Energy outside contract and envelope."""
    total = 0.0
    for slot, g in enumerate(plan["grid_kw"]):
        highs = (problem.get("contract_max_kw"), limits(problem, "grid_max_kw")[slot])
        lows = (problem.get("contract_min_kw"), limits(problem, "grid_min_kw")[slot])
        above = max((g - high for high in highs if high is not None), default=0.0)
        below = max((low - g for low in lows if low is not None), default=0.0)
        total += problem["slot_minutes"] / 60 * max(0.0, above, below)
    return total


def _powers(problem: File, plan: File) -> list[str]:
    found = []
    production, used = series(problem, "production_kw"), plan["production_used_kw"]
    cycles = [cycle["power_kw"] for cycle in plan["deferrable"]]
    for slot, demand in enumerate(problem["demand_kw"]):
        drawn = demand + plan["ess_kw"][slot] + plan["pev_kw"][slot] + sum(cycle[slot] for cycle in cycles)
        if abs(plan["grid_kw"][slot] - (drawn - used[slot])) > NEAR:
            found.append(f"slot {slot}: the grid is not what the others leave")
        least = 0.0 if problem.get("production_curtailable") else production[slot]
        if not least - NEAR <= used[slot] <= production[slot] + NEAR:
            found.append(f"slot {slot}: {used[slot]} kW used of {production[slot]}")
    return found


def _store(problem: File, plan: File, name: str) -> list[str]:
    store, powers, soc = problem.get(name), plan[f"{name}_kw"], plan[f"{name}_soc_kwh"]
    if not store:
        return [] if not any(powers) else [f"{name}: moves and is not there"]
    h, one_way = problem["slot_minutes"] / 60, math.sqrt(store.get("round_trip_efficiency", 0.9))
    floor = min(store.get("reserve_kwh") or 0.0, store["soc_kwh"])
    found = [] if abs(soc[0] - store["soc_kwh"]) <= NEAR else [f"{name}: begins at {soc[0]} kWh"]
    for slot, kw in enumerate(powers):
        after = soc[slot] + h * (kw * one_way if kw > 0 else kw / one_way)
        if abs(soc[slot + 1] - after) > NEAR:
            found.append(f"{name} {slot}: {soc[slot + 1]} kWh stored, not {after}")
        if not floor - NEAR <= soc[slot + 1] <= store["capacity_kwh"] + NEAR:
            found.append(f"{name} {slot}: {soc[slot + 1]} kWh is out of bounds")
        if not (store.get("min_rate_kw") or 0.0) - NEAR <= kw <= store["max_rate_kw"] + NEAR:
            found.append(f"{name} {slot}: {kw} kW is beyond its rates")
        if name == "pev" and not store["plugged"][slot] and kw:
            found.append(f"pev {slot}: {kw} kW and not plugged")
        if name == "pev" and NEAR < kw < (store.get("min_charge_kw") or 0.0) - NEAR:
            found.append(f"pev {slot}: {kw} kW is below its least")
    return found


def _cycles(problem: File, plan: File) -> list[str]:
    asked, told = problem.get("deferrable") or [], plan["deferrable"]
    if len(asked) != len(told):
        return [f"{len(told)} cycles told of, {len(asked)} asked for"]
    left_out = [lack["text"] for lack in plan["degradations"] if lack["code"] == "deferrable_unplaced"]
    found = []
    for cycle, made in zip(asked, told, strict=True):
        rests = not any(made["power_kw"]) and any(text.startswith(made["name"]) for text in left_out)
        if not rests and not _ran(cycle, made):
            found.append(f"{made['name']}: {made['power_kw']} is not its cycle")
    return found


def _ran(cycle: File, made: File) -> bool:
    """Whether the cycle ran once, in its order and its window; unbroken unless it may pause (then of kW above zero)."""
    curve, told = cycle["power_kw"], made["power_kw"]
    latest = cycle.get("latest_slot")
    window = range(max(0, cycle.get("earliest_slot") or 0), len(told) if latest is None else min(len(told), latest))
    if not cycle.get("interruptible"):
        return any(
            _same(told, [0.0] * start + curve + [0.0] * (len(told) - start - len(curve)))
            for start in window
            if start + len(curve) <= window.stop
        )
    at = [slot for slot, kw in enumerate(told) if abs(kw) > NEAR]
    return _same([told[slot] for slot in at], curve) and all(slot in window for slot in at)


def _same(one: list[float], other: list[float]) -> bool:
    return len(one) == len(other) and all(abs(a - b) <= NEAR for a, b in zip(one, other, strict=True))
