"""A Debian of its own in namespaces, with systemd as its PID 1: no virtual machine, no network, nothing shared.

Needs root, a kernel with namespaces and cgroup2, and mmdebstrap for the first time (it fetches a base system of
some 80 MB, kept under `.cache/debian`).
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import pytest

from tests.support.peers import SOAK, demand
from tests.support.processes import wait_until

MIRROR = "http://deb.debian.org/debian"
CACHE = Path(__file__).parents[2] / ".cache" / "debian"
SYSTEM = ("systemd", "systemd-sysv", "dbus", "udev")
"""What every installed Debian has; no Python, no certificates."""
BASE = (
    *SYSTEM,
    *("python3", "nftables", "iproute2", "tzdata", "ca-certificates", "kmod", "procps", "libstdc++6"),
)
"""Everything the package asks for, so that `dpkg -i` needs no network."""

# pivot_root and not chroot: else PrivateUsers= and LoadCredential= fail inside.
_BOOT = r"""
set -e
root=$1
mount --bind "$root" "$root"
cd "$root"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
for node in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0; do
    name=${node%%:*} number=${node#*:}
    mknod -m 666 "dev/$name" c "${number%:*}" "${number#*:}"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mkdir -p .outside
pivot_root . .outside
umount -l /.outside
rmdir /.outside
mount --make-rshared /
exec /usr/bin/env -i container=heg PATH=/usr/sbin:/usr/bin:/sbin:/bin /usr/lib/systemd/systemd --log-target=console
"""

_NAMESPACES = ("--mount", "--pid", "--uts", "--ipc", "--net", "--cgroup")


def demand_machines() -> None:
    """Skip the running test where none can run."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    demand("unshare", "nsenter", "mmdebstrap", by=SOAK)
    tried = subprocess.run(["unshare", *_NAMESPACES, "--fork", "true"], capture_output=True, check=False)
    if tried.returncode != 0:
        pytest.skip("needs namespaces: this machine refuses them")


def demand_registry() -> None:
    """Skip it where Debian's registry is out of reach."""
    if why := no_registry():
        pytest.skip(f"needs Debian's registry: {why}")


def fresh_root(release: str, folder: Path, packages: Sequence[str] = BASE, name: str = "base") -> Path:
    """Return the folder of a system with these packages that nobody has touched; `name` is what it is kept under."""
    archive = CACHE / f"{release}-{name}.tar"
    if not archive.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        part = archive.with_suffix(".part")
        make = ["mmdebstrap", "--mode=root", "--variant=minbase", "--format=tar", f"--include={','.join(packages)}"]
        subprocess.run([*make, release, str(part), MIRROR], check=True, capture_output=True)
        part.rename(archive)
    root = folder / release
    root.mkdir()
    subprocess.run(["tar", "-C", str(root), "--exclude=./dev/*", "-xf", str(archive)], check=True)
    if not (hosts := root / "etc/hosts").exists():  # the installer writes it; Debian 12's bare base has none
        hosts.write_text("127.0.0.1 localhost\n::1 localhost\n")
    return root


def no_registry() -> str | None:
    """Why Debian's registry is out of reach; None when it answers."""
    try:
        with urllib.request.urlopen(f"{MIRROR}/dists/stable/Release", timeout=10) as answer:
            return None if answer.status == HTTPStatus.OK else f"{MIRROR} answers {answer.status}"
    except OSError as error:
        return f"{MIRROR} is out of reach: {error}"


@dataclass(frozen=True)
class Machine:
    """One that runs. `pid` is its systemd as seen from here, `outer` what keeps its namespaces."""

    root: Path
    pid: int
    outer: subprocess.Popen[bytes]

    @property
    def is_off(self) -> bool:
        """Whether it has switched itself off."""
        return self.outer.poll() is not None

    def run(self, *command: object, limit_s: float = 300.0, online: bool = False) -> subprocess.CompletedProcess[str]:
        """Run a command inside and return what it said, whatever its exit code; `online`: with our network."""
        return subprocess.run(
            self.inside(*command, online=online),
            stdin=subprocess.DEVNULL,  # whoever asks a question gets no answer
            capture_output=True,
            text=True,
            timeout=limit_s,
            check=False,
        )

    def inside(self, *command: object, online: bool = False) -> list[str]:
        """The command line that runs a command inside."""
        namespaces = ["-m", "-p", "-u", "-i", "-C", *([] if online else ["-n"])]
        environment = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "LANG=C.UTF-8"]
        return ["nsenter", "-t", str(self.pid), *namespaces, "env", "-i", *environment, *map(str, command)]

    def says(self, *command: object, limit_s: float = 300.0, online: bool = False) -> str:
        """What a command says that must succeed."""
        said = self.run(*command, limit_s=limit_s, online=online)
        assert said.returncode == 0, f"{command}: {said.returncode}\n{said.stdout}\n{said.stderr}"
        return said.stdout.strip()

    def property(self, unit: str, name: str) -> str:
        """One property of a unit, as systemd has it now."""
        return self.says("systemctl", "show", unit, "-P", name)

    def until(self, unit: str, state: str, limit_s: float = 60.0) -> None:
        """Wait until a unit is in a state such as `active`."""
        wait_until(lambda: self.property(unit, "ActiveState") == state, f"{unit} is {state}", limit_s=limit_s)


@contextmanager
def booted(root: Path, log: Path) -> Iterator[Machine]:
    """Boot systemd in a root; at the end every process inside is gone, and the root, which is large."""
    command = ["unshare", *_NAMESPACES, "--fork", "--kill-child", "--mount-proc", "sh", "-c", _BOOT, "sh", str(root)]
    with (
        log.open("wb") as said,
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said) as outer,
    ):
        try:
            machine = Machine(root, _child_of(outer.pid), outer)
            states = {"running", "degraded"}
            wait_until(lambda: machine.run("systemctl", "is-system-running").stdout.strip() in states, "systemd is up")
            yield machine
        finally:
            outer.send_signal(signal.SIGKILL)  # its child dies with it, and with that PID 1 all inside
            outer.wait()
            shutil.rmtree(root, ignore_errors=True)


HOME, PUBLIC = "192.168.77.", "203.0.113."
"""Networks on the cable between a machine (.1) and a phone (.2)."""


@contextmanager
def phone(machine: Machine) -> Iterator[list[str]]:
    """Connect a phone to a machine by a cable; yield what a command on the phone begins with."""
    with subprocess.Popen(["unshare", "--net", "sleep", "infinity"]) as there:
        try:
            mine = Path("/proc/self/ns/net").readlink()
            theirs = Path(f"/proc/{there.pid}/ns/net")
            wait_until(lambda: theirs.readlink() != mine, "the phone has a network of its own")
            ends = ["ip", "link", "add", "lan", "netns", machine.pid, "type", "veth", "peer", "lan", "netns", there.pid]
            subprocess.run(list(map(str, ends)), check=True)
            for pid, last in ((machine.pid, 1), (there.pid, 2)):
                up = "; ".join(f"ip addr add {network}{last}/24 dev lan" for network in (HOME, PUBLIC))
                inside = ["nsenter", "-t", str(pid), "-n", "sh", "-ec", f"{up}; ip link set lo up; ip link set lan up"]
                subprocess.run(inside, check=True)
            yield ["nsenter", "-t", str(there.pid), "-n"]
        finally:
            there.kill()


def _child_of(pid: int) -> int:
    children = Path(f"/proc/{pid}/task/{pid}/children")
    wait_until(lambda: children.read_text().split(), "the namespaces stand")
    time.sleep(0.2)
    return int(children.read_text().split()[0])


def listing(root: Path) -> set[str]:
    """Every path of a root but what is mounted over, and what dpkg and systemd write for themselves."""
    own = ("var/lib/dpkg/", "var/log/", "var/cache/", "var/lib/systemd/", "var/backups/", "run/", "tmp/", "dev/")
    paths = (str(path.relative_to(root)) for path in root.rglob("*"))
    return {path for path in paths if not path.startswith(own)}
