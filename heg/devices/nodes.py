"""Which kinds of device node a configuration needs, so that the service is let to those and no others."""

import os
import re
from collections.abc import Iterable, Mapping

from heg.devices.contract import DriverSpec

_KIND = re.compile(r"/dev/(tty(?:USB|ACM|AMA|S))\d+")
_PLUGGED = re.compile(r"/dev/(?:serial|heg)/.+")
_BUILT_IN = re.compile(r"/dev/serial\d")


def nodes_needed(specs: Mapping[str, DriverSpec], sections: Mapping[str, object]) -> tuple[str, ...]:
    """Return the paths that the configured drivers open, each once."""
    paths = (path for name, section in sections.items() for path in specs[name].nodes(section))
    return tuple(dict.fromkeys(paths))


def kinds_of(paths: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the kinds, as /proc/devices names them, and the paths that are no serial line (they are never let).

    A stick that is not there yet may become either kind that sticks have; a name of ours or of udev leads to one.
    """
    kinds: set[str] = set()
    refused: list[str] = []
    for path in paths:
        found = _kinds(path)
        kinds |= found
        if not found:
            refused.append(path)
    return tuple(sorted(kinds)), tuple(refused)


def _kinds(path: str) -> frozenset[str]:
    if known := _KIND.fullmatch(os.path.realpath(path)):
        return frozenset({known[1]})
    if not os.path.lexists(path):
        if _BUILT_IN.fullmatch(path):
            return frozenset({"ttyAMA", "ttyS"})
        if _PLUGGED.fullmatch(os.path.normpath(path)):
            return frozenset({"ttyACM", "ttyUSB"})
    return frozenset()
