"""`python -m hil`: the house alone, a scenario, or the demo."""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from heg.runtime.clock import Clock
from heg.runtime.loops import ScaledTiming, run
from hil.appliances.farm import MOST
from hil.demo import DemoOptions, demo, work_folder
from hil.desk import Desk, status_line
from hil.faults import FaultError
from hil.gateway_process import GatewayProcess, ProcessPlan, StartError, fresh_folder
from hil.plan import GOOD_DAY_UTC, PlanError, rig_plan
from hil.ports import free_port
from hil.rig import Rig
from hil.scenario import Scenario, load, perform

_LAMP = {"importance": "optional", "draws": {"rated_kw": 0.02, "initially": "on"}}


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; the exit code is 0 when all went well, 1 when not, 2 when the command is not understood."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        return int(options.act(options))
    except (PlanError, FaultError, StartError, OSError) as error:
        print(f"hil: {error}")
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m hil", description="The rig: a simulated house on real Modbus.")
    commands = parser.add_subparsers(required=True)
    house = commands.add_parser("house", help="run the house alone, until Ctrl-C")
    house.add_argument("--speed", type=float, default=1.0, help="house seconds per real second (default 1)")
    house.add_argument("--start", type=_utc, default=GOOD_DAY_UTC, help="house time to begin at, UTC")
    house.add_argument("--real-epoch", type=float, default=None, help="real UTC seconds at which house time began")
    house.add_argument("--ports", type=_ports, default={}, help="fixed ports, such as meter=1502,pv=1503,battery=1504")
    house.add_argument("--desk-port", type=int, default=0, help="port of the status and fault desk")
    house.add_argument("--battery", choices=("704", "124"), default="704", help="breed of the battery inverter")
    house.add_argument("--pv", default="103", help="model of the PV inverter: 101 to 103, 111 to 113, 701")
    house.add_argument("--meter", default="203", help="model of the meter: 201 to 204, 211 to 214")
    house.add_argument(
        "--appliances", type=int, default=0, help=f"so many appliances over UPnP besides, at most {MOST}"
    )
    house.add_argument("--weather", choices=("recorded", "generated", "constant"), default="recorded")
    house.add_argument("--status-every", type=float, default=10.0, help="real seconds between status lines")
    house.set_defaults(act=_house)
    scenario = commands.add_parser("run", help="play scenarios and judge them")
    scenario.add_argument("scenario", nargs="+", help="a file, or the name of one of the rig's own")
    scenario.add_argument("--speed", type=float, default=None, help="house seconds per real second (default its own)")
    scenario.add_argument("--offline", action="store_true", help="do not fetch a recorded home")
    scenario.set_defaults(act=_run)
    both = commands.add_parser("demo", help="a house and its gateway, until Ctrl-C")
    both.add_argument("--speed", type=float, default=60.0, help="house seconds per real second (default 60)")
    both.add_argument("--start", type=_utc, default=GOOD_DAY_UTC, help="house time to begin at, UTC")
    both.add_argument("--port", type=int, default=None, help="port of the page (default 8462, or a free one)")
    both.add_argument("--weather", choices=("recorded", "generated"), default="recorded")
    both.add_argument("--folder", type=Path, default=None, help="work folder (default in the checkout's .cache)")
    both.add_argument("--quiet", action="store_true", help="no line about the house every 15 s")
    both.set_defaults(act=_demo)
    return parser


def _house(options: argparse.Namespace) -> int:
    _sane_speed(options.speed)
    measurement = 701 if options.battery == "704" else 103
    tables = {
        "weather": {"kind": options.weather},
        "devices": {
            "meter": {"kind": "meter", "variant": options.meter},
            "pv": {"kind": "pv", "variant": options.pv},
            "battery": {"kind": "storage", "variant": options.battery, "measurement": measurement},
        },
        "buses": {name: {"kind": "tcp", "port": port} for name, port in options.ports.items()},
        "appliances": {f"appliance-{number}": _LAMP for number in range(1, options.appliances + 1)},
    }
    plan = rig_plan(tables, options.start)
    epoch_s = time.time() if options.real_epoch is None else options.real_epoch
    timing = ScaledTiming(options.speed, options.start, epoch_s)

    async def live(clock: Clock) -> None:
        async with Rig(plan, clock) as rig, Desk(rig, port=options.desk_port) as desk:
            print(f"house: {plan.source}", flush=True)
            for name, handle in rig.handles.items():
                print(f"{name}: modbus tcp {handle.address} unit {handle.unit_id}", flush=True)
            for name, appliance in rig.appliances.items():
                print(f"{name}: upnp {appliance.address} uuid:{appliance.uuid}", flush=True)
            print(f"desk: 127.0.0.1:{desk.port}", flush=True)
            while True:
                await clock.sleep(options.status_every * options.speed)
                print(status_line(rig), flush=True)

    run(live, timing=timing)
    return 0


def _demo(options: argparse.Namespace) -> int:
    _sane_speed(options.speed)
    return demo(
        DemoOptions(options.speed, options.start, options.port, options.weather, options.folder, quiet=options.quiet)
    )


def _run(options: argparse.Namespace) -> int:
    failed = 0
    for named in options.scenario:
        scenario = load(_scenario_path(named), offline=options.offline)
        speed = options.speed or scenario.speed
        _sane_speed(speed)
        print(f"{scenario.name}: {scenario.tells}", flush=True)
        epoch_s = time.time()
        timing = ScaledTiming(speed, scenario.start_utc, epoch_s)
        wrong = run(partial(_perform, scenario, speed, epoch_s), timing=timing)
        failed += wrong > 0
        print(f"{scenario.name}: {f'{wrong} not as expected' if wrong else 'as expected'}", flush=True)
    return 1 if failed else 0


async def _perform(scenario: Scenario, speed: float, epoch_s: float, clock: Clock) -> int:
    """Play one scenario, with a gateway process beside it when it asks for one; how many expectations failed."""

    def told(line: str) -> None:
        print(line, flush=True)

    async with Rig(scenario.plan, clock) as rig:
        if not scenario.needs_gateway:
            return sum(not verdict.met for verdict in await perform(scenario, rig, None, told))
        port = free_port()
        folder = fresh_folder(work_folder(f"scenario-{scenario.name}"))
        plan = ProcessPlan(folder, port, speed, scenario.start_utc, epoch_s, scenario.beside)
        gateway = GatewayProcess(rig, clock, plan)
        try:
            await gateway.start()
            return sum(not verdict.met for verdict in await perform(scenario, rig, gateway.view, told, gateway))
        finally:
            await gateway.stop()


def _scenario_path(named: str) -> Path:
    path = Path(named)
    own = Path(__file__).parent / "scenarios" / f"{named}.toml"
    if path.is_file() or not own.is_file():
        return path
    return own


def _sane_speed(speed: float) -> None:
    if not 0 < speed <= 600:
        raise PlanError(f"--speed {speed:g}: expected above 0 and at most 600")


def _utc(text: str) -> datetime:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a time such as 2024-08-09T06:00:00Z") from None
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)


def _ports(text: str) -> dict[str, int]:
    ports: dict[str, int] = {}
    for part in text.split(","):
        name, _, port = part.partition("=")
        if not port.isdigit() or not 0 < int(port) < 65536:
            raise argparse.ArgumentTypeError(f"{part!r}: expected NAME=PORT, such as meter=1502")
        ports[name.strip()] = int(port)
    return ports
