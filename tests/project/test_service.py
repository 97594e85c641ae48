"""The units of `systemd/`, judged by systemd itself: they parse, and what they expose is little."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from heg.model.firewall import OWNERS_RULES
from tests.support.peers import demand

UNITS = Path(__file__).parents[2] / "systemd"
SERVICES = sorted(path.name for path in UNITS.glob("*.service"))
LARGEST_EXPOSURE = 2.0


def analyze(*arguments: object) -> subprocess.CompletedProcess[str]:
    demand("systemd-analyze")
    return subprocess.run(
        ["systemd-analyze", "--no-pager", *map(str, arguments)], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("unit", SERVICES)
def test_little_is_exposed(unit: str) -> None:
    said = analyze("security", "--offline=true", f"--threshold={LARGEST_EXPOSURE * 10:.0f}", UNITS / unit)
    assert said.returncode == 0, said.stdout + said.stderr
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", said.stdout)
    assert found
    assert float(found[1]) <= LARGEST_EXPOSURE


def test_systemd_understands_every_line(tmp_path: Path) -> None:
    """With programs at their places, which are not on this machine."""
    for path in UNITS.glob("heg*.*"):
        if path.suffix in {".service", ".path"}:
            text = path.read_text().replace("/usr/lib/heg/", f"{tmp_path}/bin/").replace("/usr/sbin/nft", "/bin/true")
            (tmp_path / path.name).write_text(text)
    for program in ("allow-devices", "venv/bin/heg"):
        file = tmp_path / "bin" / program
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("#!/bin/sh\n")
        file.chmod(0o755)
    said = analyze("verify", "--man=no", *(tmp_path / name for name in [*SERVICES, "heg-devices.path"]))
    assert [line for line in said.stderr.splitlines() if "heg" in line] == []
    assert said.returncode == 0, said.stderr


def test_the_gateway_is_let_to_no_device_by_its_unit_alone() -> None:
    unit = (UNITS / "heg.service").read_text()
    assert "\nDevicePolicy=closed\n" in unit
    assert "\nDeviceAllow" not in unit


def test_the_gateway_waits_for_neither_network_nor_time() -> None:
    """After a power cut the router takes minutes, and perhaps never comes back."""
    lines = [line for line in (UNITS / "heg.service").read_text().splitlines() if not line.startswith("#")]
    assert not any("network-online" in line or "time-sync" in line for line in lines)


def test_the_watchdog_is_the_processs_own_and_steps_are_apart() -> None:
    unit = (UNITS / "heg.service").read_text()
    assert {"Type=notify", "NotifyAccess=main", "WatchdogSec=30", "Restart=always"} <= set(unit.splitlines())
    assert "RestartSteps=" not in unit  # unknown to Debian 12: heg.service.d, put there where systemd knows them


def test_folders_that_units_and_programs_name_are_made() -> None:
    made = {line.split()[1] for line in (UNITS / "heg.tmpfiles").read_text().splitlines() if line.startswith("d ")}
    assert made == {"/etc/heg", "/etc/heg-credentials", str(Path(OWNERS_RULES).parent)}


@pytest.mark.parametrize("script", sorted(path for path in UNITS.iterdir() if path.name == "allow-devices"))
def test_scripts_are_sh(script: Path) -> None:
    assert subprocess.run(["sh", "-n", script], check=False).returncode == 0
