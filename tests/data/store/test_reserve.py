"""Room on the disk for the day it is full."""

import shutil
from dataclasses import replace
from pathlib import Path

from heg.data.store.files import files_aside, hold_reserve, spend_reserve
from heg.data.store.settings import StoreSettings


def test_the_reserve_is_held_and_spent_only_when_the_disk_itself_is_full(tmp_path: Path) -> None:
    settings = StoreSettings(tmp_path / "store.sqlite", reserve_bytes=1 << 20)
    reserve = tmp_path / "store.sqlite.reserve"
    assert hold_reserve(settings)
    assert hold_reserve(settings)
    assert reserve.stat().st_blocks * 512 >= 1 << 20  # really taken, not a hole
    assert not spend_reserve(settings)  # there is plenty: it is the store's own bound that is reached
    assert reserve.exists()
    larger_than_what_is_free = replace(settings, reserve_bytes=shutil.disk_usage(tmp_path).free * 2)
    assert spend_reserve(larger_than_what_is_free)
    assert not reserve.exists()
    assert not spend_reserve(larger_than_what_is_free)


def test_a_reserve_that_cannot_be_had_leaves_nothing_behind(tmp_path: Path) -> None:
    too_much = StoreSettings(tmp_path / "store.sqlite", reserve_bytes=1 << 62)
    assert not hold_reserve(too_much)
    assert list(tmp_path.iterdir()) == []


def test_the_reserve_is_no_copy_of_anything(tmp_path: Path) -> None:
    settings = StoreSettings(tmp_path / "store.sqlite", reserve_bytes=4096)
    assert hold_reserve(settings)
    assert files_aside(settings.path) == []
