"""`heg.toml`: what is right is typed, what is wrong is named, all at once."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from heg.config.checks import house_utc
from heg.config.reader import ConfigError, load
from heg.runtime.secrets import SecretReference
from tests.support.sections import Sectioned

GOOD = """
[contract]
max_import_kw = 10
max_export_kw = 8.5

[device.battery]
serial = "B1"
round_trip_efficiency = 0.9

[bus]
hosts = ["127.0.0.1:5020"]
"""


class BusSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A driver's section, as a driver would declare it."""

    hosts: tuple[str, ...]
    timeout_s: float = 1.0


DRIVERS = {"bus": Sectioned(BusSection)}


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "heg.toml"
    path.write_text(text)
    return path


def faults_of(tmp_path: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, text), DRIVERS)
    return str(caught.value)


def test_a_good_file_is_typed(tmp_path: Path) -> None:
    config = load(written(tmp_path, GOOD), DRIVERS)
    assert config.unit.contract is not None
    assert config.unit.contract.max_import_kw == 10.0
    assert config.unit.device["battery"].round_trip_efficiency == 0.9
    assert config.drivers["bus"] == BusSection(hosts=("127.0.0.1:5020",))


def test_without_a_contract_there_is_none(tmp_path: Path) -> None:
    assert load(written(tmp_path, ""), DRIVERS).unit.contract is None


def test_an_error_says_where_what_came_and_what_was_expected(tmp_path: Path) -> None:
    text = GOOD.replace("= 0.9", "= 90")
    expected = "heg.toml: [device.battery] round_trip_efficiency = 90: expected a share between 0.5 and 1, such as 0.9"
    assert faults_of(tmp_path, text) == expected


def test_all_faults_are_listed_at_once(tmp_path: Path) -> None:
    text = "[contract]\nmax_import_kv = 3\nmax_export_kw = -1\n[bus]\ntimeout_s = 'x'\n[moddbus]\n"
    lines = faults_of(tmp_path, text).splitlines()
    assert "heg.toml: [contract] max_import_kv: expected a key that heg knows (did you mean 'max_import_kw'?)" in lines
    assert "heg.toml: [contract] max_export_kw = -1: expected kilowatts from 0 to 1000, such as 5.0" in lines
    assert any('[bus] timeout_s = "x": expected a number' in line for line in lines)
    assert any("[bus] hosts" in line and "required" in line for line in lines)
    assert any("[moddbus]" in line for line in lines)
    assert len(lines) == 6


@pytest.mark.parametrize("text", ["[contract", "contract = 3", "[contract]\nmax_import_kw = true\nmax_export_kw = 1"])
def test_broken_files_are_refused_in_words(tmp_path: Path, text: str) -> None:
    assert "expected" in faults_of(tmp_path, text)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml"):
        load(tmp_path / "nowhere.toml", DRIVERS)


class TokenSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A driver's section that names a secret."""

    token: SecretReference


def test_keys_that_do_not_fit_together_are_a_fault_not_a_traceback(tmp_path: Path) -> None:
    text = GOOD.replace("[bus]", "[token]\ntoken = {}\n[bus]")
    with pytest.raises(ConfigError, match=r"heg\.toml: \[token\] token: expected exactly one of file"):
        load(written(tmp_path, text), {**DRIVERS, "token": Sectioned(TokenSection)})


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ('[unit]\ntime_zone = "Mars/Base"', '[unit] time_zone = "Mars/Base": expected a time zone this machine knows'),
        ('[unit]\ntime_zone = "../../etc/passwd"', "expected a time zone this machine knows"),
        ("[clock]\nspeed = 60", '[clock] house_utc = "": expected a UTC time such as'),
        ('[clock]\nhouse_utc = "2024-07-29T05:00:00"', "expected a UTC time such as"),
        ('[device.Battery]\nserial = "X"', "[device.Battery]: expected a name of small letters"),
        ("[device.roof]\nreserve_share = 0.1", '[device.roof]: expected serial = "..." or identity = "..."'),
        ('[device.two]\nserial = "B1"', '[device.two] serial = "B1": expected a device of its own; [device.battery]'),
    ],
)
def test_what_only_means_something_together_is_checked_too(tmp_path: Path, section: str, expected: str) -> None:
    assert expected in faults_of(tmp_path, GOOD + section)


def test_a_demonstrations_clock_is_read(tmp_path: Path) -> None:
    text = GOOD + '[clock]\nspeed = 60\nhouse_utc = "2024-07-29T05:00:00Z"\nreal_epoch_s = 1.5e9\n'
    clock = load(written(tmp_path, text), DRIVERS).unit.clock
    assert clock is not None
    assert house_utc(clock) == datetime(2024, 7, 29, 5, tzinfo=UTC)


def test_panels_are_said_by_their_peak_or_by_area_and_efficiency(tmp_path: Path) -> None:
    path = tmp_path / "heg.toml"
    path.write_text("[site]\narea_m2 = 25.0\nefficiency = 0.2\n")
    assert load(path, DRIVERS).unit.site.panels_kw == pytest.approx(5.0)
    path.write_text("[site]\npeak_kw = 4.0\n")
    assert load(path, DRIVERS).unit.site.panels_kw == 4.0
    for half in ("area_m2 = 25.0\n", "peak_kw = 4.0\narea_m2 = 25.0\nefficiency = 0.2\n"):
        path.write_text(f"[site]\n{half}")
        with pytest.raises(ConfigError, match="area_m2 and efficiency"):
            load(path, DRIVERS)


class Keyed(msgspec.Struct, frozen=True):
    token: SecretReference | None = None
    tokens: dict[str, SecretReference] = {}
    more: tuple[SecretReference, ...] = ()


@pytest.mark.parametrize(
    "line",
    [
        'token = "hunter2"',
        'token = ["hunter2"]',
        'tokens = "hunter2"',
        'tokens = ["hunter2"]',
        'tokens = { a = "hunter2" }',
        'more = "hunter2"',
        'more = ["hunter2"]',
        'more = { a = "hunter2" }',
    ],
)
def test_a_secret_in_place_of_its_reference_is_shown_nowhere(tmp_path: Path, line: str) -> None:
    path = tmp_path / "heg.toml"
    path.write_text(f"[feed]\n{line}\n")
    with pytest.raises(ConfigError) as caught:
        load(path, {"feed": Sectioned(Keyed)})
    assert "hunter2" not in str(caught.value)
    assert "a reference" in str(caught.value)


@pytest.mark.parametrize("text", ["device = 3", "[automation]\nappliance = []", "[automation]\nappliance = { a = 3 }"])
def test_a_value_where_sections_belong_is_told_so(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, text), DRIVERS)
    assert str(caught.value).endswith("expected a table ([section] with keys below it)")
