"""Packages built once a session, and machines with them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.debian import why_not

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two builds of what stands here, one newer than the other."""
    if why := why_not():
        pytest.skip(why)
    out = tmp_path_factory.mktemp("packages")
    for version in ("0.0.1", "0.0.2"):
        command = [sys.executable, "-m", "deb", "amd64", "--out", str(out), "--package-version", version]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    older, newer = sorted(out.glob("*.deb"))
    return older, newer
