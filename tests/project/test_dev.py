"""`./dev` says what it expected; the rest of it runs whenever these tests run."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def dev(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    for name in ("dev", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, folder)
    return subprocess.run(
        [folder / "dev", *arguments], capture_output=True, text=True, env=os.environ | environment, check=False
    )


def test_without_a_command_it_lists_them(tmp_path: Path) -> None:
    shown = dev(tmp_path)
    assert shown.returncode == 0
    assert {line.split()[1] for line in shown.stdout.splitlines()} == {
        *("run", "test", "check", "bench", "soak", "build-web", "deb", "lock", "clean")
    }


def test_an_unknown_command_is_named(tmp_path: Path) -> None:
    shown = dev(tmp_path, "fly")
    assert shown.returncode == 1
    assert "./dev fly: expected one of the commands above" in shown.stderr


@pytest.mark.parametrize(("version", "found"), [("Python 3.10.4", "Python 3.10.4"), (None, "none")])
def test_a_python_that_does_not_fit_is_named(tmp_path: Path, version: str | None, found: str) -> None:
    python = tmp_path / "python"
    if version is not None:
        python.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo "{version}" || exit 1\n')
        python.chmod(0o755)
    shown = dev(tmp_path, "check", HEG_PYTHON=str(python))
    assert shown.returncode == 1
    assert shown.stderr.startswith(f"expected Python 3.11, 3.12 or 3.13, found: {found}.")
    assert not (tmp_path / ".venv").exists()
