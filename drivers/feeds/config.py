"""`[feeds]` in heg.toml: the contract's prices, a market's, a file's, and somebody's forecast."""

from __future__ import annotations

import zoneinfo
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, field

from drivers.feeds.bands import clock_time, contract_day, day_types, weekdays
from heg.runtime.secrets import SecretReference

EurPerKwh = Annotated[float, Meta(ge=-10.0, le=10.0, description="EUR per kWh from -10 to 10, such as 0.28")]
Clock = Annotated[str, Meta(max_length=5, description='a local time such as "06:00"')]
Column = Annotated[str, Meta(min_length=1, max_length=64, description='a column\'s name, such as "price"')]
Day = Annotated[str, Meta(max_length=10, description='a day such as "2026-04-06", or "12-25" for every year')]
Every = Annotated[
    str,
    Meta(pattern="^(month|two-months|quarter|year)$", description='"month", "two-months", "quarter" or "year"'),
]
Hours = Annotated[float, Meta(gt=0.0, le=48.0, description="hours above 0 and at most 48, such as 24")]

MOST_BLOCKS, MOST_HOLIDAYS = 20, 400


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Immutable, named fields only, nothing unknown."""


class BandSection(_Section, frozen=True):
    """A price between two local times. The first band that holds decides; `months` are 1 to 12, none means all."""

    eur_per_kwh: EurPerKwh
    days: tuple[Annotated[str, Meta(max_length=7, description='"mon" or "mon-fri"')], ...] = ()
    months: tuple[Annotated[int, Meta(ge=1, le=12, description="a month from 1 to 12")], ...] = ()
    from_: Clock = field(name="from", default="00:00")
    to: Clock = "24:00"

    def __post_init__(self) -> None:
        """Refuse times and days that mean nothing."""
        clock_time(self.from_)
        clock_time(self.to)
        weekdays(self.days)


class BlockSection(_Section, frozen=True):
    """A step of an inclining block rate: what `eur_per_kwh` adds to each kWh from `from_kwh` of the period on."""

    from_kwh: Annotated[float, Meta(ge=0.0, le=1e6, description="kWh of the billing period, such as 150")]
    eur_per_kwh: EurPerKwh


class ImportSection(_Section, frozen=True):
    """What a kWh from the grid costs: one of `eur_per_kwh`, `bands`, `column` (of the csv file), `market`.

    Fees and taxes are added per kWh, then VAT on the sum: (price + fees + taxes) * (1 + VAT). `blocks` add to that by
    how much was bought in the billing period, with the same VAT; the block that holds decides.
    """

    eur_per_kwh: EurPerKwh | None = None
    bands: tuple[BandSection, ...] = ()
    otherwise_eur_per_kwh: EurPerKwh | None = None
    column: Column | None = None
    market: bool | None = None
    fees_eur_per_kwh: EurPerKwh | None = None
    taxes_eur_per_kwh: EurPerKwh | None = None
    vat_share: Annotated[float, Meta(ge=0.0, le=1.0, description="a share, such as 0.19")] | None = None
    blocks: tuple[BlockSection, ...] = ()

    def __post_init__(self) -> None:
        """Refuse blocks that do not follow one another."""
        begins = [block.from_kwh for block in self.blocks]
        if begins != sorted(set(begins)):
            came = ", ".join(f"{kwh:g}" for kwh in begins)
            raise ValueError(f"blocks: expected each from_kwh above the one before, came {came}")
        if len(begins) > MOST_BLOCKS:
            raise ValueError(f"blocks: expected at most {MOST_BLOCKS}, came {len(begins)}")


class ExportSection(_Section, frozen=True):
    """What a kWh given to the grid earns: one of `eur_per_kwh`, `bands`, `column`, `market`; fees are taken off."""

    eur_per_kwh: EurPerKwh | None = None
    bands: tuple[BandSection, ...] = ()
    otherwise_eur_per_kwh: EurPerKwh | None = None
    column: Column | None = None
    market: bool | None = None
    fees_eur_per_kwh: EurPerKwh | None = None


class Co2Section(_Section, frozen=True):
    """The CO2 of grid energy and what it counts: one of `eur_per_kwh`, `kg_per_kwh`, `column`, `column_kg`.

    Kilograms are priced at `eur_per_tonne`.
    """

    eur_per_kwh: EurPerKwh | None = None
    kg_per_kwh: Annotated[float, Meta(ge=0.0, le=5.0, description="kg per kWh from 0 to 5, such as 0.35")] | None = None
    column: Column | None = None
    column_kg: Column | None = None
    eur_per_tonne: Annotated[float, Meta(ge=0.0, le=2000.0, description="EUR per tonne, such as 80")] | None = None


class CsvSection(_Section, frozen=True):
    """A CSV file, read again when it changes: column `time_utc` (slot starts), then one column a series.

    `publication` is the local time from which the next day's rows count, as on a market; `published_ahead_hours` lets
    rows count only so long before they begin. Without either all of the file's next two days count.
    """

    path: Annotated[str, Meta(min_length=1, max_length=4096, description='a path such as "/var/lib/heg/prices.csv"')]
    publication: Clock | None = None
    published_ahead_hours: Hours | None = None

    def __post_init__(self) -> None:
        """Refuse what has no meaning wherever the gateway is started."""
        if not Path(self.path).is_absolute():
            raise ValueError(f'expected path as a whole path such as "/var/lib/heg/prices.csv", came {self.path!r}')
        if self.publication is not None:
            if self.published_ahead_hours is not None:
                raise ValueError("expected publication or published_ahead_hours, not both")
            clock_time(self.publication)


class ForecastSection(_Section, frozen=True):
    """Somebody's forecast of the house, kW per slot: a file with `demand_kw`, `production_kw` or one of them."""

    csv: CsvSection
    demand: Column = "demand_kw"
    production: Column = "production_kw"


class BillingSection(_Section, frozen=True):
    """The billing period over which blocks count: how long (a month), and a day on which one began (the first)."""

    period: Every | None = None
    began: Day | None = None

    def __post_init__(self) -> None:
        """Refuse a day that no calendar has."""
        if self.began is not None:
            contract_day(self.began, "began")


class PeakSection(_Section, frozen=True):
    """What the highest power costs in each `period`: EUR per kW of the mean import of the slot that drew most, VAT in.

    The periods, months if nothing is said, begin on the day of `[feeds.tariff.billing] began`.
    """

    eur_per_kw: Annotated[float, Meta(ge=0.0, le=1000.0, description="EUR per kW from 0 to 1000, such as 4.5")]
    period: Every | None = None


class TariffSection(_Section, frozen=True):
    """The supply contract's prices: a template, what differs from it, or all of it.

    With a csv file, a price that nothing else is said of comes from the column `import_eur_per_kwh`,
    `export_eur_per_kwh` or `co2_eur_per_kwh`, where the file has it; the day-ahead market's, for planning with the
    retailer's eyes, from `day_ahead_eur_per_kwh`. On `holidays` the bands of the weekday `holidays_as` hold.
    """

    template: Annotated[str, Meta(max_length=64, description='a template\'s name, such as "two-band"')] | None = None
    csv: CsvSection | None = None
    import_: ImportSection | None = field(name="import", default=None)
    export: ExportSection | None = None
    co2: Co2Section | None = None
    billing: BillingSection | None = None
    peak: PeakSection | None = None
    holidays: tuple[Day, ...] = ()
    holidays_as: Annotated[str, Meta(max_length=3, description='a weekday such as "sun"')] = "sun"

    def __post_init__(self) -> None:
        """Refuse days that no calendar has."""
        if len(self.holidays) > MOST_HOLIDAYS:
            raise ValueError(f"holidays: expected at most {MOST_HOLIDAYS}, came {len(self.holidays)}")
        day_types(self.holidays, self.holidays_as)


class MarketSection(_Section, frozen=True):
    """A day-ahead market, asked over HTTPS: `energy-charts` (no token) or `entso-e` (a token of its own).

    `zone` is the bidding zone in the service's words: `DE-LU`, or an EIC code such as `10Y1001A1001A82H`. Tomorrow's
    prices are asked for from `published` (local time) on, until they are there, within `calls_per_day`.
    """

    service: Annotated[str, Meta(pattern="^(energy-charts|entso-e)$", description='"energy-charts" or "entso-e"')]
    zone: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{2,32}$", description='a bidding zone such as "DE-LU"')]
    url: Annotated[str, Meta(max_length=512, description='an address such as "https://api.energy-charts.info"')] = ""
    token: SecretReference | None = None
    published: Clock = "13:00"
    calls_per_day: Annotated[int, Meta(ge=2, le=288, description="calls a day from 2 to 288, such as 48")] = 48
    timeout_s: Annotated[float, Meta(ge=1.0, le=120.0, description="seconds from 1 to 120, such as 30")] = 30.0
    plain_http: bool = False

    def __post_init__(self) -> None:
        """Refuse an address without TLS elsewhere than on this machine, unless the owner says so; ask for a token."""
        clock_time(self.published)
        if self.service == "entso-e" and self.token is None:
            raise ValueError('expected token = { file = "/path" }, the security token of your ENTSO-E account')
        _check_url(self.url, plain_http=self.plain_http)


class WeatherSection(_Section, frozen=True):
    """A weather forecast: from a `csv` file, or asked of a `service` over HTTPS (`open-meteo`: no token).

    The file has `ghi_w_per_m2` (global light on the horizontal, mean of each slot), perhaps `dni_w_per_m2`,
    `dhi_w_per_m2` and `temperature_c`. A service is asked every few hours, within `calls_per_day`; it is told the place
    to a hundredth of a degree. With a place, light that the sun cannot give there and then is refused.
    """

    csv: CsvSection | None = None
    service: Annotated[str, Meta(pattern="^open-meteo$", description='"open-meteo"')] | None = None
    url: Annotated[str, Meta(max_length=512, description='an address such as "https://api.open-meteo.com"')] = ""
    latitude: Annotated[float, Meta(ge=-90.0, le=90.0, description="degrees north, such as 45.1")] | None = None
    longitude: Annotated[float, Meta(ge=-180.0, le=180.0, description="degrees east, such as 9.2")] | None = None
    every_hours: Annotated[float, Meta(ge=0.25, le=24.0, description="hours from 0.25 to 24, such as 3")] = 3.0
    calls_per_day: Annotated[int, Meta(ge=1, le=288, description="calls a day from 1 to 288, such as 24")] = 24
    timeout_s: Annotated[float, Meta(ge=1.0, le=120.0, description="seconds from 1 to 120, such as 30")] = 30.0
    plain_http: bool = False

    def __post_init__(self) -> None:
        """Refuse two sources or none, half a place, a service without one, an address without TLS."""
        if (self.csv is None) == (self.service is None):
            raise ValueError('expected one of csv = { path = "/path" } and service = "open-meteo"')
        if (self.latitude is None) != (self.longitude is None):
            raise ValueError("expected latitude and longitude, or neither")
        if self.service is not None and self.latitude is None:
            raise ValueError("expected latitude and longitude: a service must be told the place")
        _check_url(self.url, plain_http=self.plain_http)


class FeedsConfig(_Section, frozen=True):
    """Prices, CO2, weather and forecasts. `time_zone` is the contract's where it differs from the house's."""

    time_zone: Annotated[str, Meta(max_length=64, description='a time zone such as "Europe/Rome"')] | None = None
    tariff: TariffSection | None = None
    market: MarketSection | None = None
    forecast: ForecastSection | None = None
    weather: WeatherSection | None = None

    def __post_init__(self) -> None:
        """Refuse, already when the file is checked, a tariff that does not say each price once."""
        if self.time_zone is not None:
            _zone(self.time_zone)
        if self.tariff is not None:
            from drivers.feeds.templates import completed

            if asks_market(completed(self.tariff)) and self.market is None:
                raise ValueError(
                    'expected [feeds.market] with service and zone, such as "energy-charts" and "DE-LU": the tariff '
                    "follows the market"
                )


def _check_url(url: str, *, plain_http: bool) -> None:
    if not url:
        return
    address = urlsplit(url)
    at_home = address.hostname in ("127.0.0.1", "::1", "localhost")
    secure = address.scheme == "https" or (address.scheme == "http" and (plain_http or at_home))
    if not (secure and address.hostname) or address.query or address.username:
        raise ValueError(
            # What came may hold a key or a password: of it the host alone is shown.
            f"expected url as https://host, came one of host {address.hostname!r}; http needs plain_http = true, and a "
            "token never stands in it"
        )


def asks_market(tariff: TariffSection) -> bool:
    """Tell whether a price of a complete tariff follows the market."""
    return any(section is not None and bool(section.market) for section in (tariff.import_, tariff.export))


def zone_of(config: FeedsConfig, house_zone: str) -> zoneinfo.ZoneInfo:
    """The time zone that the contract's hours are meant in."""
    return _zone(config.time_zone or house_zone)


def _zone(name: str) -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f'time_zone {name!r}: expected one this machine knows, such as "Europe/Rome"') from None
