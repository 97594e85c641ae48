"""The arithmetic of books: what one span's energies come to in money, spans added up, what was saved. Pure.

What is booked of a span is energy. Money is energy times the tariff that was in force, so a span whose tariff becomes
known later is priced later, from the same energies.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import reduce

from heg.model.records import BooksRecord, HouseBooks

_DIGITS = 6
"""Milliwatt hours and millionths of a euro: finer digits would only cost flash."""
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Tariff:
    """Prices in force over a span in EUR/kWh, None where nobody said; `known_share` of the span has an import price.

    `stored_eur_per_kwh` is what a kWh in the battery is worth at the span's end.
    """

    import_eur_per_kwh: float | None = None
    export_eur_per_kwh: float | None = None
    co2_eur_per_kwh: float | None = None
    known_share: float = 0.0
    stored_eur_per_kwh: float | None = None


@dataclass(frozen=True, slots=True)
class Saved:
    """EUR saved against another house, energy and CO2 cost apart; `stored_eur` is the part of stored energy in both.

    `eur` is what counts: money, CO2 cost and stored energy together.
    """

    energy_eur: float
    co2_eur: float
    stored_eur: float

    @property
    def eur(self) -> float:
        """All together."""
        return self.energy_eur + self.co2_eur + self.stored_eur


@dataclass(frozen=True, slots=True)
class SpanSums:
    """The energies of a span that is being booked, kWh at the terminals, from `start` until `until` (UTC slot starts).

    `seconds` were booked, `metered_s` of them with every device heard.
    """

    start: datetime = _NEVER
    until: datetime = _NEVER
    seconds: float = 0.0
    metered_s: float = 0.0
    demand_kwh: float = 0.0
    production_kwh: float = 0.0
    charged_kwh: float = 0.0
    discharged_kwh: float = 0.0
    vehicle_kwh: float = 0.0
    ahead_kwh: float = 0.0
    import_kwh: float = 0.0
    export_kwh: float = 0.0
    none_import_kwh: float = 0.0
    none_export_kwh: float = 0.0
    rule_import_kwh: float = 0.0
    rule_export_kwh: float = 0.0
    rule_discharged_kwh: float = 0.0
    stored_before_kwh: float | None = None
    rule_before_kwh: float | None = None
    integrated: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Level:
    """Up to where one counter of a device is booked."""

    device: str
    variable: str
    kwh: float


@dataclass(frozen=True, slots=True)
class OpenBooks:
    """Variable `books.open`: where the books stand. A restart goes on from here, by the counters.

    `debt_kwh` (<= 0) is demand that was booked too early, `rule_kwh` what the other house's battery holds; `drift_kwh`
    and `followed_kwh` are what the cells lost beyond their efficiency and how much of it that battery has lost too.
    `session`, `car_kwh` and `at_once_kwh` are the vehicle's.
    """

    booked_until: datetime
    sums: SpanSums
    levels: tuple[Level, ...] = ()
    debt_kwh: float = 0.0
    rule_kwh: float | None = None
    drift_kwh: float = 0.0
    followed_kwh: float = 0.0
    session: str = ""
    car_kwh: float = 0.0
    at_once_kwh: float = 0.0


@dataclass(frozen=True, slots=True)
class SoFar:
    """How far a billing period has got for each house, from its start on, of which it is known since `since`.

    kWh imported, or the kW of the slot that drew most.
    """

    start: datetime
    since: datetime
    actual: float = 0.0
    no_battery: float = 0.0
    rule: float = 0.0


@dataclass(frozen=True, slots=True)
class BillingRecord:
    """Variable `books.billing`: what the tariff's blocks and peak charge are counted from, the newest period last.

    Both are of spans that are over; `running_kwh` the real house has imported in the one that is open.
    """

    energy_kwh: tuple[SoFar, ...] = ()
    peak_kw: tuple[SoFar, ...] = ()
    running_kwh: float = 0.0


def priced(record: BooksRecord, tariff: Tariff) -> BooksRecord:
    """Return the same energies at this tariff. Export without a price earns nothing; CO2 is that of imports.

    What was booked for blocks and peak stays: it follows from the energies alone.
    """
    return replace(
        record,
        actual=_priced(record.actual, tariff),
        no_battery=_priced(record.no_battery, tariff),
        rule=_priced(record.rule, tariff),
        priced_share=round(tariff.known_share, 4),
        import_eur_per_kwh=_rounded(tariff.import_eur_per_kwh),
        export_eur_per_kwh=_rounded(tariff.export_eur_per_kwh),
        co2_eur_per_kwh=_rounded(tariff.co2_eur_per_kwh),
        stored_eur_per_kwh=_rounded(tariff.stored_eur_per_kwh),
    )


def together(records: Sequence[BooksRecord]) -> BooksRecord | None:
    """Return the books of consecutive spans as one; None of none."""
    return reduce(_plus, records) if records else None


def saved(record: BooksRecord, house: HouseBooks) -> Saved:
    """Return what the real house saved against `house` (`record.no_battery` or `record.rule`).

    Energy that is left in the battery is not lost and energy taken out of it is not earned: the difference is valued
    at what a stored kWh is worth. So is what the other house's vehicle has charged ahead of the real one.
    """
    worth_eur_per_kwh = record.stored_eur_per_kwh or 0.0
    more_kwh = record.actual.gained_kwh - house.gained_kwh - record.ahead_kwh
    return Saved(
        house.energy_eur - record.actual.energy_eur,
        house.co2_eur - record.actual.co2_eur,
        worth_eur_per_kwh * more_kwh,
    )


def self_consumption(production_kwh: float, export_kwh: float) -> float | None:
    """Return the share of production that was used in the house; None without production."""
    if production_kwh <= 0:
        return None
    return round(min(max(1.0 - export_kwh / production_kwh, 0.0), 1.0), 4)


def _priced(house: HouseBooks, tariff: Tariff) -> HouseBooks:
    bought = house.import_kwh * (tariff.import_eur_per_kwh or 0.0)
    sold = house.export_kwh * (tariff.export_eur_per_kwh or 0.0) if tariff.import_eur_per_kwh is not None else 0.0
    co2 = house.import_kwh * (tariff.co2_eur_per_kwh or 0.0)
    energy_eur = bought - sold + house.blocks_eur + house.peak_eur
    return replace(house, energy_eur=round(energy_eur, _DIGITS), co2_eur=round(co2, _DIGITS))


def _plus(first: BooksRecord, second: BooksRecord) -> BooksRecord:
    production_kwh = _add(first.production_kwh, second.production_kwh)
    actual = _houses(first.actual, second.actual)

    return BooksRecord(
        minutes=_add(first.minutes, second.minutes),
        demand_kwh=_add(first.demand_kwh, second.demand_kwh),
        production_kwh=production_kwh,
        charged_kwh=_add(first.charged_kwh, second.charged_kwh),
        discharged_kwh=_add(first.discharged_kwh, second.discharged_kwh),
        vehicle_kwh=_add(first.vehicle_kwh, second.vehicle_kwh),
        actual=actual,
        no_battery=_houses(first.no_battery, second.no_battery),
        rule=_houses(first.rule, second.rule),
        self_consumption=self_consumption(production_kwh, actual.export_kwh),
        cycles=_add(first.cycles, second.cycles),
        priced_share=_share(first, second, first.priced_share, second.priced_share),
        metered_share=_share(first, second, first.metered_share, second.metered_share),
        import_eur_per_kwh=_over_time(first, second, first.import_eur_per_kwh, second.import_eur_per_kwh),
        export_eur_per_kwh=_over_time(first, second, first.export_eur_per_kwh, second.export_eur_per_kwh),
        co2_eur_per_kwh=_over_time(first, second, first.co2_eur_per_kwh, second.co2_eur_per_kwh),
        ahead_kwh=_add(first.ahead_kwh, second.ahead_kwh),
        stored_eur_per_kwh=first.stored_eur_per_kwh if second.stored_eur_per_kwh is None else second.stored_eur_per_kwh,
        integrated=tuple(sorted({*first.integrated, *second.integrated})),
    )


def _share(first: BooksRecord, second: BooksRecord, one: float, other: float) -> float:
    minutes = first.minutes + second.minutes
    return round((first.minutes * one + second.minutes * other) / minutes, _DIGITS) if minutes > 0 else 0.0


def _over_time(first: BooksRecord, second: BooksRecord, one: float | None, other: float | None) -> float | None:
    """The mean of a price over the time for which it was known."""
    if one is None or other is None:
        return other if one is None else one
    weights = first.minutes * first.priced_share, second.minutes * second.priced_share
    total = sum(weights)
    return round((one * weights[0] + other * weights[1]) / total, _DIGITS) if total > 0 else other


def _houses(first: HouseBooks, second: HouseBooks) -> HouseBooks:
    return HouseBooks(
        import_kwh=_add(first.import_kwh, second.import_kwh),
        export_kwh=_add(first.export_kwh, second.export_kwh),
        energy_eur=_add(first.energy_eur, second.energy_eur),
        co2_eur=_add(first.co2_eur, second.co2_eur),
        peak_import_kw=max(first.peak_import_kw, second.peak_import_kw),
        throughput_kwh=_add(first.throughput_kwh, second.throughput_kwh),
        stored_kwh=first.stored_kwh if second.stored_kwh is None else second.stored_kwh,
        gained_kwh=_add(first.gained_kwh, second.gained_kwh),
        blocks_eur=_add(first.blocks_eur, second.blocks_eur),
        peak_eur=_add(first.peak_eur, second.peak_eur),
    )


def _add(first: float, second: float) -> float:
    return round(first + second, _DIGITS)


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, _DIGITS)
