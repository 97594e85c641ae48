"""`[feeds]` as a householder writes it: templates, what differs from them, and what is refused."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from drivers.feeds.config import BandSection, ImportSection, TariffSection, asks_market
from drivers.feeds.publication import window
from drivers.feeds.series import Series
from drivers.feeds.tariff import sources_of, terms_of
from drivers.feeds.templates import completed, template, template_names
from heg.config.reader import ConfigError
from heg.model.plan import Block
from heg.model.tariff import BillingPeriod, TariffTerms
from heg.runtime.secrets import missing_secrets
from tests.drivers.feeds.place import configured

ROME = ZoneInfo("Europe/Rome")
MONDAY = datetime(2026, 6, 8, 10, tzinfo=UTC)
"""12:00 in Rome."""


def blocks(*from_kwh: float) -> dict[str, Any]:
    """An import section with blocks from these energies on."""
    return {"eur_per_kwh": 0.2, "blocks": [{"from_kwh": float(kwh), "eur_per_kwh": 0.1} for kwh in from_kwh]}


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
    "inclining-block": ([0.22] * 4, 0.08),
    "two-part": ([0.19] * 4, 0.06),
    "retailer": ([0.1] * 4, 0.1),
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
    assert asks_market(completed(tariff)) is (name in ("dynamic", "retailer"))


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


def test_a_holiday_has_the_prices_of_another_day() -> None:
    christmas = datetime(2026, 12, 25, 11, tzinfo=UTC)  # a Friday, and Saturday the day after
    tariff = TariffSection(template="three-band", holidays=("12-25", "2026-06-08"))
    assert prices(tariff, "06:00", "12:00", "23:15", day=christmas) == [0.22, 0.22, 0.22]
    assert prices(tariff, "12:00") == [0.22], "once"
    assert prices(tariff, "12:00", day=MONDAY + timedelta(days=364)) == [0.34], "and not in another year"
    assert prices(tariff, "12:00", day=christmas.replace(year=2030)) == [0.22], "every year"
    as_saturday = TariffSection(template="three-band", holidays=("12-25",), holidays_as="sat")
    assert prices(as_saturday, "12:00", "23:15", day=christmas) == [0.28, 0.22]


def test_a_night_that_begins_on_a_holiday_is_the_holiday_s() -> None:
    night = BandSection(from_="22:00", to="06:00", days=("sun",), eur_per_kwh=0.1)
    tariff = TariffSection(import_=ImportSection(bands=(night,), otherwise_eur_per_kwh=0.3), holidays=("06-08",))
    assert prices(tariff, "03:00", "23:00") == [0.1, 0.1], "Sunday's night, and the holiday's own"
    assert prices(tariff, "03:00", "23:00", day=MONDAY + timedelta(days=1)) == [0.1, 0.3]


def test_what_a_contract_asks_beyond_its_prices(tmp_path: Path) -> None:
    def terms(**tariff: Any) -> TariffTerms:
        section = configured(tmp_path, {"tariff": tariff}).tariff
        assert section is not None
        return terms_of(completed(section), ROME)

    assert terms(template="flat") == TariffTerms("Europe/Rome")
    inclining = terms(template="inclining-block", billing={"period": "two-months", "began": "2025-12-15"})
    assert inclining.blocks == (Block(from_kwh=150, eur_per_kwh=0.05), Block(from_kwh=300, eur_per_kwh=0.11))
    assert inclining.billing == BillingPeriod(2, 12, 15)
    quarterly = {"template": "two-part", "peak": {"eur_per_kw": 9.0, "period": "quarter"}}
    assert terms(**quarterly).peak_eur_per_kw == 9.0
    assert terms(**quarterly).peak_billing == BillingPeriod(3, 1, 1)
    assert terms(template="two-part").peak_billing == BillingPeriod(1, 1, 1)
    own = terms(template="inclining-block", **{"import": {**blocks(100), "vat_share": 0.2}})
    assert [(one.from_kwh, round(one.eur_per_kwh, 9)) for one in own.blocks] == [(100, 0.12)], "the owner's, VAT in"


MARKET = {"service": "energy-charts", "zone": "DE-LU"}


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"tariff": {"export": {"eur_per_kwh": 0.1}}}, "expected what energy costs"),
        (
            {"tariff": {"template": "cheap"}},
            "expected one of dynamic, flat, inclining-block, retailer, three-band, two-band, two-part",
        ),
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
        ({"tariff": {"import": blocks(150, 150)}}, "each from_kwh above the one before, came 150, 150"),
        ({"tariff": {"import": blocks(300, 150)}}, "each from_kwh above the one before, came 300, 150"),
        ({"tariff": {"import": blocks(-1)}}, "kWh of the billing period, such as 150"),
        ({"tariff": {"import": blocks(*range(21))}}, "at most 20, came 21"),
        ({"tariff": {"template": "flat", "billing": {"period": "week"}}}, '"two-months", "quarter" or "year"'),
        ({"tariff": {"template": "flat", "billing": {"began": "2026-02-30"}}}, 'a day such as "2026-04-06"'),
        ({"tariff": {"template": "flat", "billing": {"began": "25"}}}, "began: '25': expected a day"),
        ({"tariff": {"template": "flat", "peak": {"eur_per_kw": -1}}}, "EUR per kW from 0 to 1000"),
        ({"tariff": {"template": "flat", "peak": {"period": "month"}}}, "this key is required"),
        ({"tariff": {"template": "flat", "holidays": ["25.12."]}}, 'or "12-25" for every year'),
        ({"tariff": {"template": "flat", "holidays": ["13-25"]}}, "holidays: '13-25': expected a day"),
        ({"tariff": {"template": "flat", "holidays_as": "sunday"}}, "weekday"),
        ({"tariff": {"template": "flat", "holidays_as": "so"}}, "expected one of mon, tue"),
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
