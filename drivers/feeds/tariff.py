"""From the contract as configured to one source for each price (spec ebr.md, Tariffs). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from drivers.feeds.bands import Band, TimeOfUse, clock_time, contract_day, day_types, weekdays
from drivers.feeds.config import (
    BandSection,
    BillingSection,
    Co2Section,
    CsvSection,
    ExportSection,
    ImportSection,
    TariffSection,
)
from drivers.feeds.publication import Publication
from drivers.feeds.sources import Bands, Changed, Column, Fixed, Source, Table
from drivers.feeds.table import Wanted
from heg.model.plan import Block
from heg.model.tariff import BillingPeriod, TariffTerms

IMPORT, EXPORT, CO2 = "price.import", "price.export", "price.co2"
INTENSITY = "co2.intensity"
DAY_AHEAD = "price.day_ahead"
"""What the market asks both ways, before fees: told beside the contract's prices, for the retailer's eyes."""
MARKET_PRICE = "price"
_MOST_EUR = 20.0
_MOST_KG = 5.0
_COLUMNS = {IMPORT: "import_eur_per_kwh", EXPORT: "export_eur_per_kwh", CO2: "co2_eur_per_kwh"}
_DAY_AHEAD_COLUMN = "day_ahead_eur_per_kwh"
_FIRST_DAY = "2026-01-01"
_MONTHS = {None: 1, "month": 1, "two-months": 2, "quarter": 3, "year": 12}
_ALL_MONTHS = frozenset(range(1, 13))


def wanted_columns(tariff: TariffSection) -> tuple[Wanted, ...]:
    """The columns of the tariff's file: those that are named must be there, the usual ones may be."""
    named: dict[str, Wanted] = {}
    for price, section in ((IMPORT, tariff.import_), (EXPORT, tariff.export), (CO2, tariff.co2)):
        if section is None or not _has_source(section):
            usual = _COLUMNS[price]
            named.setdefault(usual, Wanted(usual, -_MOST_EUR, _MOST_EUR, needed=price == IMPORT))
        elif section.column is not None:
            named[section.column] = Wanted(section.column, -_MOST_EUR, _MOST_EUR)
    if tariff.co2 is not None and tariff.co2.column_kg is not None:
        named[tariff.co2.column_kg] = Wanted(tariff.co2.column_kg, 0.0, _MOST_KG)
    named.setdefault(_DAY_AHEAD_COLUMN, Wanted(_DAY_AHEAD_COLUMN, -_MOST_EUR, _MOST_EUR, needed=False))
    return tuple(named.values())


def sources_of(
    tariff: TariffSection, zone: ZoneInfo, file: Table | None, market: Table | None = None
) -> Mapping[str, Source]:
    """One source a scalar (`price.import` ...); `tariff` is complete, `file` its csv file, `market` the day-ahead's."""
    build = _Builder(zone, file, tariff, market)
    found = {
        IMPORT: build.of(IMPORT, tariff.import_),
        EXPORT: build.of(EXPORT, tariff.export),
        **build.co2(tariff.co2),
        DAY_AHEAD: build.day_ahead(),
    }
    return {price: source for price, source in found.items() if source is not None}


def terms_of(tariff: TariffSection, zone: ZoneInfo) -> TariffTerms:
    """What a complete tariff asks beyond its prices, VAT in."""
    billing = tariff.billing or BillingSection()
    bought, peak = tariff.import_, tariff.peak
    factor = 1.0 + ((bought.vat_share if bought is not None else None) or 0.0)
    blocks = () if bought is None else bought.blocks
    return TariffTerms(
        time_zone=zone.key,
        billing=_period(billing.period, billing.began),
        blocks=tuple(Block(from_kwh=one.from_kwh, eur_per_kwh=one.eur_per_kwh * factor) for one in blocks),
        peak_eur_per_kw=0.0 if peak is None else peak.eur_per_kw,
        peak_billing=_period(None if peak is None else peak.period, billing.began),
    )


def _period(every: str | None, began: str | None) -> BillingPeriod:
    day = contract_day(began or _FIRST_DAY, "began")
    return BillingPeriod(_MONTHS[every], day.month, day.day)


def publication_of(section: CsvSection) -> Publication:
    """How far ahead a file's rows count."""
    at = None if section.publication is None else clock_time(section.publication)
    return Publication.of(at, section.published_ahead_hours)


class _Builder:
    def __init__(self, zone: ZoneInfo, file: Table | None, tariff: TariffSection, market: Table | None) -> None:
        csv = tariff.csv
        self._zone = zone
        self._types = day_types(tariff.holidays, tariff.holidays_as)
        self._file = file
        self._publication = publication_of(csv) if csv is not None else Publication()
        self._market = market

    def of(self, price: str, section: ImportSection | ExportSection | None) -> Source | None:
        source = self._source(price, section)
        match section:
            case ImportSection():
                added = (section.fees_eur_per_kwh or 0.0) + (section.taxes_eur_per_kwh or 0.0)
                factor = 1.0 + (section.vat_share or 0.0)
            case ExportSection():
                added, factor = -(section.fees_eur_per_kwh or 0.0), 1.0
            case _:
                added, factor = 0.0, 1.0
        if source is None or (added, factor) == (0.0, 1.0):
            return source
        return Changed(source, lambda eur: (eur + added) * factor)

    def day_ahead(self) -> Source | None:
        if self._market is not None:
            return Column(self._market, MARKET_PRICE, Publication(), self._zone)
        return self._column(_DAY_AHEAD_COLUMN)

    def co2(self, section: Co2Section | None) -> dict[str, Source | None]:
        if section is None or not _has_source(section):
            return {CO2: self._column(_COLUMNS[CO2])}
        if section.eur_per_kwh is not None:
            return {CO2: Fixed(section.eur_per_kwh)}
        if section.column is not None:
            return {CO2: self._column(section.column)}
        kg = Fixed(section.kg_per_kwh) if section.kg_per_kwh is not None else self._column(section.column_kg or "")
        if kg is None:
            return {}
        eur_per_kg = (section.eur_per_tonne or 0.0) / 1000.0
        return {INTENSITY: kg, CO2: Changed(kg, lambda value: value * eur_per_kg)}

    def _source(self, price: str, section: ImportSection | ExportSection | None) -> Source | None:
        if section is None or not _has_source(section):
            return self._column(_COLUMNS[price])
        if section.eur_per_kwh is not None:
            return Fixed(section.eur_per_kwh)
        if section.column is not None:
            return self._column(section.column)
        if section.market:
            return None if self._market is None else Column(self._market, MARKET_PRICE, Publication(), self._zone)
        bands = tuple(_band(band) for band in section.bands)
        return Bands(TimeOfUse(self._zone, bands, section.otherwise_eur_per_kwh, self._types))

    def _column(self, name: str) -> Source | None:
        return None if self._file is None else Column(self._file, name, self._publication, self._zone)


def _has_source(section: ImportSection | ExportSection | Co2Section) -> bool:
    if isinstance(section, Co2Section):
        given = (section.eur_per_kwh, section.kg_per_kwh, section.column, section.column_kg)
        return any(one is not None for one in given)
    return bool(section.eur_per_kwh is not None or section.bands or section.column or section.market)


def _band(section: BandSection) -> Band:
    months = frozenset(section.months) or _ALL_MONTHS
    return Band(clock_time(section.from_), clock_time(section.to), weekdays(section.days), months, section.eur_per_kwh)
