"""A fresh gateway on fresh Debians: claimed by script, and used over the documented API."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deb.machines import HERE, brought, serves
from tests.support.debian import Machine, booted, fresh_root

pytestmark = [pytest.mark.soak, pytest.mark.system]
PASSWORD = "correct horse battery"


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def machine(
    request: pytest.FixtureRequest, packages: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp("claimed")
    root = fresh_root(request.param, folder)
    shutil.copyfile(Path(__file__).with_name("visitor.py"), root / "opt/visitor.py")
    package = brought(packages[0], root)
    with booted(root, folder / "console.log") as booted_machine:
        booted_machine.says("dpkg", "-i", package)
        serves(booted_machine)
        yield booted_machine


def test_it_is_claimed_by_script(machine: Machine) -> None:
    code = json.loads(machine.says("heg", "claim-code", "--json"))["code"]
    told = json.loads(machine.says("python3", "/opt/visitor.py", HERE, PASSWORD, code))
    key = told.pop("key")
    assert told == {
        "page": 200,
        "unclaimed": 401,
        "wrong code": 401,
        "claim": 200,
        "claimed twice": 401,
        "wrong password": 401,
        "login": 200,
        "role": "owner",
        "token": 200,
        "read by token": 200,
        "command by token": 403,
        "read by nobody": 401,
    }
    assert "devices" in machine.says("env", f"HEG_TOKEN={key}", "heg", "status", "--json")
    assert machine.run("heg", "claim-code").returncode != 0
    assert machine.says("heg", "audit", "verify").startswith("good: ")


def test_nothing_secret_is_in_the_journal_or_open_to_others(machine: Machine) -> None:
    journal = machine.says("journalctl", "-b", "-u", "heg.service")
    assert PASSWORD not in journal
    state = machine.root / "var/lib/heg"
    assert {oct(path.stat().st_mode & 0o077) for path in state.rglob("*") if path.is_file()} == {"0o0"}
