"""`python -m hil`: the house alone, a scenario, or the demo."""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from heg.runtime.clock import Clock
from heg.runtime.loops import ScaledTiming, run
from hil.desk import Desk, status
from hil.plan import GOOD_DAY_UTC, PlanError, rig_plan
from hil.rig import Rig


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; the exit code is 0 when all went well, 1 when not, 2 when the command is not understood."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        return int(options.act(options))
    except (PlanError, OSError) as error:
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
    house.add_argument("--weather", choices=("recorded", "generated", "constant"), default="recorded")
    house.add_argument("--status-every", type=float, default=10.0, help="real seconds between status lines")
    house.set_defaults(act=_house)
    return parser


def _house(options: argparse.Namespace) -> int:
    measurement = 701 if options.battery == "704" else 103
    tables = {
        "weather": {"kind": options.weather},
        "devices": {
            "meter": {"kind": "meter", "variant": options.meter},
            "pv": {"kind": "pv", "variant": options.pv},
            "battery": {"kind": "storage", "variant": options.battery, "measurement": measurement},
        },
        "buses": {name: {"kind": "tcp", "port": port} for name, port in options.ports.items()},
    }
    plan = rig_plan(tables, options.start)
    epoch_s = time.time() if options.real_epoch is None else options.real_epoch
    timing = ScaledTiming(options.speed, options.start, epoch_s)

    async def live(clock: Clock) -> None:
        async with Rig(plan, clock) as rig, Desk(rig, port=options.desk_port) as desk:
            print(f"house: {plan.source}", flush=True)
            for name, handle in rig.handles.items():
                print(f"{name}: modbus tcp {handle.address} unit {handle.unit_id}", flush=True)
            print(f"desk: 127.0.0.1:{desk.port}", flush=True)
            while True:
                await clock.sleep(options.status_every * options.speed)
                _say(rig)

    run(live, timing=timing)
    return 0


def _say(rig: Rig) -> None:
    now = status(rig)
    soc = ", ".join(f"{name} {100 * share:.1f} %" for name, share in now["soc"].items())
    print(
        f"{now['house_utc']}  load {now['load_kw']:6.3f}  pv {now['production_kw']:6.3f}  "
        f"storage {now['storage_kw']:+7.3f}  grid {now['grid_kw']:+7.3f} kW  {soc}",
        flush=True,
    )


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
