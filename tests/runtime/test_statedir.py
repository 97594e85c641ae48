"""The folder of a unit: made, writable, one process's alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from heg.runtime.statedir import StateDir, StateDirError
from tests.support.peers import demand, program


def test_it_is_made_and_kept_from_everybody_else(tmp_path: Path) -> None:
    with StateDir.open(tmp_path / "a" / "b") as state:
        assert state.path.stat().st_mode & 0o777 == 0o750


def test_a_second_gateway_is_refused_until_the_first_has_gone(tmp_path: Path) -> None:
    with StateDir.open(tmp_path), pytest.raises(StateDirError, match="another gateway works with this folder"):
        StateDir.open(tmp_path)
    StateDir.open(tmp_path).close()


def test_the_lock_ends_with_a_killed_process(tmp_path: Path) -> None:
    code = (
        "import os, signal, pathlib; from heg.runtime.statedir import StateDir;"
        f"kept = StateDir.open(pathlib.Path({str(tmp_path)!r})); os.kill(os.getpid(), signal.SIGKILL)"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False)
    assert ended.returncode == -9
    StateDir.open(tmp_path).close()


def test_a_file_in_its_place_is_said(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(StateDirError, match="expected a folder that user"):
        StateDir.open(tmp_path / "state")


def test_a_read_only_folder_is_said(tmp_path: Path) -> None:
    """Root may write everywhere: it lays down what lets it."""
    tmp_path.chmod(0o500)
    powerless: list[str] = []
    if os.getuid() == 0:
        demand("setpriv")
        powerless = [str(program("setpriv")), "--bounding-set", "-all", "--inh-caps", "-all", "--ambient-caps", "-all"]
    code = f"import pathlib; from heg.runtime.statedir import StateDir; StateDir.open(pathlib.Path({str(tmp_path)!r}))"
    command = [*powerless, sys.executable, "-B", "-c", code]
    said = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert "StateDirError: " in said.stderr
    assert "but it is read-only for this user; mend it with: chown" in said.stderr
