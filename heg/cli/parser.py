"""The commands of `heg`, and what each module of them is handed to add its own."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

import heg
from heg.cli.ends import EXIT_CODES
from heg.cli.remote import add_host

if TYPE_CHECKING:
    _Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - its only name

_ABOUT = "Home energy gateway: measures a house, decides with its owner, and acts."
_MODULES: dict[str, dict[str, tuple[str, ...]]] = {
    "see what the house does": {"gateway": ("status", "devices", "appliances", "leases", "alarms", "health")},
    "look at values, live and past": {
        "value": ("watch", "latest", "variables", "history"),
        "past": ("energy", "savings"),
    },
    "have something done": {
        "order": ("hands-off", "manual", "plug-in", "standby", "reduce", "switch", "scan", "try"),
        "cycle": ("cycle",),
    },
    "plans and studies": {"plan": ("plan", "week"), "forecast": ("forecast",), "studies": ("backtest", "size")},
    "people and programs": {
        "login": ("login", "logout", "whoami", "password", "claim"),
        "people": ("users", "tokens"),
    },
    "what others see, and what is kept": {
        "rights": ("envelope", "evidence", "policies", "contracts"),
        "personal": ("export", "erase"),
    },
    "set it up": {"config": ("config",), "device": ("device",)},
    "on the gateway's own machine": {
        "unit": ("run", "check", "import"),
        "socket": ("sockets", "device-nodes"),
        "accounts": ("claim-code", "accounts", "audit"),
        "certificate": ("fingerprint", "certificate"),
    },
    "for programs and shells": {"api": ("api", "openapi", "metrics", "completion")},
}
"""Under which heading the help lists commands (what people want to do), and which `heg.cli.NAME_commands` has them."""


class Add:
    """Adds commands under one heading of the help."""

    def __init__(self, commands: _Commands) -> None:
        self._commands = commands
        self.listed: list[tuple[str, str]] = []

    def __call__(
        self, name: str, command: Callable[[argparse.Namespace], int], text: str, *, epilog: str | None = None
    ) -> argparse.ArgumentParser:
        """Add a command: its name, what it does, what its help says; return the parser of its options."""
        one = self._parser(name, text, epilog)
        one.set_defaults(command=command)
        return one

    def noun(self, name: str, text: str, *, epilog: str | None = None) -> Add:
        """Add a word that stands before verbs, such as `heg users list`; what is returned adds the verbs."""
        one = self._parser(name, text, epilog)
        verbs = Add(one.add_subparsers(required=True, metavar="VERB", title="verbs", help="one of these"))
        verbs._commands.help = None
        return verbs

    def _parser(self, name: str, text: str, epilog: str | None) -> argparse.ArgumentParser:
        self.listed.append((name, text))
        described = argparse.RawDescriptionHelpFormatter
        return self._commands.add_parser(name, help=text, description=text, epilog=epilog, formatter_class=described)


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands; what it parses has `command`, to be called with it."""
    return _built()[0]


def parser_for(word: str) -> argparse.ArgumentParser:
    """Return the parser of the one command of that name, or of all where none has it.

    A gateway runs for years: the other commands, 3 MiB of it, are of no use to `heg run`.
    """
    for modules in _MODULES.values():
        for module, names in modules.items():
            if word in names:
                whole, commands = _empty()
                _add(module, Add(commands))
                return whole
    return parser()


def sections() -> dict[str, list[str]]:
    """Return the names of the commands under each heading of the help."""
    return {heading: [name for name, _ in add.listed] for heading, add in _built()[1].items()}


def _built() -> tuple[argparse.ArgumentParser, dict[str, Add]]:
    whole, commands = _empty()
    headings = {}
    for heading, modules in _MODULES.items():
        headings[heading] = add = Add(commands)
        for module in modules:
            _add(module, add)
    whole.description = f"{_ABOUT}\n\n{_listed(headings)}\n\nWhat a command takes: heg COMMAND --help"
    whole.epilog = EXIT_CODES
    return whole, headings


def _empty() -> tuple[argparse.ArgumentParser, _Commands]:
    whole = argparse.ArgumentParser(
        prog="heg",
        usage="heg [-h] [--version] [--host ADDRESS[:PORT]] COMMAND ...",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    whole.add_argument("--version", action="version", version=f"heg {heg.__version__}")
    add_host(whole)
    return whole, whole.add_subparsers(required=True, metavar="COMMAND", prog="heg", help=argparse.SUPPRESS)


def _add(module: str, add: Add) -> None:
    import_module(f"heg.cli.{module}_commands").add_to(add)


def _listed(headings: dict[str, Add]) -> str:
    width = max(len(name) for add in headings.values() for name, _ in add.listed)
    parts = []
    for heading, add in headings.items():
        lines = (f"  {name.ljust(width)}  {_first(text)}" for name, text in add.listed)
        parts.append("\n".join((f"{heading}:", *lines)))
    return "\n\n".join(parts)


def _first(text: str) -> str:
    return text.partition(";")[0]
