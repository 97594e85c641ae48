"""The same problem said a second time, apart from heg/planner: as text for glpsol, with every binary in every slot."""

from __future__ import annotations

import math
import subprocess
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from heg.model.plan import Objective, PlanInputs, StorageInputs, VehicleInputs
from tests.support.peers import needs, program

GLPSOL = program("glpsol")
needs_glpsol = needs("glpsol")
"""Marks a test that asks it."""


@dataclass
class Text:
    """An LP file as CPLEX's format has it."""

    cost: dict[str, float] = field(default_factory=dict)
    rows: list[str] = field(default_factory=list)
    bounds: list[str] = field(default_factory=list)
    binaries: list[str] = field(default_factory=list)

    def row(self, terms: dict[str, float], sense: str, right: float) -> None:
        self.rows.append(f" {_sum(terms)} {sense} {right!r}")

    def between(self, name: str, low: float, high: float) -> None:
        self.bounds.append(f" {low!r} <= {name} <= {high!r}")

    def written(self) -> str:
        rows = "\n".join(f" r{number}: {row.strip()}" for number, row in enumerate(self.rows))
        return (
            f"Minimize\n obj: {_sum(self.cost)}\nSubject To\n{rows}\nBounds\n"
            + "\n".join(self.bounds)
            + "\nBinary\n "
            + "\n ".join(self.binaries)
            + "\nEnd\n"
        )


def least_cost(inputs: PlanInputs, folder: Path) -> float | None:
    """Return the objective that glpsol proves, None when it calls the problem infeasible."""
    return solved(formulate(inputs), folder)


def solved(text: Text, folder: Path) -> float | None:
    """Return what glpsol proves of any such text, None when it calls it infeasible."""
    model, report = folder / "problem.lp", folder / "report.txt"
    model.write_text(text.written())
    command = [str(GLPSOL), "--lp", str(model), "--output", str(report), "--mipgap", "1e-9", "--tmlim", "60"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    if "HAS NO" in done.stdout:
        return None
    lines = report.read_text().splitlines()
    status = next(line for line in lines if line.startswith("Status:"))
    assert "OPTIMAL" in status, done.stdout
    return float(next(line for line in lines if line.startswith("Objective:")).split("=")[1].split()[0])


def formulate(inputs: PlanInputs) -> Text:
    text = Text()
    co2_only = inputs.objective is Objective.CO2
    for t in range(inputs.slots):
        h = inputs.slot_minutes / 60 * (inputs.first_slot_share if t == 0 else 1.0)
        co2 = inputs.co2_eur_per_kwh[t] if inputs.co2_eur_per_kwh else 0.0
        text.cost[f"gi{t}"] = h * (co2 if co2_only else inputs.import_eur_per_kwh[t] + co2)
        sell = inputs.export_eur_per_kwh[t] if inputs.export_eur_per_kwh and not co2_only else 0.0
        text.cost[f"ge{t}"] = -h * sell
        sun = inputs.production_kw[t] if inputs.production_kw else 0.0
        home = {f"gi{t}": 1.0, f"ge{t}": -1.0, f"u{t}": 1.0}
        text.between(f"u{t}", 0.0 if inputs.production_curtailable else sun, sun)
        for number, cycle in enumerate(inputs.deferrable):
            home |= {f"q{number}_{t}": -1.0}
            text.between(f"q{number}_{t}", 0.0, max(cycle.power_kw))
        for name, store in (("e", inputs.ess), ("p", inputs.pev)):
            if store is not None:
                home |= {f"{name}c{t}": -1.0, f"{name}d{t}": 1.0}
        text.row(home, "=", inputs.demand_kw[t])
        _switch(text, f"gi{t}", f"ge{t}", f"zg{t}", 200.0, 200.0)
        _grid(text, inputs, t, h)
    for name, store in (("e", inputs.ess), ("p", inputs.pev)):
        if store is not None:
            _store(text, inputs, name, store)
    for number in range(len(inputs.deferrable)):
        _cycle(text, inputs, number)
    _charges(text, inputs)
    return text


def _charges(text: Text, inputs: PlanInputs) -> None:
    """Peak, blocks (each with a binary that says it is reached, whatever its price) and the desired profile."""
    hours = [inputs.slot_minutes / 60 * (inputs.first_slot_share if t == 0 else 1.0) for t in range(inputs.slots)]
    text.cost["peak"] = inputs.peak_eur_per_kw
    for t, h in enumerate(hours):
        text.row({f"gi{t}": 1.0, "peak": -1.0}, "<=", inputs.peak_so_far_kw)
        if inputs.desired_kw:
            text.row({f"gi{t}": 1.0, f"ge{t}": -1.0, f"m{t}": -1.0}, "<=", inputs.desired_kw[t])
            text.row({f"gi{t}": 1.0, f"ge{t}": -1.0, f"m{t}": 1.0}, ">=", inputs.desired_kw[t])
            text.cost[f"m{t}"] = h * inputs.desired_weight_eur_per_kwh
    if inputs.blocks is None or inputs.objective is Objective.CO2:
        return
    # The energy of the whole period, from its first kWh; what was used before is taken off as a constant.
    edges = [0.0, *(step.from_kwh for step in inputs.blocks.steps), inputs.blocks.so_far_kwh + 1_000.0]
    prices = [0.0, *(step.eur_per_kwh for step in inputs.blocks.steps)]
    before = sum(
        price * min(max(inputs.blocks.so_far_kwh - low, 0.0), high - low)
        for price, low, high in zip(prices, edges, edges[1:], strict=False)
    )
    total = {f"gi{t}": -h for t, h in enumerate(hours)}
    for k, price in enumerate(prices):
        width = edges[k + 1] - edges[k]
        total[f"b{k}"] = 1.0
        text.cost[f"b{k}"] = price
        text.binaries.append(f"zb{k}")
        text.row({f"b{k}": 1.0, f"zb{k}": -width}, "<=", 0.0)
        if k:
            text.row({f"b{k - 1}": 1.0, f"zb{k}": -(edges[k] - edges[k - 1])}, ">=", 0.0)
    text.row(total, "=", inputs.blocks.so_far_kwh)
    text.between("one", 1.0, 1.0)
    text.cost["one"] = -before


def _cycle(text: Text, inputs: PlanInputs, number: int) -> None:
    """A binary for each slot of the cycle and of the horizon: each once, in order, next to each other or not."""
    cycle = inputs.deferrable[number]
    length, slots = len(cycle.power_kw), inputs.slots
    latest = slots if cycle.latest_slot is None else cycle.latest_slot
    names = [[f"y{number}_{k}_{t}" for t in range(slots)] for k in range(length)]
    when = [{name: float(t) for t, name in enumerate(row)} for row in names]
    for row in names:
        text.binaries.extend(row)
        text.row(dict.fromkeys(row, 1.0), "=", 1.0)
        for t, name in enumerate(row):
            if t < cycle.earliest_slot or t >= latest:
                text.row({name: 1.0}, "<=", 0.0)
    for before, after in pairwise(when):
        gap = after | {name: -t for name, t in before.items()}
        text.row(gap, ">=", 1.0)
        if not cycle.interruptible:
            text.row(gap, "<=", 1.0)
    for t in range(slots):
        runs = {names[k][t]: -cycle.power_kw[k] for k in range(length)}
        text.row({f"q{number}_{t}": 1.0} | runs, "=", 0.0)


def _grid(text: Text, inputs: PlanInputs, t: int, h: float) -> None:
    grid = {f"gi{t}": 1.0, f"ge{t}": -1.0}
    for limits, contract, sense in (
        (inputs.grid_max_kw, inputs.contract_max_kw, "<="),
        (inputs.grid_min_kw, inputs.contract_min_kw, ">="),
    ):
        for limit in (limits[t] if limits else None, contract):
            if limit is not None:
                text.row(grid, sense, limit)
    if inputs.objective is not Objective.ENERGY_CO2_DISTRIBUTION:
        return
    for limits, sense, name, sign in ((inputs.tube_high_kw, "<=", "o", -1.0), (inputs.tube_low_kw, ">=", "w", 1.0)):
        if limits and limits[t] is not None:
            text.row(grid | {f"{name}{t}": sign}, sense, float(limits[t] or 0.0))
            text.cost[f"{name}{t}"] = h * inputs.outside_tube_eur_per_kwh


def _store(text: Text, inputs: PlanInputs, name: str, store: StorageInputs) -> None:
    eta = math.sqrt(store.round_trip_efficiency)
    last = inputs.slots - 1
    least_kw = store.min_charge_kw if isinstance(store, VehicleInputs) else 0.0
    for t in range(inputs.slots):
        h = inputs.slot_minutes / 60 * (inputs.first_slot_share if t == 0 else 1.0)
        there = store.plugged[t] if isinstance(store, VehicleInputs) else True
        c, d, e = f"{name}c{t}", f"{name}d{t}", f"{name}s{t}"
        _switch(text, c, d, f"z{name}{t}", store.max_rate_kw * there, -store.min_rate_kw * there)
        if least_kw and there:
            text.row({c: 1.0, f"z{name}{t}": -least_kw}, ">=", 0.0)
        text.cost[d] = h * store.wear_eur_per_kwh
        text.between(e, min(store.reserve_kwh, store.soc_kwh), store.capacity_kwh)
        before = {f"{name}s{t - 1}": -1.0} if t else {}
        text.row({e: 1.0, c: -h * eta, d: h / eta} | before, "=", 0.0 if t else store.soc_kwh)
    text.cost[f"{name}s{last}"] = -float(store.end_value_eur_per_kwh or 0.0)
    if isinstance(store, VehicleInputs) and store.target_slot:
        text.row({f"{name}s{store.target_slot - 1}": 1.0, f"{name}short": 1.0}, ">=", store.target_kwh)
        text.cost[f"{name}short"] = store.target_penalty_eur_per_kwh


def _switch(text: Text, up: str, down: str, binary: str, up_kw: float, down_kw: float) -> None:
    text.binaries.append(binary)
    text.row({up: 1.0, binary: -up_kw}, "<=", 0.0)
    text.row({down: 1.0, binary: down_kw}, "<=", down_kw)


def _sum(terms: dict[str, float]) -> str:
    return " ".join(f"{'-' if value < 0 else '+'} {abs(value)!r} {name}" for name, value in terms.items()) or "0 x"
