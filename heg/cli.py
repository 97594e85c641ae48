"""The command `heg`. Every command imports what it needs only when it is asked for, so that `heg check` stays light."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import heg

if TYPE_CHECKING:
    from heg.config.reader import LoadedConfig
    from heg.devices.installed import InstalledDrivers
    from heg.runtime.clock import Clock
    from heg.runtime.loops import Timing
    from heg.unit import Site
    from heg.web.client import GatewayClient
    from heg.web.messages import PlanNow, State, VehicleNow

DONE = 0
FAILED = 1
UNREACHABLE = 69
BAD_CONFIG = 78
_EXIT_CODES = """exit codes:
  0   done, good
  1   failed, refused or not healthy
  2   the command was not understood
  69  no gateway answers
  78  the configuration cannot be used"""
_ANSWER_ON_ITS_WAY_S = 30.0


class CommandError(Exception):
    """Ends a command with an exit code and what a person reads on standard error."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of the console script."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except CommandError as error:
        print(error, file=sys.stderr)
        return error.code
    except BrokenPipeError:  # what reads our output, such as head, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="heg",
        description="Home energy gateway: measures a house, decides with its owner, and acts.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"heg {heg.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=text, description=text)
        one.add_argument("--config", type=Path, default=Path("heg.toml"), metavar="FILE", help="default: heg.toml")
        one.set_defaults(command=command)
        return one

    add("run", _run, "run the gateway until it is told to stop (SIGTERM, Ctrl-C)")
    for name, command, text in (
        ("check", _check, "read the configuration and name all that is wrong with it"),
        ("devices", _devices, "list the devices of the running gateway"),
        ("status", _status, "show what the running gateway does"),
    ):
        add(name, command, text).add_argument("--json", action="store_true", help="JSON on standard output")
    past = add(
        "import", _import, "bring the house's past from a CSV file, for forecasts; the gateway must not be running"
    )
    past.add_argument(
        "file", type=Path, help="columns time_utc, demand_kw, perhaps production_kw; mean kW of each slot"
    )
    step = add("try", _try, "step test: one actuator moves, the grid meter must move as much; finds sign and CT errors")
    step.add_argument("device", help="name of the actuator, such as battery")
    step.add_argument("--power-kw", type=float, default=1.0, metavar="KW", help="size of the step (default: 1.0)")
    step.add_argument("--json", action="store_true", help="JSON on standard output")
    _add_plug_in(add("plug-in", _plug_in, "say when the plugged car leaves, how full it is to be then, how full it is"))
    return parser


def _add_plug_in(car: argparse.ArgumentParser) -> None:
    car.add_argument("--charger", default="", metavar="NAME", help="where there are several")
    car.add_argument("--departure", metavar="TIME", help="the next 07:30 by the house's clock, or 2026-06-02T05:30:00Z")
    car.add_argument("--target", type=_share, metavar="SHARE", help="how full it is to be then, such as 80%%")
    car.add_argument("--soc", type=_share, metavar="SHARE", help="how full it is now, such as 40%%")
    car.add_argument("--capacity-kwh", type=float, metavar="KWH", help="what its battery holds")
    car.add_argument("--forget", action="store_true", help="nothing of what was said holds any more")
    car.add_argument("--json", action="store_true", help="JSON on standard output")


def _share(text: str) -> float:
    """Read `80%` or `0.8`; `80` alone would be either."""
    try:
        value = float(text.removesuffix("%")) / (100.0 if text.endswith("%") else 1.0)
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 1.0:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a share such as 80% or 0.8")
    return value


# ---- commands that need no gateway -----------------------------------------------------------------------------------


def _check(options: argparse.Namespace) -> int:
    from heg.runtime.secrets import missing_secrets

    drivers = _drivers()
    try:
        loaded = _load(options.config, drivers)
    except CommandError as error:
        if not options.json:
            raise
        print(json.dumps({"good": False, "faults": str(error).splitlines()}))
        return error.code
    faults = [text for section in loaded.drivers.values() for text in missing_secrets(section)]
    if options.json:
        print(json.dumps({"good": not faults, "faults": faults, "drivers": sorted(loaded.drivers)}))
    elif not faults:
        print(f"{options.config}: good; drivers: {', '.join(sorted(loaded.drivers)) or 'none'}")
        if loaded.unit.contract is None:
            print(f"{options.config}: [contract] is not there: the house is measured and nothing is commanded")
    if faults and not options.json:
        raise CommandError(BAD_CONFIG, "\n".join(faults))
    return BAD_CONFIG if faults else DONE


def _run(options: argparse.Namespace) -> int:
    from heg.runtime import logs
    from heg.runtime.loops import run
    from heg.runtime.notify import ServiceManager
    from heg.runtime.statedir import StateDir, StateDirError

    drivers = _drivers()
    loaded = _load(options.config, drivers)
    timing = _timing(loaded)
    log = loaded.unit.log
    logs.configure(log.level, "json" if log.format == "json" else "text")
    try:
        state = StateDir.open(Path(loaded.unit.unit.state_dir))
    except StateDirError as error:
        raise CommandError(FAILED, f"{loaded.path.name}: [unit] state_dir: {error}") from error
    with state:
        from heg.unit import Site

        service_manager = ServiceManager.from_environment(os.environ)
        site = Site(state.path, drivers.specs, service_manager, on_page=lambda address: print(address, flush=True))
        return run(lambda clock: _until_signalled(loaded, clock, site), timing=timing)


def _import(options: argparse.Namespace) -> int:
    from heg.runtime.loops import run
    from heg.runtime.statedir import StateDir, StateDirError
    from heg.services.past import PastError

    loaded = _load(options.config, _drivers())
    try:
        with StateDir.open(Path(loaded.unit.unit.state_dir)) as state:
            return run(lambda clock: _bring(loaded, clock, state.path, options.file), timing=_timing(loaded))
    except StateDirError as error:
        raise CommandError(FAILED, f"{loaded.path.name}: [unit] state_dir: {error}") from error
    except (PastError, OSError, UnicodeDecodeError) as error:
        raise CommandError(FAILED, f"{options.file}: {error}") from error


async def _bring(loaded: LoadedConfig, clock: Clock, state_dir: Path, file: Path) -> int:
    from heg.services.past import bring_past, read_past
    from heg.unit import store_of

    slot_minutes, unit = loaded.unit.planning.slot_minutes, loaded.unit.unit.id
    with file.open(newline="", encoding="utf-8") as lines:
        past = read_past(lines, slot_minutes, clock.utc())
    async with store_of(loaded, clock, state_dir) as door:
        brought = await bring_past(door, unit, past, slot_minutes)
    span = f" from {brought.first:%Y-%m-%d %H:%M} to {brought.last:%Y-%m-%d %H:%M} UTC" if brought.last else ""
    rest = f"{brought.known} known before, {brought.gaps} empty"
    print(f"{brought.written} slots of {slot_minutes} min written{span}; {rest}")
    return DONE


async def _until_signalled(loaded: LoadedConfig, clock: Clock, site: Site) -> int:
    from heg.runtime import logs
    from heg.unit import Unit

    log = loaded.unit.log
    logs.configure(log.level, "json" if log.format == "json" else "text", utc=clock.utc)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return DONE if await Unit(loaded, clock, site).run(stop) else FAILED


def _timing(loaded: LoadedConfig) -> Timing:
    from heg.config.checks import house_utc
    from heg.runtime.loops import RealTiming, ScaledTiming

    clock = loaded.unit.clock
    if clock is None or (began := house_utc(clock)) is None:
        return RealTiming()
    timing = ScaledTiming(clock.speed, began, clock.real_epoch_s)
    try:
        believable = 2000 <= timing.house_now().year < 2200
    except OverflowError:
        believable = False
    if not believable:
        where = f"{loaded.path.name}: [clock] real_epoch_s = {clock.real_epoch_s:.0f}"
        expected = "the seconds since 1970 at which house_utc stood; the house's time by now lies outside 2000 to 2200"
        raise CommandError(BAD_CONFIG, f"{where}: expected {expected}")
    return timing


def _drivers() -> InstalledDrivers:
    from heg.devices.installed import installed_drivers

    return installed_drivers()


def _load(path: Path, drivers: InstalledDrivers) -> LoadedConfig:
    from heg.config.reader import ConfigError, load

    try:
        return load(path, drivers.config_types())
    except ConfigError as error:
        # A driver that cannot be imported makes its own section unknown: its fault explains more than the file's.
        why = [text for name, text in drivers.faults.items() if f"[{name}]" in str(error)]
        raise CommandError(BAD_CONFIG, "\n".join((str(error), *why))) from error


# ---- commands that ask the running gateway ---------------------------------------------------------------------------


def _devices(options: argparse.Namespace) -> int:
    def asked(client: GatewayClient) -> int:
        if options.json:
            return _put(client.read("/api/v1/devices"))
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
        print(_table([head, *rows]) if rows else "no devices yet: the gateway is still looking")
        return DONE

    return _ask(options, asked)


def _status(options: argparse.Namespace) -> int:
    def asked(client: GatewayClient) -> int:
        state, body = client.state()
        if options.json:
            _put(body)
        else:
            print("\n".join(_status_lines(state)))
        return DONE if state.healthy else FAILED

    return _ask(options, asked)


def _try(options: argparse.Namespace) -> int:
    from heg.model.timings import Timings

    cycle_s = _load(options.config, _drivers()).unit.control.cycle_s
    limit_s = Timings.for_cycle(cycle_s).step_test_s + _ANSWER_ON_ITS_WAY_S

    def asked(client: GatewayClient) -> int:
        arguments = {"device": options.device, "power_kw": options.power_kw}
        answer, body = client.order("try", arguments, timeout_s=limit_s)
        if options.json:
            _put(body)
        else:
            print(f"{options.device}: {answer.outcome}: {answer.text or answer.refusal or ''}")
            for name, value in (answer.detail or {}).items():
                print(f"  {name}: {value}")
        return DONE if answer.outcome == "done" else FAILED

    return _ask(options, asked)


def _plug_in(options: argparse.Namespace) -> int:
    order: dict[str, object] = {"charger": options.charger}
    if options.departure is not None:
        order["departure_utc" if "T" in options.departure else "departure"] = options.departure
    for name in ("target", "soc", "capacity_kwh"):
        if (value := getattr(options, name)) is not None:
            order[name] = value
    if options.forget:
        order["forget"] = True

    def asked(client: GatewayClient) -> int:
        answer, body = client.order("plug-in", order, timeout_s=_ANSWER_ON_ITS_WAY_S)
        if options.json:
            _put(body)
        else:
            print(f"{answer.outcome}: {answer.text or answer.refusal or ''}")
        return FAILED if answer.outcome == "refused" else DONE

    return _ask(options, asked)


def _ask(options: argparse.Namespace, asked: Callable[[GatewayClient], int]) -> int:
    from heg.web.client import GatewayClient, GatewayError

    web = _load(options.config, _drivers()).unit.web
    try:
        return asked(GatewayClient(web.host, web.port))
    except GatewayError as error:
        raise CommandError(UNREACHABLE, str(error)) from error


def _status_lines(state: State) -> Iterable[str]:
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
        yield from _plan_lines(state.plan)
    for alarm in state.alarms:
        yield f"{alarm.severity}: {alarm.place}: {alarm.text}" + (f"; {alarm.mend}" if alarm.mend else "")


def _car_line(car: VehicleNow) -> str:
    if car.soc is None:
        full = "how full its car is was not said (heg plug-in)"
    else:
        full = f"car {100 * car.soc:.0f} % full, give or take {100 * car.soc_uncertainty:.0f}"
    target = "" if car.target_soc is None else f"; to {100 * car.target_soc:.0f} %"
    return f"{car.charger}: {full}{target}{f' by {car.departure_utc}' if car.departure_utc else ''}"


def _plan_lines(plan: PlanNow) -> Iterable[str]:
    what = plan.storage or plan.vehicle
    then = "" if what is None or what.next is None else f"; {what.next.regime} from {what.next.at_utc}"
    now = "" if what is None else f": {what.regime}{then}"
    yield f"plan {plan.status}, {plan.age_s} s old{now}; energy costs {plan.prices.import_now:.3f} EUR/kWh"
    if plan.lacks:
        yield "planned without: " + " ".join(f"{lack.code}: {lack.text}" for lack in plan.lacks)


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _put(body: bytes) -> int:
    print(body.decode())
    return DONE
