"""The command answers at once: what it does not need it does not load."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {
    "aiohttp",
    "async_upnp_client",
    "pymodbus",
    "serial",
    "zigpy",
    "bellows",
    "numpy",
    "highspy",
    "matplotlib",
    "sqlite3",
    "cryptography",
    "paho",
}


def loaded_by(module: str) -> set[str]:
    code = f"import sys, {module}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(shown.stdout.split())


@pytest.mark.parametrize(
    "module",
    [
        "heg.cli",
        "heg.model",
        "heg.config",
        "heg.data.door",
        "heg.devices.contract",
        "drivers.feeds.driver",
        "drivers.upnp",
    ],
)
def test_importing_loads_nothing_heavy(module: str) -> None:
    assert loaded_by(module) & HEAVY == set()


def test_the_gateway_itself_loads_no_cryptography() -> None:
    """10 MiB that only the process that makes certificates needs."""
    assert "aiohttp" in (loaded := loaded_by("heg.unit.unit"))
    assert "cryptography" not in loaded


@pytest.mark.parametrize(
    "unused",
    [
        "heg.web.accounts.desk",
        "heg.web.login",
        "heg.web.lan",
        "heg.web.tls.keeper",
        "statistics",
        "difflib",
        "zipfile",
        "importlib.metadata",
    ],
)
def test_a_plain_house_loads_nothing_that_it_does_not_use(unused: str) -> None:
    code = "import sys, heg.unit.unit, heg.devices.installed as i; i.installed_drivers(); print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = shown.stdout.split()
    assert "heg.web.server" in loaded
    assert unused not in loaded


def test_loading_can_be_seen() -> None:
    assert "sqlite3" in loaded_by("sqlite3")
