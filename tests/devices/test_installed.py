"""Drivers come by entry points; a broken one is a named fault."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import msgspec

from heg.devices.contract import Driver, DriverContext, DriverSpec
from heg.devices.installed import GROUP, installed_drivers


class Section(msgspec.Struct, frozen=True):
    """A driver's section."""


def build(_config: Section, _context: DriverContext) -> Driver:
    raise AssertionError("nobody builds here")


DRIVER = DriverSpec("good", "a driver", Section, build)
NOT_A_DRIVER = 3


def point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, GROUP)


def test_a_good_driver_is_found_and_broken_ones_are_named() -> None:
    here = __name__
    found = installed_drivers(
        [
            point("good", f"{here}:DRIVER"),
            point("number", f"{here}:NOT_A_DRIVER"),
            point("renamed", f"{here}:DRIVER"),
            point("gone", "no_such_package:DRIVER"),
        ]
    )
    assert found.specs == {"good": DRIVER}
    assert found.config_types() == {"good": Section}
    assert set(found.faults) == {"number", "renamed", "gone"}
    assert "ModuleNotFoundError" in found.faults["gone"]
    assert "expected" in found.faults["number"]
