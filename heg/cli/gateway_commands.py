"""Commands that ask the running gateway: devices, status, try, plug-in."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from heg.cli.common import drivers, load_config, table, with_config, with_json
from heg.cli.ends import DONE, FAILED, UNREACHABLE, CommandError

if TYPE_CHECKING:
    from heg.cli.parser import Add
    from heg.web.client import GatewayClient
    from heg.web.messages import PlanNow, State, VehicleNow

_ANSWER_ON_ITS_WAY_S = 30.0


def add_to(add: Add) -> None:
    """Add the commands."""
    with_json(with_config(add("devices", _devices, "list the devices of the running gateway")))
    with_json(with_config(add("status", _status, "show what the running gateway does")))
    step = add("try", _try, "step test: one actuator moves, the grid meter must move as much; finds sign and CT errors")
    with_json(with_config(step))
    step.add_argument("device", help="name of the actuator, such as battery")
    step.add_argument("--power-kw", type=float, default=1.0, metavar="KW", help="size of the step (default: 1.0)")
    _add_plug_in(add("plug-in", _plug_in, "say when the plugged car leaves, how full it is to be then, how full it is"))


def _add_plug_in(car: argparse.ArgumentParser) -> None:
    with_json(with_config(car))
    car.add_argument("--charger", default="", metavar="NAME", help="where there are several")
    car.add_argument("--departure", metavar="TIME", help="the next 07:30 by the house's clock, or 2026-06-02T05:30:00Z")
    car.add_argument("--target", type=_share, metavar="SHARE", help="how full it is to be then, such as 80%%")
    car.add_argument("--soc", type=_share, metavar="SHARE", help="how full it is now, such as 40%%")
    car.add_argument("--capacity-kwh", type=float, metavar="KWH", help="what its battery holds")
    car.add_argument("--forget", action="store_true", help="nothing of what was said holds any more")


def _share(text: str) -> float:
    """Read `80%` or `0.8`; `80` alone would be either."""
    try:
        value = float(text.removesuffix("%")) / (100.0 if text.endswith("%") else 1.0)
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 1.0:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a share such as 80% or 0.8")
    return value


def _devices(options: argparse.Namespace) -> int:
    def asked(client: GatewayClient) -> int:
        if options.json:
            return put(client.read("/api/v1/devices"))
        state, _ = client.state()
        head = ("NAME", "ROLE", "MAKER AND MODEL", "SERIAL", "AT", "STATUS", "QUALITY", "AGE")
        rows = [
            (
                *(device.name, ", ".join(device.roles), f"{device.maker} {device.model}", device.serial),
                *(f"{device.protocol} {device.address}", device.status, str(device.quality or "-")),
                "-" if device.age_s is None else f"{device.age_s} s",
            )
            for device in state.devices
        ]
        print(table([head, *rows]) if rows else "no devices yet: the gateway is still looking")
        return DONE

    return ask(options, asked)


def _status(options: argparse.Namespace) -> int:
    def asked(client: GatewayClient) -> int:
        state, body = client.state()
        if options.json:
            put(body)
        else:
            print("\n".join(status_lines(state)))
        return DONE if state.healthy else FAILED

    return ask(options, asked)


def _try(options: argparse.Namespace) -> int:
    from heg.model.timings import Timings

    cycle_s = load_config(options.config, drivers()).unit.control.cycle_s
    limit_s = Timings.for_cycle(cycle_s).step_test_s + _ANSWER_ON_ITS_WAY_S

    def asked(client: GatewayClient) -> int:
        arguments = {"device": options.device, "power_kw": options.power_kw}
        answer, body = client.order("try", arguments, timeout_s=limit_s)
        if options.json:
            put(body)
        else:
            print(f"{options.device}: {answer.outcome}: {answer.text or answer.refusal or ''}")
            for name, value in (answer.detail or {}).items():
                print(f"  {name}: {value}")
        return DONE if answer.outcome == "done" else FAILED

    return ask(options, asked)


def _plug_in(options: argparse.Namespace) -> int:
    order: dict[str, object] = {"charger": options.charger}
    if options.departure is not None:
        order["departure_utc" if "T" in options.departure else "departure"] = options.departure
    for name in ("target", "soc", "capacity_kwh"):
        if (value := getattr(options, name)) is not None:
            order[name] = value
    if options.forget:
        order["forget"] = True
    return ordered(options, "plug-in", order)


def ordered(options: argparse.Namespace, name: str, order: dict[str, object]) -> int:
    """Send an order and print its answer; the exit code says whether it was refused. Raises as `ask`."""

    def asked(client: GatewayClient) -> int:
        answer, body = client.order(name, order, timeout_s=_ANSWER_ON_ITS_WAY_S)
        if options.json:
            put(body)
        else:
            print(f"{answer.outcome}: {answer.text or answer.refusal or ''}")
        return FAILED if answer.outcome == "refused" else DONE

    return ask(options, asked)


def ask(options: argparse.Namespace, asked: Callable[[GatewayClient], int]) -> int:
    """Ask the running gateway of a configuration. Raises `CommandError` where it cannot be reached."""
    from heg.runtime.secrets import Secret
    from heg.web.client import GatewayClient, GatewayError

    web = load_config(options.config, drivers()).unit.web
    try:
        # By the environment, not as an option: other users of a machine can read the options of a process.
        token = os.environ.get("HEG_TOKEN")
        return asked(GatewayClient(web.loopback, web.port, token=None if token is None else Secret(token)))
    except GatewayError as error:
        raise CommandError(UNREACHABLE, str(error)) from error


def status_lines(state: State) -> Iterable[str]:
    """Tell the state for people."""
    speed = f" ({state.time.speed:g} times real time)" if state.time.mode == "scaled" and state.time.speed else ""
    yield f"unit {state.unit}, heg {state.version}, {state.time.utc}{speed}: {'good' if state.healthy else 'NOT GOOD'}"
    power = state.power
    named = (("grid", power.grid_kw), ("house", power.house_kw), ("pv", power.pv_kw), ("battery", power.battery_kw))
    yield "  ".join(
        f"{name} {'?' if figure.value is None else f'{figure.value:+.3f} kW'}" for name, figure in named if figure
    )
    for storage in state.storages:
        yield f"{storage.device}: charged {'?' if storage.soc.value is None else f'{100 * storage.soc.value:.1f} %'}"
    yield from (_car_line(car) for car in state.vehicles if car.plugged)
    if state.hands_off:
        yield "hands off: the owner keeps everything released"
    for actuator in state.actuators:
        set_to = "" if actuator.set_kw is None else f" {actuator.set_kw:+.3f} kW"
        held = f"{actuator.regime}{set_to}, {actuator.state}" if actuator.held else "released"
        yield f"{actuator.device}: {held}: {actuator.reason_text} (by {actuator.owner})"
    if state.plan is not None:
        yield from plan_lines(state.plan)
    for alarm in state.alarms:
        yield f"{alarm.severity}: {alarm.place}: {alarm.text}" + (f"; {alarm.mend}" if alarm.mend else "")


def _car_line(car: VehicleNow) -> str:
    if car.soc is None:
        full = "how full its car is was not said (heg plug-in)"
    else:
        full = f"car {100 * car.soc:.0f} % full, give or take {100 * car.soc_uncertainty:.0f}"
    target = "" if car.target_soc is None else f"; to {100 * car.target_soc:.0f} %"
    return f"{car.charger}: {full}{target}{f' by {car.departure_utc}' if car.departure_utc else ''}"


def plan_lines(plan: PlanNow) -> Iterable[str]:
    """Tell the plan for people."""
    what = plan.storage or plan.vehicle
    then = "" if what is None or what.next is None else f"; {what.next.regime} from {what.next.at_utc}"
    now = "" if what is None else f": {what.regime}{then}"
    yield f"plan {plan.status}, {plan.age_s} s old{now}; energy costs {plan.prices.import_now:.3f} EUR/kWh"
    if plan.lacks:
        yield "planned without: " + " ".join(f"{lack.code}: {lack.text}" for lack in plan.lacks)


def put(body: bytes) -> int:
    """Print an answer's JSON."""
    print(body.decode())
    return DONE
