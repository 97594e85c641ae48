"""The page's sources: their types, and their own tests under node."""

import gzip
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from heg.web.assets import load_assets
from tests.support.peers import unless

APP = Path(__file__).parents[2] / "heg" / "web" / "app"
PATH = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
NPM = shutil.which("npm", path=PATH)

PACKAGES = [one for one in ("esbuild", "typescript") if not (APP / "node_modules" / one).is_dir()]
BUNDLES = () if "/app.js" in load_assets() else ("the page's /app.js",)
pytestmark = [pytest.mark.system, unless(*(() if NPM else ("npm",)), *PACKAGES, *BUNDLES)]


def npm(*words: str) -> subprocess.CompletedProcess[str]:
    assert NPM is not None
    command = [NPM, "--silent", *words]
    return subprocess.run(
        command, cwd=APP, env=os.environ | {"PATH": PATH}, capture_output=True, text=True, timeout=110, check=False
    )


def test_the_page_counts_right() -> None:
    done = npm("test")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_types_of_the_page_agree() -> None:
    done = npm("run", "check")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_lock_names_no_registry() -> None:
    lock = (APP / "package-lock.json").read_text(encoding="utf-8")
    assert '"resolved"' not in lock
    assert "://registry" not in lock


def test_the_live_page_stays_light_and_the_other_screens_are_not_in_it() -> None:
    assets = load_assets()
    weight = {path: len(gzip.compress(asset.body)) for path, asset in assets.items()}
    assert weight["/"] + weight["/app.js"] + weight["/style.css"] < 60_000
    assert weight["/appliances.js"] + weight["/appliances.css"] < 6_000
    assert weight["/screens.js"] + weight["/screens.css"] < 30_000
    assert b"claim-code" not in assets["/app.js"].body
