"""Commands on what the machine grants the gateway: listening sockets, the firewall made from them, device nodes."""

from __future__ import annotations

import json
import sys
from itertools import chain
from typing import TYPE_CHECKING

from heg.cli.common import drivers, load_config, table, with_config, with_json
from heg.cli.ends import DONE

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from heg.cli.parser import Add
    from heg.model.sockets import OpenSocket


def add_to(add: Add) -> None:
    """Add the commands."""
    sockets = with_json(with_config(add("sockets", _sockets, "list where the gateway of a configuration listens")))
    sockets.add_argument("--nft", action="store_true", help="the firewall made from them, for nft -f")
    sockets.add_argument("--pages", action="store_true", help="what to type into a browser, one address a line")
    with_json(with_config(add("device-nodes", _device_nodes, "name the kinds of serial line that the drivers open")))


def _device_nodes(options: argparse.Namespace) -> int:
    from heg.devices.nodes import kinds_of, nodes_needed

    installed = drivers()
    paths = nodes_needed(installed.specs, load_config(options.config, installed).drivers)
    kinds, refused = kinds_of(paths)
    if options.json:
        print(json.dumps({"paths": paths, "kinds": kinds, "refused": refused}))
    else:
        for kind in kinds:
            print(kind)
    for path in refused:
        print(f"{path}: expected a serial line such as /dev/ttyUSB0: the service is not let to it", file=sys.stderr)
    return DONE


def _sockets(options: argparse.Namespace) -> int:
    from heg.config.sockets import open_sockets
    from heg.model.firewall import ruleset

    installed = drivers()
    loaded = load_config(options.config, installed)
    driven = (installed.specs[name].sockets(section) for name, section in loaded.drivers.items())
    opened = (*open_sockets(loaded.unit), *chain.from_iterable(driven))
    if options.pages:
        from heg.cli.visiting import pages

        found = pages(loaded.unit)
        print(json.dumps(found) if options.json else "\n".join(found))
    elif options.nft:
        print(ruleset(opened), end="")
    elif options.json:
        print(json.dumps([_row(one) for one in opened]))
    else:
        print("\n".join(_lines(opened)))
    return DONE


def _row(one: OpenSocket) -> dict[str, str | int]:
    what = one.listening
    return {
        "name": what.name,
        "protocol": what.protocol,
        "host": one.host,
        "port": one.port,
        "reach": what.reach,
        "key": what.key,
        "purpose": what.purpose,
    }


def _lines(opened: Sequence[OpenSocket]) -> Sequence[str]:
    head = ("NAME", "PROTOCOL", "ADDRESS", "PORT", "REACHABLE FROM", "MOVED BY", "WHAT FOR")
    rows = [
        (what.name, what.protocol, one.host, str(one.port), what.reach.value, what.key, what.purpose)
        for one in opened
        for what in (one.listening,)
    ]
    return table([head, *rows]).splitlines()
