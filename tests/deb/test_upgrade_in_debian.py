"""From the first package to today's, to one with newer tables, back again, and broken off in the middle."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.deb.builds import built as package_of
from tests.deb.builds import first, later
from tests.deb.machines import HERE, brought, serves
from tests.support.debian import Machine, booted, demand_machines, fresh_root
from tests.support.processes import wait_until

pytestmark = [pytest.mark.soak, pytest.mark.system]
PASSWORD = "correct horse battery"
WORDS = "# the owner's own words"
PAST = "time_utc,demand_kw\n2026-01-01T00:00:00Z,0.5\n2026-01-01T00:15:00Z,0.7\n"
HISTORY = "/api/v1/history?variable=slot.demand&from=2026-01-01T00:00:00Z&to=2026-01-01T01:00:00Z"


@dataclass(frozen=True)
class Lived:
    """A machine whose gateway has an owner, a past and a changed configuration; packages by name, as it has them."""

    machine: Machine
    packages: dict[str, str]
    key: str
    head: str

    def installs(self, name: str) -> None:
        """Put a package over the one that stands: without a question."""
        self.machine.says("dpkg", "-i", self.packages[name])
        serves(self.machine)

    def knows_everything(self) -> None:
        """History, people, tokens, audit log and configuration are as they were."""
        machine = self.machine
        assert WORDS in (machine.root / "etc/heg/heg.toml").read_text()
        assert WORDS in (machine.root / "etc/heg-firewall.d/ssh.nft").read_text()
        status, past = read(machine, self.key, HISTORY)
        assert status == 200
        assert "0.7" in json.dumps(past)
        again = json.loads(machine.says("python3", "/opt/visitor.py", HERE, PASSWORD))
        assert (again["login"], again["role"]) == (200, "owner")
        assert machine.says("heg", "audit", "verify").startswith("good: ")
        export = machine.says("sh", "-c", "heg audit export >/tmp/audit; chmod 644 /tmp/audit; echo done")
        assert export == "done"
        verdict = machine.says("heg", "audit", "verify", "--file", "/tmp/audit", "--head", self.head)
        assert verdict.startswith("good: ")


def read(machine: Machine, key: str, path: str) -> tuple[int, Any]:
    said = machine.says("python3", "/opt/visitor.py", HERE, PASSWORD, "--token", key, "--read", path)
    status, body = json.loads(said)
    return status, body


@pytest.fixture(scope="module")
def ages(packages: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Packages of yesterday, today and tomorrow."""
    folder = tmp_path_factory.mktemp("ages")
    yesterday = first(folder / "first")
    if yesterday is None:
        pytest.skip("this checkout has no past: git fetch --unshallow")
    return {
        "first": package_of(yesterday, folder, "0.0.0"),
        "today": packages[0],
        "later": package_of(later(folder / "later"), folder, "0.0.3"),
    }


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def lived(
    request: pytest.FixtureRequest, ages: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Lived]:
    demand_machines()
    folder = tmp_path_factory.mktemp("lived")
    root = fresh_root(request.param, folder)
    shutil.copyfile(Path(__file__).with_name("visitor.py"), root / "opt/visitor.py")
    there = {name: brought(path, root) for name, path in ages.items()}
    with booted(root, folder / "console.log") as machine:
        machine.says("dpkg", "-i", there["first"])
        with (root / "etc/heg/heg.toml").open("a") as config:
            config.write(f"\n{WORDS}\n[web]\nlogin = true\n")
        with (root / "etc/heg-firewall.d/ssh.nft").open("a") as rules:
            rules.write(f"{WORDS}\n")
        machine.says("systemctl", "stop", "heg.service")
        (root / "var/lib/heg/past.csv").write_text(PAST)
        assert machine.says("heg", "import", "/var/lib/heg/past.csv").startswith("2 slots")
        (root / "var/lib/heg/past.csv").unlink()
        machine.says("systemctl", "start", "heg.service")
        serves(machine)
        code = json.loads(machine.says("heg", "claim-code", "--json"))["code"]
        key = json.loads(machine.says("python3", "/opt/visitor.py", HERE, PASSWORD, code))["key"]
        found = re.search(r"head (\S+)", machine.says("heg", "audit", "verify"))
        assert found
        one = Lived(machine, there, key, found[1])
        one.knows_everything()
        yield one


def aside(machine: Machine) -> set[str]:
    """Files of the state folder that were kept or put away."""
    marks = re.compile(r"\.(v\d+(-\d+)?|corrupt.*|damaged.*)$")
    return {path.name for path in (machine.root / "var/lib/heg").iterdir() if marks.search(path.name)}


def test_todays_package_goes_on_where_the_first_one_was(lived: Lived) -> None:
    lived.installs("today")
    lived.knows_everything()
    assert lived.machine.says("dpkg-query", "-W", "-f", "${Version}", "heg") == "0.0.1"
    assert (lived.machine.root / "var/lib/heg/leases.journal").exists()
    assert not any("corrupt" in name or "damaged" in name for name in aside(lived.machine))


def test_newer_tables_are_made_beside_a_copy(lived: Lived) -> None:
    before = aside(lived.machine)
    lived.installs("later")
    lived.knows_everything()
    copies = aside(lived.machine) - before
    assert {name.rpartition(".")[0] for name in copies} == {"store.sqlite", "accounts.sqlite"}


def test_the_way_back_takes_the_copy_up(lived: Lived) -> None:
    lived.installs("today")
    lived.knows_everything()
    assert any(name.startswith("store.sqlite.v") for name in aside(lived.machine))
    _, alarms = read(lived.machine, lived.key, "/api/v1/alarms")
    assert "written by a newer version" in json.dumps(alarms)


def test_an_upgrade_broken_off_is_mended(lived: Lived) -> None:
    machine = lived.machine
    fresh = machine.root / "usr/lib/heg/venv.new"
    begun = machine.inside("setsid", "dpkg", "-i", lived.packages["later"])
    with subprocess.Popen(begun, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as one:
        wait_until(fresh.exists, "the environment is being made")
        machine.says("pkill", "-KILL", "-x", "dpkg")
        machine.says("pkill", "-KILL", "-f", "heg.postinst|make-environment")
        one.wait()
    assert machine.says("dpkg-query", "-W", "-f", "${db:Status-Status}", "heg") == "half-configured"
    serves(machine)  # it runs on with what stood before
    machine.says("dpkg", "--configure", "-a")
    serves(machine)
    lived.knows_everything()
    assert machine.says("dpkg-query", "-W", "-f", "${db:Status-Status} ${Version}", "heg") == "installed 0.0.3"
    assert not fresh.exists()
