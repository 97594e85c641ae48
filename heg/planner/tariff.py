"""What a problem may hold besides prices and storages, made fit to plan with: blocks, desired profile, cycles."""

import math
from collections.abc import Sequence
from datetime import timedelta

import numpy as np

from heg.model.cycles import WHOLE_SHARE
from heg.model.plan import Block, Deferrable, DegradationCode, Objective, PlanInputs
from heg.planner.house import DIGITS_KW, Cycle, Floats, Step
from heg.planner.mending import Mender

MOST_KW = 10_000.0
MOST_KWH = 1e9
MOST_EUR_PER_KWH = 1_000.0
MOST_STEPS = 100
MOST_CYCLES = 50


def tidy_steps(inputs: PlanInputs, mender: Mender) -> tuple[Step, ...]:
    """Return the blocks that are still ahead, the first one being where the billing period has got to.

    Where only CO2 counts, a price that adds to the import price has no part.
    """
    if inputs.blocks is None or inputs.objective is Objective.CO2:
        return ()
    so_far_kwh = mender.number(inputs.blocks.so_far_kwh, 0.0, MOST_KWH, 0.0, "blocks.so_far_kwh")
    given = sorted(_sound(inputs.blocks.steps[:MOST_STEPS], mender), key=lambda step: step.from_kwh)
    edges = [0.0, *(step.from_kwh for step in given), math.inf]
    prices = [0.0, *(step.eur_per_kwh for step in given)]
    ahead = [
        Step(end - max(begin, so_far_kwh), price)
        for begin, end, price in zip(edges, edges[1:], prices, strict=False)
        if end > max(begin, so_far_kwh)
    ]
    return tuple(ahead) if any(step.price for step in ahead) else ()


def _sound(steps: Sequence[Block], mender: Mender) -> list[Block]:
    sound = [
        step
        for step in steps
        if 0.0 <= step.from_kwh <= MOST_KWH and -MOST_EUR_PER_KWH <= step.eur_per_kwh <= MOST_EUR_PER_KWH
    ]
    if len(sound) < len(steps):
        mender.mended("blocks.steps", f"{len(steps) - len(sound)} steps without an energy or a price left out")
    return sound


def tidy_desired(inputs: PlanInputs, slots: int, mender: Mender) -> Floats:
    """Return the desired power of each slot, nan where none is given."""
    desired_kw = np.full(slots, np.nan)
    given = np.array(inputs.desired_kw[:slots], dtype=np.float64)
    desired_kw[: len(given)] = given
    unsound = ~(np.abs(desired_kw) <= MOST_KW)
    desired_kw[unsound] = np.nan
    if len(inputs.desired_kw) and unsound.any():
        mender.mended("desired_kw", f"{unsound.sum()} of {slots} slots have no power: nothing is desired there")
    return desired_kw


def tidy_cycles(inputs: PlanInputs, slots: int, mender: Mender) -> tuple[Cycle, ...]:
    """Return the cycles that have room in the horizon; what has none is named."""
    cycles = []
    if len(inputs.deferrable) > MOST_CYCLES:
        mender.mended(
            "deferrable", f"expected at most {MOST_CYCLES} cycles, came {len(inputs.deferrable)}: others left"
        )
    for number, asked in enumerate(inputs.deferrable[:MOST_CYCLES]):
        cycle = _cycle(number, asked, slots, late=inputs.first_slot_share < WHOLE_SHARE, mender=mender)
        if cycle.latest - cycle.earliest >= len(cycle.power_kw):
            if len(cycle.power_kw):
                cycles.append(cycle)
            continue
        room = max(0, cycle.latest - cycle.earliest)
        mender.say(
            DegradationCode.DEFERRABLE_UNPLACED,
            f"{asked.name} needs {len(cycle.power_kw)} slots and has room in {room}: it is not planned.",
        )
    return tuple(cycles)


def _cycle(number: int, asked: Deferrable, slots: int, *, late: bool, mender: Mender) -> Cycle:
    power_kw: Floats = np.array(asked.power_kw, dtype=np.float64)
    unsound = ~((power_kw >= 0.0) & (power_kw <= MOST_KW))
    if unsound.any():
        mender.mended(f"deferrable {asked.name}", f"{unsound.sum()} powers that no appliance draws planned as none")
        power_kw[unsound] = 0.0
    power_kw = power_kw.round(DIGITS_KW)  # behind the check: what is out of all range overflows
    earliest = max(0, asked.earliest_slot)
    latest = slots if asked.latest_slot is None else min(asked.latest_slot, slots)
    if late and earliest == 0 and latest - 1 >= len(power_kw):
        earliest = 1  # a slot that has begun is no whole slot of a cycle, unless there is no other way
    return Cycle(number, asked.name, power_kw, earliest, latest, asked.interruptible)


def tidy_previous(inputs: PlanInputs, names: Sequence[str], slots: int, minutes: int) -> tuple[Floats, ...]:
    """Return for each storage what the plan before said of these slots, nan where it said nothing; none without one."""
    previous = inputs.previous_plan
    if previous is None:
        return ()
    powers = {"ess": previous.ess_kw, "pev": previous.pev_kw}
    try:
        offset = (inputs.start - previous.start) // timedelta(minutes=minutes)
    except TypeError:  # one of the two says no time zone
        return ()
    return tuple(_shifted(powers[name], offset, slots) for name in names)


def _shifted(power_kw: Sequence[float], offset: int, slots: int) -> Floats:
    series = np.full(slots, np.nan)
    begin = max(0, -offset)
    said = np.array(power_kw[max(0, offset) :][: max(0, slots - begin)], dtype=np.float64)
    series[begin : begin + len(said)] = np.where(np.abs(said) <= MOST_KW, said, np.nan)
    return series
