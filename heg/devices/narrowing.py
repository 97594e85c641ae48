"""What the owner lets a device do: its rates as `[device.NAME]` narrows them, whichever driver found it. Pure.

So the scenarios of spec ebr.md are configuration alone: a car only charged, a battery left alone.
"""

from dataclasses import replace

from heg.devices.contract import DeviceInfo, OwnerSettings
from heg.model.capabilities import Capability, StorageCapability, VehicleCapability


def narrowed(info: DeviceInfo, owner: OwnerSettings) -> DeviceInfo:
    """Return the device with no more charging and discharging power than its owner allows."""
    return replace(info, capabilities=tuple(_within(one, owner) for one in info.capabilities))


def _within(one: Capability, owner: OwnerSettings) -> Capability:
    if not isinstance(one, StorageCapability | VehicleCapability):
        return one
    charge_kw, discharge_kw = one.max_rate_kw, -one.min_rate_kw
    if owner.max_charge_kw is not None:
        charge_kw = min(charge_kw, owner.max_charge_kw)
    if owner.max_discharge_kw is not None:
        discharge_kw = min(discharge_kw, owner.max_discharge_kw)
    return replace(one, max_rate_kw=charge_kw, min_rate_kw=-discharge_kw)
