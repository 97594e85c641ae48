"""Replay: recordings are read strictly, and the fine structure keeps each slot's energy."""

import hashlib
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hil.house.house import House, HouseConfig
from hil.replay import fetch
from hil.replay.generated import GENERATED, generated_home
from hil.replay.prices import Prices, write_prices
from hil.replay.recording import Recording, RecordingError, read_backtest, read_citylearn
from hil.replay.texture import GRAIN_S, appliance_steps, cloud_ramps
from hil.replay.weather import Replay

means = st.floats(0.0, 12.0)
slots = st.sampled_from([900, 1800, 3600])
seeds = st.integers(0, 2**40)


@given(means, slots, seeds)
def test_appliances_keep_the_slots_energy(mean_kw: float, slot_s: int, seed: int) -> None:
    steps = appliance_steps(mean_kw, slot_s, seed)
    assert len(steps) == slot_s // GRAIN_S
    assert sum(steps) / len(steps) == pytest.approx(mean_kw, rel=1e-9, abs=1e-12)
    assert min(steps) >= -1e-12
    assert steps == appliance_steps(mean_kw, slot_s, seed), "the same seed gives the same house"


@given(means, means, means, slots, seeds)
def test_clouds_keep_the_slots_energy(before: float, mean_kw: float, after: float, slot_s: int, seed: int) -> None:
    most_kw = 1.2 * mean_kw + 0.1
    ramps = cloud_ramps((before, after), mean_kw, slot_s, seed=seed, most_kw=most_kw)
    assert sum(ramps) / len(ramps) == pytest.approx(mean_kw, rel=1e-9, abs=1e-12)
    assert min(ramps) >= -1e-12


@given(means, slots, seeds)
def test_clouds_stay_below_the_generators_rating_where_the_record_does(mean_kw: float, slot_s: int, seed: int) -> None:
    assume(mean_kw > 0)
    ramps = cloud_ramps((mean_kw, mean_kw), mean_kw, slot_s, seed=seed, most_kw=mean_kw)
    assert max(ramps) <= mean_kw * (1 + 1e-9) + 1e-12, "with no room to make up for a cloud, there is no cloud"


def test_there_are_steps_and_clouds_at_all() -> None:
    busy = [appliance_steps(1.5, 3600, seed) for seed in range(20)]
    assert sum(max(steps) - min(steps) > 1.0 for steps in busy) > 8
    cloudy = [cloud_ramps((3.0, 3.0), 3.0, 3600, seed=seed, most_kw=5.0) for seed in range(20)]
    assert sum(max(ramps) - min(ramps) > 1.0 for ramps in cloudy) > 5


def test_a_replayed_day_has_the_recorded_energy() -> None:
    recording = generated_home(pv_kwp=5.0)
    start = recording.start_utc + timedelta(days=3)
    replay = Replay(recording, start, seed=5, pv_most_kw=6.0)
    house = House(HouseConfig(step_s=1.0, batteries={}), replay)
    house.advance_to(86_400)
    slot = 3 * 24
    assert house.consumed_nanojoule / 3.6e15 == pytest.approx(sum(recording.demand_kw[slot : slot + 24]), rel=2e-3)
    produced = house.producers["pv"].produced_nanojoule / 3.6e15
    assert produced == pytest.approx(sum(recording.production_kw[slot : slot + 24]), rel=2e-3)


def test_replay_begins_again_at_the_end() -> None:
    recording = Recording("two slots", "-", datetime(2024, 1, 1, tzinfo=UTC), 900, (1.0, 2.0), (0.0, 0.0))
    replay = Replay(recording, recording.start_utc, texture=False)
    assert [replay.demand_kw(at) for at in (0, 900, 1800, 2700)] == [1.0, 2.0, 1.0, 2.0]
    before = Replay(recording, recording.start_utc - timedelta(seconds=900), texture=False)
    assert before.demand_kw(0) == 2.0


GOOD = "time_utc,demand_kw,production_kw\n2024-01-01T00:00:00Z,1,0\n2024-01-01T01:00:00Z,,0.5\n"


def test_a_gap_is_filled_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "home.csv"
    path.write_text(GOOD)
    recording = read_backtest(path)
    assert (recording.slot_s, list(recording.demand_kw), recording.filled) == (3600, [1.0, 1.0], 1)
    assert recording.end_utc == datetime(2024, 1, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("time_utc,demand_kw\n", "production_kw"),
        (GOOD.replace("0.5", "much"), r"home.csv:3: production_kw: expected a number, found 'much'"),
        (GOOD.replace("0.5", "-1"), "expected 0 to"),
        (GOOD.replace("0.5", "nan"), "expected 0 to"),
        (GOOD.replace("T01:00:00Z", "T01:00:00"), "zone"),
        (GOOD.replace("2024-01-01T01", "yesterday"), "expected a UTC time"),
        (GOOD + "2024-01-01T05:00:00Z,1,1\n", "expected a slot of 3600 s"),
        ("time_utc,demand_kw,production_kw\n", "two rows"),
    ],
)
def test_a_bad_file_is_named_with_line_and_column(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "home.csv"
    path.write_text(text)
    with pytest.raises(RecordingError, match=said):
        read_backtest(path)


CITYLEARN = "Month,Hour,Equipment Electric Power [kWh],Solar Generation [W/kW]\n7,24,2.2758,0.0\n8,1,0.85,500.0\n"


def test_citylearns_own_file() -> None:
    recording = read_citylearn(CITYLEARN, home="home 1", pv_kwp=5.0)
    assert recording.start_utc == datetime(2024, 7, 28, 22, tzinfo=UTC)
    assert list(recording.production_kw) == [0.0, 2.5]
    assert "MIT" in recording.licence


PRICING = "Electricity Pricing [$],6h Prediction Electricity Pricing [$]\n0.22,0.5\n0.54,0.22\n"
CARBON = "kg_CO2/kWh\n0.25\n0.1\n"


def wheel(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        members = {"Building_1": CITYLEARN, "pricing": PRICING, "carbon_intensity": CARBON}
        for member, text in members.items():
            archive.writestr(f"citylearn/data/citylearn_challenge_2022_phase_all/{member}.csv", text)
        archive.writestr("CityLearn-1.8.0.dist-info/LICENSE", "MIT")
    return path


def test_a_wheel_with_another_hash_is_not_used(tmp_path: Path) -> None:
    with pytest.raises(fetch.FetchError, match="sha256"):
        fetch.unpack(wheel(tmp_path / "a.whl"), tmp_path / "cache", 1)
    assert not (tmp_path / "cache").exists()


def test_a_wheel_is_unpacked_with_its_licence(tmp_path: Path) -> None:
    path = wheel(tmp_path / "a.whl")
    expected = hashlib.sha256(path.read_bytes()).hexdigest()
    files = fetch.unpack(path, tmp_path / "cache", 1, expected_sha256=expected)
    assert files == fetch.HomeFiles(CITYLEARN, PRICING, CARBON)
    assert sorted(entry.name for entry in (tmp_path / "cache").iterdir()) == [
        "LICENSE-citylearn",
        "citylearn-1.8.0-2022-carbon-intensity.csv",
        "citylearn-1.8.0-2022-home-1.csv",
        "citylearn-1.8.0-2022-pricing.csv",
    ]
    with pytest.raises(fetch.FetchError, match="no home 9"):
        fetch.unpack(path, tmp_path / "cache", 9, expected_sha256=expected)


def cache(folder: Path, home: str = CITYLEARN, pricing: str = PRICING) -> None:
    for name, text in {"home-1": home, "pricing": pricing, "carbon-intensity": CARBON}.items():
        (folder / f"citylearn-1.8.0-2022-{name}.csv").write_text(text)


def test_what_is_cached_is_not_fetched_again(tmp_path: Path) -> None:
    cache(tmp_path)
    recording = fetch.recorded_home(cache=tmp_path, offline=True)
    assert list(recording.demand_kw) == [2.2758, 0.85]
    assert recording.prices == Prices((0.22, 0.54), (0.08, 0.08), (0.02, 0.008))


@pytest.mark.parametrize("pricing", ["nothing\n1\n", PRICING.replace("0.54", "dear"), PRICING + "0.1,0.1\n"])
def test_spoilt_prices_are_replaced_by_generated_ones(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, pricing: str
) -> None:
    cache(tmp_path, pricing=pricing)
    recording = fetch.recorded_home(cache=tmp_path, offline=True)
    assert list(recording.demand_kw) == [2.2758, 0.85]
    assert recording.prices is not None
    assert recording.prices.published == "13:00"
    assert "no recorded prices" in caplog.text


def test_without_a_network_a_generated_home_stands_in_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recording = fetch.recorded_home(cache=tmp_path, offline=True)
    assert recording.source == GENERATED
    assert "generated" in caplog.text


def test_a_spoilt_cache_is_replaced_by_the_generated_home(tmp_path: Path) -> None:
    cache(tmp_path, home="nothing,of,use\n")
    assert fetch.recorded_home(cache=tmp_path, offline=True).source == GENERATED


def test_the_generated_home_is_a_plausible_one() -> None:
    home = generated_home()
    days = len(home.demand_kw) / 24
    assert 6 < sum(home.demand_kw) / days < 25
    assert 2 < sum(home.production_kw) / days < 25
    winter = slice(24 * 140, 24 * 150)
    assert sum(home.production_kw[winter]) < 0.5 * sum(home.production_kw[: 24 * 10])
    assert home == generated_home()


def test_generated_prices_are_a_markets_shape() -> None:
    home = generated_home()
    prices = home.prices
    assert prices is not None
    assert len(prices.import_eur_per_kwh) == len(home.demand_kw)
    bought = [value for value in prices.import_eur_per_kwh if value is not None]
    assert 0.18 < sum(bought) / len(bought) < 0.32
    evening, noon = bought[19::24], bought[13::24]
    assert sum(evening) / len(evening) > sum(noon) / len(noon) + 0.05


def test_prices_are_written_from_before_the_start_and_begin_again_with_the_recording(tmp_path: Path) -> None:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    path = tmp_path / "prices.csv"
    write_prices(
        path, Prices((0.1, None, 0.3), (0.08,) * 3, (0.01, 0.02, 0.03)), start, 3600, start - timedelta(hours=1)
    )
    lines = path.read_text().splitlines()
    assert lines[:4] == [
        "time_utc,import_eur_per_kwh,export_eur_per_kwh,co2_eur_per_kwh",
        "2023-12-31T23:00:00Z,0.3,0.08,0.03",
        "2024-01-01T00:00:00Z,0.1,0.08,0.01",
        "2024-01-01T01:00:00Z,,0.08,0.02",
    ]
    assert len(lines) == 1 + 366 * 24


def test_a_backtests_prices_stay_as_they_were_recorded(tmp_path: Path) -> None:
    path = tmp_path / "home.csv"
    head = "time_utc,demand_kw,production_kw,import_eur_per_kwh,export_eur_per_kwh\n"
    path.write_text(head + "2024-01-01T00:00:00Z,1,0,0.2,-0.01\n2024-01-01T01:00:00Z,1,0,,0.08\n")
    assert read_backtest(path).prices == Prices((0.2, None), (-0.01, 0.08), (None, None))
    path.write_text(head + "2024-01-01T00:00:00Z,1,0,0.2,-0.01\n2024-01-01T01:00:00Z,1,0,free,0.08\n")
    with pytest.raises(RecordingError, match="import_eur_per_kwh: expected a number"):
        read_backtest(path)
