"""The package's tree and control files, and `dpkg-deb` over them. The same commit gives the same bytes."""

import gzip
import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deb import documents
from deb.documents import MAINTAINER
from deb.parts import of_page, of_wheels
from deb.targets import PYTHONS, Architecture
from deb.wheels import lay_out

APP = Path("heg/web/app")
_COMPLETIONS = {
    "bash": "usr/share/bash-completion/completions/heg",
    "zsh": "usr/share/zsh/vendor-completions/_heg",
    "fish": "usr/share/fish/vendor_completions.d/heg.fish",
}
QUICKLY = ("-Zgzip", "-z1")
"""For trying out: a second in place of twenty, 15 % larger."""
SHELLS = tuple(_COMPLETIONS)

_DEPENDS = (
    *("python3 (>= 3.11)", "python3 (<< 3.12) | python3 (>= 3.13)", "python3 (<< 3.14)", "libc6 (>= 2.36)"),
    *("libstdc++6", "systemd (>= 252)", "passwd", "tzdata", "ca-certificates"),
)
_CONTROL = """\
Package: heg
Version: {version}
Architecture: {architecture}
Maintainer: {maintainer}
Installed-Size: {size_kib}
Depends: {depends}
Recommends: nftables, udev
Section: misc
Priority: optional
Description: home energy gateway
 Measures a house, plans with its owner's prices and forecasts, and acts on
 battery, car and appliances through leases that are read back.
"""


@dataclass(frozen=True, slots=True)
class Build:
    """One package: of which sources, version and time, for which machine, with which wheels (by Python's tag).

    `completions` is what shells read to complete the command, by the shell's name; `packed` how, for `dpkg-deb`.
    """

    root: Path
    version: str
    epoch_s: int
    architecture: Architecture
    own: Path
    wheels: Mapping[str, Sequence[Path]]
    completions: Mapping[str, str] = field(default_factory=dict)
    packed: Sequence[str] = ("-Zxz", "-z6")


def build(what: Build, work: Path, out: Path) -> Path:
    """Write the .deb into `out` and return its path."""
    tree = work / f"tree-{what.architecture.debian}"
    shutil.rmtree(tree, ignore_errors=True)
    _files(what, tree)
    _control(what, tree)
    _settle(tree, what.epoch_s)
    out.mkdir(parents=True, exist_ok=True)
    target = out / f"heg_{what.version}_{what.architecture.debian}.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", *what.packed, "--build", tree, target],
        check=True,
        stdout=subprocess.DEVNULL,
        env=os.environ | {"SOURCE_DATE_EPOCH": str(what.epoch_s)},
    )
    return target


def _files(what: Build, tree: Path) -> None:
    ours, units = what.root / "deb" / "target", what.root / "systemd"
    lay_out(tree / "usr/lib/heg/wheels", what.own, what.wheels)
    for source, target in {
        ours / "heg": "usr/bin/heg",
        ours / "make-environment": "usr/lib/heg/make-environment",
        units / "allow-devices": "usr/lib/heg/allow-devices",
        units / "heg.sysusers": "usr/lib/sysusers.d/heg.conf",
        units / "heg.tmpfiles": "usr/lib/tmpfiles.d/heg.conf",
        units / "heg.modules-load": "usr/lib/modules-load.d/heg.conf",
        units / "70-heg.rules": "usr/lib/udev/rules.d/70-heg.rules",
        units / "heg.service.d/restart-steps.conf": "usr/share/heg/restart-steps.conf",
        ours / "heg.toml": "usr/share/heg/heg.toml",
        ours / "ssh.nft": "usr/share/heg/ssh.nft",
        ours / "lintian-overrides": "usr/share/lintian/overrides/heg",
    }.items():
        _put(source, tree / target)
    for unit in sorted([*units.glob("*.service"), *units.glob("*.path")]):
        _put(unit, tree / "usr/lib/systemd/system" / unit.name)
    manual = tree / "usr/share/man/man1/heg.1.gz"
    manual.parent.mkdir(parents=True)
    manual.write_bytes(gzip.compress((ours / "heg.1").read_bytes(), 9, mtime=0))
    for shell, text in what.completions.items():
        script = tree / _COMPLETIONS[shell]
        script.parent.mkdir(parents=True)
        script.write_text(text)
    parts = (*of_wheels(wheel for wheels in what.wheels.values() for wheel in wheels), *of_page(what.root / APP))
    documents.lay_out(what.root, tree / "usr/share/doc/heg", what.version, what.epoch_s, parts)


def _control(what: Build, tree: Path) -> None:
    ours, control = what.root / "deb" / "target", tree / "DEBIAN"
    size_kib = sum(-(-path.stat().st_size // 1024) for path in tree.rglob("*") if path.is_file())
    control.mkdir()
    for name in ("postinst", "prerm", "postrm"):
        _put(ours / name, control / name)
    (control / "triggers").write_text("".join(f"interest-noawait {path}\n" for path in _beneath(what.architecture)))
    text = _CONTROL.format(
        version=what.version,
        maintainer=MAINTAINER,
        architecture=what.architecture.debian,
        size_kib=size_kib,
        depends=", ".join(_DEPENDS),
    )
    (control / "control").write_text(text)
    (control / "md5sums").write_text(_md5sums(tree))


def _beneath(architecture: Architecture) -> list[str]:
    """Name the files of Debian's whose exchange the running gateway must take up: its Python, and its TLS."""
    return [
        *("/usr/bin/python3", *(f"/usr/bin/python{python.version}" for python in PYTHONS)),
        f"/usr/lib/{architecture.machine}-linux-gnu/libssl.so.3",
    ]


def _md5sums(tree: Path) -> str:
    """What `dpkg --verify` holds the installed files against."""
    files = sorted(path for path in (tree / "usr").rglob("*") if path.is_file())
    sums = (
        (hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest(), path.relative_to(tree)) for path in files
    )
    return "".join(f"{digest}  {path}\n" for digest, path in sums)


def _put(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _settle(tree: Path, epoch_s: int) -> None:
    """Whatever umask and checkout say: what begins with #! is run, the rest is read, all is of one time."""
    for path in (tree, *tree.rglob("*")):
        path.chmod(0o755 if path.is_dir() or _is_run(path) else 0o644)
        os.utime(path, (epoch_s, epoch_s))


def _is_run(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"#!"
