"""The driver through the door: what it tells, when, and what it says when its file is gone, wrong or torn."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drivers.feeds.csv_file import MOST_BYTES
from heg.devices.contract import OwnerSettings
from heg.model.instance import Quality
from heg.model.records import DeviceStatus
from heg.model.tariff import TariffTerms
from heg.runtime.clock import Clock
from tests.drivers.feeds.place import feeds
from tests.support.stepped import stepped

FRIDAY = datetime(2024, 8, 9, 6, tzinfo=UTC)
MIDNIGHT = datetime(2024, 8, 8, 22, tzinfo=UTC)
"""The local midnight before FRIDAY, in Berlin."""


def rows(first: datetime, hours: int, *, gap: range = range(0)) -> str:
    lines = ["time_utc,demand_kw,production_kw,import_eur_per_kwh,export_eur_per_kwh,co2_eur_per_kwh"]
    for hour in range(hours):
        time = (first + timedelta(hours=hour)).isoformat().replace("+00:00", "Z")
        price = "" if hour in gap else f"{0.2 + hour / 1000:.3f}"
        lines.append(f"{time},1.5,0.25,{price},0.08,0.02")
    return "\n".join(lines) + "\n"


@stepped(start_utc=FRIDAY)
async def test_a_contract_alone_is_told_whole_and_now(clock: Clock, tmp_path: Path) -> None:
    section = {
        "tariff": {
            "template": "two-band",
            "import": {"fees_eur_per_kwh": 0.05, "vat_share": 0.1},
            "co2": {"kg_per_kwh": 0.4, "eur_per_tonne": 80},
        }
    }
    async with feeds(clock, tmp_path, section) as place:
        await place.after(1)
        bought = place.profile("profile.price.import")
        assert (bought.start, bought.slot_minutes, bought.end) == (MIDNIGHT, 15, MIDNIGHT + timedelta(days=3))
        assert bought.at(MIDNIGHT) == pytest.approx((0.22 + 0.05) * 1.1)
        assert bought.at(FRIDAY) == pytest.approx((0.32 + 0.05) * 1.1)
        assert place.value("price.import") == pytest.approx((0.32 + 0.05) * 1.1)
        assert place.value("price.export") == 0.08
        assert place.value("co2.intensity") == 0.4
        assert place.value("tariff") == TariffTerms("Europe/Berlin"), "this contract asks nothing beyond its prices"
        assert place.value("price.co2") == pytest.approx(0.032)
        await place.after(14 * 3600 + 60)
        assert place.value("price.import") == pytest.approx((0.22 + 0.05) * 1.1), "cheaper from 22:00 local on"
        assert place.record().status is DeviceStatus.ATTACHED
        assert place.instance("profile.price.import", "tariff").quality is Quality.GOOD


@stepped(start_utc=FRIDAY)
async def test_a_file_is_a_tariff_and_a_forecast(clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / "home.csv"
    path.write_text(rows(MIDNIGHT - timedelta(days=30), 24 * 60))
    section = {"tariff": {"csv": {"path": str(path)}}, "forecast": {"csv": {"path": str(path)}}}
    owners = (OwnerSettings(name="sky", identity="feed:forecast"),)
    async with feeds(clock, tmp_path, section, owners=owners) as place:
        await place.after(1)
        bought = place.profile("profile.price.import")
        assert (bought.start, bought.slot_minutes, len(bought.values)) == (MIDNIGHT, 60, 72)
        assert bought.at(FRIDAY) == pytest.approx(0.2 + (30 * 24 + 8) / 1000)
        assert place.profile("profile.price.export").values == (0.08,) * 72
        assert place.profile("profile.demand", "sky").values == (1.5,) * 72
        assert place.profile("profile.production", "sky").values == (0.25,) * 72
        await place.after(3600)
        assert place.value("price.import") == pytest.approx(0.2 + (30 * 24 + 9) / 1000)
        first = place.instance("profile.price.import", "tariff").sequence
        await place.after(3600)
        assert place.instance("profile.price.import", "tariff").sequence == first, "told again only when it changes"
        await place.after(15 * 3600)
        assert place.profile("profile.price.import").start == MIDNIGHT + timedelta(days=1), "a day later, a new window"


@stepped(start_utc=FRIDAY)
async def test_gaps_stay_gaps(clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / "home.csv"
    path.write_text(rows(MIDNIGHT, 72, gap=range(10, 20)))
    async with feeds(clock, tmp_path, {"tariff": {"csv": {"path": str(path)}}}) as place:
        await place.after(1)
        first, second = (place.profile("profile.price.import", part=part) for part in ("", "run.2"))
        assert (first.start, first.end) == (MIDNIGHT, MIDNIGHT + timedelta(hours=10))
        assert (second.start, second.end) == (MIDNIGHT + timedelta(hours=20), MIDNIGHT + timedelta(days=3))
        assert len(place.profile("profile.price.export").values) == 72


@stepped(start_utc=FRIDAY)
async def test_what_is_not_yet_published_is_not_known(clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / "home.csv"
    path.write_text(rows(MIDNIGHT, 24 * 10))
    csv = {"path": str(path), "publication": "13:00"}
    async with feeds(clock, tmp_path, {"tariff": {"csv": csv}}) as place:
        await place.after(1)
        assert place.profile("profile.price.import").end == MIDNIGHT + timedelta(days=1)
        await place.after(4.9 * 3600)
        assert place.profile("profile.price.import").end == MIDNIGHT + timedelta(days=1)
        await place.after(0.2 * 3600)
        assert place.profile("profile.price.import").end == MIDNIGHT + timedelta(days=2)


@stepped(start_utc=FRIDAY)
async def test_only_some_hours_ahead(clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / "home.csv"
    path.write_text(rows(MIDNIGHT, 24 * 10))
    csv = {"path": str(path), "published_ahead_hours": 6}
    async with feeds(clock, tmp_path, {"tariff": {"csv": csv}}) as place:
        for hour in range(3):
            await place.after(1)
            assert place.profile("profile.price.import").end == FRIDAY + timedelta(hours=6 + hour)
            await place.after(3599)


@stepped(start_utc=FRIDAY)
async def test_a_changed_file_is_read_again_and_a_missing_one_is_lost_with_its_reason(
    clock: Clock, tmp_path: Path
) -> None:
    path = tmp_path / "home.csv"
    async with feeds(clock, tmp_path, {"tariff": {"csv": {"path": str(path)}}}) as place:
        await place.until(lambda: place.record().status is DeviceStatus.LOST, within_s=300)
        assert place.clock.monotonic_s() >= 120
        assert "expected a readable file" in place.record().detail
        path.write_text(rows(MIDNIGHT, 72))
        await place.until(lambda: place.record().status is DeviceStatus.ATTACHED, within_s=61)
        assert place.value("price.import") == pytest.approx(0.208)
        path.write_text(rows(MIDNIGHT - timedelta(hours=1), 73))
        await place.until(lambda: place.value("price.import") == pytest.approx(0.209), within_s=61)
        path.unlink()
        await place.after(3600 * 2)
        assert place.record().status is DeviceStatus.ATTACHED, "what is known holds while the file is away"
        await place.after(3600 * 72)
        assert place.record().status is DeviceStatus.LOST, "until it has nothing more to say"


@stepped(start_utc=FRIDAY)
async def test_bad_lines_are_counted_once_and_the_others_count(clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / "home.csv"
    good = rows(MIDNIGHT, 72).splitlines()
    good[3] = good[3].replace("0.202", "much")
    good[4] = "yesterday,1,1,1,1,1"
    good[5] = good[5].replace("0.204", "99")
    good[6] = good[6].replace("0.205", "nan")
    good[7] = good[8]
    path.write_text("\n".join(good) + "\n")
    async with feeds(clock, tmp_path, {"tariff": {"csv": {"path": str(path)}}}) as place:
        await place.after(1800)
        assert place.value("price.import") == pytest.approx(0.208)
        assert place.refusals() == 5
        assert place.profile("profile.price.import").end == MIDNIGHT + timedelta(hours=2)


@stepped(start_utc=FRIDAY)
async def test_a_line_that_is_still_being_written_waits(clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / "home.csv"
    whole = rows(MIDNIGHT, 24)
    path.write_text(whole.removesuffix(",0.08,0.02\n"))
    async with feeds(clock, tmp_path, {"tariff": {"csv": {"path": str(path)}}}) as place:
        await place.after(1)
        assert len(place.profile("profile.price.import").values) == 23
        await place.after(61)
        assert len(place.profile("profile.price.import").values) == 24, "it stands still: the line is whole"


@stepped(start_utc=FRIDAY)
async def test_what_is_no_file_is_refused_not_waited_for(clock: Clock, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero")):
        async with feeds(clock, tmp_path, {"forecast": {"csv": {"path": str(path)}}}) as place:
            await place.until(lambda: place.record("forecast").status is DeviceStatus.LOST, within_s=300)
            assert "expected a plain file" in place.record("forecast").detail


@stepped(start_utc=FRIDAY)
async def test_a_file_that_is_too_large_is_refused(clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / "huge.csv"
    with path.open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    async with feeds(clock, tmp_path, {"tariff": {"csv": {"path": str(path)}}}) as place:
        await place.until(lambda: place.record().status is DeviceStatus.LOST, within_s=300)
        assert "expected at most" in place.record().detail
