"""Random houses: sensible ones for exact comparison, absurd ones that no plan may break on."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from heg.model.plan import (
    Block,
    Blocks,
    Deferrable,
    Objective,
    PlanInputs,
    PreviousPlan,
    StorageInputs,
    VehicleInputs,
)
from tests.planner.houses import START

NUMBERS = st.one_of(
    st.sampled_from((0.0, -1.0, 1.0, 1e9, -1e9, float("nan"), float("inf"), float("-inf"))), st.floats(-50.0, 50.0)
)


def sensible(seed: int, slots: int) -> PlanInputs:
    """A house whose figures could be true, prices below zero and above each other included."""
    rng = random.Random(seed)
    kind = rng.choice(("retail", "negative", "feed-in above", "flat", "equal"))
    imports = [rng.uniform(0.05, 0.45) for _ in range(slots)]
    exports = [price - 0.15 for price in imports]
    if kind == "negative":
        imports = [rng.uniform(-0.3, 0.3) for _ in range(slots)]
        exports = [price - rng.choice((0.0, 0.05)) for price in imports]
    elif kind == "feed-in above":
        exports = [rng.choice((0.08, price + 0.03)) for price in imports]
    elif kind == "flat":
        imports, exports = [0.3] * slots, [0.08] * slots
    elif kind == "equal":
        exports = list(imports)
    objective = rng.choice(tuple(Objective))
    return PlanInputs(
        slot_minutes=rng.choice((15, 30, 60)),
        start=START + timedelta(hours=rng.randrange(24)),
        demand_kw=tuple(rng.uniform(0.0, 4.0) for _ in range(slots)),
        production_kw=tuple(max(0.0, rng.uniform(-4.0, 6.0)) for _ in range(slots)),
        production_curtailable=rng.random() < 0.3,
        import_eur_per_kwh=tuple(imports),
        export_eur_per_kwh=tuple(exports),
        co2_eur_per_kwh=tuple(rng.uniform(0.0, 0.05) for _ in range(slots)),
        tube_low_kw=tuple(rng.choice((None, rng.uniform(-3.0, 0.0))) for _ in range(slots)),
        tube_high_kw=tuple(rng.choice((None, rng.uniform(0.0, 3.0))) for _ in range(slots)),
        outside_tube_eur_per_kwh=rng.choice((0.0, 0.05, 0.5)),
        contract_min_kw=rng.choice((None, -20.0)),
        contract_max_kw=rng.choice((None, 15.0)),
        grid_min_kw=tuple(rng.choice((None, -9.0)) for _ in range(slots)),
        ess=_battery(rng) if rng.random() < 0.85 else None,
        pev=_car(rng, slots) if rng.random() < 0.5 else None,
        objective=objective,
        first_slot_share=rng.choice((1.0, 0.4)),
        time_limit_s=30.0,
        gap=1e-7,
    )


def furnished(seed: int, slots: int) -> PlanInputs:
    """A sensible house with a tariff of parts, a desired profile, appliances that wait and a plan before this one."""
    rng = random.Random(-seed - 1)
    usual = sensible(seed, slots)
    edges = sorted(rng.uniform(0.0, 12.0) for _ in range(rng.choice((1, 2, 3))))
    rising = sorted(rng.uniform(0.0, 0.3) for _ in edges)
    prices = rising if rng.random() < 0.7 else [rng.uniform(-0.1, 0.3) for _ in edges]
    steps = tuple(Block(from_kwh=edge, eur_per_kwh=price) for edge, price in zip(edges, prices, strict=True))
    desires = rng.random() < 0.3
    return replace(
        usual,
        slot_minutes=rng.choice((30, 60)),
        first_slot_share=1.0,
        contract_max_kw=40.0,
        peak_eur_per_kw=rng.choice((0.0, 0.2, 2.0)),
        peak_so_far_kw=rng.choice((0.0, 2.0)),
        blocks=rng.choice((None, Blocks(so_far_kwh=rng.choice((0.0, 3.0)), steps=steps))),
        desired_kw=tuple(rng.uniform(-2.0, 3.0) for _ in range(slots)) if desires else (),
        desired_weight_eur_per_kwh=rng.choice((0.02, 0.5)) if desires else 0.0,
        deferrable=tuple(_cycle(rng, slots, number) for number in range(rng.choice((0, 0, 1, 2)))),
        previous_plan=_before(rng, usual) if rng.random() < 0.5 else None,
    )


def _cycle(rng: random.Random, slots: int, number: int) -> Deferrable:
    length = rng.randint(1, min(3, slots))
    earliest = rng.randint(0, slots - length)
    return Deferrable(
        name=f"appliance {number}",
        power_kw=tuple(rng.choice((0.0, 0.4, 2.0, rng.uniform(0.1, 2.2))) for _ in range(length)),
        earliest_slot=earliest,
        latest_slot=rng.choice((None, rng.randint(earliest + length, slots))),
        interruptible=rng.random() < 0.4,
    )


def _before(rng: random.Random, usual: PlanInputs) -> PreviousPlan:
    said = [tuple(rng.uniform(-3.0, 3.0) for _ in range(usual.slots)) for _ in range(2)]
    start = usual.start - timedelta(minutes=usual.slot_minutes * rng.choice((0, 1)))
    return PreviousPlan(start=start, ess_kw=said[0], pev_kw=said[1])


def _battery(rng: random.Random) -> StorageInputs:
    capacity_kwh = rng.choice((0.0, 5.0, 10.0))
    return StorageInputs(
        capacity_kwh=capacity_kwh,
        min_rate_kw=-rng.choice((0.0, 3.0, 5.0)),
        max_rate_kw=rng.choice((2.5, 5.0)),
        soc_kwh=rng.uniform(0.0, capacity_kwh),
        round_trip_efficiency=rng.choice((0.7, 0.9, 1.0)),
        reserve_kwh=rng.choice((0.0, 0.1 * capacity_kwh)),
        wear_eur_per_kwh=rng.choice((0.0, 0.02)),
        end_value_eur_per_kwh=rng.choice((0.0, 0.1, 0.25, -0.05)),
    )


def _car(rng: random.Random, slots: int) -> VehicleInputs:
    leaves = rng.randrange(1, slots + 1)
    return VehicleInputs(
        capacity_kwh=40.0,
        min_rate_kw=rng.choice((0.0, -7.4)),
        max_rate_kw=7.4,
        soc_kwh=rng.uniform(0.0, 40.0),
        round_trip_efficiency=0.9,
        end_value_eur_per_kwh=rng.choice((0.0, 0.1)),
        plugged=tuple(slot < leaves for slot in range(slots)),
        target_kwh=rng.uniform(0.0, 40.0),
        target_slot=rng.choice((None, leaves)),
        min_charge_kw=rng.choice((0.0, 1.4)),
    )


@st.composite
def absurd(draw: st.DrawFn) -> PlanInputs:
    """Anything that has the right types."""

    def series(least: int = 0) -> tuple[float, ...]:
        return tuple(draw(st.lists(NUMBERS, min_size=least, max_size=8)))

    def limits() -> tuple[float | None, ...]:
        return tuple(draw(st.lists(st.one_of(st.none(), NUMBERS), max_size=8)))

    def storage(**more: Any) -> dict[str, Any]:
        powers = ("min_rate_kw", "max_rate_kw")
        names = ("capacity_kwh", "soc_kwh", "round_trip_efficiency", "reserve_kwh", "wear_eur_per_kwh", *powers)
        value = st.one_of(st.none(), NUMBERS)
        return {name: draw(NUMBERS) for name in names} | {"end_value_eur_per_kwh": draw(value)} | more

    vehicle = storage(
        plugged=tuple(draw(st.lists(st.booleans(), max_size=8))),
        target_kwh=draw(NUMBERS),
        target_slot=draw(st.one_of(st.none(), st.integers(-3, 12))),
        target_penalty_eur_per_kwh=draw(NUMBERS),
        min_charge_kw=draw(NUMBERS),
    )
    return PlanInputs(
        slot_minutes=draw(st.sampled_from((5, 15, 30, 60, 0, -5))),
        start=START,
        demand_kw=series(),
        import_eur_per_kwh=series(),
        production_kw=series(),
        production_curtailable=draw(st.booleans()),
        export_eur_per_kwh=series(),
        co2_eur_per_kwh=series(),
        tube_low_kw=limits(),
        tube_high_kw=limits(),
        outside_tube_eur_per_kwh=draw(NUMBERS),
        contract_min_kw=draw(st.one_of(st.none(), NUMBERS)),
        contract_max_kw=draw(st.one_of(st.none(), NUMBERS)),
        grid_min_kw=limits(),
        grid_max_kw=limits(),
        ess=draw(st.one_of(st.none(), st.just(StorageInputs(**storage())))),
        pev=draw(st.one_of(st.none(), st.just(VehicleInputs(**vehicle)))),
        objective=draw(st.sampled_from(tuple(Objective))),
        first_slot_share=draw(st.one_of(st.just(1.0), NUMBERS)),
        time_limit_s=2.0,
        **draw(_furniture()),
    )


@st.composite
def _furniture(draw: st.DrawFn) -> dict[str, Any]:
    numbers = st.lists(NUMBERS, max_size=8).map(tuple)
    slots = st.integers(-3, 12)
    cycle = st.builds(
        Deferrable,
        name=st.text(max_size=4),
        power_kw=st.lists(NUMBERS, max_size=4).map(tuple),
        earliest_slot=slots,
        latest_slot=st.one_of(st.none(), slots),
        interruptible=st.booleans(),
    )
    step = st.builds(Block, from_kwh=NUMBERS, eur_per_kwh=NUMBERS)
    blocks = st.builds(Blocks, so_far_kwh=NUMBERS, steps=st.lists(step, max_size=3).map(tuple))
    before = st.builds(
        PreviousPlan,
        start=st.integers(-200, 200).map(lambda minutes: START + timedelta(minutes=minutes)),
        ess_kw=numbers,
        pev_kw=numbers,
    )
    return {
        "peak_eur_per_kw": draw(NUMBERS),
        "peak_so_far_kw": draw(NUMBERS),
        "blocks": draw(st.one_of(st.none(), blocks)),
        "desired_kw": draw(numbers),
        "desired_weight_eur_per_kwh": draw(NUMBERS),
        "deferrable": draw(st.lists(cycle, max_size=2).map(tuple)),
        "previous_plan": draw(st.one_of(st.none(), before)),
    }
