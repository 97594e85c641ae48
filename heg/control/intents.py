"""What each actuator is asked to do before the connection point is shared out: claims, safety, native or not. Pure.

(DESIGN.md, Two clocks 3 and 5.)
"""

import math
from dataclasses import dataclass

from heg.control.claims import Decision, Interval, decide
from heg.control.snapshot import ActuatorImage, GridImage, Known, Unknown, value_or
from heg.model.capabilities import ProducerCapability, StorageCapability, VehicleCapability
from heg.model.envelope import Envelope
from heg.model.leases import Claim, Claimant, Reason, ReasonCode
from heg.model.losses import loss
from heg.model.regimes import Regime, RegimeOrder, StorageNow, limits_kw, permitted_kw

IDLE_RULE = RegimeOrder(Regime.BALANCE)
_IDLE = Reason(ReasonCode.SELF_CONSUMPTION, "Stores the house's surplus and covers its need.")
_TRACKING = frozenset({Regime.BALANCE, Regime.COVER, Regime.ABSORB})
"""Regimes that only ever move grid power towards zero: natively followed they cannot leave an envelope around zero."""

_METER_STALE = loss("grid-meter-stale").id
_SOC_STALE = loss("soc-stale").id
_STORAGE_LOST = loss("storage-lost").id
_CHARGER_LOST = loss("charger-lost").id
_UNPLUGGED = "unplugged"


@dataclass(frozen=True, slots=True)
class Intent:
    """What one actuator is asked to do. `decision` holds all claims but the envelope's; `device` is what it can do now.

    `native` is the regime to write; otherwise powers are computed. `loss` is the loss row in force, "" when none.
    """

    image: ActuatorImage
    decision: Decision
    device: Interval
    order: RegimeOrder
    claim: Claim
    native: bool
    loss: str = ""


@dataclass(frozen=True, slots=True)
class Nothing:
    """The actuator is left to itself, and why."""

    image: ActuatorImage
    reason: Reason
    loss: str = ""


def intent_of(image: ActuatorImage, grid: GridImage, envelope: Envelope, period_s: float) -> Intent | Nothing:
    """Return what this actuator is asked to do; `period_s` is how long a value stands until the next one."""
    if not image.present:
        lost = Reason(ReasonCode.STORAGE_LOST, f"{image.name} does not answer; it is looked for.")
        return Nothing(image, lost, _lost_row(image))
    if image.connection == _UNPLUGGED:
        return Nothing(image, Reason(ReasonCode.NOT_PLUGGED, "No car is plugged."))
    if isinstance(image.capability, ProducerCapability):
        return Nothing(image, Reason(ReasonCode.RELEASED, "Produces what it can."))  # `curtailing` sees to its limit
    blind = _blindness(image, grid)
    device = _device_interval(image, period_s)
    decision = decide(device, (*image.claims, *_own_claims(image, blind)))
    if decision.order is None or decision.claim is None:
        # What nobody steers loses nothing when it cannot be steered: no loss is in force for it.
        return Nothing(image, Reason(ReasonCode.RELEASED, "Nobody asks anything of it."))
    order, claim = decision.order, decision.claim
    narrowed = _order_interval(image, order, device, period_s)
    interval = decision.interval.narrowed(narrowed.low_kw, narrowed.high_kw)
    decision = Decision(interval, decision.low, decision.high, order, claim, decision.outvoted)
    native = _is_native(image, order, envelope)
    return Intent(image, decision, device, order, claim, native, blind.loss if blind else "")


def phases_of(image: ActuatorImage) -> int:
    """How many phases the actuator hangs on."""
    return max(1, image.capability.phases)


def native_regimes(image: ActuatorImage) -> frozenset[Regime]:
    """Return what the device does by itself."""
    return image.capability.native if isinstance(image.capability, StorageCapability) else frozenset()


@dataclass(frozen=True, slots=True)
class _Blind:
    loss: str
    reason: Reason


def _blindness(image: ActuatorImage, grid: GridImage) -> _Blind | None:
    """Return what is not known and must be known to steer by power; None when all is."""
    if isinstance(grid.power_kw, Unknown):
        stale = grid.power_kw.why == "stale"
        code = ReasonCode.METER_STALE if stale else ReasonCode.METER_LOST
        text = f"The grid meter {'gives no fresh values' if stale else 'is lost'}: nothing is steered by its readings."
        return _Blind(_METER_STALE, Reason(code, text))
    if isinstance(image.power_kw, Unknown):
        text = f"{image.name} does not report its power: it is not steered."
        return _Blind(_lost_row(image), Reason(ReasonCode.STORAGE_LOST, text))
    if isinstance(image.capability, StorageCapability) and isinstance(image.soc, Unknown):
        text = f"{image.name} does not report its state of charge: it rests until it does."
        return _Blind(_SOC_STALE, Reason(ReasonCode.SOC_UNKNOWN, text))
    return None


def _own_claims(image: ActuatorImage, blind: _Blind | None) -> tuple[Claim, ...]:
    """Safety's order while something is not known, and the idle rule of a storage or a plugged car."""
    if isinstance(image.capability, VehicleCapability):
        unplanned = _unplanned(image.capability)
        if blind is None:
            return (unplanned,)
        return (Claim(Claimant.SAFETY, blind.reason, 1.0, order=RegimeOrder(Regime.HOLD)), unplanned)
    if not isinstance(image.capability, StorageCapability):
        if blind is None:
            return ()
        return (Claim(Claimant.SAFETY, blind.reason, 1.0, order=RegimeOrder(Regime.HOLD)),)
    idle = Claim(Claimant.IDLE, _IDLE, 1.0, order=IDLE_RULE)
    if blind is None:
        return (idle,)
    # A device with a meter of its own goes on by itself; it knows its own state of charge, too.
    own_meter = Regime.BALANCE in image.capability.native and blind.loss == _METER_STALE
    order = RegimeOrder(Regime.BALANCE if own_meter else Regime.HOLD)
    return (Claim(Claimant.SAFETY, blind.reason, 1.0, order=order), idle)


def _unplanned(charger: VehicleCapability) -> Claim:
    """A plugged car that nobody plans for is charged, unless its owner wants surplus only (docs/users/car.md)."""
    order = RegimeOrder(Regime.ABSORB if charger.surplus_only else Regime.CHARGE, charger.max_rate_kw)
    text = "The car takes the house's surplus." if charger.surplus_only else "Nobody plans: the car charges at once."
    return Claim(Claimant.IDLE, Reason(ReasonCode.UNPLANNED, text), 1.0, order=order)


def _lost_row(image: ActuatorImage) -> str:
    return _CHARGER_LOST if isinstance(image.capability, VehicleCapability) else _STORAGE_LOST


def _device_interval(image: ActuatorImage, period_s: float) -> Interval:
    """Return what the device can do now: rates, its own limits, and its state of charge."""
    match image.capability:
        case StorageCapability() as storage:
            low_kw = max(storage.min_rate_kw, -value_or(image.discharge_limit_kw, -storage.min_rate_kw))
            high_kw = min(storage.max_rate_kw, value_or(image.charge_limit_kw, storage.max_rate_kw))
            if isinstance(image.soc, Known):
                now = StorageNow(
                    low_kw,
                    high_kw,
                    image.soc.value,
                    storage.capacity_kwh,
                    storage.reserve_share,
                    storage.round_trip_efficiency,
                )
                low_kw, high_kw = now.interval_kw(period_s)
            return Interval(min(low_kw, 0.0), max(high_kw, 0.0))
        case VehicleCapability() as vehicle:
            return Interval(min(vehicle.min_rate_kw, 0.0), vehicle.max_rate_kw)
        case ProducerCapability() as producer:
            return Interval(0.0, producer.rated_kw)
        case other:
            return Interval(0.0, getattr(other, "rated_kw", 0.0))


def _order_interval(image: ActuatorImage, order: RegimeOrder, device: Interval, period_s: float) -> Interval:
    """Return what the regime never leaves: its signs and the SoC at which it ends."""
    if isinstance(image.capability, StorageCapability) and isinstance(image.soc, Known):
        storage = image.capability
        now = StorageNow(
            device.low_kw,
            device.high_kw,
            image.soc.value,
            storage.capacity_kwh,
            storage.reserve_share,
            storage.round_trip_efficiency,
        )
        return Interval(*limits_kw(order, now, period_s))
    if order.ends_at_soc is not None and isinstance(image.soc, Known) and image.soc.value >= order.ends_at_soc:
        return Interval(-math.inf, 0.0)  # a car's state of charge is reckoned: once it says enough, it is enough
    return Interval(*permitted_kw(order))


def _is_native(image: ActuatorImage, order: RegimeOrder, envelope: Envelope) -> bool:
    """Native comes first, unless following it could leave the envelope or it has no end that the device would keep."""
    if order.regime not in native_regimes(image) or order.ends_at_soc is not None:
        return False
    if order.regime in _TRACKING:
        return envelope.min_kw <= 0.0 <= envelope.max_kw
    return order.regime is Regime.HOLD
