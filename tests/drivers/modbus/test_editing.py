"""How devices are written into `[modbus]` and taken out again."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from drivers.modbus import DRIVER
from drivers.modbus.editing import EDITOR
from heg.config.plainly import made
from heg.devices.contract import NewDevice
from heg.model.edits import Edit

SECTION = """
hosts = ["10.0.0.1", "10.0.0.2:1502", "192.168.7.0/24"]
connection_point = "meter"
[[serial]]
port = "/dev/ttyUSB0"
units = [1, 2]
[[device]]
template = "keba-p30"
host = "10.0.0.9"
"""


def after(*edits: Edit, text: str = SECTION) -> dict[str, Any]:
    raw: dict[str, Any] = tomllib.loads(text)
    for edit in edits:
        raw = made(raw, edit)
    return raw


def add(address: str, text: str = SECTION, **settings: object) -> dict[str, Any]:
    return after(*EDITOR.add(tomllib.loads(text), NewDevice(address, settings)), text=text)


def test_an_address_is_looked_at_and_a_unit_too() -> None:
    assert add("10.0.0.5")["hosts"][-1] == "10.0.0.5"
    assert add("10.0.0.5", unit=3)["units"] == [1, 3]
    assert add("10.0.0.1", unit=3) == {**tomllib.loads(SECTION), "units": [1, 3]}
    assert add("10.0.0.5", text="") == {"hosts": ["10.0.0.5"]}


def test_a_device_of_a_template_and_one_on_a_line() -> None:
    assert add("10.0.0.5", template="keba-p30", max_a=16.0)["device"][-1] == {
        "host": "10.0.0.5",
        "template": "keba-p30",
        "max_a": 16.0,
    }
    assert add("/dev/ttyUSB1", unit=4)["serial"][-1] == {"port": "/dev/ttyUSB1", "units": [4]}
    assert add("/dev/ttyUSB0", unit=4)["serial"] == [{"port": "/dev/ttyUSB0", "units": [1, 2, 4]}]


@pytest.mark.parametrize(
    ("address", "settings", "expected"),
    [
        ("10.0.0.1", {}, "an address of its own"),
        ("192.168.7.9", {}, "an address of its own"),
        ("10.0.0.9", {"template": "keba-p30"}, "an address of its own"),
        ("10.0.0.0/24", {}, "one address"),
        ("ten dot one", {}, "address"),
        ("10.0.0.5", {"template": "kebab"}, "template as one of"),
        ("10.0.0.5", {"unit": 300}, "unit id from 0 to 255"),
        ("10.0.0.5", {"unit": True}, "unit id from 0 to 255"),
        ("10.0.0.5", {"password": "x"}, "any of unit"),
        ("/dev/ttyUSB0", {"unit": 2}, "a unit of its own"),
    ],
)
def test_what_cannot_be_added_is_refused_in_words(address: str, settings: dict[str, object], expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        EDITOR.add(tomllib.loads(SECTION), NewDevice(address, settings))


def test_what_is_named_alone_is_taken_out_again() -> None:
    raw = tomllib.loads(SECTION)
    assert after(*EDITOR.remove(raw, "10.0.0.2:1502/1"))["hosts"] == ["10.0.0.1", "192.168.7.0/24"]
    assert "device" not in after(*EDITOR.remove(raw, "10.0.0.9:502/255"))
    assert "serial" not in after(*EDITOR.remove(raw, "/dev/ttyUSB0/2"))
    assert EDITOR.remove(raw, "192.168.7.33:502/1") == (), "a whole network is looked at"


def test_the_connection_point_goes_by_the_new_name() -> None:
    raw = tomllib.loads(SECTION)
    assert after(*EDITOR.rename(raw, "meter", "zaehler"))["connection_point"] == "zaehler"
    assert EDITOR.rename(raw, "battery", "akku") == ()


def test_the_driver_offers_it() -> None:
    assert DRIVER.editor is EDITOR
