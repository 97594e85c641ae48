"""A start without a usable file goes on with what was in force last, and never with somebody else's house."""

from __future__ import annotations

from pathlib import Path

import pytest

from heg.config.last import IN_FORCE, load_or_last
from heg.config.reader import ConfigError


def house(folder: Path, *, copy: str | None = None) -> Path:
    state = folder / "state"
    state.mkdir()
    good = f'[unit]\nstate_dir = "{state}"\nid = "casa"\n'
    (state / IN_FORCE).write_text(good if copy is None else copy)
    (folder / "heg.toml").write_text(good)
    return folder / "heg.toml"


def test_a_good_file_is_read_as_it_is(tmp_path: Path) -> None:
    loaded, damage = load_or_last(house(tmp_path, copy="[unit]\nid = 'other'\n"), {})
    assert (loaded.unit.unit.id, damage) == ("casa", None)


@pytest.mark.parametrize("damage", ["[unit\n", "\x00\x01", "[unit]\nstate_dir = '/nowhere'\nid = 3\n", ""])
def test_a_damaged_file_gives_way_to_the_copy(tmp_path: Path, damage: str) -> None:
    path = house(tmp_path)
    path.write_text(f'state_dir = "{tmp_path / "state"}"\n{damage}\n')
    loaded, why = load_or_last(path, {})
    assert loaded.unit.unit.id == "casa"
    assert loaded.path == path
    assert isinstance(why, ConfigError)


def test_the_service_managers_word_leads_to_the_copy_when_nothing_can_be_read(tmp_path: Path) -> None:
    path = house(tmp_path)
    path.write_bytes(b"\xff" * 100)
    assert load_or_last(path, {}, f"{tmp_path / 'state'}:/var/lib/more")[0].unit.unit.id == "casa"
    path.unlink()
    assert load_or_last(path, {}, str(tmp_path / "state"))[0].unit.unit.id == "casa"


def test_a_wrong_name_at_the_console_is_refused(tmp_path: Path) -> None:
    house(tmp_path)
    with pytest.raises(ConfigError, match="this file to exist"):
        load_or_last(tmp_path / "hag.toml", {})


@pytest.mark.parametrize("copy", ["[unit\n", "[unit]\nstate_dir = '/somewhere/else'\n"])
def test_a_copy_that_is_damaged_or_speaks_of_another_folder_is_none(tmp_path: Path, copy: str) -> None:
    path = house(tmp_path, copy=copy)
    path.write_text(f'state_dir = "{tmp_path / "state"}"\nnonsense')
    with pytest.raises(ConfigError, match="valid TOML"):
        load_or_last(path, {})
