"""A machine on which a library was not installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def refused_without(absent: str, extra: str, folder: Path, *command: str) -> None:
    """Run `heg` where a library is absent: it says how to get it, on standard error, and fails without a traceback."""
    (folder / f"{absent}.py").write_text("raise ImportError('not here')\n")
    done = subprocess.run(
        [sys.executable, "-m", "heg", *command],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert f"pip install 'heg[{extra}]'" in done.stderr
    assert "Traceback" not in done.stderr
