"""A fresh gateway on fresh Debians: claimed by script from a phone in the home network, through the firewall."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.deb.machines import brought, serves
from tests.support.debian import HOME, PUBLIC, Machine, booted, fresh_root, phone
from tests.support.processes import wait_until

pytestmark = [pytest.mark.soak, pytest.mark.system]
PASSWORD = "correct horse battery"
VISITOR = str(Path(__file__).with_name("visitor.py"))
REACHES = """
import socket, sys
to, port, own = sys.argv[1:]
try:
    socket.create_connection((to, int(port)), 1.5, (own, 0)).close()
except OSError as error:
    print(type(error).__name__)
else:
    print("open")
"""
REDIRECTED = """
import http.client, sys
there = http.client.HTTPConnection(*sys.argv[1:], timeout=5)
there.request("GET", "/", headers={"Accept": "text/html", "Sec-Fetch-Mode": "navigate"})
answer = there.getresponse()
print(answer.status, answer.headers["Location"])
"""


@dataclass(frozen=True)
class House:
    """A machine with the gateway, and what a command on the phone begins with."""

    machine: Machine
    on_phone: list[str]
    newer: str

    def phone_says(self, *command: object) -> str:
        said = subprocess.run(
            [*self.on_phone, *map(str, command)], capture_output=True, text=True, timeout=60, check=False
        )
        assert said.returncode == 0, said.stderr
        return said.stdout.strip()

    def reaches(self, port: int, network: str = HOME) -> str:
        """What the phone finds at a port of the machine."""
        return self.phone_says(sys.executable, "-c", REACHES, f"{network}1", port, f"{network}2")


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def house(
    request: pytest.FixtureRequest, packages: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("claimed")
    root = fresh_root(request.param, folder)
    package, newer = (brought(one, root) for one in packages)
    with booted(root, folder / "console.log") as machine, phone(machine) as on_phone:
        told = machine.says("dpkg", "-i", package)
        assert f"https://{HOME}1:8463" in told
        serves(machine)
        machine.says("systemd-run", "--unit=other", "python3", "-m", "http.server", "9000")
        yield House(machine, on_phone, newer)


def test_the_firewall_leaves_what_the_table_names(house: House) -> None:
    wait_until(lambda: house.reaches(9000) == "open", "another program of the machine is reached")
    assert house.reaches(8463, PUBLIC) == "open"
    house.machine.says("systemctl", "enable", "--now", "heg-firewall.service", "heg-firewall.path")
    assert {port: house.reaches(port) for port in (8463, 8464, 443, 80, 8462, 9000)} == {
        **dict.fromkeys((8463, 8464, 443, 80), "open"),
        **dict.fromkeys((8462, 9000), "TimeoutError"),
    }
    assert {house.reaches(port, PUBLIC) for port in (8463, 8464, 443, 80, 9000)} == {"TimeoutError"}


def test_a_phone_is_sent_from_http_to_https(house: House) -> None:
    said = house.phone_says(sys.executable, "-c", REDIRECTED, f"{HOME}1", 80)
    assert said == f"308 https://{HOME}1/"


def test_it_is_claimed_by_script_from_a_phone(house: House) -> None:
    console = json.loads(house.machine.says("heg", "claim-code", "--json"))
    assert f"https://{HOME}1:8463" in console["pages"]
    told = json.loads(
        house.phone_says(
            *(sys.executable, VISITOR, f"https://{HOME}1", PASSWORD, console["code"], "--sha256", console["sha256"])
        )
    )
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
    machine = house.machine
    assert machine.run("heg", "claim-code").returncode != 0
    assert machine.says("heg", "audit", "verify").startswith("good: ")
    somebody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", "HOME=/nonexistent")
    assert "devices" in machine.says(*somebody, f"HEG_TOKEN={key}", "heg", "status", "--json")
    assert "heg login" in machine.run(*somebody, "heg", "status").stderr


def test_root_logs_in_once_at_the_console(house: House) -> None:
    login = f"echo '{PASSWORD}' | heg login --name anna --password-stdin"
    assert "logged in at http://127.0.0.1:8462" in house.machine.says("sh", "-c", login)
    assert "anna, owner" in house.machine.says("heg", "whoami")


def test_a_certificate_of_the_owners_is_installed(house: House) -> None:
    """Its key is root's; what is written of it is the gateway's."""
    machine = house.machine
    made = machine.root / "srv/made"
    made.mkdir(mode=0o700)
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=house.example"
    make += " -addext subjectAltName=DNS:house.example -keyout key.pem -out cert.pem"
    subprocess.run(make.split(), cwd=made, check=True, capture_output=True)
    install = "cat /srv/made/cert.pem /srv/made/key.pem | heg certificate install -"
    assert "house.example" in machine.says("sh", "-c", install)
    assert {path.stat().st_uid for path in state_files(machine)} == {462}
    machine.says("heg", "certificate", "remove")


def test_the_configuration_is_changed_through_the_gateway(house: House) -> None:
    """In its sandbox: the file is the owner's to edit and the gateway's to write."""
    machine = house.machine
    config = machine.root / "etc/heg/heg.toml"
    before = config.read_text()
    changed = re.sub(r"(?m)^# (\[contract\]|max_)", r"\1", before)
    assert "\nmax_import_kw = 6.0\n" in changed
    (machine.root / "opt/changed.toml").write_text(changed)
    pid = machine.property("heg.service", "MainPID")
    machine.says("sh", "-c", "heg config apply - -m 'the contract' </opt/changed.toml")
    assert config.read_text() == changed
    assert "the contract" in machine.says("heg", "config", "history")
    machine.says("heg", "config", "rollback")
    assert config.read_text() == before
    assert (machine.property("heg.service", "MainPID"), config.stat().st_uid) == (pid, 462)


def state_files(machine: Machine) -> list[Path]:
    return [path for path in (machine.root / "var/lib/heg").rglob("*") if path.is_file()]


def test_nothing_secret_is_in_the_journal_or_open_to_others(house: House) -> None:
    journal = house.machine.says("journalctl", "-b", "-u", "heg.service")
    assert PASSWORD not in journal
    assert {oct(path.stat().st_mode & 0o007) for path in state_files(house.machine)} == {"0o0"}


def test_an_upgrade_makes_the_firewall_anew(house: House) -> None:
    """Rules of the owner's stay, a door that the owner closed stays closed."""
    machine = house.machine
    (machine.root / "etc/heg-firewall.d/ssh.nft").unlink()
    (machine.root / "etc/heg-firewall.d/own.nft").write_text("tcp dport 9000 accept\n")
    machine.says("dpkg", "-i", house.newer)
    serves(machine)
    wait_until(lambda: house.reaches(8463) == "open", "the home network is let in")
    assert {port: house.reaches(port) for port in (443, 9000, 8462)} == {
        443: "open",
        9000: "open",
        8462: "TimeoutError",
    }
    assert "dport 22 " not in machine.says("nft", "list", "table", "inet", "heg")
