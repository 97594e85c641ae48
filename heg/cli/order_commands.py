"""Commands by which the running gateway does something: hands-off, manual, standby, reduce, switch, plug-in, try ..."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from heg.cli.ends import DONE, FAILED, CommandError
from heg.cli.numbers import whole, within
from heg.cli.remote import LONG_ORDER_S, ask, ordered, put, remote
from heg.cli.words import say
from heg.model.appliances import PowerState
from heg.model.regimes import Regime

if TYPE_CHECKING:
    from heg.cli.parser import Add
    from heg.web.client.gateway import Gateway

_RELEASE = "release"
_REGIMES = tuple(str(regime) for regime in Regime)
_STATES = tuple(str(state) for state in PowerState)


def add_to(add: Add) -> None:
    """Add the commands."""
    switch = remote(add("hands-off", _hands_off, "release everything but a limit of the grid operator, or go on"))
    switch.add_argument("switch", choices=("on", "off"), help="on: everything is released; off: control goes on")
    _add_manual(remote(add("manual", _manual, "run an actuator by hand for a while, or give it back")))
    _add_plug_in(
        remote(add("plug-in", _plug_in, "say when the plugged car leaves, how full it is to be then, how full it is"))
    )
    _add_standby(
        remote(add("standby", _standby, "have an appliance put itself to standby for a while, by its own clock"))
    )
    _add_reduce(remote(add("reduce", _reduce, "draw at most so much from the grid for a while: appliances wait")))
    _add_switch(remote(add("switch", _switch, "have appliances in a state as the utility may, within your strategy")))
    remote(add("scan", _scan, "look for devices now"))
    step = remote(
        add("try", _try, "step test: one actuator moves, the grid meter must move as much; finds sign and CT errors")
    )
    step.add_argument("device", help="name of the actuator, such as battery")
    step.add_argument("--power-kw", type=float, default=1.0, metavar="KW", help="size of the step (default: 1.0)")


def _add_manual(manual: argparse.ArgumentParser) -> None:
    manual.add_argument("device", help="name of the actuator or appliance, such as battery")
    what = "what it is to do; on, standby, off: an appliance; release: give it back"
    manual.add_argument("regime", choices=(*_REGIMES, *_STATES, _RELEASE), help=what)
    power = within(0.0, 1000.0, "kW from 0 to 1000, such as 2.5")
    manual.add_argument("--power-kw", type=power, default=0.0, metavar="KW", help="how much, for charge and discharge")
    minutes = within(0.1, 1440.0, "minutes up to 1440, such as 60")
    manual.add_argument("--minutes", type=minutes, default=60.0, metavar="N", help="for how long, default: 60")


def _add_standby(standby: argparse.ArgumentParser) -> None:
    standby.add_argument("device", help="name of the appliance")
    standby.add_argument("start", nargs="?", metavar="FROM", help="time of day, such as 22:00")
    standby.add_argument("stop", nargs="?", metavar="UNTIL", help="time of day, such as 06:30")
    standby.add_argument("--withdraw", type=whole, metavar="N", help="not any more: the number it was given")


def _add_reduce(reduce: argparse.ArgumentParser) -> None:
    most = within(0.0, 1000.0, "kW from 0 to 1000, such as 2.5")
    reduce.add_argument("max_import_kw", nargs="?", type=most, metavar="KW", help="what may be drawn at most")
    minutes = within(0.1, 1440.0, "minutes up to 1440, such as 60")
    reduce.add_argument("--minutes", type=minutes, default=60.0, metavar="N", help="for how long, default: 60")
    reduce.add_argument("--release", action="store_true", help="not any more")


def _add_switch(switch: argparse.ArgumentParser) -> None:
    switch.add_argument("device", help="name of the appliance; all: each that need not run")
    switch.add_argument("state", choices=(*_STATES, _RELEASE), help="the state it is to be in; release: not any more")
    minutes = within(0.1, 1440.0, "minutes up to 1440, such as 60")
    switch.add_argument("--minutes", type=minutes, default=60.0, metavar="N", help="for how long, default: 60")


def _add_plug_in(car: argparse.ArgumentParser) -> None:
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


def _hands_off(options: argparse.Namespace) -> int:
    return ordered(options, "hands-off", {"on": options.switch == "on"})


def _manual(options: argparse.Namespace) -> int:
    if options.regime == _RELEASE:
        return ordered(options, "manual", {"device": options.device, "release": True})
    if options.regime in (Regime.CHARGE, Regime.DISCHARGE) and not options.power_kw:
        raise CommandError(2, f"heg manual {options.device} {options.regime}: expected --power-kw, such as 2.5")
    if options.regime in _STATES:
        if options.power_kw:
            raise CommandError(2, f"heg manual {options.device} {options.regime}: expected no --power-kw")
        state = {"power_state": options.regime, "minutes": options.minutes}
        return ordered(options, "manual", {"device": options.device, **state})
    order = {"regime": options.regime, "power_kw": options.power_kw, "minutes": options.minutes}
    return ordered(options, "manual", {"device": options.device, **order})


def _standby(options: argparse.Namespace) -> int:
    times = [time for time in (options.start, options.stop) if time is not None]
    if len(times) != (2 if options.withdraw is None else 0):
        raise CommandError(2, f"heg standby {options.device}: expected two times, such as 22:00 06:30, or --withdraw N")
    said = {"start": options.start, "stop": options.stop, "withdraw": options.withdraw}
    order = {name: value for name, value in said.items() if value is not None}
    return ordered(options, "standby-period", {"device": options.device, **order})


def _reduce(options: argparse.Namespace) -> int:
    if options.release is not (options.max_import_kw is None):
        raise CommandError(2, "heg reduce: expected how much may be drawn, such as 2.5, or --release")
    if options.release:
        return ordered(options, "reduce", {"release": True})
    return ordered(options, "reduce", {"max_import_kw": options.max_import_kw, "minutes": options.minutes})


def _switch(options: argparse.Namespace) -> int:
    device = {} if options.device == "all" else {"device": options.device}
    if options.state == _RELEASE:
        return ordered(options, "appliance", {**device, "release": True})
    return ordered(options, "appliance", {**device, "power_state": options.state, "minutes": options.minutes})


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


def _scan(options: argparse.Namespace) -> int:
    return ordered(options, "scan", {}, within_s=LONG_ORDER_S)


def _try(options: argparse.Namespace) -> int:
    def asked(gateway: Gateway) -> int:
        from heg.web.messages import Answer

        order = {"device": options.device, "power_kw": options.power_kw}
        said = gateway.post("/api/v1/commands/try", Answer, order, within_s=LONG_ORDER_S)
        answer = said.message
        if options.json:
            put(said.json)
        else:
            say([f"{options.device}: {answer.outcome}: {answer.text or answer.refusal or ''}"])
            say(f"  {name}: {value}" for name, value in (answer.detail or {}).items())
        return DONE if answer.outcome == "done" else FAILED

    return ask(options, asked)
