"""Packages of other days: built from an earlier commit, or from what a later one may be."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BORN = "tests/deb/probe.py"
"""The commit that brought it is of the first whose package held on both Debians."""

_LATER_STORE = """

_TODAY = CURRENT


def _step(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE tomorrow (id INTEGER PRIMARY KEY) STRICT")


def _create(connection: sqlite3.Connection) -> None:
    _TODAY.create(connection)
    _step(connection)


CURRENT = Schema(_TODAY.version + 1, _create, {**_TODAY.steps, _TODAY.version: _step})
"""
_LATER_ACCOUNTS = """

STEPS = {**STEPS, VERSION: lambda c: c.execute("CREATE TABLE tomorrow (id INTEGER PRIMARY KEY) STRICT")}
VERSION += 1
"""


def built(root: Path, out: Path, version: str, architecture: str = "amd64", epoch_s: int | None = None) -> Path:
    """Build the package of a source tree; everything in it bears one time, the commit's unless told."""
    command = [sys.executable, "-m", "deb", architecture, "--out", str(out), "--package-version", version]
    command += ["--quick"] if "--quick" in (root / "deb/__main__.py").read_text() else []  # the first could not
    if epoch_s is None and not (root / ".git").exists():
        epoch_s = 1_700_000_000
    environment = {} if epoch_s is None else {"SOURCE_DATE_EPOCH": str(epoch_s)}
    said = subprocess.run(command, cwd=root, env=os.environ | environment, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    return out / f"heg_{version}_{architecture}.deb"


def first(folder: Path) -> Path | None:
    """Lay out the sources of the first package; None where the checkout has no such past."""
    said = git("log", "--diff-filter=A", "--format=%H", "--", BORN).split()
    if not said:
        return None
    folder.mkdir()
    archive = subprocess.run(["git", "archive", said[-1]], cwd=ROOT, capture_output=True, check=True).stdout
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive, check=True)
    shutil.copytree(ROOT / "heg/web/static/dist", folder / "heg/web/static/dist")
    return _with_our_wheels(folder)


def elsewhere(folder: Path) -> Path:
    """Lay out what stands here in another folder, with other times and, by the caller's umask, other modes."""
    left = shutil.ignore_patterns(".*", "node_modules", "__pycache__", "build")
    shutil.copytree(ROOT, folder, ignore=left, copy_function=shutil.copyfile)
    return _with_our_wheels(folder)


def later(folder: Path) -> Path:
    """Lay out what stands here with one more version of the store's and the accounts' tables."""
    elsewhere(folder)
    for name, more in {"heg/data/store/schema.py": _LATER_STORE, "heg/web/accounts/schema.py": _LATER_ACCOUNTS}.items():
        with (folder / name).open("a") as file:
            file.write(more)
    return folder


def git(*arguments: str) -> str:
    """What git says of this checkout; nothing where it is none."""
    said = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return said.stdout


def _with_our_wheels(folder: Path) -> Path:
    """Fetched wheels are kept by the lock's sum: another tree may use them."""
    ours, theirs = ROOT / ".cache/deb", folder / ".cache/deb"
    theirs.mkdir(parents=True)
    for kept in ours.glob("a*-cp*"):
        (theirs / kept.name).symlink_to(kept)
    return folder
