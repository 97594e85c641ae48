"""`[feeds]` as a householder writes it: templates, what differs from them, and what is refused."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from drivers.feeds.config import BandSection, ImportSection, TariffSection, asks_market
from drivers.feeds.publication import window
from drivers.feeds.series import Series
from drivers.feeds.tariff import sources_of
from drivers.feeds.templates import completed, template, template_names
from heg.config.reader import ConfigError
from heg.runtime.secrets import missing_secrets
from tests.drivers.feeds.place import configured

ROME = ZoneInfo("Europe/Rome")
MONDAY = datetime(2026, 6, 8, 10, tzinfo=UTC)
"""12:00 in Rome."""


class Market:
    """A market at 100 EUR/MWh."""

    version = 1
    fault = ""

    def series(self, _column: str) -> Series:
        span = window(MONDAY, ROME)
        return Series(span.start, 60, (0.1,) * span.slots(60))


def prices(
    tariff: TariffSection, *local: str, day: datetime = MONDAY, price: str = "price.import"
) -> list[float | None]:
    """Prices at local times of a day."""
    source = sources_of(completed(tariff), ROME, None, Market())[price]
    series = source.series(window(day, ROME), day)
    assert series is not None
    moments = [datetime.combine(day.date(), datetime.strptime(at, "%H:%M").time(), ROME) for at in local]  # noqa: DTZ007
    return [series.at(moment.astimezone(UTC)) for moment in moments]


TEMPLATES: dict[str, tuple[list[float], float]] = {
    "flat": ([0.30] * 4, 0.08),
    "two-band": ([0.22, 0.32, 0.32, 0.22], 0.08),
    "three-band": ([0.22, 0.28, 0.34, 0.22], 0.06),
    "dynamic": ([(0.1 + 0.115 + 0.0205) * 1.19] * 4, 0.08),
}


def test_every_template_is_tested_here_and_has_a_title() -> None:
    assert set(template_names()) == set(TEMPLATES)
    assert all(template(name)["title"] for name in TEMPLATES)


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_alone_is_a_tariff(name: str) -> None:
    bought, sold = TEMPLATES[name]
    tariff = TariffSection(template=name)
    assert prices(tariff, "03:00", "07:30", "12:00", "23:30") == pytest.approx(bought)
    assert prices(tariff, "12:00", price="price.export") == [sold]
    assert asks_market(completed(tariff)) is (name == "dynamic")


def test_three_bands_by_day_of_the_week() -> None:
    saturday, sunday = (MONDAY + timedelta(days=days) for days in (5, 6))
    tariff = TariffSection(template="three-band")
    assert prices(tariff, "06:00", "12:00", "23:15", day=saturday) == [0.22, 0.28, 0.22]
    assert prices(tariff, "06:00", "12:00", "23:15", day=sunday) == [0.22, 0.22, 0.22]


def test_what_the_owner_says_takes_the_templates_place() -> None:
    added = TariffSection(template="two-band", import_=ImportSection(fees_eur_per_kwh=0.1, vat_share=0.5))
    assert prices(added, "12:00", "23:00") == pytest.approx([0.42 * 1.5, 0.32 * 1.5])
    other = TariffSection(template="two-band", import_=ImportSection(eur_per_kwh=0.25))
    assert prices(other, "12:00", "23:00") == [0.25, 0.25]
    dearer = TariffSection(template="two-band", import_=ImportSection(otherwise_eur_per_kwh=0.40))
    assert prices(dearer, "12:00", "23:00") == [0.40, 0.22]


def test_a_band_over_midnight_belongs_to_the_day_it_begins_on() -> None:
    night = BandSection(from_="22:00", to="06:00", days=("mon",), eur_per_kwh=0.1)
    tariff = TariffSection(import_=ImportSection(bands=(night,), otherwise_eur_per_kwh=0.3))
    assert prices(tariff, "03:00", "23:00") == [0.3, 0.1], "Monday's small hours are Sunday night's"
    assert prices(tariff, "03:00", "23:00", day=MONDAY + timedelta(days=1)) == [0.1, 0.3]


def test_bands_by_month_and_hours_that_nobody_prices() -> None:
    winter = BandSection(months=(11, 12, 1, 2, 3), eur_per_kwh=0.4)
    day = BandSection(from_="08:00", to="20:00", eur_per_kwh=0.3)
    tariff = TariffSection(import_=ImportSection(bands=(winter, day)))
    assert prices(tariff, "12:00", "21:00") == [0.3, None]
    assert prices(tariff, "12:00", "21:00", day=MONDAY - timedelta(days=150)) == [0.4, 0.4]


@pytest.mark.parametrize(
    ("day", "hours"), [(datetime(2026, 3, 29, 12, tzinfo=UTC), 23), (datetime(2026, 10, 25, 12, tzinfo=UTC), 25)]
)
def test_days_of_23_and_25_hours(day: datetime, hours: int) -> None:
    night = BandSection(from_="02:00", to="03:00", eur_per_kwh=0.1)
    tariff = completed(TariffSection(import_=ImportSection(bands=(night,), otherwise_eur_per_kwh=0.3)))
    series = sources_of(tariff, ROME, None)["price.import"].series(window(day, ROME), day)
    assert series is not None
    today = series.values[: 4 * hours]
    assert series.start == datetime(day.year, day.month, day.day, tzinfo=ROME).astimezone(UTC)
    assert today.count(0.1) == {23: 0, 25: 8}[hours]


def test_half_hour_zones_have_full_hours() -> None:
    span = window(datetime(2026, 6, 8, 10, tzinfo=UTC), ZoneInfo("Asia/Kolkata"))
    assert (span.start, span.end) == (datetime(2026, 6, 7, 18, tzinfo=UTC), datetime(2026, 6, 10, 19, tzinfo=UTC))


MARKET = {"service": "energy-charts", "zone": "DE-LU"}


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"tariff": {"export": {"eur_per_kwh": 0.1}}}, "expected what energy costs"),
        ({"tariff": {"template": "cheap"}}, "expected one of dynamic, flat, three-band, two-band"),
        ({"tariff": {"template": "dynamic"}}, r"expected \[feeds.market\] with service and zone"),
        ({"tariff": {"import": {"eur_per_kwh": 0.3, "market": True}}}, "came eur_per_kwh and market"),
        (
            {"tariff": {"import": {"vat_share": 0.2}}},
            "expected exactly one of eur_per_kwh, bands",
        ),
        ({"tariff": {"import": {"column": "price"}}}, "the file of that column"),
        ({"tariff": {"import": {"eur_per_kwh": 30}}}, "EUR per kWh from -10 to 10"),
        ({"tariff": {"import": {"bands": [{"eur_per_kwh": 0.3, "from": "6"}]}}}, 'such as "06:00"'),
        ({"tariff": {"import": {"bands": [{"eur_per_kwh": 0.3, "from": "06:10"}]}}}, "full quarter of an hour"),
        ({"tariff": {"import": {"bands": [{"eur_per_kwh": 0.3, "days": ["mo"]}]}}}, '"mon-fri"'),
        ({"tariff": {"template": "flat", "co2": {"kg_per_kwh": 0.3}}}, "expected eur_per_tonne"),
        ({"tariff": {"csv": {"path": "prices.csv"}}}, "whole path"),
        ({"tariff": {"csv": {"path": "/p", "publication": "13:00", "published_ahead_hours": 3}}}, "not both"),
        ({"tariff": {"template": "flat"}, "time_zone": "Europe/Rom"}, "Europe/Rom"),
        ({"tariff": {"template": "flat"}, "market": {**MARKET, "url": "http://example.org"}}, "plain_http"),
        ({"tariff": {"template": "flat"}, "market": {**MARKET, "url": "https://e.org/?token=x"}}, "token never"),
        ({"market": {"service": "entso-e", "zone": "10Y1001A1001A82H"}}, "security token of your ENTSO-E account"),
        ({"market": {**MARKET, "service": "nordpool"}}, '"energy-charts" or "entso-e"'),
        ({"forecast": {"demand": "load"}}, r"\[feeds.forecast\] csv"),
    ],
)
def test_what_cannot_be_meant_is_refused_when_the_file_is_checked(
    section: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=said):
        configured(tmp_path, section)


@pytest.mark.parametrize(
    "url", ["https://example.org", "http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:80"]
)
def test_addresses_that_are_allowed(url: str, tmp_path: Path) -> None:
    assert configured(tmp_path, {"market": {**MARKET, "url": url}}).market is not None
    assert configured(tmp_path, {"market": {**MARKET, "url": "http://example.org", "plain_http": True}}).market


def test_a_token_that_is_missing_is_named_when_the_file_is_checked(tmp_path: Path) -> None:
    market = {"service": "entso-e", "zone": "10Y1001A1001A82H", "token": {"env": "HEG_NO_SUCH_TOKEN"}}
    [said] = missing_secrets(configured(tmp_path, {"market": market}))
    assert "HEG_NO_SUCH_TOKEN" in said
