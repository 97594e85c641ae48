"""Commands that tell what the running gateway does now: status, devices, appliances, leases, alarms, health."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from heg.cli.ends import DONE, FAILED
from heg.cli.remote import ask, put, remote, shown
from heg.cli.words import in_columns, number, say
from heg.cli.zones import Local, in_zone

if TYPE_CHECKING:
    import argparse

    from heg.cli.house import House
    from heg.cli.parser import Add
    from heg.web.appliance_messages import ApplianceNow, AppliancesAtAGlance, AppliancesNow
    from heg.web.client.gateway import Gateway
    from heg.web.plan_messages import PlanNow
    from heg.web.state_messages import Actuators, Alarms, Devices, Health, State, VehicleNow

_LONGEST_WORDS = 40


def add_to(add: Add) -> None:
    """Add the commands."""
    remote(add("status", _status, "show what the running gateway does"))
    remote(add("devices", _devices, "list the devices of the running gateway"))
    remote(add("appliances", _appliances, "how each appliance is, what it is told and why, what it asked for"))
    remote(add("leases", _leases, "what each actuator does, who decided it and why"))
    remote(add("alarms", _alarms, "active alarms, and how to mend them"))
    remote(add("health", _health, "whether it does its work, and why not"))


def _status(options: argparse.Namespace) -> int:
    def asked(gateway: Gateway) -> int:
        from heg.web.state_messages import State

        said = gateway.get("/api/v1/state", State)
        if options.json:
            put(said.json)
        else:
            say(status_lines(said.message))
        return DONE if said.message.healthy else FAILED

    return ask(options, asked)


def _devices(options: argparse.Namespace) -> int:
    from heg.web.state_messages import Devices

    return shown(options, "/api/v1/devices", Devices, lambda told, _house: device_lines(told))


def _appliances(options: argparse.Namespace) -> int:
    from heg.web.appliance_messages import AppliancesNow

    return shown(options, "/api/v1/appliances", AppliancesNow, appliance_lines)


def _leases(options: argparse.Namespace) -> int:
    from heg.web.state_messages import Actuators

    return shown(options, "/api/v1/leases", Actuators, lambda told, _house: _lease_lines(told))


def _alarms(options: argparse.Namespace) -> int:
    from heg.web.state_messages import Alarms

    return shown(options, "/api/v1/alarms", Alarms, _alarm_lines)


def _health(options: argparse.Namespace) -> int:
    def asked(gateway: Gateway) -> int:
        from heg.web.state_messages import Health

        said = gateway.get("/api/v1/health", Health)
        if options.json:
            put(said.json)
        else:
            say(_health_lines(said.message))
        return DONE if said.message.healthy else FAILED

    return ask(options, asked)


def device_lines(told: Devices) -> Iterable[str]:
    """Tell the devices for people."""
    head = ("NAME", "ROLE", "MAKER AND MODEL", "SERIAL", "AT", "STATUS", "QUALITY", "AGE")
    rows = (
        (
            *(device.name, ", ".join(device.roles), f"{device.maker} {device.model}", device.serial),
            *(f"{device.protocol} {device.address}", device.status, str(device.quality or "-")),
            "-" if device.age_s is None else f"{device.age_s} s",
        )
        for device in (one.device for one in told.devices)
    )
    return in_columns(head, rows, "no devices yet: the gateway is still looking")


def appliance_lines(told: AppliancesNow, house: House) -> Iterable[str]:
    """Tell the appliances for people."""
    names, what = ("APPLIANCE", "OWN NAME, MAKER"), ("IMPORTANCE", "DRAWS kW", "AT", "WHY, AND WHAT IT ASKED FOR")
    head = (*names, "IS", "TOLD", "BY", *what)
    rows = (
        (
            *(one.device, _own_words(one)),
            f"{one.power_state or 'not known'}{', lost' if one.status == 'lost' else ''}",
            *((f"{one.given or '-'}, {one.lease_state}", one.owner) if one.held else ("-", "-")),
            *(one.importance, number(one.draws_kw), one.address),
            "; ".join(part.removesuffix(".") for part in _about(one, house) if part),
        )
        for one in told.appliances
    )
    return in_columns(head, rows, "no appliances yet: they are found by themselves (docs/users/appliances.md)")


def _own_words(one: ApplianceNow) -> str:
    """What it calls itself where its name is another, and who made it; no longer than a line bears."""
    called = one.called if one.called.lower() != one.device else ""
    words = ", ".join(filter(None, (called, one.maker)))
    return (words if len(words) <= _LONGEST_WORDS else f"{words[: _LONGEST_WORDS - 1]}…") or "-"


def _about(one: ApplianceNow, house: House) -> Iterable[str]:
    yield one.reason_text
    yield from one.outvoted
    for asked in one.requests:
        until = "" if asked.stop_utc is None else f" to {house.local(asked.stop_utc)}"
        yield f"asked {asked.kind.replace('_', ' ')} at {house.local(asked.start_utc)}{until}"
    for span in one.standby_periods:
        yield f"standby {house.local(span.start_utc)} to {house.local(span.stop_utc)} (number {span.id})"
    if one.cycle is not None:
        latest = "" if one.cycle.latest_utc is None else f", over by {house.local(one.cycle.latest_utc)}"
        yield f"{one.cycle.name or 'a cycle'} waits{latest}"


def _lease_lines(told: Actuators) -> Iterable[str]:
    head = ("ACTUATOR", "DOES", "SET kW", "MEASURED kW", "STATE", "BY", "WHY")
    rows = (
        (
            *(one.device, (one.power_state or one.regime) if one.held else "released"),
            *(number(one.set_kw), number(one.measured_kw.value)),
            *(one.state, one.owner, one.reason_text),
        )
        for one in told.actuators
    )
    return in_columns(head, rows, "nothing here can be steered")


def _alarm_lines(told: Alarms, house: House) -> Iterable[str]:
    head = ("SINCE", "SEVERITY", "WHERE", "WHAT", "HOW TO MEND IT")
    rows = ((house.local(one.since_utc), one.severity, one.place, one.text, one.mend) for one in told.alarms)
    return in_columns(head, rows, "no alarms")


def _health_lines(health: Health) -> Iterable[str]:
    yield f"heg {health.version}, up for {health.uptime_s / 3600:.1f} h: {'good' if health.healthy else 'NOT GOOD'}"
    yield from health.reasons


def status_lines(state: State) -> Iterable[str]:
    """Tell the state for people, in the house's own time."""
    local = in_zone(state.time.zone)
    speed = f" ({state.time.speed:g} times real time)" if state.time.mode == "scaled" and state.time.speed else ""
    well = "good" if state.healthy else "NOT GOOD"
    yield f"unit {state.unit}, heg {state.version}, {local(state.time.utc)}{speed}: {well}"
    power = state.power
    named = (("grid", power.grid_kw), ("house", power.house_kw), ("pv", power.pv_kw), ("battery", power.battery_kw))
    yield "  ".join(
        f"{name} {'?' if figure.value is None else f'{figure.value:+.3f} kW'}" for name, figure in named if figure
    )
    for storage in state.storages:
        yield f"{storage.device}: charged {'?' if storage.soc.value is None else f'{100 * storage.soc.value:.1f} %'}"
    yield from (_car_line(car, local) for car in state.vehicles if car.plugged)
    if state.hands_off:
        yield "hands off: the owner keeps everything released"
    for actuator in state.actuators:
        set_to = "" if actuator.set_kw is None else f" {actuator.set_kw:+.3f} kW"
        held = f"{actuator.regime}{set_to}, {actuator.state}" if actuator.held else "released"
        yield f"{actuator.device}: {held}: {actuator.reason_text} (by {actuator.owner})"
    if state.appliances is not None:
        yield _appliances_line(state.appliances)
    if state.plan is not None:
        yield from plan_lines(state.plan, local)
    for alarm in state.alarms:
        yield f"{alarm.severity}: {alarm.place}: {alarm.text}" + (f"; {alarm.mend}" if alarm.mend else "")


def _appliances_line(all_: AppliancesAtAGlance) -> str:
    lost = f", {all_.lost} lost" if all_.lost else ""
    states = f"{all_.on} on, {all_.standby} standby, {all_.off} off{lost}"
    return f"{all_.count} appliance{'s' if all_.count > 1 else ''}: {states}; {all_.in_hand} in hand"


def _car_line(car: VehicleNow, local: Local) -> str:
    if car.soc is None:
        full = "how full its car is was not said (heg plug-in)"
    else:
        full = f"car {100 * car.soc:.0f} % full, give or take {100 * car.soc_uncertainty:.0f}"
    target = "" if car.target_soc is None else f"; to {100 * car.target_soc:.0f} %"
    return f"{car.charger}: {full}{target}{f' by {local(car.departure_utc)}' if car.departure_utc else ''}"


def plan_lines(plan: PlanNow, local: Local) -> Iterable[str]:
    """Tell the plan for people."""
    what = plan.storage or plan.vehicle
    then = "" if what is None or what.next is None else f"; {what.next.regime} from {local(what.next.at_utc)}"
    now = "" if what is None else f": {what.regime}{then}"
    yield f"plan {plan.status}, {plan.age_s} s old{now}; energy costs {plan.prices.import_now:.3f} EUR/kWh"
    if plan.lacks:
        yield "planned without: " + " ".join(f"{lack.code}: {lack.text}" for lack in plan.lacks)
