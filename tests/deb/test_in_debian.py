"""The package on fresh Debians with systemd as PID 1: installed, bitten by the watchdog, upgraded, removed, purged."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.deb import probe
from tests.deb.machines import brought, serves
from tests.support.debian import Machine, booted, fresh_root, listing
from tests.support.processes import wait_until
from tests.support.sockets import differences, heard_by

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.soak, pytest.mark.system]
IMPATIENT = "[Service]\nWatchdogSec=3\nTimeoutAbortSec=2\n"


@dataclass(frozen=True)
class Installed:
    """A machine with the package on it, what was on it before, and what its installation said."""

    machine: Machine
    release: str
    before: set[str]
    newer: str
    told: str


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def installed(
    request: pytest.FixtureRequest, packages: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installed]:
    folder = tmp_path_factory.mktemp("machine")
    root = fresh_root(request.param, folder)
    older, newer = (brought(package, root) for package in packages)
    with booted(root, folder / "console.log") as machine:
        before = listing(root)
        told = machine.says("dpkg", "-i", older)
        yield Installed(machine, request.param, before, newer, told)


def test_it_is_installed_and_serves(installed: Installed) -> None:
    machine = installed.machine
    serves(machine)
    assert machine.says("systemctl", "is-enabled", "heg.service") == "enabled"
    pid = machine.property("heg.service", "MainPID")
    assert machine.says("stat", "-c", "%u", f"/proc/{pid}") == "462"
    assert machine.says("heg", "check").startswith("/etc/heg/heg.toml: good")
    assert machine.says("stat", "-c", "%U %a", "/etc/heg/heg.toml", "/var/lib/heg") == "heg 640\nheg 750"
    assert machine.says("dpkg", "--verify", "heg") == ""
    assert "https://" in installed.told
    assert "sudo heg claim-code" in installed.told


def test_the_kernel_says_what_the_table_of_sockets_says(installed: Installed) -> None:
    told = json.loads(installed.machine.says("heg", "sockets", "--json"))
    assert {one["reach"] for one in told} == {"this machine only", "home network"}

    def listening() -> set[tuple[str, str, int]]:
        return heard_by(installed.machine.says("ss", "-Htuln"))

    wait_until(lambda: not differences(told, listening()), "the home network is let in")


def test_the_home_network_has_the_page_by_the_certificate_that_the_console_shows(installed: Installed) -> None:
    """Made inside the sandbox: the process that makes it, its file and what is served by it."""
    machine = installed.machine
    asking = (
        "import hashlib, ssl;"
        "pem = ssl.get_server_certificate(('127.0.0.1', 8463));"
        "print(hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest())"
    )
    wait_until(lambda: machine.run("heg", "fingerprint").returncode == 0, "a certificate")
    told = json.loads(machine.says("heg", "fingerprint", "--json"))["sha256"]
    assert machine.says("python3", "-c", asking) == told
    assert machine.says("stat", "-c", "%U %a", "/var/lib/heg/tls", "/var/lib/heg/tls/device.pem") == "heg 700\nheg 600"


def in_the_sandbox(machine: Machine, command: str) -> str:
    """What a command says that runs in the place of the gateway: the same unit, but it ends by itself."""
    unit = (machine.root / "usr/lib/systemd/system/heg.service").read_text()
    for before, after in {
        "Type=notify": "Type=oneshot",
        "Restart=always": "Restart=no",
        "/bin/heg run --config /etc/heg/heg.toml": command,
        "WatchdogSec=30": "StandardOutput=file:/opt/said",
        "Directory=heg\n": "Directory=heg-probe\n",
    }.items():
        assert before in unit
        unit = unit.replace(before, after)
    place = "/run/systemd/system/heg-probe.service"
    machine.says("sh", "-c", f"cat >{place} <<'EOF'\n{unit}\nEOF\nsystemctl daemon-reload")
    try:
        machine.says("systemctl", "start", "heg-probe.service")
        return (machine.root / "opt/said").read_text()
    finally:
        machine.says("sh", "-c", f"rm -rf {place} /opt/said /var/lib/heg-probe; systemctl daemon-reload")


def test_the_planner_works_in_the_sandbox(installed: Installed) -> None:
    page = (ROOT / "docs/users/ask-for-a-plan.md").read_text()
    day = installed.machine.root / "etc/heg/day.json"
    day.write_text(page.partition("```json")[2].partition("```")[0])
    assert json.loads(in_the_sandbox(installed.machine, "/bin/heg plan /etc/heg/day.json"))["status"] == "optimal"
    day.unlink()


def test_the_sandbox_lets_what_is_needed_and_nothing_else(installed: Installed) -> None:
    root = installed.machine.root
    shutil.copyfile(ROOT / "tests/deb/probe.py", root / "etc/heg/probe.py")
    (root / "etc/heg-credentials/probe").write_text("secret")
    told = json.loads(in_the_sandbox(installed.machine, "/bin/python3 /etc/heg/probe.py"))
    for left in ("etc/heg/probe.py", "etc/heg/probe", "etc/heg-credentials/probe"):
        (root / left).unlink(missing_ok=True)
    assert told == dict.fromkeys(probe.NEEDED, True) | dict.fromkeys(probe.WITHHELD, False)


def test_steps_of_restarting_are_where_systemd_knows_them(installed: Installed) -> None:
    said = installed.machine.says("systemctl", "cat", "heg.service")
    assert ("RestartSteps=" in said) is (installed.release != "bookworm")
    assert "Unknown key" not in installed.machine.says("journalctl", "-b", "-u", "heg.service")


def test_it_is_let_to_the_serial_lines_of_its_configuration_only(installed: Installed) -> None:
    machine, config = installed.machine, installed.machine.root / "etc/heg/heg.toml"

    def has(kind: str) -> bool:
        return f"char-{kind} rw" in machine.property("heg.service", "DeviceAllow")

    assert "tty" not in machine.property("heg.service", "DeviceAllow")
    kept = config.read_text()
    config.write_text(kept + '[modbus]\nserial = [{ port = "/dev/ttyS0" }]\n')
    wait_until(lambda: has("ttyS"), "the line is allowed")
    config.write_text(kept)
    wait_until(lambda: not has("ttyS"), "the line is allowed no more")


def test_little_of_the_running_service_is_exposed(installed: Installed) -> None:
    """As it stands there, with what was set at run time; `tests/project/test_service.py` judges the files."""
    installed.machine.says("systemd-analyze", "--no-pager", "security", "--threshold=20", "heg.service")


def test_the_firewall_is_made_from_the_table(installed: Installed) -> None:
    machine = installed.machine
    machine.says("systemctl", "enable", "--now", "heg-firewall.service", "heg-firewall.path")
    rules = machine.says("nft", "list", "table", "inet", "heg")
    assert "policy drop" in rules
    assert "tcp dport 22 accept" in rules
    serves(machine)


@pytest.mark.parametrize("installed", ["trixie"], indirect=True)
def test_udev_understands_the_rules(installed: Installed) -> None:
    """`udevadm verify` came with systemd 254; Debian 12 has 252."""
    installed.machine.says("udevadm", "verify", "/usr/lib/udev/rules.d/70-heg.rules")


def test_the_watchdog_bites_a_gateway_that_hangs(installed: Installed) -> None:
    machine = installed.machine
    folder = machine.root / "etc/systemd/system/heg.service.d"
    folder.mkdir(parents=True)
    (folder / "impatient.conf").write_text(IMPATIENT)
    machine.says("systemctl", "daemon-reload")
    machine.says("systemctl", "restart", "heg.service")
    serves(machine)
    restarts, pid = int(machine.property("heg.service", "NRestarts")), machine.property("heg.service", "MainPID")
    machine.says("kill", "-STOP", pid)
    wait_until(lambda: int(machine.property("heg.service", "NRestarts")) > restarts, "it was killed and restarted")
    serves(machine)
    assert machine.property("heg.service", "MainPID") != pid
    shutil.rmtree(folder)
    machine.says("systemctl", "daemon-reload")


def test_removed_and_installed_again_it_goes_on(installed: Installed) -> None:
    machine = installed.machine
    begun = (machine.root / "var/lib/heg/accounts.key").read_bytes()
    machine.says("dpkg", "--remove", "heg")
    machine.says("dpkg", "-i", installed.newer)
    serves(machine)
    assert machine.says("systemctl", "is-enabled", "heg.service", "heg-firewall.service") == "enabled\nenabled"
    assert (machine.root / "var/lib/heg/accounts.key").read_bytes() == begun


def test_removed_it_keeps_the_data_and_purged_it_leaves_no_trace(installed: Installed) -> None:
    machine = installed.machine
    machine.says("dpkg", "--remove", "heg")
    assert machine.run("systemctl", "is-active", "heg.service").stdout.strip() != "active"
    assert machine.run("nft", "list", "table", "inet", "heg").returncode != 0
    assert (machine.root / "var/lib/heg/store.sqlite").exists()
    assert (machine.root / "etc/heg/heg.toml").exists()
    assert not (machine.root / "usr/lib/heg").exists()
    machine.says("dpkg", "--purge", "heg")
    assert machine.run("getent", "passwd", "heg").returncode != 0
    assert machine.run("getent", "group", "heg").returncode != 0
    assert listing(machine.root) == installed.before
    named = machine.says("sh", "-c", "find /etc /usr /var /run /tmp /root -name '*heg*' -not -path '*systemd-private*'")
    assert named == ""
