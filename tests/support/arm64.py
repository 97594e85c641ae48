"""A Debian for arm64 whose programs an emulator runs: registered in a user namespace, this machine's own list stays.

Needs root, and for the first time mmdebstrap and Debian's registry (some six minutes; kept under `.cache/debian`).
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.debian import CACHE, MIRROR, demand_registry, fresh_root
from tests.support.peers import SOAK, demand
from tests.support.processes import wait_until

PACKAGES = ("systemd", "python3", "libstdc++6", "tzdata", "ca-certificates")
_EMULATOR = CACHE / "qemu/usr/bin/qemu-aarch64-static"
_KIND = (
    r":qemu-aarch64:M::\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
    r":\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:"
)
"""ELF of 64 bits for aarch64, as /usr/lib/binfmt.d/qemu-aarch64.conf has it."""
_WITH_EMULATOR = r"""
set -e
read go
mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
printf '%s' "$1" >/proc/sys/fs/binfmt_misc/register
shift
exec "$@"
"""


def demand_arm(release: str) -> None:
    """Skip the running test where a release cannot run."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    demand("unshare", by=SOAK)
    if not Path("/proc/sys/fs/binfmt_misc").is_dir():
        pytest.skip("needs a kernel with binfmt_misc")
    if emulated(["true"]).returncode != 0:
        pytest.skip("needs a kernel that lets a user namespace register an emulator: Linux 6.7 or newer")
    if not (_archive(release).exists() and _EMULATOR.exists()):
        demand("mmdebstrap", "apt-get", "dpkg", by=SOAK)
        demand_registry()


def emulated(command: list[str], limit_s: float = 1200.0) -> subprocess.CompletedProcess[str]:
    """Run a command in namespaces where programs for arm64 run."""
    wanted = _KIND + f"{_EMULATOR}:OPF" if _EMULATOR.exists() else _KIND + "/bin/true:OPF"
    outer = ["unshare", "--user", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", _WITH_EMULATOR, "sh"]
    with subprocess.Popen(
        [*outer, wanted, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        ours, theirs = (Path(f"/proc/{one}/ns/user") for one in ("self", process.pid))
        wait_until(lambda: theirs.readlink() != ours.readlink(), "the user namespace stands")
        for kind in ("uid_map", "gid_map"):
            Path(f"/proc/{process.pid}/{kind}").write_text("0 0 65536\n")
        said, complained = process.communicate("go\n", timeout=limit_s)
    return subprocess.CompletedProcess(command, process.returncode, said, complained)


@dataclass(frozen=True)
class Arm:
    """A root of an arm64 Debian; nothing runs in it by itself."""

    root: Path

    def run(self, *command: object) -> subprocess.CompletedProcess[str]:
        """Run a command inside and return what it said, whatever its exit code."""
        enter = 'mount -t proc proc "$1/proc"; root=$1; shift; exec chroot "$root" /usr/bin/env -i "$@"'
        environment = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "LANG=C.UTF-8"]
        return emulated(["sh", "-ec", enter, "sh", str(self.root), *environment, *map(str, command)])

    def says(self, *command: object) -> str:
        """What a command says that must succeed."""
        said = self.run(*command)
        assert said.returncode == 0, f"{command}: {said.returncode}\n{said.stdout}\n{said.stderr}"
        return said.stdout.strip()


def fresh_arm(release: str, folder: Path) -> Arm:
    """Return a system that nobody has touched."""
    if not _EMULATOR.exists():
        home = _EMULATOR.parents[2]
        home.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", "qemu-user-static"], cwd=home, check=True, capture_output=True)
        subprocess.run(["dpkg", "-x", *home.glob("qemu-user-static_*.deb"), home], check=True)
    archive = _archive(release)
    if not archive.exists():
        part = archive.with_suffix(".part")
        make = ["mmdebstrap", "--arch=arm64", "--mode=root", "--variant=minbase", "--format=tar", "--skip=check/qemu"]
        said = emulated([*make, f"--include={','.join(PACKAGES)}", release, str(part), MIRROR], limit_s=3000.0)
        assert said.returncode == 0, said.stderr
        part.rename(archive)
    return Arm(fresh_root(release, folder, PACKAGES, "arm64"))


def _archive(release: str) -> Path:
    return CACHE / f"{release}-arm64.tar"
