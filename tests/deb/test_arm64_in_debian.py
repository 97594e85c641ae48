"""The package for arm64 on arm64 Debians, run by an emulator: installed, whole, the solver solving."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deb.builds import ROOT, built
from tests.deb.machines import brought
from tests.support.arm64 import Arm, demand_arm, fresh_arm

pytestmark = [pytest.mark.soak, pytest.mark.system]
IMPORTS = """
import importlib, importlib.metadata as told, platform
names = []
for one in told.distributions():
    for line in (one.read_text("RECORD") or "").splitlines():
        path = line.partition(",")[0]
        if path.endswith("/__init__.py") and path.count("/") == 1:
            names.append(importlib.import_module(path.partition("/")[0]).__name__)
print(platform.machine(), *sorted(names))
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(ROOT, tmp_path_factory.mktemp("arm"), "0.0.1", "arm64")


@pytest.fixture(scope="module", params=["trixie", "bookworm"])
def arm(request: pytest.FixtureRequest, package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arm]:
    demand_arm(request.param)
    there = fresh_arm(request.param, tmp_path_factory.mktemp("arm"))
    there.says("dpkg", "-i", brought(package, there.root))
    yield there
    shutil.rmtree(there.root)


def test_it_is_installed_and_reads_its_configuration(arm: Arm) -> None:
    assert arm.says("dpkg-query", "-W", "-f", "${Architecture} ${db:Status-Status}", "heg") == "arm64 installed"
    assert arm.says("heg", "check").startswith("/etc/heg/heg.toml: good")
    assert re.match(r"heg \d", arm.says("heg", "--version"))


def test_every_wheel_is_for_this_machine(arm: Arm) -> None:
    machine, *names = arm.says("/usr/lib/heg/venv/bin/python3", "-c", IMPORTS).split()
    assert machine == "aarch64"
    assert {"heg", "drivers", "aiohttp", "msgspec", "numpy", "highspy", "pymodbus", "argon2", "yarl"} <= set(names)


def test_the_solver_solves(arm: Arm) -> None:
    page = (ROOT / "docs/users/ask-for-a-plan.md").read_text()
    day = arm.root / "etc/heg/day.json"
    day.write_text(page.partition("```json")[2].partition("```")[0])
    assert json.loads(arm.says("heg", "plan", "/etc/heg/day.json"))["status"] == "optimal"


def test_removed_and_purged_nothing_is_left(arm: Arm) -> None:
    arm.says("dpkg", "--purge", "heg")
    assert not (arm.root / "usr/lib/heg").exists()
    assert "heg:" not in (arm.root / "etc/passwd").read_text()
