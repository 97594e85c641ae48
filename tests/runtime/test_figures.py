"""Figures of this process."""

from __future__ import annotations

import os
from pathlib import Path

from heg.runtime.figures import measure


def test_memory_is_plausible_and_written_bytes_grow_with_what_is_written(tmp_path: Path) -> None:
    before = measure()
    with (tmp_path / "file").open("wb") as file:
        file.write(os.urandom(1_000_000))
        file.flush()
        os.fsync(file.fileno())
    after = measure()
    assert after.resident_mib is not None
    assert 5 < after.resident_mib < 5000
    if before.bytes_written is not None and after.bytes_written is not None:  # a folder in memory costs no disk
        assert after.bytes_written >= before.bytes_written
