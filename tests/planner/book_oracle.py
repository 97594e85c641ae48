"""The least cost of a problem's file by glpsol: stated from the written words alone, each clause with its binaries.

Only the LP file's writer is shared with the other oracle; nothing of heg is used.
"""

from __future__ import annotations

import math
import subprocess
from itertools import pairwise
from pathlib import Path

from tests.planner import by_the_book
from tests.planner.by_the_book import File, limits, series
from tests.planner.oracle import GLPSOL, Text

MOST_KW = 60.0
Terms = dict[str, float]


def best(problem: File, folder: Path) -> tuple[float, float]:
    """Return the least energy beyond the limits (kWh), and the least cost with no more than that (EUR).

    In between: of all cycles as many run as can without going further beyond the limits.
    """
    beyond_kwh = left_out = 0.0
    if (first := _Formulation(problem)).beyond:
        first.text.cost = dict(first.beyond)
        beyond_kwh = max(0.0, _solved(first.text, folder))
    within = [(first.beyond, beyond_kwh + 1e-7)] if first.beyond else []
    if first.skips and first.beyond:
        second = _Formulation(problem, *within)
        second.text.cost = dict(second.skips)
        left_out = round(_solved(second.text, folder))
    within.append((first.skips, left_out))
    return beyond_kwh, _solved(_Formulation(problem, *(each for each in within if each[0])).text, folder)


def _solved(text: Text, folder: Path) -> float:
    model, report = folder / "problem.lp", folder / "report.txt"
    model.write_text(text.written())
    command = [str(GLPSOL), "--lp", str(model), "--output", str(report), "--mipgap", "1e-9", "--tmlim", "60"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = report.read_text().splitlines()
    assert "OPTIMAL" in next(line for line in lines if line.startswith("Status:")), done.stdout
    return float(next(line for line in lines if line.startswith("Objective:")).split("=")[1].split()[0])


class _Formulation:
    def __init__(self, problem: File, *within: tuple[Terms, float]) -> None:
        self.problem = problem
        self.text = Text()
        self.beyond: Terms = {}
        self.skips: Terms = {}
        self.h = problem["slot_minutes"] / 60
        self.slots = len(problem["demand_kw"])
        self.money = problem.get("objective") != "co2"
        for slot in range(self.slots):
            self._slot(slot)
        for name in ("ess", "pev"):
            if problem.get(name):
                self._store(name)
        for number, cycle in enumerate(problem.get("deferrable") or []):
            self._cycle(number, cycle)
        self._peak()
        self._blocks()
        for terms, most in within:
            self.text.row(terms, "<=", most)

    def _slot(self, t: int) -> None:
        problem, text, h = self.problem, self.text, self.h
        co2 = series(problem, "co2_eur_per_kwh")[t]
        text.cost[f"gi{t}"] = h * (co2 + (problem["import_eur_per_kwh"][t] if self.money else 0.0))
        text.cost[f"ge{t}"] = -h * series(problem, "export_eur_per_kwh")[t] if self.money else 0.0
        self._either(f"gi{t}", f"ge{t}", MOST_KW, MOST_KW)
        sun = series(problem, "production_kw")[t]
        text.between(f"u{t}", 0.0 if problem.get("production_curtailable") else sun, sun)
        home = {f"gi{t}": 1.0, f"ge{t}": -1.0, f"u{t}": 1.0}
        for name in ("ess", "pev"):
            if problem.get(name):
                home |= {f"{name}c{t}": -1.0, f"{name}d{t}": 1.0}
        for number, cycle in enumerate(problem.get("deferrable") or []):
            home |= {
                _runs(number, part, t): -kw
                for part, kw in enumerate(cycle["power_kw"])
                if kw and self._may(cycle, part, t)
            }
        text.row(home, "=", problem["demand_kw"][t])
        self._within(t, {f"gi{t}": 1.0, f"ge{t}": -1.0})
        self._wished(t, {f"gi{t}": 1.0, f"ge{t}": -1.0})

    def _within(self, t: int, grid: Terms) -> None:
        """Contract and envelope, and what lies beyond them."""
        problem = self.problem
        highs = [problem.get("contract_max_kw"), limits(problem, "grid_max_kw")[t]]
        lows = [problem.get("contract_min_kw"), limits(problem, "grid_min_kw")[t]]
        for bounds, sense, sign in ((highs, "<=", -1.0), (lows, ">=", 1.0)):
            for bound in bounds:
                if bound is not None:
                    self.text.row(grid | {f"beyond{t}": sign}, sense, bound)
                    self.beyond[f"beyond{t}"] = self.h

    def _wished(self, t: int, grid: Terms) -> None:
        """Tube and desired profile."""
        problem, text, h = self.problem, self.text, self.h
        if problem.get("objective") == "energy+co2+distribution":
            for key, sense, sign in (("tube_high_kw", "<=", -1.0), ("tube_low_kw", ">=", 1.0)):
                edge = limits(problem, key)[t]
                if edge is not None:
                    text.row(grid | {f"out{t}": sign}, sense, edge)
                    text.cost[f"out{t}"] = h * (problem.get("outside_tube_eur_per_kwh") or 0.0)
        if problem.get("desired_kw"):
            text.row(grid | {f"off{t}": -1.0}, "<=", problem["desired_kw"][t])
            text.row(grid | {f"off{t}": 1.0}, ">=", problem["desired_kw"][t])
            text.cost[f"off{t}"] = h * (problem.get("desired_weight_eur_per_kwh") or 0.0)

    def _either(self, up: str, down: str, up_kw: float, down_kw: float) -> str:
        binary = f"z{up}"
        self.text.binaries.append(binary)
        self.text.row({up: 1.0, binary: -up_kw}, "<=", 0.0)
        self.text.row({down: 1.0, binary: down_kw}, "<=", down_kw)
        return binary

    def _store(self, name: str) -> None:
        store, text, h = self.problem[name], self.text, self.h
        one_way = math.sqrt(store.get("round_trip_efficiency", 0.9))
        floor = min(store.get("reserve_kwh") or 0.0, store["soc_kwh"])
        for t in range(self.slots):
            there = name == "ess" or store["plugged"][t]
            up, down = f"{name}c{t}", f"{name}d{t}"
            binary = self._either(up, down, store["max_rate_kw"] * there, -(store.get("min_rate_kw") or 0.0) * there)
            if there and store.get("min_charge_kw"):
                text.row({up: 1.0, binary: -store["min_charge_kw"]}, ">=", 0.0)
            text.cost[down] = h * (store.get("wear_eur_per_kwh") or 0.0)
            text.between(f"{name}s{t}", floor, store["capacity_kwh"])
            before = {f"{name}s{t - 1}": -1.0} if t else {}
            now = {f"{name}s{t}": 1.0, up: -h * one_way, down: h / one_way}
            text.row(now | before, "=", 0.0 if t else store["soc_kwh"])
        text.cost[f"{name}s{self.slots - 1}"] = -by_the_book.end_value(self.problem, name)
        target = store.get("target_slot")
        if target:
            text.row({f"{name}s{target - 1}": 1.0, "short": 1.0}, ">=", store["target_kwh"])
            text.cost["short"] = store.get("target_penalty_eur_per_kwh", 10.0)

    def _may(self, cycle: File, part: int, t: int) -> bool:
        """Whether a part of a cycle may run in a slot at all."""
        earliest, latest = cycle.get("earliest_slot") or 0, cycle.get("latest_slot")
        latest = self.slots if latest is None else min(latest, self.slots)
        return earliest + part <= t < latest - (len(cycle["power_kw"]) - 1 - part)

    def _cycle(self, number: int, cycle: File) -> None:
        """Each part runs in one slot, after the one before it; right after it, where no pause is allowed."""
        at, skip = {}, f"skip{number}"
        self.text.binaries.append(skip)
        self.skips[skip] = 1.0
        for part in range(len(cycle["power_kw"])):
            names = {t: _runs(number, part, t) for t in range(self.slots) if self._may(cycle, part, t)}
            self.text.binaries += names.values()
            self.text.row(dict.fromkeys(names.values(), 1.0) | {skip: 1.0}, "=", 1.0)
            at[part] = {name: float(t) for t, name in names.items()}
            if part:
                gap = at[part] | {name: -t for name, t in at[part - 1].items()}
                self.text.row(gap | {skip: 1.0}, ">=" if cycle.get("interruptible") else "=", 1.0)

    def _peak(self) -> None:
        price = self.problem.get("peak_eur_per_kw") or 0.0
        if price:
            self.text.cost["peak"] = price
            for t in range(self.slots):
                self.text.row({f"gi{t}": 1.0, "peak": -1.0}, "<=", self.problem.get("peak_so_far_kw") or 0.0)

    def _blocks(self) -> None:
        """Energy fills one block after the other, whatever their prices: the next opens when the one before is full."""
        blocks = self.problem.get("blocks")
        if not blocks or not self.money:
            return
        steps = sorted(blocks["steps"], key=lambda step: step["from_kwh"])
        first = blocks.get("so_far_kwh") or 0.0
        most_kwh = self.h * self.slots * MOST_KW
        edges = [0.0, *(step["from_kwh"] for step in steps), first + most_kwh]
        widths = [max(0.0, end - max(first, begin)) for begin, end in pairwise(edges)]
        filled = {f"block{number}": 1.0 for number in range(len(widths))}
        self.text.row(filled | {f"gi{t}": -self.h for t in range(self.slots)}, "=", 0.0)
        for number, (width, price) in enumerate(zip(widths, [0.0, *(s["eur_per_kwh"] for s in steps)], strict=True)):
            self.text.cost[f"block{number}"] = price
            self.text.between(f"block{number}", 0.0, width)
            if number:
                self.text.binaries.append(f"open{number}")
                self.text.row({f"block{number}": 1.0, f"open{number}": -width}, "<=", 0.0)
                self.text.row({f"block{number - 1}": 1.0, f"open{number}": -widths[number - 1]}, ">=", 0.0)


def _runs(number: int, part: int, slot: int) -> str:
    return f"run{number}p{part}t{slot}"
