"""`heg-appliance` on fresh Debians by what its page says, word for word: it runs, is found, and is switched off."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.deb.builds import ROOT, elsewhere
from tests.support.debian import HOME, Machine, booted, demand_registry, fresh_root, phone
from tests.support.laundry import Seen, the_one
from tests.support.processes import wait_until

pytestmark = [pytest.mark.soak, pytest.mark.system]
PAGE = ROOT / "docs/integrators/appliance.md"
HEG = Path(sys.executable).parent / "heg"
AUTHORITIES = "etc/ssl/certs/ca-certificates.crt"


def lines_of_the_page() -> str:
    """What a person types in a checkout, as root."""
    found = re.search(r"## heg-appliance\n.*?```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found
    return found[1]


@dataclass
class Office:
    """A computer that is an appliance, and a gateway on the other end of its cable."""

    computer: Machine
    outside: list[str]
    folder: Path
    release: str

    def heg(self, *words: object) -> subprocess.CompletedProcess[str]:
        command = [*self.outside, HEG, *words, "--config", self.folder / "heg.toml"]
        return subprocess.run([str(one) for one in command], capture_output=True, text=True, timeout=60, check=False)

    def seen(self) -> Seen:
        """The computer as the gateway has it; empty before it does."""
        return the_one(self.heg("appliances", "--json"))

    def ordered_off(self) -> str:
        """The fault that it answers to OperationOff."""
        said = (
            "import asyncio; from tests.appliance.asker import call; "
            f"order = call('http://{HOME}1:8467/', 'OperationOff', address='{HOME}2', source='{HOME}2'); "
            "print(asyncio.run(order).error_code)"
        )
        command = [*self.outside, sys.executable, "-c", said]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout.strip()

    @contextmanager
    def gateway(self) -> Iterator[None]:
        (self.folder / "unit").mkdir(mode=0o700)
        contract = "[contract]\nmax_import_kw = 17.0\nmax_export_kw = 17.0\n"
        (self.folder / "heg.toml").write_text(f'[unit]\nstate_dir = "{self.folder}/unit"\n{contract}[upnp]\n')
        with (self.folder / "heg.log").open("ab") as log:
            command = [*self.outside, str(HEG), "run", "--config", str(self.folder / "heg.toml")]
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def office(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """A computer with what its page says; the network is ours while that is typed."""
    demand_registry()
    folder = tmp_path_factory.mktemp("office")
    root = fresh_root(request.param, folder)
    elsewhere(root / "srv/heg")
    shutil.copyfile("/etc/resolv.conf", root / "etc/resolv.conf")
    if Path("/", AUTHORITIES).exists():  # whoever vouches for registries here does so inside
        shutil.copyfile(Path("/", AUTHORITIES), root / AUTHORITIES)
        (root / "etc/pip.conf").write_text(f"[global]\ncert = /{AUTHORITIES}\n")
    with booted(root, folder / "console.log") as computer, phone(computer) as outside:
        computer.says("ip", "route", "add", "default", "via", f"{HOME}2")  # multicast goes where the rest goes
        computer.says("apt-get", "update", online=True)
        typed = f"cd /srv/heg\n{lines_of_the_page()}"
        computer.says("sh", "-exc", typed, online=True, limit_s=900)
        yield Office(computer, outside, folder, request.param)


def test_it_runs_as_its_own_user(office: Office) -> None:
    computer = office.computer
    computer.until("heg-appliance.service", "active")
    assert computer.says("systemctl", "is-enabled", "heg-appliance") == "enabled"
    pid = computer.property("heg-appliance.service", "MainPID")
    assert computer.says("ps", "-o", "user:20=", "-p", pid) == "heg-appliance"
    command = "/opt/heg-appliance/bin/heg-appliance"
    assert "good; Office computer, this computer" in computer.says(command, "check")
    wait_until(lambda: f"http://{HOME}1:8467/" in computer.run(command, "status").stdout, "it is on the network")
    assert computer.property("heg-appliance.service", "NRestarts") == "0"


def test_systemd_understands_it_and_little_is_exposed(office: Office) -> None:
    unit = "/etc/systemd/system/heg-appliance.service"
    said = office.computer.run("systemd-analyze", "verify", "--man=no", unit)
    assert (said.returncode, [line for line in said.stderr.splitlines() if "heg" in line]) == (0, [])
    office.computer.says("systemd-analyze", "--no-pager", "security", "--threshold=20", "heg-appliance.service")


def test_its_sandbox_lets_it_see_on_which_card_it_is(office: Office) -> None:
    text = (ROOT / "systemd/appliance/heg-appliance.service").read_text()
    kept = re.findall(
        r"^(?:User|ProtectProc|ProcSubset|RestrictAddressFamilies|SystemCallFilter)=.*", text, re.MULTILINE
    )
    asked = f"from appliance.addresses import interface_of; print(interface_of('{HOME}1'))"
    run = ["systemd-run", "--wait", "--pipe", "--quiet", *(f"--property={line}" for line in kept)]
    card = office.computer.says("cat", "/sys/class/net/lan/ifindex")
    assert office.computer.says(*run, "/opt/heg-appliance/bin/python", "-c", asked) == card


def test_the_rules_are_read(office: Office) -> None:
    rules = "/etc/udev/rules.d/71-heg-appliance.rules"
    if office.release != "bookworm":  # udevadm verify came with systemd 254
        office.computer.says("udevadm", "verify", rules)
    asked = "org.freedesktop.login1.power-off"
    pid = office.computer.property("heg-appliance.service", "MainPID")
    office.computer.says("pkcheck", "--action-id", asked, "--process", pid)
    forbidden = office.computer.run("pkcheck", "--action-id", "org.freedesktop.login1.reboot", "--process", pid)
    assert forbidden.returncode != 0


def test_what_a_program_forbids_is_not_done(office: Office) -> None:
    """A recorder holds its lock, strong or (where systemd knows that) weak; logind has begun anew meanwhile."""
    computer = office.computer
    computer.says("systemctl", "restart", "systemd-logind.service")
    modes = ["block"] if office.release == "bookworm" else ["block", "block-weak"]
    for mode in modes:
        lock = ["systemd-inhibit", "--what=shutdown", "--who=recorder", f"--mode={mode}", "sleep", "infinity"]
        computer.says("systemd-run", "--unit=recorder", *lock)
        wait_until(lambda: "recorder" in computer.says("systemd-inhibit", "--list"), "the lock is held")
        assert office.ordered_off() == "802"
        computer.says("systemctl", "stop", "recorder.service")
    held = computer.says("systemd-inhibit", "--list", "--no-pager")
    assert len(re.findall("^heg-appliance .* (?:sleep|shutdown) ", held, re.MULTILINE)) == 2


def test_a_gateway_switches_it_off(office: Office) -> None:
    """The rule of polkit, logind and systemd are the real ones: the machine is gone afterwards."""
    journal = office.computer.says("journalctl", "-b", "-u", "heg-appliance.service")
    assert "Traceback" not in journal
    with office.gateway():
        wait_until(lambda: office.seen().get("power_state") == "on", "the gateway knows it", limit_s=30)
        done = office.heg("manual", office.seen()["device"], "off", "--minutes", "5")
        assert done.returncode == 0, done.stderr
        wait_until(lambda: office.computer.is_off, "the computer has switched itself off", limit_s=60)
        wait_until(lambda: office.seen().get("power_state") == "off", "the gateway was told", limit_s=20)
        assert office.seen()["status"] != "lost"
