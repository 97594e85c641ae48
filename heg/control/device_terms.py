"""What of a lease's terms depends on the device: how exactly it reads back, how often it may be written. Pure."""

from dataclasses import replace

from heg.control.lease_terms import LeaseRules
from heg.control.verdict import Tolerance
from heg.devices.contract import AttachedActuator
from heg.model.capabilities import (
    ApplianceCapability,
    ProducerCapability,
    StorageCapability,
    VehicleCapability,
    WriteBudget,
)

_WHOLE_PERCENT = 0.01
_APPLIANCE_REFUSALS = 3
_APPLIANCE_TELLS_S = 0.5
"""It tells its change by itself: to ask all at once what they did would hold up those who are still to be told."""


def rules_for(one: AttachedActuator, rules: LeaseRules) -> LeaseRules:
    """Many devices are commanded in whole percent of their rated power: what is read back lies that far off.

    A charger's current is whole: half a step off is the same, a whole one is somebody else's.
    """
    match one.capability:
        case StorageCapability() | VehicleCapability() as movable:
            largest_kw = max(-movable.min_rate_kw, movable.max_rate_kw)
        case ProducerCapability() as producer:
            largest_kw = producer.rated_kw
        case ApplianceCapability() as appliance:
            settle_s = max(rules.settle_s, appliance.settle_s)
            return replace(
                rules,
                settle_s=settle_s,
                refusals=_APPLIANCE_REFUSALS,
                user_first=True,
                read_back_after_s=_APPLIANCE_TELLS_S,
                min_on_s=appliance.min_on_s,
                min_off_s=appliance.min_off_s,
            )
        case _:
            return rules
    step_kw = one.capability.step_kw / 2 if isinstance(one.capability, VehicleCapability) else 0.0
    return replace(rules, tolerance=Tolerance(max(rules.tolerance.kw, _WHOLE_PERCENT * largest_kw, step_kw)))


def budget_of(one: AttachedActuator) -> WriteBudget:
    """Return how often its registers may be written."""
    if isinstance(one.capability, StorageCapability | VehicleCapability):
        return one.capability.writes
    if isinstance(one.capability, ApplianceCapability):
        return WriteBudget(volatile=True)  # `switching` sees to how often it is switched
    return WriteBudget()
