"""The ledger: looks at the house go in, spans that are whole come out. Pure: no clock, no door.

A span of a minute or so is *cut* where the counters speak of one moment; what flowed since the last cut is booked into
the slot that ran, beside what would have flowed in the two other houses. A slot is closed when time has left it.

Energy is booked once. While a device that matters does not answer the cut waits, and what flowed meanwhile is booked
when it does: by the counters, in one span that says so. Labels only decide which slot: where the clock was set the
slot that ran is closed and the slot that runs by the new time goes on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from heg.model.books import OpenBooks, SpanSums
from heg.services.accounting.levels import INTO, MADE, OUT, DeviceSeen, Levels, Role, Taken
from heg.services.accounting.shadow import AtOnce, Battery, Car, Flow, RuleBattery, without_battery
from heg.services.accounting.shape import Known, Shape, corrected, walk
from heg.services.accounting.spans import Calendar, Piece, pieces

STEP_S = 30.0
"""A label that lies so far from where it should be was set by somebody."""
_WAIT_S = 3600.0
"""How long a cut waits for a storage or charger that does not answer; then the books go on without it."""
_COUNTER_S = 600.0
"""How long a device that answers again is waited for until its counter comes too."""
_AWAKE_KW = 0.05
"""A producer that made less when it was last heard sleeps: nobody waits for it until the sun rises."""


@dataclass(frozen=True, slots=True)
class Look:
    """The house at one moment: monotonic seconds, UTC label, its devices, and what its storages hold and can do.

    `awaited` while devices of the last run have not spoken yet.
    """

    at_s: float
    utc: datetime
    devices: tuple[DeviceSeen, ...]
    stored_kwh: float | None = None
    battery: Battery | None = None
    car: Car | None = None
    awaited: bool = False


@dataclass(frozen=True, slots=True)
class Closed:
    """A span that is over, what the real storages and the rule's hold at its end, and the size of the real ones."""

    sums: SpanSums
    stored_kwh: float | None
    rule_kwh: float | None
    battery: Battery | None


class Ledger:
    """One house's books while they are open."""

    def __init__(
        self, calendar: Calendar, *, span_s: float, ready_within_s: float, left: OpenBooks | None = None
    ) -> None:
        self._calendar = calendar
        self._span_s = span_s
        self._ready_within_s = ready_within_s
        self._levels = Levels(ready_within_s, left.levels if left is not None else ())
        self._shape = Shape()
        self._began_s: float | None = None
        self._looked: Look | None = None
        self._cut: tuple[float | None, datetime] | None = (None, left.booked_until) if left is not None else None
        self._waiting_since_s: float | None = None
        self._heard_kw: dict[str, float] = {}
        self._silent: dict[str, tuple[float, dict[str, int]]] = {}
        self._stamps: dict[str, dict[str, int]] = {}
        self._stored_kwh: float | None = None
        self._sums = left.sums if left is not None and left.sums.until > left.sums.start else None
        self._debt_kwh = left.debt_kwh if left is not None else 0.0
        self._rule = _rule_left(left)
        self._car = AtOnce() if left is None else AtOnce(left.session, left.car_kwh, left.at_once_kwh)

    # -- what the service asks

    def look(self, look: Look) -> list[Closed]:
        """Take a look; return the spans that are over."""
        if self._began_s is None:
            self._began_s = look.at_s
        ready = self._levels.see(look.at_s, look.devices)
        self._draw(look)
        closed: list[Closed] = []
        if not self._may_cut(look, ready=ready):
            return closed
        if self._cut is None:
            self._begin(look)
        elif self._cut[0] is None or self._is_due(look):
            closed = self._make_cut(look)
        return closed

    @property
    def booked_until(self) -> datetime | None:
        """The label of the last cut, None before the first."""
        return None if self._cut is None else self._cut[1]

    @property
    def running(self) -> Closed | None:
        """The span that is open, as far as it is booked."""
        look = self._looked
        if self._sums is None or self._sums.seconds <= 0 or look is None:
            return None
        return self._as_closed(self._sums, look)

    def left(self) -> OpenBooks | None:
        """What a restart needs to go on from the last cut; None before the first."""
        if self._cut is None or self._cut[0] is None:
            return None
        rule = self._rule or RuleBattery(0.0)
        return OpenBooks(
            booked_until=self._cut[1],
            sums=self._sums if self._sums is not None else SpanSums(),
            levels=self._levels.booked,
            debt_kwh=round(self._debt_kwh, 6),
            rule_kwh=round(rule.stored_kwh, 6) if self._rule is not None else None,
            drift_kwh=round(rule.drift_kwh, 6),
            followed_kwh=round(rule.followed_kwh, 6),
            session=self._car.session,
            car_kwh=round(self._car.real_kwh, 6),
            at_once_kwh=round(self._car.charged_kwh, 6),
        )

    # -- when to cut

    def _draw(self, look: Look) -> None:
        """What flowed since the last look is the shape of the span."""
        before, self._looked = self._looked, look
        for one in look.devices:
            if one.power_kw is not None:
                self._heard_kw[one.name] = one.power_kw
        if before is None or self._cut is None or self._cut[0] is None:
            return
        self._shape.add(look.at_s - before.at_s, _house_kw(before))

    def _may_cut(self, look: Look, *, ready: bool) -> bool:
        """Every device that matters has been heard, or has been waited for long enough."""
        began_s = look.at_s if self._began_s is None else self._began_s
        if not any(one.role is Role.METER for one in look.devices):
            return False
        if (look.awaited or not ready) and look.at_s - began_s < self._ready_within_s:
            return False
        missing = [one for one in look.devices if self._matters(one) and self._is_missing(one, look.at_s)]
        if not missing:
            self._waiting_since_s = None
            return True
        if self._waiting_since_s is None:
            self._waiting_since_s = look.at_s
        if any(one.role is Role.METER for one in missing) or look.at_s - self._waiting_since_s < _WAIT_S:
            return False
        self._levels.forget(one.name for one in missing)
        return True

    def _is_missing(self, one: DeviceSeen, now_s: float) -> bool:
        """Silent, or back but without a counter of after its silence: that tells what flowed meanwhile."""
        stamps = {variable: reading.stamp for variable, reading in (one.counters or {}).items()}
        if one.silent:
            before = self._silent.get(one.name)
            self._silent[one.name] = (now_s, self._stamps.get(one.name, {}) if before is None else before[1])
            return True
        heard_s, known = self._silent.get(one.name, (now_s, {}))
        old = bool(known) and (not stamps or bool(stamps.items() & known.items()))
        if old and now_s - heard_s < max(_COUNTER_S, self._ready_within_s):
            return True
        self._silent.pop(one.name, None)
        self._stamps[one.name] = stamps or self._stamps.get(one.name, {})
        return False

    def _matters(self, one: DeviceSeen) -> bool:
        return one.role is not Role.PRODUCER or self._heard_kw.get(one.name, 0.0) > _AWAKE_KW

    def _is_due(self, look: Look) -> bool:
        assert self._cut is not None
        since_s, label = self._cut
        passed_s = look.at_s - (since_s or 0.0)
        slot_over = self._calendar.slot_of(label) != self._calendar.slot_of(look.utc)
        return slot_over or passed_s >= self._span_s

    # -- the cut

    def _begin(self, look: Look) -> None:
        self._levels.take()
        self._cut = look.at_s, look.utc
        self._shape.take()
        self._stored_kwh = look.stored_kwh

    def _make_cut(self, look: Look) -> list[Closed]:
        assert self._cut is not None
        since_s, label = self._cut
        taken = self._levels.take()
        steps = self._shape.take()
        labelled_s = (look.utc - label).total_seconds()
        passed_s = labelled_s if since_s is None else look.at_s - since_s
        self._cut = look.at_s, look.utc
        known_s = sum(one.seconds for one in steps if one.house_kw is not None)
        if passed_s < 0 or abs(labelled_s - passed_s) > STEP_S:
            # The clock was set. All of it happened while the old slot ran.
            slot = self._calendar.slot_of(label)
            parts = [Piece(slot, slot + self._calendar.slot, max(passed_s, 1.0))]
        else:
            parts = pieces(self._calendar, label, look.utc, measured=known_s >= 0.5 * passed_s)
        whole_s = max(sum(one.seconds for one in parts), 1e-3)
        house_kwh, demand_kwh, car_kwh = self._amounts(taken)
        if not steps:
            shape: tuple[Known, ...] = (Known(whole_s, house_kwh * 3600.0 / whole_s),)
        else:
            shape = corrected(steps, house_kwh)
        closed: list[Closed] = []
        for part, piece in zip(parts, walk(shape, [one.seconds for one in parts]), strict=True):
            closed += self._into(part, look)
            share = part.seconds / whole_s if len(parts) > 1 else 1.0
            self._book(_Booked(piece, part.seconds, known_s * share, share, demand_kwh, car_kwh, taken), look)
        closed += self._leave(look)
        self._stored_kwh = look.stored_kwh
        return closed

    def _amounts(self, taken: Taken) -> tuple[float, float, float]:
        """Return house (demand - production), demand and vehicle energy of the span."""
        car_kwh = taken.of(Role.CHARGER, INTO) - taken.of(Role.CHARGER, OUT)
        raw_kwh = (
            taken.of(Role.METER, INTO)
            - taken.of(Role.METER, OUT)
            + taken.of(Role.PRODUCER, MADE)
            - taken.of(Role.STORAGE, INTO)
            + taken.of(Role.STORAGE, OUT)
            - car_kwh
        )
        # Counters that tick a moment apart can make a house that gives; what it gave is taken from what it uses next.
        demand_kwh = max(0.0, self._debt_kwh + raw_kwh)
        self._debt_kwh += raw_kwh - demand_kwh
        return demand_kwh - taken.of(Role.PRODUCER, MADE), demand_kwh, car_kwh

    def _into(self, part: Piece, look: Look) -> list[Closed]:
        """Go on in the span that runs, or close it and begin the next."""
        running = self._sums
        if running is not None and running.start <= part.start < running.until:
            self._sums = replace(running, until=max(running.until, part.until))
            return []
        closed = self._leave_all(look)
        rule_kwh = self._rule.stored_kwh if self._rule is not None else None
        self._sums = SpanSums(
            start=part.start, until=part.until, stored_before_kwh=self._stored_kwh, rule_before_kwh=rule_kwh
        )
        return closed

    def _book(self, booked: "_Booked", look: Look) -> None:
        if self._rule is None and look.battery is not None:
            self._equal_start(look)
        hours = max(booked.seconds, 1e-3) / 3600.0
        car_kwh = booked.car_kwh * booked.share
        self._car, at_once_kwh = self._car.step(look.car, booked.seconds, car_kwh)
        steps = [Known(one.seconds, one.house_kw + at_once_kwh / hours) for one in booked.steps]
        none = without_battery(steps)
        rule = none
        if self._rule is not None:
            self._rule, rule = self._rule.through(steps, look.battery)
        assert self._sums is not None
        self._sums = _plus(self._sums, booked, none, rule, at_once_kwh - car_kwh)

    def _equal_start(self, look: Look) -> None:
        """The rule's battery begins with what the real one holds."""
        stored_kwh = look.stored_kwh if self._stored_kwh is None else self._stored_kwh
        if stored_kwh is not None and self._sums is not None:
            self._rule = RuleBattery(stored_kwh)
            self._sums = replace(self._sums, rule_before_kwh=stored_kwh)

    def _leave(self, look: Look) -> list[Closed]:
        """Close the span that runs when time has left it."""
        running = self._sums
        if running is None or running.start <= look.utc < running.until:
            return []
        return self._leave_all(look)

    def _leave_all(self, look: Look) -> list[Closed]:
        running, self._sums = self._sums, None
        if running is None or running.seconds <= 0:
            return []
        self._follow_losses(running, look)
        self._stored_kwh = look.stored_kwh
        return [self._as_closed(running, look)]

    def _follow_losses(self, sums: SpanSums, look: Look) -> None:
        stored_kwh, size = look.stored_kwh, look.battery
        if self._rule is None or size is None or stored_kwh is None or sums.stored_before_kwh is None:
            return
        flowed_kwh = size.gained_kwh(sums.charged_kwh, sums.discharged_kwh)
        self._rule = self._rule.like(stored_kwh - sums.stored_before_kwh - flowed_kwh, size)

    def _as_closed(self, sums: SpanSums, look: Look) -> Closed:
        rule_kwh = self._rule.stored_kwh if self._rule is not None else None
        return Closed(sums, look.stored_kwh, rule_kwh, look.battery)


@dataclass(frozen=True, slots=True)
class _Booked:
    """What is booked of one piece of a cut."""

    steps: Sequence[Known]
    seconds: float
    metered_s: float
    share: float
    demand_kwh: float
    car_kwh: float
    taken: Taken


def _plus(sums: SpanSums, booked: _Booked, none: Flow, rule: Flow, ahead_kwh: float) -> SpanSums:
    taken, share = booked.taken, booked.share
    return replace(
        sums,
        seconds=sums.seconds + booked.seconds,
        metered_s=sums.metered_s + booked.metered_s,
        demand_kwh=sums.demand_kwh + booked.demand_kwh * share,
        production_kwh=sums.production_kwh + taken.of(Role.PRODUCER, MADE) * share,
        charged_kwh=sums.charged_kwh + taken.of(Role.STORAGE, INTO) * share,
        discharged_kwh=sums.discharged_kwh + taken.of(Role.STORAGE, OUT) * share,
        vehicle_kwh=sums.vehicle_kwh + booked.car_kwh * share,
        ahead_kwh=sums.ahead_kwh + ahead_kwh,
        import_kwh=sums.import_kwh + taken.of(Role.METER, INTO) * share,
        export_kwh=sums.export_kwh + taken.of(Role.METER, OUT) * share,
        none_import_kwh=sums.none_import_kwh + none.import_kwh,
        none_export_kwh=sums.none_export_kwh + none.export_kwh,
        rule_import_kwh=sums.rule_import_kwh + rule.import_kwh,
        rule_export_kwh=sums.rule_export_kwh + rule.export_kwh,
        rule_discharged_kwh=sums.rule_discharged_kwh + rule.discharged_kwh,
        integrated=tuple(sorted({*sums.integrated, *taken.integrated})),
    )


def _house_kw(look: Look) -> float | None:
    """Demand less production: the grid's power less what storages and chargers take. Producers cancel out."""
    total_kw = 0.0
    for one in look.devices:
        if one.role is Role.PRODUCER:
            continue
        if one.power_kw is None:
            return None
        total_kw += one.power_kw if one.role is Role.METER else -one.power_kw
    return total_kw


def _rule_left(left: OpenBooks | None) -> RuleBattery | None:
    if left is None or left.rule_kwh is None:
        return None
    return RuleBattery(left.rule_kwh, left.drift_kwh, left.followed_kwh)
