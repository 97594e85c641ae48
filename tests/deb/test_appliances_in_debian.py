"""Appliances with the installed gateway: found, switched and woken from inside its sandbox, through its firewall."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.deb.machines import HERE, brought, serves
from tests.support.debian import HOME, PUBLIC, Machine, booted, fresh_root, phone
from tests.support.laundry import Seen, Washer, the_one
from tests.support.processes import wait_until
from tests.support.sockets import differences, heard_by

pytestmark = [pytest.mark.soak, pytest.mark.system]
PASSWORD = "correct horse battery"
BESIDE = Path(__file__).parent
PROGRAM = Path(sys.executable).parent / "heg-appliance"
CONTRACT = "\n[contract]\nmax_import_kw = 17.0\nmax_export_kw = 17.0\n"


@dataclass
class Laundry:
    """A gateway's machine, and what is on the other end of its cable: an appliance behind programs."""

    machine: Machine
    outside: list[str]
    washer: Washer
    newer: str

    def said(self, kind: str, *words: object) -> Any:
        """What `neighbour.py` says, run on the appliance's end."""
        command = [*self.outside, sys.executable, BESIDE / "neighbour.py", kind, *words]
        done = subprocess.run([str(one) for one in command], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def seen(self) -> Seen:
        """The appliance as the installed gateway has it; empty before it does."""
        return the_one(self.machine.run("heg", "appliances", "--json"))

    def until(self, state: str) -> None:
        self.washer.until(state, self.seen, limit_s=40)

    @contextmanager
    def switched_on(self) -> Iterator[None]:
        """The appliance has current; at the end it is ended as by its button, and says goodbye."""
        with (self.washer.folder / "log").open("ab") as log:
            command = [*self.outside, str(PROGRAM), "--config", str(self.washer.config)]
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def laundry(
    request: pytest.FixtureRequest, packages: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Laundry]:
    """The package with its own configuration and the firewall on; root is logged in as the owner."""
    folder = tmp_path_factory.mktemp("laundry")
    root = fresh_root(request.param, folder)
    older, newer = (brought(package, root) for package in packages)
    shutil.copyfile(BESIDE / "visitor.py", root / "opt/visitor.py")
    with booted(root, folder / "console.log") as machine, phone(machine) as outside:
        machine.says("dpkg", "-i", older)
        serves(machine)
        assert "\n[upnp]\n" in (root / "etc/heg/heg.toml").read_text()
        with (root / "etc/heg/heg.toml").open("a") as config:
            config.write(CONTRACT)
        machine.says("systemctl", "enable", "--now", "heg-firewall.service", "heg-firewall.path")
        code = json.loads(machine.says("heg", "claim-code", "--json"))["code"]
        machine.says("python3", "/opt/visitor.py", HERE, PASSWORD, code)
        machine.says("sh", "-c", f"echo '{PASSWORD}' | heg login --name anna --password-stdin")
        (folder / "washer").mkdir()
        washer = Washer(folder / "washer").lay_out(f'address = "{HOME}2"')
        yield Laundry(machine, outside, washer, newer)


def is_of(place: str, own: set[str]) -> bool:
    """Whether a place of `ss` is one of the machine's own addresses, a group of appliances, or one interface alone."""
    host, _, interface = place.rpartition(":")[0].partition("%")
    host = host.strip("[]")
    return host in own | {"239.255.255.250", "ff02::c", "ff05::c"} or (
        host in {"0.0.0.0", "::", "*"} and bool(interface)
    )


def test_it_listens_exactly_where_the_table_says(laundry: Laundry) -> None:
    """With a link there are addresses that the table calls all of the interface's: those and no others."""
    machine = laundry.machine
    told = json.loads(machine.says("heg", "sockets", "--json"))
    table = {(one["protocol"], one["port"]) for one in told}
    assert {("tcp", 8465), ("udp", 8466), ("udp", 1900)} <= table

    def heard() -> set[tuple[str, str, int]]:
        return heard_by(machine.says("ss", "-Htuln"))

    wait_until(lambda: {(protocol, port) for protocol, _, port in heard()} == table, "every door of the table is there")
    assert differences(told, heard()) == []
    places = [line.split()[4] for line in machine.says("ss", "-Htuln").splitlines()]
    appliances = {one for one in places if one.endswith((":8465", ":8466", ":1900"))}
    own = {one["local"] for link in json.loads(machine.says("ip", "-j", "addr")) for one in link["addr_info"]}
    assert {one for one in appliances if not is_of(one, own)} == set()
    assert "0.0.0.0%lan:8465" in appliances


def test_the_firewall_lets_the_home_network_search_and_tell_and_nothing_else(laundry: Laundry) -> None:
    wait_until(lambda: laundry.said("search", f"{HOME}2") != [], "a search over the group is answered")
    assert laundry.said("connect", f"{HOME}2", f"{HOME}1", 8465) == "open"
    assert laundry.said("search", f"{PUBLIC}2") == []
    assert laundry.said("search", f"{HOME}2", f"{HOME}1") == [f"{HOME}1"]  # asked alone, too
    assert laundry.said("search", f"{PUBLIC}2", f"{PUBLIC}1") == []
    closed = [laundry.said("connect", f"{PUBLIC}2", f"{PUBLIC}1", port) for port in (8465, 8463)]
    closed += [laundry.said("connect", f"{HOME}2", f"{HOME}1", port) for port in (8462, 8467, 1900)]
    assert set(closed) == {"TimeoutError"}


def test_what_joins_the_home_network_is_found_and_switched(laundry: Laundry) -> None:
    machine = laundry.machine
    with laundry.switched_on():
        laundry.until("on")
        name = laundry.seen()["device"]
        machine.says("heg", "manual", name, "standby", "--minutes", "30")
        laundry.until("standby")
        machine.says("heg", "manual", name, "release")
        laundry.until("on")
        machine.says("heg", "manual", name, "standby", "--minutes", "30")
        laundry.until("standby")
    assert machine.property("heg.service", "NRestarts") == "0"


def test_asleep_it_is_known_over_an_upgrade(laundry: Laundry) -> None:
    """It said goodbye in standby: asleep, not lost, also for the newer package's gateway."""
    machine, before = laundry.machine, laundry.seen()
    assert before["power_state"] == "standby"
    machine.says("dpkg", "-i", laundry.newer)
    serves(machine)
    wait_until(lambda: laundry.seen() != {}, "it is known again")
    after = laundry.seen()
    assert (after["device"], after["power_state"]) == (before["device"], "standby")


def test_a_magic_packet_leaves_the_sandbox(laundry: Laundry) -> None:
    machine, name = laundry.machine, laundry.seen()["device"]
    hears = [*laundry.outside, sys.executable, str(BESIDE / "neighbour.py"), "hear-magic", HOME + "255"]
    with subprocess.Popen(hears, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as listening:
        assert listening.stdout is not None
        assert listening.stdout.readline() == '"ready"\n'
        machine.says("heg", "manual", name, "on", "--minutes", "30")
        woken = json.loads(listening.stdout.readline())
    assert woken == laundry.said("card")
    (laundry.washer.folder / "state").write_text("on\n")
    with laundry.switched_on():
        laundry.until("on")


def test_little_of_the_service_is_exposed_and_nothing_was_refused_to_it(laundry: Laundry) -> None:
    machine = laundry.machine
    machine.says("systemd-analyze", "--no-pager", "security", "--threshold=20", "heg.service")
    journal = machine.says("journalctl", "-b", "-u", "heg.service")
    for word in ("Traceback", "not permitted", "Permission denied"):
        assert word not in journal
