"""What every actuator is told this cycle: intents, shares of headroom, steps that fit (DESIGN.md, Two clocks). Pure.

The state kept from cycle to cycle is what measurements alone do not tell: what was told before, and how the load was
told apart from our own movement.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from heg.control.charging import Charging
from heg.control.claims import Interval, decide
from heg.control.connection import Connection, Mover, fitting
from heg.control.curtailing import Curtailer
from heg.control.intents import Intent, Nothing, intent_of, phases_of
from heg.control.lease_terms import Wish
from heg.control.snapshot import ActuatorImage, Known, Snapshot
from heg.control.tracker import LoadInterval, LoadTracker, MeterDelay, follow
from heg.control.trim import Trim
from heg.control.words import reason_for
from heg.control.yielding import Yielding, is_outside
from heg.model.capabilities import ProducerCapability, StorageCapability, VehicleCapability
from heg.model.envelope import Envelope
from heg.model.headroom import Grant, Request, share
from heg.model.leases import Claimant, Reason, SetPoint
from heg.model.regimes import Regime, wanted_kw

_FOLLOWING = frozenset({Regime.BALANCE, Regime.COVER, Regime.ABSORB, Regime.CHARGE, Regime.LIMIT})
"""Regimes whose power depends on the load."""


@dataclass(frozen=True, slots=True)
class Steering:
    """How powers are computed: the cycle (s), how late the meter may be, the phases of the connection point.

    `revert_s` is the dead-man time asked of a device that has one. Registers that wear cannot be told again that often:
    then it is `revert_per_period` times the pace the write budget allows, up to `longest_revert_s`.
    """

    cycle_s: float = 1.0
    phases: int = 3
    delay: MeterDelay = field(default_factory=MeterDelay)
    revert_s: float = 60.0
    longest_revert_s: float = 3600.0
    revert_per_period: float = 2.6
    reserve_back_share: float = 0.02


@dataclass(frozen=True, slots=True)
class Told:
    """What stands at a device under our lease: its power (None: native or nothing), and its write budget's period.

    `stands` is what the lease is held for.
    """

    power_kw: float | None = None
    period_s: float = 0.0
    stands: Wish | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one actuator is told: a wish for its lease, or None to let go; why; and the loss row in force.

    `bound` names the room at the connection point that held it back; `binding` holds also under hands-off. `outvoted`
    says who asks otherwise in vain.
    """

    wish: Wish | None
    reason: Reason
    loss: str = ""
    bound: str = ""
    binding: bool = False
    outvoted: tuple[str, ...] = ()


class Decider:
    """Decides for all actuators of one unit, cycle after cycle."""

    def __init__(self, steering: Steering) -> None:
        self._steering = steering
        self._tracker = LoadTracker(steering.delay)
        self._connection = Connection(steering.phases, steering.delay)
        self._curtailer = Curtailer(steering.delay)
        self._followers: tuple[str, ...] = ()
        self._memory: dict[str, _Memory] = {}

    @property
    def meter_age_s(self) -> float | None:
        """How old the grid meter's values were found to be, where that is more than was assumed."""
        return self._tracker.meter_age_s

    def decide(self, snapshot: Snapshot, envelope: Envelope, told: Mapping[str, Told]) -> dict[str, Outcome]:
        """Return what each actuator is told. The order of the snapshot's actuators is the order of merit."""
        intents: list[Intent] = []
        outcomes: dict[str, Outcome] = {}
        for image in snapshot.actuators.values():
            intent = intent_of(image, snapshot.grid, envelope, self._steering.cycle_s)
            memory = self._memory.setdefault(image.name, _Memory())
            memory.mark_reserve(image, self._steering.reserve_back_share)
            memory.period_s = told.get(image.name, Told()).period_s
            if isinstance(intent, Nothing):
                memory.charging.left(snapshot.now_s)
                outcomes[image.name] = Outcome(None, intent.reason, intent.loss)
            else:
                intents.append(intent)
        blind = [intent for intent in intents if intent.loss or not isinstance(snapshot.grid.power_kw, Known)]
        outcomes |= {intent.image.name: self._without_sight(intent, snapshot.now_s) for intent in blind}
        seeing = [self._by_power(intent, snapshot.now_s) for intent in intents if intent not in blind]
        outcomes |= self._with_sight(seeing, snapshot, envelope, told)
        periods = {name: one.period_s for name, one in told.items()}
        for name, curtailment in self._curtailer.decide(snapshot, envelope, periods).items():
            outcomes[name] = Outcome(curtailment.wish, curtailment.reason)
        return outcomes

    # Without a measurement: native where the device sees for itself, otherwise nothing.

    def _without_sight(self, intent: Intent, now_s: float) -> Outcome:
        self._memory[intent.image.name].charging.told(0.0, now_s)
        wish = self._native(intent) if intent.native else self._powered(intent, 0.0, urgent=True)
        return Outcome(wish, intent.claim.reason, intent.loss)

    # With measurements.

    def _with_sight(
        self, intents: Sequence[Intent], snapshot: Snapshot, envelope: Envelope, told: Mapping[str, Told]
    ) -> dict[str, Outcome]:
        if not isinstance(snapshot.grid.power_kw, Known):
            return {}
        movers = [self._mover(intent, told.get(intent.image.name, Told())) for intent in intents]
        self._connection.observe(snapshot.grid, movers, snapshot.now_s)
        room = self._connection.headroom(envelope)
        desired = self._desires(intents, snapshot, snapshot.grid.power_kw.value, told)
        flowing = {name: kw * self._memory[name].charging.stretch for name, kw in desired.items()}
        requests = [
            self._request(intent, mover, flowing[mover.name]) for intent, mover in zip(intents, movers, strict=True)
        ]
        grants = {grant.key: grant for grant in share(room, requests)}
        placed = {
            intent.image.name: self._within_grant(intent, grants[intent.image.name], flowing[intent.image.name])
            for intent in intents
        }
        powers = fitting(movers, placed, room, self._steering.phases)
        outcomes = {}
        for intent in intents:
            name = intent.image.name
            power_kw = self._commanded(intent, powers[name])
            outcomes[name] = self._outcome(intent, power_kw, desired[name], grants[name], snapshot, envelope)
        followers = [name for name in self._followers if name in outcomes]
        self._tracker.told(snapshot.now_s, math.fsum(self._memory[name].command_kw or 0.0 for name in followers))
        return outcomes

    def _by_power(self, intent: Intent, now_s: float) -> Intent:
        yields = intent.native and self._memory[intent.image.name].yielding.by_power(now_s)
        return replace(intent, native=False) if yields else intent

    def _mover(self, intent: Intent, told: Told) -> Mover:
        reading = intent.image.power_kw
        measured_kw, arrived_s = (reading.value, reading.arrived_s) if isinstance(reading, Known) else (0.0, 0.0)
        stretch = self._memory[intent.image.name].charging.stretch
        told_kw = None if told.power_kw is None else told.power_kw * stretch
        return Mover(intent.image.name, measured_kw, arrived_s, told_kw, phases_of(intent.image))

    def _request(self, intent: Intent, mover: Mover, flowing_kw: float) -> Request:
        stretch = self._memory[mover.name].charging.stretch
        charger = intent.image.capability if isinstance(intent.image.capability, VehicleCapability) else None
        return Request(
            mover.name,
            flowing_kw,
            flowing_kw,
            intent.device.low_kw,
            intent.device.high_kw * stretch,
            self._connection.shares(mover),
            charger.smallest_charge_kw * stretch if charger else 0.0,
            charger.step_kw * stretch if charger else 0.0,
        )

    def _within_grant(self, intent: Intent, grant: Grant, flowing_kw: float) -> float:
        """The envelope narrows before the owner's, the plan's and all later claims; device safety alone comes first."""
        stretch = self._memory[intent.image.name].charging.stretch
        device = Interval(intent.device.low_kw, intent.device.high_kw * stretch)
        return device.narrowed(grant.low_kw, grant.high_kw).clamp(flowing_kw)

    def _commanded(self, intent: Intent, flowing_kw: float) -> float:
        """What is told, for this to flow: a charger goes in whole steps, and its voltage may not be 230 V."""
        charger = intent.image.capability
        if not isinstance(charger, VehicleCapability):
            return flowing_kw
        return self._memory[intent.image.name].charging.placed(charger, flowing_kw)

    def _outcome(
        self, intent: Intent, power_kw: float, desired_kw: float, grant: Grant, snapshot: Snapshot, envelope: Envelope
    ) -> Outcome:
        memory, now_s = self._memory[intent.image.name], snapshot.now_s
        held_back = abs(power_kw - desired_kw) > 0.01
        outside = is_outside(snapshot.grid, envelope)
        yields = memory.yielding.see(intent, abs(power_kw - desired_kw), outside=outside, now_s=now_s)
        reason = reason_for(intent, desired_kw, grant.bound if held_back else "", envelope, snapshot.grid)
        if intent.native and not yields:
            memory.command_kw = None
            return Outcome(self._native(intent), reason, bound=grant.bound if held_back else "")
        if memory.command_kw != power_kw:
            memory.command_kw, memory.commanded_at_s = power_kw, now_s
        if isinstance(intent.image.capability, VehicleCapability):
            memory.charging.told(power_kw, now_s)
            if isinstance(intent.image.power_kw, Known):
                memory.charging.measured(intent.image.power_kw.value, now_s)
        elif isinstance(intent.image.power_kw, Known):
            memory.trim.learn(now_s, power_kw, intent.image.power_kw.value)
        urgent = held_back or intent.claim.claimant <= Claimant.MANUAL
        wish = self._powered(intent, power_kw + memory.trim_kw(intent), urgent=urgent)
        return Outcome(wish, reason, bound=grant.bound if held_back else "")

    def _desires(
        self, intents: Sequence[Intent], snapshot: Snapshot, grid_kw: float, told: Mapping[str, Told]
    ) -> dict[str, float]:
        """Return what each would do if the connection point had no limits, in kW at its terminals."""
        load = self._load(intents, snapshot)
        desired: dict[str, float] = {}
        shift_kw = 0.0
        residual_kw = grid_kw
        for intent in intents:
            image, memory = intent.image, self._memory[intent.image.name]
            own_kw = image.power_kw.value if isinstance(image.power_kw, Known) else 0.0
            if intent.native:
                wanted = intent.decision.interval.clamp(wanted_kw(intent.order, residual_kw - own_kw))
            elif self._resting(memory, told.get(image.name, Told()), snapshot.now_s):
                wanted = intent.decision.interval.clamp(memory.command_kw or 0.0)
            else:
                before_kw = memory.command_kw if memory.command_kw is not None else own_kw
                wanted = _followed(intent, load, shift_kw, before_kw)
            if isinstance(image.capability, VehicleCapability):
                claimant = intent.claim.claimant
                wanted = memory.charging.asked(image.capability, wanted, intent.order, claimant, snapshot.now_s)
            desired[image.name] = wanted
            residual_kw += wanted - own_kw
            if image.name in self._followers:
                shift_kw += wanted
        return desired

    def _load(self, intents: Sequence[Intent], snapshot: Snapshot) -> LoadInterval | None:
        """Return what the house draws beside the storages that follow it."""
        followers = tuple(
            intent.image.name for intent in intents if not intent.native and intent.order.regime in _FOLLOWING
        )
        if followers != self._followers:
            # Another sum of powers: what was collected of the former one says nothing about it.
            self._followers, self._tracker = followers, LoadTracker(self._steering.delay)
        readings = [snapshot.actuators[name].power_kw for name in followers]
        known = [reading for reading in readings if isinstance(reading, Known)]
        if known:
            read_at_s = min(reading.arrived_s for reading in known)
            self._tracker.storages(read_at_s, math.fsum(reading.value for reading in known))
        if isinstance(snapshot.grid.power_kw, Known):
            self._tracker.grid(snapshot.grid.power_kw.arrived_s, snapshot.grid.power_kw.value)
        return self._tracker.load()

    def _resting(self, memory: "_Memory", told: Told, now_s: float) -> bool:
        """Registers that wear set the pace: between two writes the last value stands (DESIGN.md, Two clocks 5)."""
        if told.period_s <= self._steering.cycle_s or memory.command_kw is None:
            return False
        return now_s - memory.commanded_at_s < told.period_s

    # Wishes.

    def _native(self, intent: Intent) -> Wish:
        low_kw, high_kw = _rates(intent.image)
        claimed = decide(Interval(low_kw, high_kw), intent.image.claims).interval
        floor_kw = 0.0 if self._memory[intent.image.name].at_reserve else claimed.low_kw
        set_point = SetPoint(
            regime=intent.order.regime,
            min_kw=floor_kw if floor_kw > low_kw else None,
            max_kw=claimed.high_kw if claimed.high_kw < high_kw else None,
            revert_s=self._revert_s(intent.image),
        )
        return Wish(set_point, intent.claim.claimant, intent.claim.reason, intent.order.regime, True, low_kw, high_kw)

    def _powered(self, intent: Intent, power_kw: float, *, urgent: bool) -> Wish:
        low_kw, high_kw = _rates(intent.image)
        set_point = SetPoint(
            power_kw=round(min(max(power_kw, low_kw), high_kw), 3), revert_s=self._revert_s(intent.image)
        )
        claim = intent.claim
        return Wish(set_point, claim.claimant, claim.reason, intent.order.regime, False, low_kw, high_kw, urgent=urgent)

    def _revert_s(self, image: ActuatorImage) -> float:
        """Ask for a dead-man time only of a device that has one."""
        if not isinstance(image.capability, StorageCapability | VehicleCapability) or image.capability.revert_s <= 0:
            return 0.0
        paced_s = self._memory[image.name].period_s * self._steering.revert_per_period
        return max(self._steering.revert_s, paced_s if paced_s <= self._steering.longest_revert_s else 0.0)


class _Memory:
    """What is remembered of one actuator between cycles."""

    def __init__(self) -> None:
        self.command_kw: float | None = None
        self.commanded_at_s = -math.inf
        self.trim = Trim()
        self.charging = Charging()
        self.yielding = Yielding()
        self.at_reserve = False
        self.period_s = 0.0

    def trim_kw(self, intent: Intent) -> float:
        """Only where power follows the load does a small error matter; a commanded kW is given as commanded."""
        return self.trim.kw if intent.order.regime in _FOLLOWING else 0.0

    def mark_reserve(self, image: ActuatorImage, back_share: float) -> None:
        """At its reserve a storage discharges no more until it is clearly above again: limits must not flap."""
        if not isinstance(image.capability, StorageCapability) or not isinstance(image.soc, Known):
            return
        floor = image.capability.reserve_share
        self.at_reserve = floor > 0 and image.soc.value <= floor + (back_share if self.at_reserve else 0.0)


def _followed(intent: Intent, load: LoadInterval | None, shift_kw: float, before_kw: float) -> float:
    interval, order = intent.decision.interval, intent.order
    if order.regime not in _FOLLOWING:
        return interval.clamp(wanted_kw(order, 0.0))
    if load is None:
        return interval.clamp(before_kw)
    rest = LoadInterval(load.low_kw + shift_kw, load.high_kw + shift_kw)
    return follow(lambda load_kw: interval.clamp(wanted_kw(order, load_kw)), rest, before_kw)


def _rates(image: ActuatorImage) -> tuple[float, float]:
    match image.capability:
        case StorageCapability() | VehicleCapability() as movable:
            return movable.min_rate_kw, movable.max_rate_kw
        case ProducerCapability() as producer:
            return 0.0, producer.rated_kw
        case other:
            return 0.0, getattr(other, "rated_kw", 0.0)
