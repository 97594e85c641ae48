"""The demo, `./dev run`: a house and its gateway on one machine, faster than time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from heg.runtime.clock import Clock
from heg.runtime.loops import ScaledTiming, run
from hil.demo_house import DISHES_AFTER_MEALS, demo_sections, demo_tables
from hil.desk import Desk, status_line
from hil.gateway_process import GatewayProcess, ProcessPlan, StartError, fresh_folder, port_of_the_page
from hil.house.house import Weather
from hil.plan import rig_plan
from hil.replay.recording import write_past
from hil.replay.weather import Replay
from hil.resident import Dishes, Resident
from hil.rig import Rig

DEFAULT_PORT = 8462
_SAY_EVERY_REAL_S = 15.0
_PAST_DAYS = 35
_CYCLE_REAL_S = 1 / 12
"""At 60 times real time a control cycle of 5 house seconds."""


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What the command line said. `port` None: the usual one, or a free one when it is taken."""

    speed: float
    start_utc: datetime
    port: int | None = None
    weather: str = "recorded"
    folder: Path | None = None
    quiet: bool = False


def work_folder(name: str) -> Path:
    """Where a gateway beside a rig keeps its files: in the checkout's .cache, otherwise in the user's state folder."""
    checkout = Path(__file__).resolve().parent.parent
    if (checkout / "pyproject.toml").is_file() and os.access(checkout, os.W_OK):
        return checkout / ".cache" / name
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(state) / "heg" / name


def demo(options: DemoOptions) -> int:
    """Run until Ctrl-C or until the gateway ends; the exit code."""
    port = port_of_the_page(options.port or DEFAULT_PORT, insist=options.port is not None)
    if options.port is None and port != DEFAULT_PORT:
        _say(f"port {DEFAULT_PORT} is in use; the page takes {port}")
    folder = fresh_folder(options.folder or work_folder(f"demo-{port}"))
    _say("house: getting its recorded load and sun ...")
    plan = rig_plan(demo_tables(options.weather), options.start_utc)
    _say(f"house: {plan.source}")
    epoch_s = time.time()
    timing = ScaledTiming(options.speed, options.start_utc, epoch_s)
    sections = {**_paced(options.speed), **demo_sections(options.speed)}
    past = _past(folder, plan.weather, options.start_utc)
    process_plan = ProcessPlan(folder, port, options.speed, options.start_utc, epoch_s, sections, past)

    async def live(clock: Clock) -> int:
        async with Rig(plan, clock) as rig, Desk(rig) as desk:
            for name, handle in rig.handles.items():
                _say(f"  {name:12} {handle.device.title:12} modbus tcp {handle.address}")
            for name, appliance in rig.appliances.items():
                _say(f"  {name:12} {appliance.settings.importance:12} upnp {appliance.address}")
            _say(f"  faults and truth at 127.0.0.1:{desk.port} (docs/maintainers/rig.md)")
            return await _beside(rig, clock, process_plan, quiet=options.quiet)

    return run(live, timing=timing)


def _past(folder: Path, weather: Weather, start_utc: datetime) -> Path | None:
    """What a gateway would know that has been in the house for weeks: forecasts stand on it."""
    if not isinstance(weather, Replay):
        return None
    path = folder / "past.csv"
    write_past(path, weather.recording, start_utc, _PAST_DAYS)
    return path


def _paced(speed: float) -> dict[str, dict[str, float]]:
    """Cycle and reading interval that leave a busy machine its real milliseconds: house seconds are short here."""
    house_s = max(1.0, speed * _CYCLE_REAL_S)
    return {"control": {"cycle_s": house_s}, "modbus": {"interval_s": house_s}}


async def _beside(rig: Rig, clock: Clock, plan: ProcessPlan, *, quiet: bool) -> int:
    """Start the gateway beside a running house and stay until one of them is to end."""
    asked = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    gateway = GatewayProcess(rig, clock, plan)
    _say(f"gateway: starting; its log is {gateway.log}")
    parts: list[asyncio.Future[Any]] = [asyncio.ensure_future(asked.wait()), asyncio.ensure_future(_started(gateway))]
    try:
        await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        if not asked.is_set():
            parts[1].result()
            _say(f"{gateway.view.address}\n")
            _say(f"House time runs {plan.speed:g} times real time. Ctrl-C stops both.")
            parts.append(asyncio.ensure_future(gateway.ended()))
            parts.append(asyncio.ensure_future(Resident(rig.charger, gateway.view, clock).live()))
            parts.append(asyncio.ensure_future(Dishes(rig.appliances["dishwasher"], DISHES_AFTER_MEALS, clock).live()))
            if not quiet:
                parts.append(asyncio.ensure_future(_narrate(rig, clock, plan.speed)))
            await asyncio.wait((parts[0], parts[2]), return_when=asyncio.FIRST_COMPLETED)
        if asked.is_set():
            _say("stopping ...")
    except StartError as error:
        _say(f"hil: {error}")
        return 1
    finally:
        for part in parts:
            part.cancel()
        await asyncio.gather(*parts, return_exceptions=True)
        code = await gateway.stop()
    if not asked.is_set():
        _say(f"hil: the gateway ended by itself with code {code}; its log is {gateway.log}")
        return 1
    _say("stopped")
    return 0 if code in (0, None) else 1


async def _started(gateway: GatewayProcess) -> bool:
    await gateway.start()
    return True


async def _narrate(rig: Rig, clock: Clock, speed: float) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        while True:
            await clock.sleep(_SAY_EVERY_REAL_S * speed)
            _say(status_line(rig))


def _say(text: str) -> None:
    print(text, flush=True)
