"""What tests of the package ask of a machine that has it."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.support.debian import Machine
from tests.support.processes import wait_until

HERE = "http://127.0.0.1:8462"
HEALTH = f"import urllib.request as u; print(u.urlopen('{HERE}/healthz', timeout=5).status)"


def brought(package: Path, root: Path) -> str:
    """Put a package into a machine and return its path there."""
    shutil.copy(package, root / "opt")
    return f"/opt/{package.name}"


def serves(machine: Machine) -> None:
    """Wait until the gateway runs and answers."""
    machine.until("heg.service", "active")
    wait_until(lambda: machine.run("python3", "-c", HEALTH).stdout.strip() == "200", "the gateway answers")
