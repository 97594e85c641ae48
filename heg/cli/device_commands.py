"""`heg device`: devices of the running gateway added, renamed, tested, removed."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING

from heg.cli.ends import DONE, FAILED
from heg.cli.remote import ask, put, remote
from heg.cli.words import say

if TYPE_CHECKING:
    from heg.cli.parser import Add
    from heg.web.client.gateway import Gateway
    from heg.web.devices import DeviceVerdict

_PATH = "/api/v1/devices"
_WITHIN_S = 200.0
"""Devices are given back, drivers restart, and what is new is waited for."""


def add_to(add: Add) -> None:
    """Add the noun with its verbs."""
    device = add.noun("device", "one device of the running gateway: add, rename, test, remove; `devices` lists them")
    _describe(_with_why(remote(device("add", _add, "look at an address from now on"))))
    rename = _with_why(remote(device("rename", _rename, "call a device otherwise; its history goes along")))
    test = remote(device("test", _test, "see that a device answers, and what"))
    gone = "take a device out; its history stays, and its name is kept for it"
    remove = _with_why(remote(device("remove", _remove, gone)))
    for command in (rename, test, remove):
        command.add_argument("device", metavar="NAME")
    rename.add_argument("name", metavar="NEW")


def _describe(command: argparse.ArgumentParser) -> None:
    command.add_argument("address", metavar="ADDRESS", help="such as 192.168.1.50, 192.168.1.50:502 or /dev/ttyUSB0")
    command.add_argument("--protocol", default="modbus", metavar="DRIVER", help="default: modbus")
    command.add_argument("--name", metavar="NAME", help="what it is to be called")
    command.add_argument("--serial", metavar="NUMBER", help="by which it is known from the first moment on")
    command.add_argument("--unit", type=int, metavar="ID", help="Modbus unit id")
    command.add_argument("--template", metavar="NAME", help="of a device without SunSpec, such as keba-p30")
    command.add_argument("--max-a", type=float, dest="max_a", metavar="A", help="what its circuit stands a phase")
    command.add_argument("--phases", type=int, metavar="N", help="how many it is wired to, 1 or 3")


def _with_why(command: argparse.ArgumentParser) -> argparse.ArgumentParser:
    command.add_argument("-m", "--message", default="", metavar="WHY", help="why, for the history")
    return command


def _add(options: argparse.Namespace) -> int:
    names = ("address", "protocol", "name", "serial", "unit", "template", "max_a", "phases", "message")
    said = {name: getattr(options, name) for name in names}
    return _send(options, _PATH, {name: value for name, value in said.items() if value is not None})


def _rename(options: argparse.Namespace) -> int:
    return _send(options, f"{_PATH}/{options.device}/rename", {"name": options.name, "message": options.message})


def _test(options: argparse.Namespace) -> int:
    return _send(options, f"{_PATH}/{options.device}/test", {})


def _remove(options: argparse.Namespace) -> int:
    return _send(options, f"{_PATH}/{options.device}/remove", {"message": options.message})


def _send(options: argparse.Namespace, path: str, body: dict[str, object]) -> int:
    def asked(gateway: Gateway) -> int:
        from heg.web.devices import DeviceVerdict

        said = gateway.post(path, DeviceVerdict, body, within_s=_WITHIN_S)
        if options.json:
            put(said.json)
        else:
            say(_words(said.message))
        return FAILED if said.message.outcome == "refused" else DONE

    return ask(options, asked)


def _words(verdict: DeviceVerdict) -> Iterable[str]:
    yield f"{verdict.outcome}: {verdict.text or verdict.refusal or ''}"
    for fault in verdict.faults:
        yield f"  {fault.where}{f' = {fault.came}' if fault.came else ''}: expected {fault.expected}"
    for name, value in verdict.values.items():
        yield f"  {name}: {value}"
