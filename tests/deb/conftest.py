"""Packages built once a session, and machines with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.deb.builds import ROOT, built
from tests.support.debian import demand_machines


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two builds of what stands here, one newer than the other."""
    demand_machines()
    out = tmp_path_factory.mktemp("packages")
    return built(ROOT, out, "0.0.1"), built(ROOT, out, "0.0.2")
