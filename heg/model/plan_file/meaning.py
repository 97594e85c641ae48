"""From the keys of a problem to `PlanInputs`: what they mean together; what does not fit is named (pure)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from heg.model.plan import (
    Block,
    Blocks,
    Deferrable,
    Degradation,
    DegradationCode,
    PlanInputs,
    PreviousPlan,
    StorageInputs,
    VehicleInputs,
)
from heg.model.plan_file.faults import Fault, PlanFileError, shown
from heg.model.plan_file.keys import (
    BlocksKeys,
    DeferrableKeys,
    Numbers,
    PreviousPlanKeys,
    ProblemKeys,
    StorageKeys,
    VehicleKeys,
)

_SERIES = (
    *("demand_kw", "production_kw", "import_eur_per_kwh", "export_eur_per_kwh", "co2_eur_per_kwh", "desired_kw"),
)
_LIMITS = ("tube_low_kw", "tube_high_kw", "grid_min_kw", "grid_max_kw")
_YEARS = range(1970, 2200)
_VALUE = TypeVar("_VALUE")


def inputs_of(keys: ProblemKeys) -> PlanInputs:
    """Return the problem that the keys state. Raises `PlanFileError` for a time that is none."""
    slots, said = len(keys.demand_kw), _Said()
    values: dict[str, Any] = msgspec.structs.asdict(keys)
    values["start"] = _moment("start", keys.start)
    for name in _SERIES:
        values[name] = _numbers(said.cut(name, values[name], slots))
    for name in _LIMITS:
        values[name] = said.whole(name, values[name], slots, "no limit in the others")
    values["blocks"] = keys.blocks and _blocks(keys.blocks)
    values["deferrable"] = tuple(_cycle(number, cycle) for number, cycle in enumerate(keys.deferrable or (), 1))
    values["previous_plan"] = keys.previous_plan and _previous(keys.previous_plan)
    values["ess"] = keys.ess and StorageInputs(**_storage("ess", keys.ess, said))
    values["pev"] = keys.pev and _vehicle(keys.pev, slots, said)
    return PlanInputs(**values, degradations=said.all)


class _Said:
    """Collects what did not fit together."""

    def __init__(self) -> None:
        self._said: list[Degradation] = []

    @property
    def all(self) -> tuple[Degradation, ...]:
        return tuple(self._said)

    def mended(self, key: str, what: str) -> None:
        self._said.append(Degradation(DegradationCode.INPUT_MENDED, f"{key}: {what}."))

    def cut(self, key: str, values: Sequence[_VALUE], slots: int) -> tuple[_VALUE, ...]:
        """Return no more values than there are slots; the planner itself names what is missing of a series."""
        if len(values) > slots:
            self.mended(key, f"expected {slots} values, one a slot of demand_kw, came {len(values)}; the rest left out")
        return tuple(values[:slots])

    def whole(self, key: str, values: Sequence[_VALUE], slots: int, others: str) -> tuple[_VALUE, ...]:
        """Return at most the values that there are slots, and say what holds in slots that have none."""
        if 0 < len(values) < slots:
            self.mended(key, f"expected {slots} values, one a slot of demand_kw, came {len(values)}; {others}")
        return self.cut(key, values, slots)


def _moment(key: str, text: str) -> datetime:
    """Read a UTC time; one without an offset is UTC, for that is what the key says."""
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        moment = None
    if moment is None or moment.year not in _YEARS:
        years = f"of the years {_YEARS[0]} to {_YEARS[-1]}"
        raise PlanFileError(Fault(key, shown(text), f'a UTC time {years}, such as "2026-11-21T00:00:00Z"'))
    return moment


def _numbers(values: Numbers | None) -> tuple[float, ...]:
    return tuple(math.nan if value is None else value for value in values or ())


def _blocks(keys: BlocksKeys) -> Blocks:
    steps = (Block(from_kwh=step.from_kwh, eur_per_kwh=step.eur_per_kwh) for step in keys.steps or ())
    return Blocks(so_far_kwh=keys.so_far_kwh or 0.0, steps=tuple(steps))


def _cycle(number: int, keys: DeferrableKeys) -> Deferrable:
    values: dict[str, Any] = msgspec.structs.asdict(keys)
    values["name"] = keys.name or f"deferrable {number}"
    values["power_kw"] = _numbers(keys.power_kw)
    return Deferrable(**values)


def _previous(keys: PreviousPlanKeys) -> PreviousPlan:
    start = _moment("previous_plan.start", keys.start)
    return PreviousPlan(start=start, ess_kw=_numbers(keys.ess_kw), pev_kw=_numbers(keys.pev_kw))


def _storage(name: str, keys: StorageKeys, said: _Said) -> dict[str, Any]:
    values: dict[str, Any] = msgspec.structs.asdict(keys)
    for key in ("capacity_kwh", "min_rate_kw", "max_rate_kw"):
        if values[key] is None:
            values[key] = 0.0
            if (name, key) != ("pev", "min_rate_kw"):  # a car that only charges is the usual one
                said.mended(f"{name}.{key}", "not given; planned with 0")
    if values["soc_kwh"] is None:
        values["soc_kwh"] = math.nan
    return values


def _vehicle(keys: VehicleKeys, slots: int, said: _Said) -> VehicleInputs:
    values = _storage("pev", keys, said)
    plugged = [bool(there) for there in keys.plugged or ()]
    unknown = sum(there is None for there in keys.plugged or ())
    if not plugged:
        said.mended("pev.plugged", "not given; planned as never there")
    elif unknown:
        said.mended("pev.plugged", f"not known in {unknown} slots; planned as not there in these")
    values["plugged"] = said.whole("pev.plugged", plugged, slots, "not there in the others")
    if isinstance(keys.target_slot, msgspec.UnsetType):
        values["target_slot"] = None
        if keys.target_kwh:
            said.mended("pev.target_slot", "not given; planned without the target")
    elif keys.target_slot is not None and keys.target_slot > slots:
        said.mended(
            "pev.target_slot",
            f"{keys.target_slot} lies beyond the {slots} slots; what can be charged after them need not be there then",
        )
    return VehicleInputs(**values)
