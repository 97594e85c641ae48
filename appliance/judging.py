"""An appliance's own judgement: which orders are unsafe now, by the rules its owner wrote. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from zoneinfo import ZoneInfo

from appliance.faults import Fault
from heg.model.appliances import ApplianceFault, PowerState


@dataclass(frozen=True, slots=True)
class Rule:
    """Never into one of `never`, in a span of the day, while a condition holds, or both at once; else always.

    `between` are two times of day on the appliance's clock; the second may be earlier: over midnight. `condition`
    names what is found out by asking; it is taken to hold while nobody knows.
    """

    never: frozenset[PowerState]
    between: tuple[time, time] | None = None
    condition: str = ""
    why: str = ""

    def forbids(self, target: PowerState, clock: time, holding: Collection[str]) -> bool:
        """Tell whether it forbids to go there."""
        if target not in self.never or (self.condition and self.condition not in holding):
            return False
        return self.between is None or within(clock, *self.between)


@dataclass(frozen=True, slots=True)
class Judge:
    """All rules of an appliance, and its time zone."""

    rules: Sequence[Rule] = ()
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))

    def objection(self, target: PowerState, now: datetime, holding: Collection[str]) -> Fault | None:
        """Say why it would be unsafe to go there now; None where nothing speaks against it."""
        clock = now.astimezone(self.zone).time()
        for rule in self.rules:
            if rule.forbids(target, clock, holding):
                return Fault(ApplianceFault.UNSAFE, f"never {target} {self._said(rule)}")
        return None

    @property
    def conditions(self) -> frozenset[str]:
        """What must be found out before it can judge."""
        return frozenset(rule.condition for rule in self.rules if rule.condition)

    def _said(self, rule: Rule) -> str:
        span = f"between {rule.between[0]} and {rule.between[1]}" if rule.between is not None else ""
        while_ = f"while {rule.condition}" if rule.condition else ""
        said = " ".join(part for part in (span, while_) if part) or "by a rule"
        return f"{said}: {rule.why}" if rule.why else said


def within(clock: time, start: time, stop: time) -> bool:
    """Tell whether a time of day lies in a span that may go over midnight; its end is not part of it."""
    return start <= clock < stop if start <= stop else clock >= start or clock < stop
