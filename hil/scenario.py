"""Scenarios: a house, a timeline of what goes wrong, and what is expected of house and gateway.

A scenario is a TOML file. The same file runs stepped in a test, scaled by `hil run`, and on a bench with real
hardware behind the devices' addresses. What is watched is named by a path:

    house.grid_kw, house.soc.battery     the truth (see `hil.desk.status`)
    register.battery.704.WSet            what a client reads at a device
    writes.battery.704.WSet              how often it has been written
    gateway.devices.meter.status         the gateway's own words, through its local API
"""

from __future__ import annotations

import asyncio
import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from hil.desk import status
from hil.faults import GATEWAY, Fault, GatewayHands, fault_of, play
from hil.gateway import GatewayError, GatewayView
from hil.plan import GOOD_DAY_UTC, PlanError, Table, rig_plan, typed
from hil.rig import Rig, RigPlan

SAMPLE_S = 1.0
_ROOTS = ("house", "register", "writes", "gateway")
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Expectation:
    """Something that has to be so: at an instant (`at_s`), all the time (`from_s` to `until_s`), or once by `by_s`.

    The value must be at least `low`, at most `high`, equal `equals`, be one of `among`, be there at all (`present`),
    or not (`absent`).
    """

    what: str
    at_s: float | None = None
    from_s: float = 0.0
    until_s: float | None = None
    by_s: float | None = None
    low: float | None = None
    high: float | None = None
    equals: str | float | bool | None = None
    among: list[str] | None = None
    present: bool = False
    absent: bool = False
    because: str = ""

    def __post_init__(self) -> None:
        if self.what.split(".")[0] not in _ROOTS:
            raise ValueError(f"what = {self.what!r}: expected a path that begins with {', '.join(_ROOTS)}")
        if sum(moment is not None for moment in (self.at_s, self.until_s, self.by_s)) != 1:
            raise ValueError(f"{self.what}: expected exactly one of at_s, until_s, by_s")
        asked = (self.low, self.high, self.equals, self.among, self.present or None, self.absent or None)
        if all(one is None for one in asked):
            raise ValueError(f"{self.what}: expected low, high, equals, among, present or absent")

    @property
    def last_s(self) -> float:
        """When it is decided."""
        return next(moment for moment in (self.at_s, self.until_s, self.by_s) if moment is not None)

    def due(self, at_s: float) -> bool:
        """True when a sample at this time counts."""
        if self.at_s is not None:
            return at_s >= self.at_s
        return self.from_s <= at_s <= self.last_s

    def met_by(self, value: object) -> bool:
        """Judge one value."""
        if self.absent or value is _ABSENT:
            return self.absent and value is _ABSENT
        if self.equals is not None and value != self.equals:
            return False
        if self.among and value not in self.among:
            return False
        if self.low is None and self.high is None:
            return True
        if not isinstance(value, (int, float)) or math.isnan(value):
            return False
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    def said(self) -> str:
        """What is expected, in words."""
        parts = [f"= {self.equals}" if self.equals is not None else "", f"in {self.among}" if self.among else ""]
        parts += [
            f">= {self.low:g}" if self.low is not None else "",
            f"<= {self.high:g}" if self.high is not None else "",
        ]
        parts += ["there" if self.present else "", "absent" if self.absent else ""]
        return f"{self.what} {' and '.join(part for part in parts if part)}"


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario as read from its file."""

    name: str
    tells: str
    start_utc: datetime
    duration_s: float
    plan: RigPlan
    timeline: list[tuple[float, Fault]]
    expectations: list[Expectation]
    gateway: Mapping[str, Any] = field(default_factory=dict)
    """Extra sections of the gateway's configuration; its presence says that the scenario needs a gateway."""
    row: str = ""
    """The row of the loss matrix it plays."""
    speed: float = 20.0
    """House seconds per real second, where the scenario does not run stepped."""

    @property
    def beside(self) -> Mapping[str, Any]:
        """The gateway's sections: nothing is planned unless the scenario is about plans."""
        return {"planning": {"enabled": False}, **self.gateway}

    @property
    def needs_process(self) -> bool:
        """True when what its gateway suffers needs a process: killing it, freezing it, damaging its files."""
        return any(fault.device == GATEWAY and fault.kind != "jump_clock" for _, fault in self.timeline)

    @property
    def needs_gateway(self) -> bool:
        """True when there is nothing to see without one."""
        return (
            bool(self.gateway)
            or any(expected.what.startswith("gateway.") for expected in self.expectations)
            or any(fault.device == GATEWAY for _, fault in self.timeline)
        )


@dataclass(slots=True)
class Verdict:
    """What became of one expectation."""

    expectation: Expectation
    met: bool | None = None
    at_s: float = 0.0
    value: object = None


def load(path: Path, *, offline: bool = False) -> Scenario:
    """Read a scenario; PlanError names what is not understood."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise PlanError(f"{path.name}: {error}") from error
    return scenario_of(tables, path.stem, offline=offline)


def scenario_of(tables: Table, name: str, *, offline: bool = False) -> Scenario:
    """A scenario from its tables."""
    known = {"tells", "row", "speed", "start_utc", "duration_s", "gateway", "timeline", "expect"}
    known |= {"house", "weather", "devices", "buses", "wiring", "appliances"}
    if unknown := sorted(set(tables) - known):
        raise PlanError(f"{name}: {unknown[0]}: not known here; expected one of {', '.join(sorted(known))}")
    start_utc = tables.get("start_utc", GOOD_DAY_UTC)
    if not isinstance(start_utc, datetime) or start_utc.tzinfo is None:
        raise PlanError(f"{name}: start_utc: expected a UTC time such as 2024-08-09T06:00:00Z")
    timeline = []
    for entry in tables.get("timeline", ()):
        if not isinstance(entry.get("at_s"), (int, float)):
            raise PlanError(f"{name}: [[timeline]] at_s: expected house seconds, found {entry.get('at_s')!r}")
        timeline.append((float(entry["at_s"]), fault_of(entry)))
    expectations = [typed(Expectation, entry, f"{name}: [[expect]]") for entry in tables.get("expect", ())]
    latest_s = max([at_s for at_s, _ in timeline] + [expected.last_s for expected in expectations], default=0.0)
    return Scenario(
        name,
        str(tables.get("tells", "")),
        start_utc,
        float(tables.get("duration_s", latest_s)),
        rig_plan(tables, start_utc, offline=offline),
        timeline,
        expectations,
        tables.get("gateway", {}),
        str(tables.get("row", "")),
        float(tables.get("speed", 20.0)),
    )


async def perform(
    scenario: Scenario,
    rig: Rig,
    view: GatewayView | None,
    told: Callable[[str], None],
    hands: GatewayHands | None = None,
) -> list[Verdict]:
    """Play the timeline against a running rig, watch, and judge. Time counts from now."""
    began_s = rig.now_s()
    verdicts = [Verdict(expectation) for expectation in scenario.expectations]
    shifted = [(began_s + at_s, fault) for at_s, fault in scenario.timeline]
    playing = asyncio.ensure_future(play(rig, shifted, lambda at_s, fault: told(_order(at_s - began_s, fault)), hands))
    try:
        sample = 0
        while (elapsed_s := rig.now_s() - began_s) <= scenario.duration_s + SAMPLE_S:
            due = [verdict for verdict in verdicts if verdict.met is None and verdict.expectation.due(elapsed_s)]
            for verdict in due:
                await _look(verdict, rig, view, elapsed_s)
                if verdict.met is not None:
                    told(_outcome(verdict))
            sample += 1
            await rig.clock.sleep(max(0.0, began_s + sample * SAMPLE_S - rig.now_s()))
        await playing
    finally:
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)
    for verdict in verdicts:
        if verdict.met is None:
            # Held all the time is met; never seen by its time is not.
            verdict.met = verdict.expectation.until_s is not None and verdict.value is not None
            told(_outcome(verdict))
    return verdicts


async def _look(verdict: Verdict, rig: Rig, view: GatewayView | None, elapsed_s: float) -> None:
    expected = verdict.expectation
    value = await watched(expected.what, rig, view)
    verdict.value, verdict.at_s = value, elapsed_s
    if expected.at_s is not None:
        verdict.met = expected.met_by(value)
    elif expected.by_s is not None:
        verdict.met = True if expected.met_by(value) else None
    elif not expected.met_by(value):
        verdict.met = False


async def watched(what: str, rig: Rig, view: GatewayView | None) -> object:
    """The value at a path; `_ABSENT` when there is nothing there."""
    root, _, rest = what.partition(".")
    if root == "house":
        return _at(status(rig), rest)
    if root in ("register", "writes"):
        device, _, point = rest.partition(".")
        handle = rig.handles.get(device)
        if handle is None:
            return _ABSENT
        return handle.shown(point) if root == "register" else handle.writes(point)
    if view is None:
        return _ABSENT
    try:
        return _at(await view.state(), rest)
    except (OSError, EOFError, TimeoutError, GatewayError):
        return _ABSENT


def _at(tree: object, path: str) -> object:
    for step in path.split("."):
        if not isinstance(tree, Mapping) or step not in tree:
            return _ABSENT
        tree = tree[step]
    return tree


def _order(at_s: float, fault: Fault) -> str:
    details = ", ".join(f"{name} {value}" for name, value in fault.arguments.items())
    return f"{at_s:8.1f} s  {fault.kind} {fault.device} {details}".rstrip()


def _outcome(verdict: Verdict) -> str:
    expected, found = verdict.expectation, "nothing" if verdict.value is _ABSENT else verdict.value
    mark = "ok  " if verdict.met else "FAIL"
    because = f"  ({expected.because})" if expected.because else ""
    seen = found if not isinstance(found, float) else round(found, 4)
    return f"{verdict.at_s:8.1f} s  {mark} {expected.said()}: found {seen}{because}"
