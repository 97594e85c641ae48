"""The wheels of a package: the dependencies by the lock's hashes, and our own."""

import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from deb.lock import needed, subset
from deb.targets import PYTHONS, Architecture, Python, environment, platforms

_LEFT_OUT = shutil.ignore_patterns(
    ".*", "node_modules", "__pycache__", "*.egg-info", "build", "tests", "bench", "docs", "deb", "systemd"
)


_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The first time that a zip file knows; nobody asks a wheel for another."""


def own_wheel(root: Path, work: Path) -> Path:
    """Build ours, from a copy: building leaves its traces in the source folder. The same files give the same bytes."""
    source, target = work / "source", work / "own"
    shutil.rmtree(source, ignore_errors=True)
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(root, source, ignore=_LEFT_OUT)
    target.mkdir()
    code = f"from setuptools.build_meta import build_wheel; build_wheel({str(target)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=source, check=True, stdout=subprocess.DEVNULL)
    [wheel] = target.iterdir()
    _settle(wheel)
    return wheel


def dependencies(root: Path, work: Path, architecture: Architecture, python: Python) -> list[Path]:
    """Fetch what the lock says for one target, wheels only: nothing is compiled, here or there."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    names = needed(project, environment(architecture, python))
    asked = subset((root / "requirements.lock").read_text(), names)
    stand = work / f"{architecture.debian}-{python.tag}-{hashlib.sha256(asked.encode()).hexdigest()[:16]}"
    if not stand.is_dir():
        fresh = stand.with_suffix(".part")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        _fetch(asked, fresh, architecture, python)
        fresh.rename(stand)
    return sorted(stand.glob("*.whl"))


def lay_out(folder: Path, own: Path, found: Mapping[str, Sequence[Path]]) -> None:
    """Put the wheels into `folder`, each once, and beside them each Python's list with sums (sha256sum -c)."""
    folder.mkdir(parents=True)
    for tag, wheels in found.items():
        rows = []
        for wheel in [own, *wheels]:
            _refuse_what_is_no_plain_wheel(wheel)
            if not (target := folder / wheel.name).exists():
                shutil.copyfile(wheel, target)
            rows.append(f"{hashlib.sha256(target.read_bytes()).hexdigest()}  {wheel.name}\n")
        (folder / f"{tag}.sha256").write_text("".join(sorted(rows, key=lambda row: row.split()[1])))


def all_dependencies(root: Path, work: Path, architecture: Architecture) -> dict[str, Sequence[Path]]:
    """Fetch the wheels of every Python a package is for."""
    return {python.tag: dependencies(root, work, architecture, python) for python in PYTHONS}


def _fetch(asked: str, folder: Path, architecture: Architecture, python: Python) -> None:
    lock = folder / "requirements.txt"
    lock.write_text(asked)
    which = [f"--platform={one}" for one in platforms(architecture)]
    which += [f"--abi={abi}" for abi in (python.tag, "abi3", "none")]
    command = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--require-hashes"]
    command += ["--no-deps", "--only-binary=:all:", f"--python-version={python.version}", "--implementation=cp"]
    subprocess.run([*command, *which, "-d", folder, "-r", lock], check=True, env=os.environ)
    lock.unlink()


def _settle(wheel: Path) -> None:
    """Take times, modes and order of the machine out of a wheel."""
    settled = wheel.with_suffix(".settled")
    with zipfile.ZipFile(wheel) as found, zipfile.ZipFile(settled, "w", zipfile.ZIP_DEFLATED) as made:
        for name in sorted(found.namelist()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = 0o100644 << 16
            made.writestr(entry, found.read(name), zipfile.ZIP_DEFLATED, 9)
    settled.replace(wheel)


def _refuse_what_is_no_plain_wheel(wheel: Path) -> None:
    """What the target's short installer does not know: files outside site-packages."""
    with zipfile.ZipFile(wheel) as archive:
        strange = [name for name in archive.namelist() if ".data/" in name.split("/", 1)[0] + "/"]
    if strange:
        raise ValueError(f"{wheel.name}: expected files for site-packages only, but it has {strange[0]}")
