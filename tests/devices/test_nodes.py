"""Which kinds of serial line the service is let to: those of the configured drivers, and nothing that is none."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from heg.devices.installed import installed_drivers
from heg.devices.nodes import kinds_of, nodes_needed


@pytest.mark.parametrize(
    ("path", "kinds"),
    [
        ("/dev/ttyUSB0", ("ttyUSB",)),
        ("/dev/ttyACM12", ("ttyACM",)),
        ("/dev/ttyAMA0", ("ttyAMA",)),
        ("/dev/ttyS1", ("ttyS",)),
        ("/dev/serial/by-id/usb-FTDI_not_here-if00-port0", ("ttyACM", "ttyUSB")),
        ("/dev/heg/rs485-not-here", ("ttyACM", "ttyUSB")),
    ],
)
def test_a_serial_line_has_its_kind(path: str, kinds: tuple[str, ...]) -> None:
    assert kinds_of([path]) == (kinds, ())


@pytest.mark.parametrize(
    "path",
    [
        "/dev/mem",
        "/dev/sda",
        "/dev/null",
        "/dev/pts/3",
        "/dev/heg/../mem",
        "/dev/serial/../sda",
        "ttyUSB0",
        "/dev/ttyUSB",
    ],
)
def test_what_is_no_serial_line_is_never_let(path: str) -> None:
    assert kinds_of([path]) == ((), (path,))


def test_a_link_is_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "stick").symlink_to("/dev/ttyUSB7")
    (tmp_path / "disk").symlink_to("/dev/sda")
    assert kinds_of([str(tmp_path / "stick"), str(tmp_path / "disk")]) == (("ttyUSB",), (str(tmp_path / "disk"),))


def test_drivers_name_what_they_open() -> None:
    specs = installed_drivers().specs
    modbus, feeds = (specs[name].config_type for name in ("modbus", "feeds"))
    line = {"port": "/dev/ttyUSB0"}
    sections = {"modbus": msgspec.convert({"serial": [line, line | {"units": [2]}]}, modbus), "feeds": feeds()}
    assert nodes_needed(specs, sections) == ("/dev/ttyUSB0",)
    assert nodes_needed(specs, {"modbus": modbus()}) == ()
