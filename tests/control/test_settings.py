"""The id of the boot, by which leases are taken up again after a crash, also where the sandbox hides its file."""

from __future__ import annotations

from pathlib import Path

from heg.control.settings import boot_id

UNIT = Path(__file__).parents[2] / "systemd" / "heg.service"


def test_the_file_says_it_and_where_it_is_hidden_the_unit(tmp_path: Path) -> None:
    said = {"HEG_BOOT_ID": "7d1f"}
    (tmp_path / "boot_id").write_text("3e5a\n")
    assert boot_id(tmp_path / "boot_id", said) == "3e5a"
    assert boot_id(tmp_path / "hidden", said) == "7d1f"
    assert boot_id(tmp_path / "hidden", {}) == ""


def test_the_unit_hides_the_file_and_says_the_id() -> None:
    unit = UNIT.read_text()
    assert "ProcSubset=pid" in unit
    assert "HEG_BOOT_ID=%b" in unit
