"""The day-ahead feed against a real server on loopback that fails in every way a service does."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from heg.model.records import DeviceStatus
from heg.runtime.clock import Clock
from tests.drivers.feeds.place import Place, feeds
from tests.drivers.feeds.service import HOUR, Service, serving
from tests.support.stepped import stepped

FRIDAY = datetime(2024, 8, 9, 6, tzinfo=UTC)
MIDNIGHT = datetime(2024, 8, 8, 22, tzinfo=UTC)
TOMORROW = MIDNIGHT + timedelta(days=1)
DAY_AFTER = MIDNIGHT + timedelta(days=2)


def section(server: Service, **market: Any) -> dict[str, Any]:
    return {
        "tariff": {"template": "dynamic", "export": {"market": True, "fees_eur_per_kwh": 0.01}},
        "market": {"service": "energy-charts", "zone": "DE-LU", "url": server.url, "timeout_s": 10, **market},
    }


def paid(eur_per_mwh: float) -> float:
    """What the template makes of a market price."""
    return (eur_per_mwh / 1000 + 0.115 + 0.0205) * 1.19


def told(place: Place) -> bool:
    return bool(place.profile("profile.price.import").values)


@stepped(start_utc=FRIDAY)
async def test_todays_prices_at_once_and_tomorrows_when_they_are_published(clock: Clock, tmp_path: Path) -> None:
    async with serving(Service(MIDNIGHT, TOMORROW)) as service, feeds(clock, tmp_path, section(service)) as place:
        await place.until(lambda: told(place), within_s=10)
        bought = place.profile("profile.price.import")
        assert (bought.start, bought.end, bought.slot_minutes) == (MIDNIGHT, TOMORROW, 60)
        assert place.value("price.import") == pytest.approx(paid(service.price(FRIDAY)))
        noon = datetime(2024, 8, 9, 12, tzinfo=UTC)
        assert place.profile("profile.price.export").at(noon) == pytest.approx(-0.14 - 0.01), (
            "negative prices are prices"
        )
        assert service.asked == [{"bzn": "DE-LU", "start": "2024-08-08T22:00Z", "end": "2024-08-10T22:00Z"}]
        await place.after(5 * 3600)
        assert len(service.asked) == 1, "nothing is asked before the hour of publication"
        await place.after(2 * 3600)
        assert len(service.asked) == 6, "13:05, 13:15, 13:30, 14:00, 15:00: not every minute"
        service.published = DAY_AFTER
        await place.after(3600)
        assert place.profile("profile.price.import").end == DAY_AFTER
        assert len(service.asked) == 7
        await place.after(3600 * 5)
        assert len(service.asked) == 7, "what is known is not asked for"
        assert place.record().status is DeviceStatus.ATTACHED


TROUBLES = {
    "500": "expected status 200, came 500",
    "401": "expected status 200, came 401",
    "slow": "no whole answer within 10 s",
    "truncated": "the answer broke off",
    "html": "expected json, came 'text/html'",
    "not json": "expected JSON",
    "huge": "expected at most 4194304 bytes",
    "elsewhere": "a redirect to localhost:1, not followed",
    "round": "expected at most 3 redirects",
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_trouble_is_named_and_outlived(trouble: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    @stepped(start_utc=FRIDAY)
    async def scene(clock: Clock) -> None:
        start = Service(MIDNIGHT, TOMORROW, trouble=trouble)
        async with serving(start) as service, feeds(clock, tmp_path, section(service)) as place:
            await place.until(lambda: place.record().status is DeviceStatus.LOST, within_s=300)
            assert TROUBLES[trouble] in place.record().detail
            assert TROUBLES[trouble] in caplog.text
            assert "bzn" not in caplog.text, "the query is not logged"
            asked = len(service.asked)
            await place.after(3600)
            assert len(service.asked) - asked <= (4 if trouble != "round" else 16)
            service.trouble = ""
            await place.until(lambda: told(place), within_s=3700, every_s=30)
            assert place.record().status is DeviceStatus.ATTACHED

    scene()


@stepped(start_utc=FRIDAY)
async def test_a_service_that_is_away_comes_back_at_its_address(clock: Clock, tmp_path: Path) -> None:
    async with serving(Service(MIDNIGHT, TOMORROW)) as probe:
        pass
    async with feeds(clock, tmp_path, section(probe)) as place:
        await place.until(lambda: place.record().status is DeviceStatus.LOST, within_s=300)
        assert "cannot be reached" in place.record().detail
        async with serving(probe):
            await place.until(lambda: told(place), within_s=3700, every_s=30)


@stepped(start_utc=FRIDAY)
async def test_an_answer_elsewhere_on_the_same_host_is_followed(clock: Clock, tmp_path: Path) -> None:
    start = Service(MIDNIGHT, TOMORROW, trouble="moved")
    async with serving(start) as service, feeds(clock, tmp_path, section(service)) as place:
        await place.until(lambda: told(place), within_s=10)


@stepped(start_utc=FRIDAY)
async def test_another_currency_is_refused(clock: Clock, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    start = Service(MIDNIGHT, TOMORROW, unit="GBP/MWh")
    async with serving(start) as service, feeds(clock, tmp_path, section(service)) as place:
        await place.until(lambda: place.record().status is DeviceStatus.LOST, within_s=300)
        assert "expected prices in EUR/MWh or EUR/kWh, came 'GBP/MWh'" in caplog.text


@stepped(start_utc=FRIDAY)
async def test_holes_stay_holes_and_what_was_known_outlives_bad_answers(clock: Clock, tmp_path: Path) -> None:
    start = Service(MIDNIGHT, DAY_AFTER, minutes=15, holes=frozenset(range(100, 110)))
    async with serving(start) as service, feeds(clock, tmp_path, section(service)) as place:
        await place.until(lambda: told(place), within_s=10)
        first, second = (place.profile("profile.price.import", part=part) for part in ("", "run.2"))
        assert (first.slot_minutes, first.end) == (15, MIDNIGHT + 25 * HOUR)
        assert (second.start, second.end) == (MIDNIGHT + timedelta(minutes=15 * 110), DAY_AFTER)
        service.trouble = "500"
        await place.after(3600 * 12)
        assert len(service.asked) > 1, "the hole is asked for at the hour of publication"
        assert place.record().status is DeviceStatus.ATTACHED
        assert place.value("price.import") == pytest.approx(paid(service.price(datetime(2024, 8, 9, 18, tzinfo=UTC))))


@stepped(start_utc=FRIDAY)
async def test_a_broken_service_is_not_asked_more_often_than_agreed(clock: Clock, tmp_path: Path) -> None:
    start = Service(MIDNIGHT, TOMORROW, trouble="500")
    async with serving(start) as service, feeds(clock, tmp_path, section(service, calls_per_day=6)) as place:
        await place.after(14 * 3600)
        assert len(service.asked) == 6


@stepped(start_utc=FRIDAY)
async def test_entsoe_from_nothing_yet_to_a_day(clock: Clock, tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text(TOKEN)
    secret.chmod(0o600)
    market = {"service": "entso-e", "zone": "10Y1001A1001A82H", "token": {"file": str(secret)}}
    start = Service(MIDNIGHT, MIDNIGHT)
    async with serving(start) as service, feeds(clock, tmp_path, section(service, **market)) as place:
        await place.until(lambda: place.record().status is DeviceStatus.LOST, within_s=300)
        assert "nothing is said of this time" in place.record().detail
        service.published = TOMORROW
        await place.until(lambda: told(place), within_s=3700, every_s=30)
        bought = place.profile("profile.price.import")
        assert (bought.start, bought.end) == (MIDNIGHT, TOMORROW)
        known = [paid(service.price(MIDNIGHT + hour * HOUR)) for hour in range(24)]
        assert list(bought.values) == pytest.approx(known)
        assert service.asked[0]["in_Domain"] == "10Y1001A1001A82H"
        assert service.asked[0]["periodStart"] == "202408082200"


TOKEN = "correct-horse-battery-staple"


@pytest.mark.parametrize("trouble", ["401", "slow", "truncated", "elsewhere"])
def test_a_token_is_sent_and_never_said(trouble: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    secret = tmp_path / "token"
    secret.write_text(TOKEN)
    secret.chmod(0o600)

    @stepped(start_utc=FRIDAY)
    async def scene(clock: Clock) -> None:
        caplog.set_level("DEBUG")
        async with serving(Service(MIDNIGHT, TOMORROW, trouble=trouble)) as service:
            market = {"service": "entso-e", "zone": "10Y1001A1001A82H", "token": {"file": str(secret)}}
            async with feeds(clock, tmp_path, section(service, **market)) as place:
                await place.until(lambda: place.record().status is DeviceStatus.LOST, within_s=300)
                assert service.asked[0]["securityToken"] == TOKEN
                assert TOKEN not in caplog.text
                assert TOKEN not in place.record().detail

    scene()


@stepped(start_utc=FRIDAY)
async def test_a_token_that_is_not_there_is_named(clock: Clock, tmp_path: Path) -> None:
    async with serving(Service(MIDNIGHT, TOMORROW)) as service:
        market = {"service": "entso-e", "zone": "10Y1001A1001A82H", "token": {"env": "HEG_NO_SUCH_TOKEN"}}
        async with feeds(clock, tmp_path, section(service, **market)) as place:
            await place.until(lambda: place.record().status is DeviceStatus.LOST, within_s=300)
            assert "HEG_NO_SUCH_TOKEN" in place.record().detail
            assert service.asked == []
