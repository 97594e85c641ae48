"""What goes into a package, without any network: made-up wheels stand for the locked ones."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from deb.alone import alone
from deb.lock import needed, stanzas, subset
from deb.package import Build, build
from deb.parts import of_page, of_wheels
from deb.targets import ARCHITECTURES, PYTHONS, environment, platforms
from deb.wheels import lay_out, own_wheel
from heg.cli.common import drivers, load_config
from tests.support.peers import needs

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "deb" / "target" / "make-environment"
TARGETS = [(architecture, python) for architecture in ARCHITECTURES for python in PYTHONS]
needs_dpkg = needs("dpkg-deb")


def wheel(folder: Path, name: str, files: dict[str, str], licence: str = "License-Expression: MIT") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-1-py3-none-any.whl"
    told = f"Metadata-Version: 2.4\nName: {name}\nVersion: 1\nAuthor: Ann\n{licence}\n"
    about = {f"{name}-1.dist-info/METADATA": told, f"{name}-1.dist-info/licenses/LICENSE": "Do what you like.\n"}
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in (files | about).items():
            archive.writestr(zipfile.ZipInfo(file), text)
    return path


@pytest.fixture
def own(tmp_path: Path) -> Path:
    cli = "import sys\ndef main():\n    print('heg of', sys.prefix, sys.argv[1:])\n    return 3\n"
    return wheel(tmp_path / "own", "heg", {"heg/__init__.py": "", "heg/cli.py": cli, "heg/tests/test_it.py": ""})


def packed(own: Path, work: Path, version: str = "1.0") -> Path:
    wheels = {python.tag: [wheel(work / "wheels", "other", {"other.py": ""})] for python in PYTHONS}
    return build(Build(ROOT, version, 1_700_000_000, ARCHITECTURES[0], own, wheels), work, work / "out")


def unpacked(package: Path, folder: Path) -> Path:
    subprocess.run(["dpkg-deb", "-R", package, folder], check=True)
    return folder


@pytest.mark.parametrize(("architecture", "python"), TARGETS)
def test_a_gateway_gets_what_it_needs_and_nothing_more(architecture, python) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = needed(project, environment(architecture, python))
    assert {"aiohttp", "msgspec", "pymodbus", "pyserial", "numpy", "highspy", "yarl", "attrs"} <= set(names)
    assert not {"pytest", "matplotlib", "ruff", "pysunspec2", "zigpy"} & set(names)
    lock = (ROOT / "requirements.lock").read_text()
    assert [canonicalize_name(line.split("==")[0]) for line in subset(lock, names).splitlines() if "==" in line] == [
        *names
    ]


def test_markers_follow_the_targets_python() -> None:
    project = {"dependencies": ["aiohttp"], "optional-dependencies": {"modbus": [], "planner": []}}
    by_python = {python.version: needed(project, environment(ARCHITECTURES[0], python)) for python in PYTHONS}
    assert "typing-extensions" in by_python["3.11"]
    assert "typing-extensions" not in by_python["3.13"]


def test_every_pin_keeps_its_hashes() -> None:
    pins = stanzas((ROOT / "requirements.lock").read_text())
    assert len(pins) > 50
    assert all("--hash=sha256:" in pin and "# via" not in pin for pin in pins.values())


def test_no_wheel_asks_for_more_than_debian_12_has() -> None:
    newest = max(int(one.split("_")[2]) for one in platforms(ARCHITECTURES[0]) if one.startswith("manylinux_2_"))
    assert newest == 36


def test_a_wheel_with_files_elsewhere_is_refused(own: Path, tmp_path: Path) -> None:
    strange = wheel(tmp_path / "wheels", "strange", {"strange-1.data/scripts/run": "#!python"})
    with pytest.raises(ValueError, match=r"strange-1-py3-none-any.whl: expected files for site-packages only"):
        lay_out(tmp_path / "laid", own, {"cp311": [strange]})


def test_a_wheel_that_tells_no_licence_is_refused(tmp_path: Path) -> None:
    silent = wheel(tmp_path, "silent", {}, licence="License: \n line one\n line two")
    with pytest.raises(ValueError, match=r"silent-1-py3-none-any.whl: expected a licence in its METADATA"):
        of_wheels([silent])


def test_the_pages_libraries_are_parts_too() -> None:
    assert [(one.name, one.licence) for one in of_page(ROOT / "heg/web/app")] == [("uplot", "MIT")]


@needs_dpkg
def test_every_part_is_named_with_its_licence(own: Path, tmp_path: Path) -> None:
    told = unpacked(packed(own, tmp_path), tmp_path / "unpacked") / "usr/share/doc/heg"
    bill = json.loads((told / "sbom.cdx.json").read_text())
    [other] = [one for one in bill["components"] if one["name"] == "other"]
    [path] = (tmp_path / "wheels").glob("other-*")
    assert other["licenses"] == [{"expression": "MIT"}]
    assert other["hashes"][0]["content"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert other["purl"] in bill["dependencies"][0]["dependsOn"]
    stanza = "Files: usr/lib/heg/wheels/other-1-py3-none-any.whl\nCopyright: Ann\nLicense: MIT\n"
    assert stanza in (told / "copyright").read_text()
    assert "Do what you like." in (told / "licences/other.txt").read_text()


@needs_dpkg
def test_the_documentation_inside_leads_nowhere_astray(own: Path, tmp_path: Path) -> None:
    """Pages and what units, configuration and manual name of them."""
    root = unpacked(packed(own, tmp_path), tmp_path / "unpacked")
    inside = root / "usr/share/doc/heg"
    for page in inside.rglob("*.md"):
        for link in re.findall(r"\]\(([a-z./_-]+\.md)", page.read_text()):
            target = (page.parent / link).resolve()
            assert target.is_file() or not target.is_relative_to(inside), (page, link)
    named = [file.read_text() for file in (root / "usr").rglob("*") if file.suffix in {".service", ".toml"}]
    found = re.findall(r"/(usr/share/doc/heg/\S+?\.md)", "".join(named))
    assert len(found) >= 3
    assert all((root / name).is_file() for name in found)


@needs_dpkg
def test_every_installed_file_has_its_sum(own: Path, tmp_path: Path) -> None:
    root = unpacked(packed(own, tmp_path), tmp_path / "unpacked")
    sums = [line.split("  ") for line in (root / "DEBIAN/md5sums").read_text().splitlines()]
    assert {name for _, name in sums} == {
        str(one.relative_to(root)) for one in (root / "usr").rglob("*") if one.is_file()
    }
    assert all(hashlib.md5((root / name).read_bytes(), usedforsecurity=False).hexdigest() == one for one, name in sums)


@needs_dpkg
def test_an_upgrade_asks_nothing_and_the_gateway_follows_debian(own: Path, tmp_path: Path) -> None:
    """No conffile, so no question; what Debian mends beneath the gateway restarts it."""
    root = unpacked(packed(own, tmp_path), tmp_path / "unpacked")
    assert not (root / "DEBIAN/conffiles").exists()
    assert not (root / "etc").exists()
    watched = {line.split()[1] for line in (root / "DEBIAN/triggers").read_text().splitlines()}
    assert {"/usr/bin/python3", "/usr/bin/python3.13", "/usr/lib/x86_64-linux-gnu/libssl.so.3"} <= watched


@needs_dpkg
def test_it_begins_with_the_login_on(own: Path, tmp_path: Path) -> None:
    """The configuration of the package is one that the gateway takes, and nobody gets in without a login."""
    config = unpacked(packed(own, tmp_path), tmp_path / "unpacked") / "usr/share/heg/heg.toml"
    loaded = load_config(config, drivers())
    assert loaded.unit.web.asks_login
    assert loaded.unit.web.on_lan


@needs_dpkg
def test_the_same_sources_give_the_same_bytes(own: Path, tmp_path: Path) -> None:
    mask = os.umask(0o077)
    try:
        first = packed(own, tmp_path / "one")
        os.umask(0o000)
        second = packed(own, tmp_path / "another")
    finally:
        os.umask(mask)
    assert hashlib.sha256(first.read_bytes()).digest() == hashlib.sha256(second.read_bytes()).digest()


def test_a_checkout_is_built_by_one_at_a_time(tmp_path: Path) -> None:
    """Two at once would take away each other's folders."""
    with alone(tmp_path / "work"), (tmp_path / "work/lock").open() as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with alone(tmp_path / "work"):
        pass


def test_our_own_wheel_is_the_same_from_another_checkout(tmp_path: Path) -> None:
    """Another folder, other modes, other times: as another machine's git would write them."""
    sums = set()
    for name, mode in {"one": 0o644, "another": 0o664}.items():
        shutil.copytree(ROOT / "drivers", tmp_path / name / "drivers", ignore=shutil.ignore_patterns("__pycache__"))
        for file in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copyfile(ROOT / file, tmp_path / name / file)
        (tmp_path / name / "heg").mkdir()
        (tmp_path / name / "heg" / "__init__.py").write_text('__version__ = "1"\n')
        for path in (tmp_path / name).rglob("*.py"):
            path.chmod(mode)
            os.utime(path, (mode, mode + 1_000_000_000))
        sums.add(hashlib.sha256(own_wheel(tmp_path / name, tmp_path / f"{name}.work").read_bytes()).hexdigest())
    assert len(sums) == 1


@needs_dpkg
def test_everything_is_roots_and_nobody_elses_to_write(own: Path, tmp_path: Path) -> None:
    said = subprocess.run(["dpkg-deb", "-c", packed(own, tmp_path)], check=True, capture_output=True, text=True).stdout
    rows = [line.split() for line in said.splitlines()]
    assert {row[1] for row in rows} == {"root/root"}
    assert {row[0] for row in rows} == {"drwxr-xr-x", "-rw-r--r--", "-rwxr-xr-x"}
    run = {row[5] for row in rows if row[0] == "-rwxr-xr-x"}
    assert run == {"./usr/bin/heg", "./usr/lib/heg/allow-devices", "./usr/lib/heg/make-environment"}
    units = {row[5].rpartition("/")[2] for row in rows if "/systemd/system/" in row[5]}
    assert {"heg.service", "heg-devices.service", "heg-devices.path", "heg-firewall.service"} <= units


@needs_dpkg
def test_its_control_file_is_understood(own: Path, tmp_path: Path) -> None:
    file = packed(own, tmp_path, "0.1.0~20260101000000")
    fields = subprocess.run(
        ["dpkg-deb", "-f", file, "Version", "Architecture", "Depends"], check=True, capture_output=True, text=True
    ).stdout
    assert "Version: 0.1.0~20260101000000\nArchitecture: amd64\n" in fields
    subprocess.run(["dpkg", "--compare-versions", "0.1.0~20260101000000", "lt", "0.1.0"], check=True)
    assert "python3 (<< 3.14)" in fields


@pytest.mark.parametrize("script", ["postinst", "prerm", "postrm", "heg"])
def test_maintainer_scripts_are_sh(script: str) -> None:
    assert subprocess.run(["sh", "-n", ROOT / "deb" / "target" / script], check=False).returncode == 0


@pytest.fixture
def laid(own: Path, tmp_path: Path) -> Path:
    here = f"cp{sys.version_info.major}{sys.version_info.minor}"
    lay_out(tmp_path / "laid", own, {here: [wheel(tmp_path / "wheels", "other", {"other.py": "ONE = 1\n"})]})
    return tmp_path / "laid"


def made(laid: Path, target: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(PROGRAM), "--wheels", str(laid), "--target", str(target), *more]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_target_makes_its_environment_without_pip(laid: Path, tmp_path: Path) -> None:
    target = tmp_path / "venv"
    assert made(laid, target).returncode == 0
    said = subprocess.run([target / "bin" / "heg", "sockets"], capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout) == (3, f"heg of {target} ['sockets']\n")
    packages = next((target / "lib").glob("python*")) / "site-packages"
    assert [path.name.split(".")[0] for path in (packages / "__pycache__").iterdir()] == ["other"]
    assert not (packages / "heg" / "tests").exists()
    assert not list(packages.glob("pip*"))


def test_a_damaged_wheel_leaves_what_stood(laid: Path, tmp_path: Path) -> None:
    target = tmp_path / "venv"
    assert made(laid, target).returncode == 0
    [damaged] = laid.glob("other-*.whl")
    damaged.write_bytes(damaged.read_bytes()[:-1])
    said = made(laid, target)
    assert said.returncode == 1
    assert "damaged: install the package again" in said.stderr
    assert (target / "bin" / "heg").exists()
    assert sorted(path.name for path in target.parent.glob("venv*")) == ["venv"]


def test_an_environment_that_fits_is_left(laid: Path, tmp_path: Path) -> None:
    target = tmp_path / "venv"
    assert made(laid, target).returncode == 0
    (target / "mark").touch()
    assert made(laid, target, "--unless-it-fits").returncode == 0
    assert (target / "mark").exists()
    (target / "heg-made-of").write_text("another list\n")
    assert made(laid, target, "--unless-it-fits").returncode == 0
    assert not (target / "mark").exists()


def test_where_python_was_exchanged_the_command_says_what_to_do(laid: Path, tmp_path: Path) -> None:
    target = tmp_path / "venv"
    assert made(laid, target).returncode == 0
    packages = next((target / "lib").glob("python*"))
    packages.rename(target / "lib" / "python3.9")
    said = subprocess.run([target / "bin" / "heg"], capture_output=True, text=True, check=False)
    assert said.returncode == 78
    assert "sudo /usr/lib/heg/make-environment && sudo systemctl restart heg" in said.stderr


def test_a_full_disk_is_said_and_leaves_what_stood(laid: Path, tmp_path: Path) -> None:
    target = tmp_path / "venv"
    assert made(laid, target).returncode == 0
    command = f"ulimit -f 1; exec {sys.executable} {PROGRAM} --wheels {laid} --target {target}"
    said = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert said.returncode == 1
    assert f"{target}.new was not made (it needs about 120 MB); what stood before stands" in said.stderr
    assert sorted(path.name for path in target.parent.glob("venv*")) == ["venv"]


def test_another_python_is_named(laid: Path, tmp_path: Path) -> None:
    for listed in laid.glob("*.sha256"):
        listed.rename(laid / "cp300.sha256")
    said = made(laid, tmp_path / "venv")
    assert said.returncode == 1
    assert "expected one of cp300" in said.stderr
