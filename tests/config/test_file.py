"""The configuration's file under a pen that may be cut off at any word: the old text or the new, never half."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from heg.config.file import replace_text

OLD, NEW = "# old\n" * 100, "# new\n" * 3000


def test_the_text_is_replaced_and_the_rights_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "heg.toml"
    path.write_text(OLD)
    path.chmod(0o600)
    replace_text(path, NEW)
    assert path.read_text() == NEW
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["heg.toml"]


def test_a_new_file_is_not_the_worlds_to_read(tmp_path: Path) -> None:
    replace_text(tmp_path / "heg.toml", NEW)
    assert stat.S_IMODE((tmp_path / "heg.toml").stat().st_mode) == 0o640


def test_behind_a_link_the_file_itself_is_replaced(tmp_path: Path) -> None:
    real = tmp_path / "real.toml"
    real.write_text(OLD)
    (tmp_path / "heg.toml").symlink_to(real)
    replace_text(tmp_path / "heg.toml", NEW)
    assert (tmp_path / "heg.toml").is_symlink()
    assert real.read_text() == NEW


def test_a_folder_that_takes_nothing_leaves_the_old_file_and_no_rest(tmp_path: Path) -> None:
    path = tmp_path / "heg.toml"
    path.write_text(OLD)
    with pytest.raises(UnicodeEncodeError):
        replace_text(path, "\udc80")
    assert path.read_text() == OLD
    assert [one.name for one in tmp_path.iterdir()] == ["heg.toml"]


@pytest.mark.parametrize("step", range(1, 9))
def test_cut_off_at_any_step_the_file_is_the_old_or_the_new(tmp_path: Path, step: int) -> None:
    path = tmp_path / "heg.toml"
    path.write_text(OLD)
    ended = cut_off_at(step, path)
    text = path.read_text()
    assert text in (OLD, NEW)
    assert ended or text == NEW
    replace_text(path, NEW)  # what was left lying is no hindrance
    assert path.read_text() == NEW
    assert [one.name for one in tmp_path.iterdir()] == ["heg.toml"]


def cut_off_at(step: int, path: Path) -> bool:
    """Replace the text in a process of its own that ends before its n-th call to the system; True when it did."""
    child = os.fork()
    if child == 0:
        left = [step]

        def watched(call: Any) -> Any:
            def counted(*arguments: Any, **named: Any) -> Any:
                left[0] -= 1
                if left[0] == 0:
                    os._exit(9)
                return call(*arguments, **named)

            return counted

        for name in ("open", "fsync", "fchmod", "close"):
            setattr(os, name, watched(getattr(os, name)))
        Path.replace = watched(Path.replace)  # type: ignore[method-assign]
        Path.unlink = watched(Path.unlink)  # type: ignore[method-assign]
        replace_text(path, NEW)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
