"""The actions that the gateway asks of appliances, as data (spec upnp-appliances.md, first table; cycle extension).

UUID and Address are those of who asks. RegID is 0 where nothing was registered.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from heg.model.appliances import APPLIANCE_SERVICE, CYCLE_SERVICE, PowerState, WakeMethod

MOST_ID = 2**31 - 1
"""Registrations are numbered within a signed integer of four bytes."""
POWER_WORDS: Mapping[str, PowerState] = MappingProxyType(
    {"ON": PowerState.ON, "OFF": PowerState.OFF, "Standby": PowerState.STANDBY}
)
WAKE_WORDS: Mapping[str, WakeMethod] = MappingProxyType({"WOL": WakeMethod.WOL, "WoWLAN": WakeMethod.WOWLAN})
MOST_STEPS = 288
_MOST_WATTS = 50_000
_DAY_MINUTES = 1440


class Kind(StrEnum):
    """How an argument's text is read."""

    TEXT = "text"
    WHOLE = "a whole number"
    CLOCK = "a time of day, HH:MM:SS"
    TRUTH = "a boolean"
    MOMENT = "a date and time with its zone, or nothing"


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument: of TEXT the allowed words (empty: any) and its length, of WHOLE its limits."""

    name: str
    kind: Kind = Kind.TEXT
    allowed: tuple[str, ...] = ()
    longest: int = 128
    low: int = 0
    high: int = MOST_ID


@dataclass(frozen=True, slots=True)
class Action:
    """One action of a service: what goes in, what comes out."""

    service: str
    name: str
    inputs: tuple[Argument, ...] = ()
    outputs: tuple[Argument, ...] = ()


_UUID = Argument("UUID", longest=64)
_ADDRESS = Argument("Address", longest=64)
_REG_ID = Argument("RegID", Kind.WHOLE)
_START = Argument("StartTime", Kind.CLOCK)
_STOP = Argument("StopTime", Kind.CLOCK)


def _of_appliance(name: str, *more: Argument, outputs: tuple[Argument, ...] = (_REG_ID,)) -> Action:
    return Action(APPLIANCE_SERVICE, name, (_UUID, _ADDRESS, *more), outputs)


GET_POWER_STATE = _of_appliance(
    "GetPowerState", outputs=(Argument("PowerState", allowed=tuple(POWER_WORDS), longest=16), _REG_ID)
)
WAKE_UP_METHOD = _of_appliance(
    "WakeUpMethod", outputs=(Argument("WakeMethod", allowed=tuple(WAKE_WORDS), longest=16), _REG_ID)
)
STANDBY_PERIOD = _of_appliance("StandbyPeriod", _START, _STOP)
WITHDRAW = _of_appliance("Withdraw", _REG_ID, outputs=())
OPERATIONS: Mapping[PowerState, Action] = MappingProxyType(
    {
        PowerState.ON: _of_appliance("OperationOn"),
        PowerState.OFF: _of_appliance("OperationOff"),
        PowerState.STANDBY: _of_appliance("GoToStandby"),
    }
)
"""The action that brings an appliance into a state."""
GET_CYCLE = Action(
    CYCLE_SERVICE,
    "GetCycle",
    (),
    (
        Argument("CycleId", longest=64),
        Argument("Name", longest=64),
        Argument("RatedPower", Kind.WHOLE, high=_MOST_WATTS),
        Argument("StepMinutes", Kind.WHOLE, high=_DAY_MINUTES),
        Argument("PowerCurve", longest=6 * MOST_STEPS),
        Argument("EarliestStart", Kind.MOMENT, longest=40),
        Argument("LatestEnd", Kind.MOMENT, longest=40),
        Argument("Interruptible", Kind.TRUTH),
    ),
)
