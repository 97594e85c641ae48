"""How an appliance speaks of itself on the network: the words of its actions' results, and its page. Pure."""

import html
from collections.abc import Mapping
from datetime import datetime
from ipaddress import ip_address
from types import MappingProxyType
from uuid import UUID

from appliance.faults import Fault, SoapFault
from appliance.model import ApplianceModel
from heg.model.appliances import PowerState, WakeMethod

POWER_STATES: Mapping[PowerState, str] = MappingProxyType(
    {PowerState.ON: "ON", PowerState.OFF: "OFF", PowerState.STANDBY: "Standby"}
)
_WAKE = {WakeMethod.WOL: "WOL", WakeMethod.WOWLAN: "WoWLAN"}
_LONGEST_NAME = 64
_NO_CYCLE = {
    "CycleId": "",
    "Name": "",
    "StepMinutes": "0",
    "PowerCurve": "",
    "EarliestStart": "",
    "LatestEnd": "",
    "Interruptible": "0",
}


def wake_method(method: WakeMethod) -> Mapping[str, str] | Fault:
    """Answer WakeUpMethod."""
    if (said := _WAKE.get(method)) is None:
        return Fault(SoapFault.ACTION_FAILED, "this appliance cannot be woken over the network")
    return {"WakeMethod": said, "RegID": "0"}


def cycle(model: ApplianceModel) -> Mapping[str, str]:
    """Answer GetCycle."""
    rated = {"RatedPower": str(model.kind.rated_w)}
    if (offered := model.offered) is None:
        return {**_NO_CYCLE, **rated}
    curve = offered.curve
    return {
        "CycleId": offered.id,
        "Name": offered.name[:_LONGEST_NAME],
        "StepMinutes": str(curve.step_minutes),
        "PowerCurve": ",".join(str(max(round(kw * 1000), 1)) for kw in curve.power_kw),
        "EarliestStart": _moment(offered.earliest),
        "LatestEnd": _moment(offered.latest),
        "Interruptible": "1" if curve.interruptible else "0",
        **rated,
    }


def wrong_asker(arguments: Mapping[str, str]) -> Fault | None:
    """Say what is wrong with UUID and Address, which are those of who asks."""
    try:
        plain_uuid(arguments["UUID"])
    except ValueError:
        came = f"UUID: expected your own, such as 2fac1234-31f8-11b4-a222-08002b34c003; came {arguments['UUID']!r}"
        return Fault(SoapFault.ARGUMENT_VALUE_INVALID, came)
    try:
        ip_address(arguments["Address"].partition("%")[0])
    except ValueError:
        came = f"Address: expected your own IP address; came {arguments['Address']!r}"
        return Fault(SoapFault.ARGUMENT_VALUE_INVALID, came)
    return None


def plain_uuid(text: str) -> str:
    """Return a UUID in its one plain form, however it was written. Raises ValueError."""
    return str(UUID(text.strip().lower().removeprefix("uuid:")))


def page(name: str, model: ApplianceModel) -> str:
    """Make what people see in a browser, times on the appliance's clock."""
    zone = model.kind.judge.zone
    rows = [("State", POWER_STATES[model.state])]
    for one in model.registrations.open():
        span = f"from {one.start.astimezone(zone):%a %H:%M} to {one.stop.astimezone(zone):%a %H:%M}"
        rows.append((f"Standby {one.id}", f"{span}, {one.state.replace('_', ' ')}"))
    if (known := model.cycle) is not None:
        rows.append(("Cycle", f"{known.name or known.id}, {'begun' if known.begun else 'waiting'}"))
    listed = "".join(f"<dt>{name}</dt><dd>{html.escape(text)}</dd>" for name, text in rows)
    title = html.escape(name)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f"<style>body{{font-family:sans-serif;margin:2em}}</style><h1>{title}</h1><dl>{listed}</dl></html>\n"
    )


def _moment(moment: datetime | None) -> str:
    return moment.isoformat(timespec="seconds") if moment is not None else ""
