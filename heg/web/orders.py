"""The owner's orders as they come in a request body: typed, ranged, and turned into commands at the door."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import msgspec

from heg.data.door import CommandAnswer
from heg.model.appliances import PowerState
from heg.model.instance import Location
from heg.model.regimes import Regime
from heg.web.endpoint import Asked
from heg.web.house import Home
from heg.web.messages import Answer

_Name = Annotated[
    str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$", description="a device's name")
]
_NameOrNone = Annotated[
    str, msgspec.Meta(max_length=64, pattern=r"^[A-Za-z0-9._-]*$", description="a device's name, or nothing")
]
_TimeOfDay = Annotated[
    str,
    msgspec.Meta(
        max_length=8,
        pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$",
        description="a time of day such as 22:00",
    ),
]
_Moment = Annotated[str, msgspec.Meta(max_length=40, description="a time such as 2026-06-02T05:30:00Z")]
_Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0, description="a share from 0 to 1")]
_Kilowatts = Annotated[float, msgspec.Meta(ge=0.0, le=1000.0, description="kW from 0 to 1000")]
_EitherWay = Annotated[float, msgspec.Meta(ge=-1000.0, le=1000.0, description="kW from -1000 to 1000")]
_Minutes = Annotated[float, msgspec.Meta(gt=0.0, le=1440.0, description="minutes above 0, at most 1440")]


class Order(Asked, frozen=True):
    """Base of every order."""


class HandsOff(Order, frozen=True):
    """Release everything (on) or take control again (off)."""

    on: bool


class Manual(Order, frozen=True):
    """Run an actuator by hand for a while, or give it back (`release`). An appliance is given a `power_state`."""

    device: _Name
    regime: Regime = Regime.HOLD
    power_state: PowerState | None = None
    power_kw: _Kilowatts = 0.0
    minutes: _Minutes = 60.0
    release: bool = False


class StandbyPeriodOrder(Order, frozen=True):
    """An appliance is to put itself to standby from one time of day to another, or not any more (`withdraw`)."""

    device: _Name
    start: _TimeOfDay | None = None
    stop: _TimeOfDay | None = None
    withdraw: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1, description="the number it was given")] | None = None

    def __post_init__(self) -> None:
        """Refuse what says both, or half of one."""
        times = (self.start is not None) + (self.stop is not None)
        if times != (2 if self.withdraw is None else 0):
            raise ValueError("Expected start and stop, or withdraw alone")


class Reduce(Order, frozen=True):
    """Draw at most so much from the grid for a while, or not any more (`release`), within the owner's strategy."""

    max_import_kw: _Kilowatts | None = None
    minutes: _Minutes | None = None
    until_utc: _Moment | None = None
    release: bool | None = None


class UtilitysAppliance(Order, frozen=True):
    """Have an appliance (none named: all that need not run) in a state for a while, within the owner's strategy."""

    device: _NameOrNone = ""
    power_state: PowerState | None = None
    minutes: _Minutes | None = None
    until_utc: _Moment | None = None
    release: bool | None = None


class Try(Order, frozen=True):
    """Commissioning step test of an actuator."""

    device: _Name
    power_kw: _EitherWay = 1.0


class PlugIn(Order, frozen=True):
    """What a person says of the plugged car. Without `charger` the only one is meant; None: nothing is said of it."""

    charger: _NameOrNone = ""
    departure: Annotated[str, msgspec.Meta(max_length=16)] | None = None
    departure_utc: _Moment | None = None
    target: _Share | None = None
    soc: _Share | None = None
    soc_kwh: Annotated[float, msgspec.Meta(ge=0.0, le=1000.0)] | None = None
    capacity_kwh: Annotated[float, msgspec.Meta(ge=1.0, le=1000.0)] | None = None
    forget: bool = False


class Cycle(Order, frozen=True):
    """An appliance's cycle is wanted; `power_kw` where heg.toml does not say what it draws."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=32, pattern=r"^[a-z][a-z0-9-]*$")]
    earliest: Annotated[str, msgspec.Meta(max_length=16)] | None = None
    earliest_utc: Annotated[str, msgspec.Meta(max_length=40)] | None = None
    latest: Annotated[str, msgspec.Meta(max_length=16)] | None = None
    latest_utc: Annotated[str, msgspec.Meta(max_length=40)] | None = None
    power_kw: Annotated[list[float], msgspec.Meta(min_length=1, max_length=288)] | None = None
    step_minutes: int | None = None
    interruptible: bool | None = None
    forget: bool | None = None


class Scan(Order, frozen=True):
    """Look for devices now."""


class PlanAgain(Order, frozen=True):
    """Plan again now."""


class WhatElse(Order, frozen=True):
    """What every other way in the running slot would cost."""


_PLANNED_WITHIN_S = 300.0
"""House time: at 60 times real time a planner's process that starts takes a minute of it."""


@dataclass(frozen=True, slots=True)
class Command:
    """What goes through the door. `timeout_s` is house time."""

    variable: str
    place: Location
    arguments: Mapping[str, object]
    timeout_s: float = 30.0


_PLUG_IN = ("departure", "departure_utc", "target", "soc", "soc_kwh", "capacity_kwh")
_WITHOUT_WORDS: Mapping[type[Order], tuple[str, float]] = {
    PlanAgain: ("command.plan", _PLANNED_WITHIN_S),
    WhatElse: ("command.otherwise", _PLANNED_WITHIN_S),
    Scan: ("command.scan", 120.0),
}
ORDERS: Mapping[str, type[Order]] = {
    "hands-off": HandsOff,
    "manual": Manual,
    "standby-period": StandbyPeriodOrder,
    "reduce": Reduce,
    "appliance": UtilitysAppliance,
    "try": Try,
    "plug-in": PlugIn,
    "cycle": Cycle,
    "plan": PlanAgain,
    "otherwise": WhatElse,
    "scan": Scan,
}


def command_for(order: Order, home: Home) -> Command:
    """Turn an order into the command that the one who answers it expects."""
    match order:
        case HandsOff():
            return Command("command.hands_off", home.here, {"on": order.on})
        case Manual():
            return Command("command.manual", Location(home.unit, order.device), _by_hand(order))
        case StandbyPeriodOrder():
            return Command("command.standby_period", Location(home.unit, order.device), _standby(order))
        case Reduce():
            return Command("command.reduce", home.here, _said(order))
        case UtilitysAppliance(device=device):
            said = {name: value for name, value in _said(order).items() if name != "device"}
            return Command("command.appliance", Location(home.unit, device), said)
        case Try():
            # The step test waits for the meter before, during and after the step.
            return Command(
                "command.try", Location(home.unit, order.device), {"power_kw": order.power_kw}, home.step_test_s
            )
        case PlugIn():
            said = {name: value for name in _PLUG_IN if (value := getattr(order, name)) is not None}
            arguments = {"forget": True} if order.forget else said
            return Command("command.plug_in", Location(home.unit, order.charger), arguments)
        case Cycle():
            return Command("command.cycle", home.here, _said(order))
        case _:
            variable, timeout_s = _WITHOUT_WORDS[type(order)]
            return Command(variable, home.here, {}, timeout_s)


def _by_hand(order: Manual) -> Mapping[str, object]:
    if order.release:
        return {"release": True}
    if order.power_state is not None:
        return {"power_state": str(order.power_state), "valid_s": order.minutes * 60.0}
    return {"regime": str(order.regime), "power_kw": order.power_kw, "valid_s": order.minutes * 60.0}


def _standby(order: StandbyPeriodOrder) -> Mapping[str, object]:
    """A time of day without seconds is one on the minute."""
    if order.withdraw is not None:
        return {"withdraw": order.withdraw}
    said = {"start": order.start, "stop": order.stop}
    return {name: time if len(time) == 8 else f"{time}:00" for name, time in said.items() if time is not None}


def _said(order: Order) -> dict[str, object]:
    return {name: value for name, value in msgspec.to_builtins(order).items() if value is not None}


def as_message(answer: CommandAnswer) -> Answer:
    """Make the message of an answer."""
    return Answer(
        outcome=answer.outcome,
        text=answer.text,
        refusal=None if answer.refusal is None else str(answer.refusal),
        detail=None if answer.detail is None else dict(answer.detail),
    )
