"""Claims and leases: who may move an actuator, why, and until when (DESIGN.md, Two clocks 3 and 4)."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from heg.model.appliances import PowerState
from heg.model.regimes import Regime, RegimeOrder


class Claimant(IntEnum):
    """Who claims, in the fixed order in which claims narrow an actuator's interval: the smallest first."""

    SAFETY = 0
    ENVELOPE = 1
    MANUAL = 2
    APPLIANCE = 3
    UTILITY = 4
    PLAN = 5
    AUTOMATION = 6
    IDLE = 7


class ReasonCode(StrEnum):
    """Why an actuator does what it does; each has a sentence for people in `Reason.text`."""

    SELF_CONSUMPTION = "self_consumption"
    PLAN = "plan"
    MANUAL = "manual"
    COMMISSIONING = "commissioning"
    ENVELOPE = "envelope"
    SOC_LIMIT = "soc_limit"
    RATE_LIMIT = "rate_limit"
    METER_LOST = "meter_lost"
    METER_STALE = "meter_stale"
    STORAGE_LOST = "storage_lost"
    SOC_UNKNOWN = "soc_unknown"
    NOT_PLUGGED = "not_plugged"
    UNPLANNED = "unplanned"
    HANDS_OFF = "hands_off"
    RELEASED = "released"
    WRITE_BUDGET = "write_budget"
    RECOVERED = "recovered"
    SHUTDOWN = "shutdown"
    UTILITY = "utility"
    SHED = "shed"
    AUTOMATION = "automation"
    APPLIANCE = "appliance"
    APPLIANCE_LOST = "appliance_lost"
    SWITCHED_LATELY = "switched_lately"
    BY_USER = "by_user"


@dataclass(frozen=True, slots=True)
class Reason:
    """A code for programs and a sentence for people."""

    code: ReasonCode
    text: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A wish about one actuator: an interval, a regime, or both. It dies `valid_s` seconds after it came (monotonic).

    About an appliance: `power_state` is the state it is to take, `states` those that later claims may still give it.
    What is `lasting` stays when the claim ends: who was woken is not put to sleep again for having been woken. With
    `turn` above 0 the order is given also to one that is so already, and anew with each other number, as a cycle needs.
    Written through the door as a record instance of variable `claim` at the actuator's location.
    """

    claimant: Claimant
    reason: Reason
    valid_s: float
    min_kw: float | None = None
    max_kw: float | None = None
    order: RegimeOrder | None = None
    states: frozenset[PowerState] | None = None
    power_state: PowerState | None = None
    lasting: bool = False
    turn: int = 0


class LeaseState(StrEnum):
    """What reading back says of a held lease; the owner sees it."""

    SETTLING = "settling"
    CONFIRMED = "confirmed"
    OVERRIDDEN = "overridden"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class SetPoint:
    """What is written to a device: a native regime or a power, within limits, for at most `revert_s` seconds.

    An appliance is given a `power_state` and nothing else; a `lasting` one is not taken back by a release,
    and another `turn` is another order.

    `power_kw` is at the device's terminals, positive charging (storage) or positive producing (a producer's limit).
    """

    regime: Regime | None = None
    power_kw: float | None = None
    min_kw: float | None = None
    max_kw: float | None = None
    revert_s: float = 0.0
    power_state: PowerState | None = None
    lasting: bool = False
    turn: int = 0


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """The record instance of variable `lease` at an actuator's location: what it is doing and why.

    Of an appliance: the `power_state` it is given, the one it was last known in, and who asks otherwise in vain.
    """

    held: bool
    owner: Claimant
    regime: Regime
    set_kw: float | None
    reason: Reason
    expires_in_s: float
    state: LeaseState
    native: bool = False
    read_back_kw: float | None = None
    writes_today: int = 0
    writes_left: int | None = None
    power_state: PowerState | None = None
    read_back_state: PowerState | None = None
    outvoted: tuple[str, ...] = ()
