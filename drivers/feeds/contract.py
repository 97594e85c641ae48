"""What `[feeds.tariff]` says of any span, the past too: for studies, which live a recording again. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from drivers.feeds.config import FeedsConfig, zone_of
from drivers.feeds.series import Span, hour_floor
from drivers.feeds.sources import Source
from drivers.feeds.tariff import EXPORT, IMPORT, sources_of, terms_of
from drivers.feeds.templates import completed
from heg.model.tariff import Contract, Priced

_QUARTER = timedelta(minutes=15)
_HOUR = timedelta(hours=1)


def contract_of(config: FeedsConfig, house_zone: str) -> Contract | None:
    """The contract as configured, None without one. A price that a file or a market says is not the contract's own."""
    if config.tariff is None:
        return None
    tariff, zone = completed(config.tariff), zone_of(config, house_zone)
    own = sources_of(tariff, zone, None)
    bought, sold = own.get(IMPORT), own.get(EXPORT)
    return Contract(
        terms_of(tariff, zone),
        None if bought is None else _priced(bought),
        None if sold is None else _priced(sold),
    )


def _priced(source: Source) -> Priced:
    def of(start: datetime, slot_minutes: int, slots: int) -> tuple[float | None, ...]:
        slot = timedelta(minutes=slot_minutes)
        series = source.series(Span(hour_floor(start), hour_floor(start + slots * slot + _HOUR)), start)
        if series is None:
            return (None,) * slots
        quarters = max(1, slot // _QUARTER)
        said = (
            [series.at(start + at * slot + quarter * _QUARTER) for quarter in range(quarters)] for at in range(slots)
        )
        return tuple(_mean(values) for values in said)

    return of


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(values) else None
