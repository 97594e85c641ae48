"""The commands of `heg`, and what each module of them is handed to add its own."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Protocol

import heg
from heg.cli import (
    accounts_commands,
    certificate_commands,
    cycle_commands,
    forecast_commands,
    gateway_commands,
    plan_commands,
    socket_commands,
    studies_commands,
    unit_commands,
)
from heg.cli.ends import EXIT_CODES


class Add(Protocol):
    """Adds one command: its name, what it does, what its help says."""

    def __call__(self, name: str, command: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        """Return the parser of its options."""


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands; what it parses has `command`, to be called with it."""
    whole = argparse.ArgumentParser(
        prog="heg",
        description="Home energy gateway: measures a house, decides with its owner, and acts.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    whole.add_argument("--version", action="version", version=f"heg {heg.__version__}")
    commands = whole.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=text, description=text)
        one.set_defaults(command=command)
        return one

    unit_commands.add_to(add)
    socket_commands.add_to(add)
    gateway_commands.add_to(add)
    cycle_commands.add_to(add)
    plan_commands.add_to(add)
    studies_commands.add_to(add)
    forecast_commands.add_to(add)
    accounts_commands.add_to(add)
    certificate_commands.add_to(add)
    return whole
