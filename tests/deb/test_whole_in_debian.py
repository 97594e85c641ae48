"""The whole package before it is installed: Debian's own judge finds nothing, two checkouts give the same bytes."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deb.builds import ROOT, built, elsewhere
from tests.deb.machines import brought
from tests.support.debian import demand_machines, demand_registry, fresh_root

pytestmark = [pytest.mark.soak, pytest.mark.system]


def test_lintian_finds_nothing(packages: tuple[Path, Path], tmp_path: Path) -> None:
    """But what `deb/target/lintian-overrides` gives a reason for; an override that nothing needs is found as well."""
    demand_registry()
    root = fresh_root("trixie", tmp_path, ("lintian",), "lintian")
    package = brought(packages[0], root)
    judge = ["lintian", "--allow-root", "--display-info", "--pedantic", "--no-tag-display-limit", package]
    inside = ["unshare", "--mount", "--pid", "--fork", f"--mount-proc={root}/proc", "chroot", str(root), *judge]
    said = subprocess.run(inside, env={"PATH": "/usr/sbin:/usr/bin"}, capture_output=True, text=True, check=False)
    shutil.rmtree(root)
    assert (said.returncode, said.stdout) == (0, "")


def test_two_checkouts_give_the_same_bytes(packages: tuple[Path, Path], tmp_path: Path) -> None:
    demand_machines()
    before = os.umask(0o077)
    try:
        there = elsewhere(tmp_path / "elsewhere")
    finally:
        os.umask(before)
    out = tmp_path / "out"
    sums = {
        hashlib.sha256(built(root, out / name, "0.0.1", epoch_s=1_700_000_000).read_bytes()).hexdigest()
        for name, root in {"here": ROOT, "there": there}.items()
    }
    assert len(sums) == 1


def test_every_wheel_of_the_package_is_in_its_list_of_parts(packages: tuple[Path, Path], tmp_path: Path) -> None:
    subprocess.run(["dpkg-deb", "-R", packages[0], tmp_path / "tree"], check=True)
    told = tmp_path / "tree/usr/share/doc/heg"
    bill = json.loads((told / "sbom.cdx.json").read_text())
    named = {one["purl"].rpartition("file_name=")[2] for one in bill["components"] if "file_name=" in one["purl"]}
    wheels = {path.name for path in (tmp_path / "tree/usr/lib/heg/wheels").glob("*.whl")}
    assert wheels - named == {name for name in wheels if name.startswith("heg-")}
    assert all(f"wheels/{name}\n" in (told / "copyright").read_text() for name in named)
