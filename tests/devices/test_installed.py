"""Drivers come by entry points; a broken one is a named fault."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points
from pathlib import Path

import msgspec

from heg.devices.contract import Driver, DriverContext, DriverSpec
from heg.devices.installed import GROUP, DriverPoint, installed_drivers, registered


class Section(msgspec.Struct, frozen=True):
    """A driver's section."""


def build(_config: Section, _context: DriverContext) -> Driver:
    raise AssertionError("nobody builds here")


DRIVER = DriverSpec("good", "a driver", Section, build)
NOT_A_DRIVER = 3


def point(name: str, value: str) -> DriverPoint:
    return DriverPoint(name, value)


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


def test_what_is_registered_here_is_what_the_standard_library_finds() -> None:
    found = {(one.name, one.value) for one in registered(sys.path)}
    assert found == {(one.name, one.value) for one in entry_points(group=GROUP)}
    assert {name for name, _ in found} >= {"modbus", "feeds", "upnp"}


def test_packages_register_in_their_own_folder_and_the_first_of_a_name_holds(tmp_path: Path) -> None:
    for place, package, text in (
        (
            "first",
            "far_driver-2.0.dist-info",
            "[heg.drivers]\n# a word\nfar = far.driver : DRIVER [extra]\n[other]\nno=x\n",
        ),
        ("first", "bare.egg-info", "[heg.drivers]\nbare=bare\n"),
        ("second", "Far_Driver-1.0.dist-info", "[heg.drivers]\nold = old:DRIVER\n"),
        ("second", "empty-1.dist-info", ""),
    ):
        (tmp_path / place / package).mkdir(parents=True)
        (tmp_path / place / package / "entry_points.txt").write_text(text)
    path = [str(tmp_path / "first"), str(tmp_path / "second"), str(tmp_path / "gone")]
    assert {one.name for one in registered(path)} == {"far", "bare"}


def test_a_point_names_a_module_or_something_in_it() -> None:
    here = __name__
    assert point("good", f"{here} : DRIVER.name [extra]").load() == "good"
    assert point("module", here).load() is sys.modules[here]


def test_a_folder_that_cannot_be_looked_into_is_passed_over(tmp_path: Path) -> None:
    info = tmp_path / "some-1.0.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_text("[heg.drivers]\nsome = some:DRIVER\n")
    assert [one.name for one in registered(["n" * 5000, str(tmp_path)])] == ["some"]
