"""Commands on the unit itself, with no gateway running beside them: check, run, import."""

from __future__ import annotations

import gc
import json
import mimetypes
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from heg.cli.common import drivers, load_config, with_config, with_json
from heg.cli.ends import BAD_CONFIG, DONE, FAILED, CommandError

if TYPE_CHECKING:
    import argparse

    from heg.cli.parser import Add
    from heg.config.reader import LoadedConfig
    from heg.config.schema import LogSection
    from heg.runtime.clock import Clock
    from heg.runtime.loops import Timing
    from heg.unit.site import Site


def add_to(add: Add) -> None:
    """Add the commands."""
    with_config(add("run", _run, "run the gateway until it is told to stop (SIGTERM, Ctrl-C)"))
    with_json(with_config(add("check", _check, "read the configuration and name all that is wrong with it")))
    past = add(
        "import", _import, "bring the house's past from a CSV file, for forecasts; the gateway must not be running"
    )
    with_config(past).add_argument(
        "file", type=Path, help="columns time_utc, demand_kw, perhaps production_kw; mean kW of each slot"
    )


def _check(options: argparse.Namespace) -> int:
    from heg.runtime.secrets import missing_secrets

    installed = drivers()
    try:
        loaded = load_config(options.config, installed)
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
            print(f"{options.config}: [contract] is not there: the house is measured, no power is steered")
    if faults and not options.json:
        raise CommandError(BAD_CONFIG, "\n".join(faults))
    return BAD_CONFIG if faults else DONE


def _run(options: argparse.Namespace) -> int:
    # The system's list of 1400 file types would be read with aiohttp, and kept: no answer of ours needs one of them.
    mimetypes.init(files=())
    from heg.runtime import logs
    from heg.runtime.loops import run
    from heg.runtime.notify import ServiceManager
    from heg.runtime.statedir import StateDir, StateDirError

    installed = drivers()
    loaded = load_config(options.config, installed, or_last=True)
    timing = timing_of(loaded)
    log = loaded.unit.log
    logs.configure(log.level, "json" if log.format == "json" else "text")
    try:
        state = StateDir.open(Path(loaded.unit.unit.state_dir))
    except StateDirError as error:
        raise CommandError(FAILED, f"{loaded.path.name}: [unit] state_dir: {error}") from error
    with state:
        from heg.unit.site import Site

        service_manager = ServiceManager.from_environment(os.environ)

        def site_of(clock: Clock) -> Site:
            return Site(
                state.path,
                installed.specs,
                service_manager,
                on_page=lambda address: print(address, flush=True),
                on_log=lambda section: _log_as(section, clock),
            )

        return run(lambda clock: _until_signalled(loaded, clock, site_of(clock)), timing=timing)


def _import(options: argparse.Namespace) -> int:
    from heg.runtime.loops import run
    from heg.runtime.statedir import StateDir, StateDirError
    from heg.services.past import PastError

    loaded = load_config(options.config, drivers())
    try:
        with StateDir.open(Path(loaded.unit.unit.state_dir)) as state:
            return run(lambda clock: _bring(loaded, clock, state.path, options.file), timing=timing_of(loaded))
    except StateDirError as error:
        raise CommandError(FAILED, f"{loaded.path.name}: [unit] state_dir: {error}") from error
    except (PastError, OSError, UnicodeDecodeError) as error:
        raise CommandError(FAILED, f"{options.file}: {error}") from error


async def _bring(loaded: LoadedConfig, clock: Clock, state_dir: Path, file: Path) -> int:
    from heg.services.past import bring_past, read_past
    from heg.unit.unit import store_of

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
    import asyncio

    from heg.unit.unit import Unit

    _log_as(loaded.unit.log, clock)
    stop = asyncio.Event()
    unit = Unit(loaded, clock, site)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, unit.configuration.look)
    settled = loop.call_later(_SETTLED_S, _keep_what_is_loaded)
    try:
        return DONE if await unit.run(stop) else FAILED
    finally:
        settled.cancel()


_SETTLED_S = 30.0
"""Seconds after which everything that a gateway needs is loaded."""


def _keep_what_is_loaded() -> None:
    """Leave what is loaded out of every later collection: a full one over all of it holds control up by 40 ms."""
    gc.collect()
    gc.freeze()


def _log_as(section: LogSection, clock: Clock) -> None:
    from heg.runtime import logs

    logs.configure(section.level, "json" if section.format == "json" else "text", utc=clock.utc)


def timing_of(loaded: LoadedConfig) -> Timing:
    """Return how the house's time follows real time. Raises `CommandError`."""
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
