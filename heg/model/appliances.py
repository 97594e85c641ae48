"""Appliances as the house knows them: power states, what they ask of the gateway, which cycle they offer.

Source: spec upnp-appliances.md. The names of devices and services stand here because gateway and appliance program
must agree on them; each side has its own code and its own table of actions.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum

from heg.model.cycles import CycleCurve

APPLIANCE_DEVICE = "urn:heg-energy:device:Appliance:1"
GATEWAY_DEVICE = "urn:heg-energy:device:EnergyGateway:1"
APPLIANCE_SERVICE = "urn:heg-energy:service:PowerManagement:1"
"""What every appliance offers: the first table of the specification."""
CYCLE_SERVICE = "urn:heg-energy:service:CycleOffer:1"
"""What an appliance may offer besides: what it draws, and a cycle that waits for its time."""
GATEWAY_SERVICE = "urn:heg-energy:service:EnergyManagement:1"
"""What the gateway offers to appliances: the second table."""


class PowerState(StrEnum):
    """Whether an appliance works, waits, or is off; variable `state.power`."""

    ON = "on"
    STANDBY = "standby"
    OFF = "off"


class WakeMethod(StrEnum):
    """How an appliance that sleeps is woken."""

    NONE = "none"
    WOL = "wol"
    WOWLAN = "wowlan"


class Importance(StrEnum):
    """How much its owner needs an appliance: the last are shed first, the first only when wires are in danger."""

    MUST_RUN = "must-run"
    FLEXIBLE = "flexible"
    OPTIONAL = "optional"


class ApplianceFault(IntEnum):
    """Our own errorCodes of UPnP control (800-899), in both directions."""

    UNSAFE = 801
    BUSY = 802
    NOT_REGISTERED = 803
    TOO_MANY = 804
    NOT_YOURS = 805
    NOT_NOW = 806


class RequestKind(StrEnum):
    """What an appliance may ask the gateway for."""

    WAKE_UP = "wake_up"
    NO_STANDBY = "no_standby"


class RequestState(StrEnum):
    """Where a request stands. Registered, in force (NoStandbyPeriod) or being carried out; the others are ends."""

    REGISTERED = "registered"
    IN_FORCE = "in_force"
    DONE = "done"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Registration:
    """Record `registration` at one of an appliance's parts: what it asked for. It outlives restarts, and is done once.

    An `id` is never given again; the parts are few, and a new request takes that of one that has long ended. The unit's
    own part `last` keeps the last id. `identity` is the appliance's UUID. `stop` is None for what has no duration.
    """

    id: int
    identity: str
    kind: RequestKind
    start: datetime
    stop: datetime | None
    asked: datetime
    state: RequestState = RequestState.REGISTERED
    text: str = ""

    @property
    def open(self) -> bool:
        """Tell whether something is still to be done about it."""
        return self.state in (RequestState.REGISTERED, RequestState.IN_FORCE)


@dataclass(frozen=True, slots=True)
class CycleOffer:
    """Record `cycle.offer` of an appliance: a cycle that waits in it. `id` changes with each one; empty: none waits."""

    id: str
    name: str = ""
    curve: CycleCurve | None = None
    earliest: datetime | None = None
    latest: datetime | None = None


@dataclass(frozen=True, slots=True)
class UtilityOrder:
    """Record `utility.order` of an appliance: the state that the utility wants it in until then, and who wants it.

    At part WHO of device `utility`: of all appliances that need not run.
    """

    power_state: PowerState
    until: datetime
    who: str
    asked: datetime
    active: bool = True


@dataclass(frozen=True, slots=True)
class LoadReduction:
    """Record `reduction` at part WHO of device `utility`: draw at most so many kW from the grid until then."""

    max_import_kw: float
    until: datetime
    who: str
    asked: datetime
    active: bool = True


def still_asked(request: UtilityOrder | LoadReduction, now: datetime, age_s: float) -> bool:
    """Tell whether the utility's request holds at `now`, `age_s` after it was written.

    It ends at its time, and at the latest after as long as was asked: a clock that is set back prolongs nothing.
    """
    return request.active and now < request.until and age_s < (request.until - request.asked).total_seconds()


@dataclass(frozen=True, slots=True)
class StandbyPeriod:
    """Record `standby_period` at one of an appliance's parts: it puts itself to standby then, once, by its own clock.

    `id` is the appliance's own number for it. `active` turns False when it is withdrawn. The parts are few: a new one
    takes that of one that is over.
    """

    id: int
    start: datetime
    stop: datetime
    asked: datetime
    active: bool = True
