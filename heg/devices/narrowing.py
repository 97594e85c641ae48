"""What the owner lets a device do: its rates as `[device.NAME]` narrows them, whichever driver found it. Pure.

Of an appliance it says what no appliance knows: how much it matters, and how often it may be switched.
So the scenarios of spec ebr.md are configuration alone: a car only charged, a battery left alone.
"""

from dataclasses import replace

from heg.devices.contract import DeviceInfo, OwnerSettings
from heg.model.appliances import Importance
from heg.model.capabilities import ApplianceCapability, Capability, StorageCapability, VehicleCapability


def narrowed(info: DeviceInfo, owner: OwnerSettings) -> DeviceInfo:
    """Return the device as its owner allows it: charging and discharging power, an appliance's importance."""
    return replace(info, capabilities=tuple(_within(one, owner) for one in info.capabilities))


def _within(one: Capability, owner: OwnerSettings) -> Capability:
    if isinstance(one, ApplianceCapability):
        return _appliance(one, owner)
    if not isinstance(one, StorageCapability | VehicleCapability):
        return one
    charge_kw, discharge_kw = one.max_rate_kw, -one.min_rate_kw
    if owner.max_charge_kw is not None:
        charge_kw = min(charge_kw, owner.max_charge_kw)
    if owner.max_discharge_kw is not None:
        discharge_kw = min(discharge_kw, owner.max_discharge_kw)
    return replace(one, max_rate_kw=charge_kw, min_rate_kw=-discharge_kw)


def _appliance(one: ApplianceCapability, owner: OwnerSettings) -> ApplianceCapability:
    """What the owner does not say is as it was made: a record of earlier days must not go on saying it."""
    plain = ApplianceCapability(one.rated_kw)
    return replace(
        one,
        rated_kw=one.rated_kw if owner.rated_kw is None else owner.rated_kw,
        importance=plain.importance if owner.importance is None else Importance(owner.importance),
        min_on_s=plain.min_on_s if owner.min_on_minutes is None else 60.0 * owner.min_on_minutes,
        min_off_s=plain.min_off_s if owner.min_off_minutes is None else 60.0 * owner.min_off_minutes,
    )
