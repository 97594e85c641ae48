"""The command `heg-appliance`: runs the appliance, and asks a running one."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Sequence
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from appliance.config import ApplianceConfig
    from heg.runtime.clock import Clock

DEFAULT_CONFIG = "/etc/heg-appliance/appliance.toml"
DONE, FAILED, UNREACHABLE, BAD_CONFIG, INTERRUPTED = 0, 1, 69, 78, 130
_BODIES = {"logind": "this computer", "command": "behind programs", "gpio": "behind a wire"}
_NEEDED = {"logind": ("jeepney", "appliance"), "gpio": ("gpiod", "gpio")}
_ANSWER_WITHIN_S = 30.0
_LARGEST_ANSWER = 1 << 20


class CommandError(Exception):
    """Ends the command with an exit code and what a person reads."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of the console script."""
    options = _parser().parse_args(arguments)
    try:
        config = _config(Path(options.config))
        match options.command:
            case None | "run":
                return _run(config)
            case "check":
                _check(config, options)
            case command:
                _print(command, _ask(config, options), as_json=options.json)
    except CommandError as error:
        print(error, file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        return INTERRUPTED
    return DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="heg-appliance",
        description="An appliance that the energy gateway finds, commands and plans. Without a command: runs it.",
    )
    config = os.environ.get("HEG_APPLIANCE_CONFIG", DEFAULT_CONFIG)
    parser.add_argument("--config", default=config, metavar="FILE", help=f"its configuration ({config})")
    parser.add_argument("--json", action="store_true", help="answers as JSON, for programs")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=False)
    commands.add_parser("run", help="runs the appliance until it is ended")
    commands.add_parser("check", help="says whether the configuration is good, and starts nothing")
    commands.add_parser("status", help="what it does, what is registered, what waits")
    load = commands.add_parser("load", help="lets a programme wait for a good time: [cycle.NAME] of the configuration")
    load.add_argument("name", metavar="NAME")
    load.add_argument("--ready-by", default="", metavar="HH:MM", help="when it must be over")
    load.add_argument("--not-before", default="", metavar="HH:MM", help="before that it does not begin")
    commands.add_parser("unload", help="takes back the programme that waits")
    commands.add_parser("start", help="begins the programme that waits now, whatever the gateway would like")
    commands.add_parser("gateway", help="finds the energy gateway")
    wake = commands.add_parser("wake-me", help="asks the gateway to wake it at that time")
    wake.add_argument("at", metavar="HH:MM:SS")
    keep = commands.add_parser("keep-awake", help="asks the gateway not to put it to sleep between two times")
    keep.add_argument("start", metavar="HH:MM:SS")
    keep.add_argument("stop", metavar="HH:MM:SS")
    commands.add_parser("asked", help="what it asked of the gateway and still stands, by number")
    withdraw = commands.add_parser("withdraw", help="takes back what it asked of the gateway")
    withdraw.add_argument("id", metavar="NUMBER")
    return parser


def _config(path: Path) -> ApplianceConfig:
    from appliance.config_file import ConfigError, load

    try:
        return load(path)
    except ConfigError as error:
        raise CommandError(BAD_CONFIG, str(error)) from error


def _check(config: ApplianceConfig, options: argparse.Namespace) -> None:
    faults = [f"{program}: expected a program that can be run" for program in config.programs() if not _runs(program)]
    if (lacking := _lacking(config)) is not None:
        faults.append(lacking)
    if faults:
        raise CommandError(BAD_CONFIG, "\n".join(f"{options.config}: {fault}" for fault in faults))
    body = next(text for name, text in _BODIES.items() if getattr(config, name) is not None)
    if options.json:
        print(json.dumps({"name": config.appliance.name, "body": body}))
    else:
        print(f"{options.config}: good; {config.appliance.name}, {body}")


def _runs(program: str) -> bool:
    return Path(program).is_file() and os.access(program, os.X_OK)


def _lacking(config: ApplianceConfig) -> str | None:
    """Say which package it needs and this Python lacks."""
    for section, (package, extra) in _NEEDED.items():
        if getattr(config, section) is not None and find_spec(package) is None:
            return f"[{section}] needs the Python package {package}: {sys.executable} -m pip install '.[{extra}]'"
    return None


def _run(config: ApplianceConfig) -> int:
    import asyncio

    from appliance.keeping import KeepError
    from appliance.program import Program
    from heg.runtime.logs import configure
    from heg.runtime.loops import RealTiming, run
    from heg.runtime.notify import ServiceManager

    configure(config.log, "text")
    if (lacking := _lacking(config)) is not None:
        raise CommandError(FAILED, lacking)

    async def work(clock: Clock) -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await Program(config, clock, ServiceManager.from_environment(os.environ)).run(stop)

    try:
        run(work, timing=RealTiming())
    except (KeepError, OSError) as error:
        raise CommandError(FAILED, str(error)) from error
    return DONE


def _ask(config: ApplianceConfig, options: argparse.Namespace) -> dict[str, Any]:
    asked = {
        key: value for key, value in vars(options).items() if key not in ("command", "config", "json") and value != ""
    }
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(_ANSWER_WITHIN_S)
            line.connect(config.socket)
            line.sendall(json.dumps({"do": options.command, **asked}).encode() + b"\n")
            answer = json.loads(_line(line))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error) or "no answer"
        text = f"{config.socket}: no appliance answers ({why}); is it running? systemctl status heg-appliance"
        raise CommandError(UNREACHABLE, text) from error
    if "error" in answer:
        raise CommandError(FAILED, str(answer["error"]["text"]))
    found: dict[str, Any] = answer["ok"]
    return found


def _line(line: socket.socket) -> bytes:
    received = bytearray()
    while not received.endswith(b"\n") and len(received) < _LARGEST_ANSWER:
        if not (data := line.recv(65_536)):
            raise ConnectionResetError("the answer broke off")
        received += data
    return bytes(received)


def _print(command: str, answer: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(answer))
        return
    match command:
        case "status":
            _print_status(answer)
        case "load":
            by = f", over by {_local(answer['latest'], answer['zone'])}" if answer["latest"] else ""
            print(f"{answer['name']}: {answer['minutes']} minutes, waiting for a good time{by}")
        case "gateway":
            print(f"the energy gateway is at {answer['address']} ({answer['uuid']})")
        case "wake-me" | "keep-awake":
            number = answer.get("RegID", "?")
            print(f"registered as number {number}; take it back: heg-appliance withdraw {number}")
        case "asked":
            numbers = ", ".join(answer["numbers"])
            print(f"registered with the gateway: {numbers}" if numbers else "nothing is registered with the gateway")
        case _:
            print("done")


def _print_status(answer: dict[str, Any]) -> None:
    zone = answer["zone"]
    where = answer["location"] or "nowhere: the machine has no address"
    print(f"{answer['name']}: {answer['state']}")
    print(f"  found at        {where}")
    print(f"  known as        uuid:{answer['uuid']}")
    print(f"  listeners       {answer['subscribers']}; gateways {', '.join(answer['gateways']) or 'none heard'}")
    refused = ", ".join(f"{code}: {count}" for code, count in sorted(answer["refused"].items()))
    print(f"  orders          {answer['executed']} carried out; refused {refused or 'none'}")
    for period in answer["periods"]:
        state = period["state"].replace("_", " ")
        span = f"{_local(period['start'], zone)} to {_local(period['stop'], zone)}"
        print(f"  standby {period['id']:>5}   {span}, {state}, asked by {period['owner']}")
    if (cycle := answer["cycle"]) is not None:
        end = cycle["end"] or cycle["latest"]
        until = f", over by {_local(end, zone)}" if end else ""
        print(f"  cycle           {cycle['name']}, {cycle['minutes']} minutes, {cycle['state']}{until}")


def _local(text: str, zone: str | None = None) -> str:
    moment = datetime.fromisoformat(text)
    with contextlib.suppress(KeyError, ValueError, OSError):
        moment = moment.astimezone(ZoneInfo(zone) if zone else None)
    return f"{moment:%a %H:%M}"
