"""What is installed is whole: packages, the page's assets, device templates, commands and drivers."""

from __future__ import annotations

import configparser
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOT_NEEDED = shutil.ignore_patterns(
    ".*", "node_modules", "__pycache__", "*.egg-info", "build", "tests", "bench", "docs"
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Built from a copy: building leaves its traces in the source folder."""
    source, target = tmp_path_factory.mktemp("source") / "heg", tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT, source, ignore=NOT_NEEDED)
    code = f"from setuptools.build_meta import build_wheel; build_wheel({str(target)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=source, check=True, capture_output=True)
    [file] = target.iterdir()
    with zipfile.ZipFile(file) as archive:
        return archive


def test_every_file_of_the_packages_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    packed = set(wheel.namelist())
    packages = [folder for folder in ("heg", "drivers", "hil") if (ROOT / folder).is_dir()]
    sources = {
        str(path.relative_to(ROOT))
        for folder in packages
        for pattern in ("*.py", "*.toml", "*.csv", "*.json", "py.typed")
        for path in (ROOT / folder).rglob(pattern)
        if "app" not in path.relative_to(ROOT).parts
    }
    assert sources - packed == set()


def test_the_pages_assets_are_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    static = ROOT / "heg" / "web" / "static"
    assets = {str(path.relative_to(ROOT)) for path in static.rglob("*") if path.is_file()}
    assert assets
    assert assets - set(wheel.namelist()) == set()


def test_commands_and_drivers_are_registered(wheel: zipfile.ZipFile) -> None:
    [name] = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
    points = configparser.ConfigParser()
    with zipfile.ZipFile(str(wheel.filename)) as archive:
        points.read_string(archive.read(name).decode())
    commands = {"heg": "heg.cli:main", "hil": "hil.cli:main", "heg-appliance": "appliance.cli:main"}
    assert dict(points["console_scripts"]) == commands
    assert dict(points["heg.drivers"]) == {name: f"drivers.{name}:DRIVER" for name in ("feeds", "modbus", "upnp")}
