"""Commands of the data interface: variables, latest, history, watch."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from heg.cli.ends import UNREACHABLE, CommandError
from heg.cli.past_commands import span_of, with_span
from heg.cli.remote import ask, put, remote, shown
from heg.cli.words import in_columns, number, say

if TYPE_CHECKING:
    import argparse

    from heg.cli.house import House
    from heg.cli.parser import Add
    from heg.web.client.gateway import Gateway, Said
    from heg.web.messages import Message
    from heg.web.state_messages import State
    from heg.web.value_messages import NewestValue, NewestValues, Variables

    _M = TypeVar("_M", bound=Message)

_RESOLUTIONS = ("raw", "1min", "15min", "1h", "1d")


def add_to(add: Add) -> None:
    """Add the commands."""
    remote(add("watch", _watch, "the house as it changes; with a variable: its new values as they come")).add_argument(
        "variable", nargs="?", help="such as power.active; without: the whole house"
    )
    _with_place(remote(add("latest", _latest, "the newest value of each series")), "*")
    _add_history(add)
    remote(add("variables", _variables, "the catalogue: what can be measured, forecast, planned and commanded"))


def _with_place(command: argparse.ArgumentParser, default: str) -> None:
    command.add_argument("variable", nargs="?", default=default, help="such as power.active; default: all")
    command.add_argument("device", nargs="?", default=default, help="such as battery")
    command.add_argument("part", nargs="?", default=default, help="such as l1")


def _add_history(add: Add) -> None:
    text = "rows of one series; over any span, page by page"
    example = "such as: heg history soc battery --from 7d --resolution 1h --csv -o week.csv"
    history = remote(add("history", _history, text, epilog=example))
    history.add_argument("variable", help="such as power.active (heg variables)")
    history.add_argument("device", nargs="?", default="", help="such as battery; default: the unit itself")
    history.add_argument("part", nargs="?", default="", help="such as l1")
    with_span(history, "the last 48 hours")
    history.add_argument("--resolution", choices=_RESOLUTIONS, default="1min", help="default: 1min")
    history.add_argument("--csv", action="store_true", help="CSV in place of a table")
    history.add_argument("-o", "--output", type=Path, metavar="FILE", help="into a file, with progress on a terminal")
    history.add_argument("--cursor", metavar="CURSOR", help="go on where a download broke off: adds to FILE")


def _variables(options: argparse.Namespace) -> int:
    from heg.web.value_messages import Variables

    return shown(options, "/api/v1/variables", Variables, lambda told, _house: _variable_lines(told))


def _variable_lines(told: Variables) -> Iterable[str]:
    rows = ((one.id, str(one.kind), one.unit or "-", one.description) for one in told.variables)
    return in_columns(("VARIABLE", "KIND", "UNIT", "WHAT IT IS"), rows, "none")


def _latest(options: argparse.Namespace) -> int:
    from heg.web.value_messages import NewestValues

    place = {"variable": options.variable, "device": options.device, "part": options.part}
    return shown(options, "/api/v1/latest", NewestValues, _newest_lines, **place)


def _newest_lines(told: NewestValues, house: House) -> Iterable[str]:
    rows = (
        (one.variable, one.device, one.part, in_a_cell(one.value), one.unit, str(one.quality), house.local(one.time))
        for one in told.values
    )
    return in_columns(("VARIABLE", "DEVICE", "PART", "VALUE", "UNIT", "QUALITY", "AT"), rows, "no values yet")


def in_a_cell(value: object) -> str:
    """Return a value of any kind in the width of a cell; --json has it whole."""
    if isinstance(value, float) and not isinstance(value, bool):
        return number(value)
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _history(options: argparse.Namespace) -> int:
    from heg.cli.history_download import Series, download
    from heg.cli.house import House

    def asked(gateway: Gateway) -> int:
        house = House(gateway)
        place = {"variable": options.variable, "device": options.device, "part": options.part}
        query = {**place, **span_of(options, house), "resolution": options.resolution}
        shape = "json" if options.json else "csv" if options.csv else "table"
        return download(gateway, Series(query, shape, options.output, options.cursor), house)

    return ask(options, asked)


def _watch(options: argparse.Namespace) -> int:
    def asked(gateway: Gateway) -> int:
        house = House(gateway)
        if options.variable is None:
            _follow(gateway.events("/api/v1/events", State), _picture, house, as_json=options.json)
        else:
            told = gateway.events("/api/v1/latest/events", NewestValue, variable=options.variable)
            _follow(told, _instance, house, as_json=options.json)
        raise CommandError(UNREACHABLE, "the gateway ended the stream: it stops, or this login is over")

    from heg.cli.house import House
    from heg.web.state_messages import State
    from heg.web.value_messages import NewestValue

    return ask(options, asked)


def _follow(told: Iterable[Said[_M]], tell: Callable[[_M, House], str], house: House, *, as_json: bool) -> None:
    for one in told:
        if as_json:
            put(one.json)
        else:
            say([tell(one.message, house)])
        sys.stdout.flush()


def _picture(state: State, house: House) -> str:
    power = state.power
    named = (("grid", power.grid_kw), ("house", power.house_kw), ("pv", power.pv_kw), ("battery", power.battery_kw))
    kws = "  ".join(
        f"{name} {'?' if one.value is None else f'{one.value:+.2f}'}" for name, one in named if one is not None
    )
    return f"{house.local(state.time.utc)}  {kws} kW  {'' if state.healthy else 'NOT GOOD'}".rstrip()


def _instance(one: NewestValue, house: House) -> str:
    place = "/".join(name for name in (one.device, one.part) if name) or "-"
    return f"{house.local(one.time)}  {one.variable}  {place}  {in_a_cell(one.value)} {one.unit}  {one.quality}"
