"""What the control room tells: leases with their reasons, set-points, envelope, alarms, evidence. Writes on change."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from heg.control.deciding import Outcome
from heg.control.envelopes import same_bounds
from heg.control.evidence import EvidenceLog
from heg.control.exceeded import LimitWatch
from heg.control.hand import Hand
from heg.control.lease_terms import Wish
from heg.control.snapshot import GridImage, Known, Reading
from heg.data.door import Door
from heg.model.envelope import Envelope, EnvelopeLimit, EnvelopeSource
from heg.model.instance import Location
from heg.model.leases import Claimant, LeaseRecord, LeaseState, Reason, ReasonCode
from heg.model.losses import loss
from heg.model.records import AlarmRecord, Severity
from heg.model.regimes import Regime

_BUDGET_SPENT = loss("write-budget-spent")
_REPEAT_S = 10.0
_MEND = {
    LeaseState.OVERRIDDEN: "end the other control (manufacturer's app, another energy manager) or leave it the device",
    LeaseState.IGNORED: "allow remote control in the device's own settings, then start `heg try`",
}
_MEND_APPLIANCE = "see that it allows being switched from the network, and being woken by it"
_UNASKED = Outcome(None, Reason(ReasonCode.RELEASED, "Nobody asks anything of it."))
_HAND_ALARMS = ("lease", "steering", "writes")


class Notices:
    """Remembers what was told last, so that only changes are told again (and everything every 10 s)."""

    def __init__(self, door: Door, unit: str) -> None:
        self._door, self._unit = door, unit
        self._evidence = EvidenceLog(door)
        self._watch = LimitWatch()
        self._envelope: Envelope | None = None
        self._leases: dict[str, tuple[float, LeaseRecord]] = {}
        self._alarms: dict[tuple[str, str], AlarmRecord | None] = {}
        self._left: dict[str, tuple[Reason, tuple[str, ...]]] = {}

    def envelope(self, envelope: Envelope, image: GridImage, now_s: float) -> None:
        """The envelope of this cycle, and whether the connection point keeps it."""
        grid = image.power_kw
        self._evidence.follow_up(grid, now_s)
        grid_kw = grid.value if isinstance(grid, Known) else None
        phase_a = [reading.value for reading in image.phase_a if isinstance(reading, Known)]
        exceeded = self._watch.see(envelope.limits, grid_kw, phase_a, now_s)
        self.alarm("", "limit", exceeded, "switch something off" if exceeded else "")
        before, self._envelope = self._envelope, envelope
        if before is not None and same_bounds(before, envelope) and before.limits == envelope.limits:
            return
        self._door.write("envelope", self._place(), envelope)
        if before is not None and not same_bounds(before, envelope):
            words = "; ".join(limit.text for limit in envelope.limits) or "no source bounds the connection point"
            self._evidence.note(self._place(), "envelope", Reason(ReasonCode.ENVELOPE, words), grid, now_s)
        if before is not None:
            for source, text in _changed_limits(before, envelope):
                # Each source's by itself, at a place of its own: the owner may show a grid operator its own alone.
                self._evidence.note(
                    Location(self._unit, "", source), "limit", Reason(ReasonCode.ENVELOPE, text), grid, now_s
                )

    def meter_age(self, age_s: float | None) -> None:
        """An old meter makes following slow, and a faster one is the owner's to get."""
        text = None
        if age_s is not None:
            text = f"The grid meter shows what was {age_s:.0f} s ago: the house is followed that much later."
        self.alarm("", "meter-age", text, "shorten the meter's averaging or reading interval" if text else "")

    def lease(self, hand: Hand, outcome: Outcome, grid: Reading, now_s: float) -> None:
        """What one actuator does now, and why."""
        told_s, before = self._leases.get(hand.name, (-_REPEAT_S, None))
        # A lease that is only nearer to its end, or prolonged, says nothing new.
        record = _record(hand, outcome, before.expires_in_s if before is not None else 0.0)
        if before == record and now_s - told_s < _REPEAT_S:
            return
        record = replace(record, expires_in_s=hand.lease.expires_in_s(now_s))
        self._leases[hand.name] = (now_s, record)
        place = self._place(hand.name)
        self._door.write("lease", place, record)
        if record.held and record.set_kw is not None:
            self._door.write("setpoint.power", place, record.set_kw)
        if before is None or _followed(before) != _followed(record):
            if not hand.switches:
                self._door.write("regime", place, str(record.regime))
            if before is not None or record.held:
                what = f"lease {record.power_state or record.regime}" if record.held else "lease released"
                self._evidence.note(place, what, record.reason, grid, now_s)

    def left_alone(self, outcomes: Mapping[str, Outcome]) -> None:
        """Appliances that somebody asks something of in vain; those nobody asks anything of any more are told once."""
        for name in self._left.keys() - outcomes.keys():
            del self._left[name]
            self._door.write("lease", self._place(name), _nothing(_UNASKED))
        for name, outcome in outcomes.items():
            said = (outcome.reason, outcome.outvoted)
            if self._left.get(name) != said:
                self._left[name] = said
                self._door.write("lease", self._place(name), _nothing(outcome))

    def over(self, hand: Hand) -> None:
        """The hand on an appliance goes: nothing is asked of it any more, and nothing is wrong with it for us."""
        self._leases.pop(hand.name, None)
        for part in _HAND_ALARMS:
            self.alarm(hand.name, part, None)
            self._alarms.pop((hand.name, part), None)

    def troubles(self, hand: Hand, outcome: Outcome) -> None:
        """Raise and clear the alarms of one actuator."""
        trouble = hand.lease.trouble
        if trouble is not None and trouble.code is ReasonCode.BY_USER:
            trouble = None  # no alarm: somebody uses what is theirs
        mend = _MEND_APPLIANCE if hand.switches else _MEND.get(hand.lease.state, "")
        self.alarm(hand.name, "lease", None if trouble is None else trouble.text, mend)
        text = None
        if outcome.loss:
            row = loss(outcome.loss)
            text = f"{outcome.reason.text} {row.in_force}"
        self.alarm(hand.name, "steering", text)
        left = hand.writes().left
        spent = left is not None and left <= 0
        self.alarm(hand.name, "writes", f"Today's writes are used up. {_BUDGET_SPENT.in_force}" if spent else None)

    def alarm(self, device: str, part: str, text: str | None, mend: str = "") -> None:
        """Raise an alarm with this text, or clear it (None); only changes are written."""
        place = Location(self._unit, device, part)
        if (device, part) not in self._alarms:
            self._alarms[device, part] = self._of_last_run(place)
        before = self._alarms[device, part]
        if text is None and (before is None or not before.active):
            return
        words = text if text is not None else f"over: {before.text}" if before is not None else ""
        alarm = AlarmRecord(text is not None, Severity.ALARM if text else Severity.INFO, words, mend)
        if alarm != before:
            self._alarms[device, part] = alarm
            self._door.write("alarm", place, alarm)

    def _of_last_run(self, place: Location) -> AlarmRecord | None:
        """An alarm that stood when the last process ended is cleared by this one, or raised anew."""
        instance = self._door.latest("alarm", place)
        return instance.value if instance is not None and isinstance(instance.value, AlarmRecord) else None

    def _place(self, device: str = "") -> Location:
        return Location(self._unit, device)


def _changed_limits(before: Envelope, now: Envelope) -> Iterator[tuple[EnvelopeSource, str]]:
    earlier, later = ({limit.source: limit for limit in one.limits} for one in (before, now))
    for source in EnvelopeSource:
        old, new = earlier.get(source), later.get(source)
        if new is None and old is not None:
            yield source, f"over: {old.text}"
        elif new is not None and (old is None or _bounds(old) != _bounds(new)):
            yield source, new.text


def _bounds(limit: EnvelopeLimit) -> tuple[float, float, float]:
    return limit.min_kw, limit.max_kw, limit.max_a_per_phase


def _nothing(outcome: Outcome) -> LeaseRecord:
    held, regime = False, Regime.HOLD
    return LeaseRecord(
        held, Claimant.IDLE, regime, None, outcome.reason, 0.0, LeaseState.SETTLING, outvoted=outcome.outvoted
    )


def _followed(record: LeaseRecord) -> tuple[object, ...]:
    return record.held, record.regime, record.power_state


def _record(hand: Hand, outcome: Outcome, expires_in_s: float) -> LeaseRecord:
    lease, writes = hand.lease, hand.writes()
    wish = lease.wish if isinstance(lease.wish, Wish) else None
    set_point = lease.set_point
    read_back = lease.read_back if lease.held else None
    reason = outcome.reason
    if not lease.held and lease.trouble is not None:
        reason = lease.trouble
    return LeaseRecord(
        held=lease.held,
        owner=wish.owner if wish is not None else Claimant.IDLE,
        regime=wish.regime if wish is not None and lease.held else Regime.HOLD,
        set_kw=set_point.power_kw if set_point is not None else None,
        reason=reason,
        expires_in_s=expires_in_s,
        state=lease.state,
        native=wish.native if wish is not None else False,
        read_back_kw=read_back.set_point.power_kw if read_back is not None and read_back.active else None,
        writes_today=writes.today,
        writes_left=writes.left,
        power_state=wish.set_point.power_state if wish is not None and lease.held else None,
        read_back_state=lease.read_back.set_point.power_state if lease.read_back is not None else None,
        outvoted=outcome.outvoted,
    )
