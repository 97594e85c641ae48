"""What a stranger types on a bare Debian: installed by apt, Python exchanged beneath it, and then the whole release."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deb.machines import brought, serves
from tests.support.debian import SYSTEM, Machine, booted, demand_registry, fresh_root
from tests.support.processes import wait_until

pytestmark = [pytest.mark.soak, pytest.mark.system]
ENVIRONMENT = "usr/lib/heg/venv/pyvenv.cfg"


@pytest.fixture(scope="module", params=["trixie", "bookworm"])
def bare(
    request: pytest.FixtureRequest, packages: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Machine, str]]:
    """A machine without Python, and the package as it is named there."""
    demand_registry()
    folder = tmp_path_factory.mktemp("bare")
    root = fresh_root(request.param, folder, SYSTEM, "bare")
    shutil.copyfile("/etc/resolv.conf", root / "etc/resolv.conf")
    package = brought(packages[0], root)
    with booted(root, folder / "console.log") as machine:
        machine.says("apt-get", "update", online=True)
        yield machine, package


def of_release(machine: Machine) -> str:
    return machine.says("sh", "-c", ". /etc/os-release; echo $VERSION_CODENAME")


def restarted(machine: Machine, before: str) -> None:
    wait_until(lambda: machine.property("heg.service", "MainPID") not in {before, "0"}, "the gateway was restarted")
    serves(machine)


def test_one_command_installs_it(bare: tuple[Machine, str]) -> None:
    machine, package = bare
    assert machine.run("which", "python3").returncode != 0
    told = machine.says("apt-get", "install", "-y", package, online=True, limit_s=900)
    assert "sudo heg claim-code" in told
    serves(machine)
    assert machine.says("systemctl", "is-enabled", "heg.service") == "enabled"
    assert machine.says("which", "nft")
    assert machine.says("heg", "claim-code")


def test_a_new_python_of_the_same_release_is_taken_up(bare: tuple[Machine, str]) -> None:
    """As its security update is: the environment fits, the gateway runs on the new one."""
    machine, _ = bare
    minor = machine.says("python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])")
    before = machine.property("heg.service", "MainPID")
    made = (machine.root / ENVIRONMENT).stat().st_ino
    machine.says("apt-get", "install", "-y", "--reinstall", f"python{minor}-minimal", online=True, limit_s=900)
    restarted(machine, before)
    assert (machine.root / ENVIRONMENT).stat().st_ino == made


def test_a_mended_openssl_is_taken_up(bare: tuple[Machine, str]) -> None:
    machine, _ = bare
    before = machine.property("heg.service", "MainPID")
    package = machine.says("dpkg", "-S", "/usr/lib/x86_64-linux-gnu/libssl.so.3").partition(":")[0]
    machine.says("apt-get", "install", "-y", "--reinstall", package, online=True, limit_s=900)
    restarted(machine, before)


@pytest.mark.parametrize("bare", ["bookworm"], indirect=True)
def test_debian_12_becomes_debian_13(bare: tuple[Machine, str]) -> None:
    machine, _ = bare
    assert of_release(machine) == "bookworm"
    sources = machine.root / "etc/apt/sources.list"
    sources.write_text(sources.read_text().replace("bookworm", "trixie"))
    before = machine.property("heg.service", "MainPID")
    machine.says("apt-get", "update", online=True)
    machine.says("apt-get", "-y", "full-upgrade", online=True, limit_s=1800)
    assert of_release(machine) == "trixie"
    restarted(machine, before)
    assert "version = 3.13" in (machine.root / ENVIRONMENT).read_text()
    assert machine.says("heg", "check").startswith("/etc/heg/heg.toml: good")
    assert "RestartSteps=" in machine.says("systemctl", "cat", "heg.service")
    assert machine.says("dpkg", "--audit") == ""
