"""Passwords of network cards in heg.toml: by reference alone, by UUID, named when they cannot be had."""

from pathlib import Path

import pytest

from drivers.upnp import DRIVER
from drivers.upnp.config import UpnpConfig
from heg.config.reader import ConfigError, load
from heg.runtime.secrets import SecretReference, missing_secrets

UUID = "4d696e69-0000-4000-8000-000000000001"


def read(folder: Path, text: str) -> UpnpConfig:
    file = folder / "heg.toml"
    file.write_text(f"[upnp.secure_on]\n{text}\n")
    section = load(file, {"upnp": DRIVER}).drivers["upnp"]
    assert isinstance(section, UpnpConfig)
    return section


def test_they_are_references_by_uuid(tmp_path: Path) -> None:
    config = read(tmp_path, f'"{UUID}" = {{ file = "{tmp_path}/no" }}')
    assert config.secure_on == {UUID: SecretReference(file=f"{tmp_path}/no")}
    assert [str(tmp_path) in one for one in missing_secrets(config)] == [True]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f'"uuid:{UUID}" = {{ env = "A" }}', "secure_on with appliances' UUIDs, such as"),
        (f'"{UUID}" = "10.20.30.40"', "a secret itself never stands in this file"),
        (f'"{UUID[1:]}" = {{ env = "A" }}', "appliances' UUIDs, such as 5ac10000-"),
        (f'"{UUID}" = {{ env = "A", file = "b" }}', "exactly one of"),
    ],
)
def test_anything_else_is_refused_and_a_password_never_shown(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected) as error:
        read(tmp_path, text)
    assert "10.20.30.40" not in str(error.value)
