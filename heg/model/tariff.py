"""What a supply contract asks beyond a price per kWh: blocks over a billing period, a charge for the peak. Pure.

Billing periods begin at midnight of the contract's time zone, whatever the length of their days. A slot belongs to the
period in which it starts, so none is ever in two (spec ebr.md, Tariffs).
"""

from calendar import monthrange
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from enum import StrEnum
from typing import TypeAlias
from zoneinfo import ZoneInfo

from heg.model.plan import Block

_MONTHS = 12


class Viewpoint(StrEnum):
    """Whose cost counts (spec ebr.md, Configuration): the household's contract, or the day-ahead market both ways."""

    HOUSEHOLD = "household"
    RETAILER = "retailer"


@dataclass(frozen=True, slots=True)
class BillingPeriod:
    """Every so many months (1, 2, 3 or 12) from a day on: `month` and `day` are those of any one period's first day.

    In a month that has no such day it begins on the month's last.
    """

    months: int = 1
    month: int = 1
    day: int = 1

    def around(self, moment: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """Return start and end (UTC) of the period in which a moment lies."""
        today = moment.astimezone(zone).date()
        at = today.year * _MONTHS + today.month - 1
        at -= (at - (self.month - 1)) % self.months
        if self._first_day(at) > today:
            at -= self.months
        return _midnight(self._first_day(at), zone), _midnight(self._first_day(at + self.months), zone)

    def _first_day(self, at: int) -> date:
        year, month = divmod(at, _MONTHS)
        return date(year, month + 1, min(self.day, monthrange(year, month + 1)[1]))


@dataclass(frozen=True, slots=True)
class TariffTerms:
    """Variable `tariff`: what the contract asks beyond its prices; empty where that is nothing.

    A block's price is added to the import price of the energy that falls in it, counted from each billing period's
    beginning. The peak charge is for the highest mean import of a slot in each of its own periods. Prices with VAT.
    """

    time_zone: str = "UTC"
    billing: BillingPeriod = field(default_factory=BillingPeriod)
    blocks: tuple[Block, ...] = ()
    peak_eur_per_kw: float = 0.0
    peak_billing: BillingPeriod = field(default_factory=BillingPeriod)

    def energy_period(self, moment: datetime) -> tuple[datetime, datetime]:
        """Return start and end of the period over which the blocks count."""
        return self.billing.around(moment, ZoneInfo(self.time_zone))

    def peak_period(self, moment: datetime) -> tuple[datetime, datetime]:
        """Return start and end of the period whose peak is paid for."""
        return self.peak_billing.around(moment, ZoneInfo(self.time_zone))


Priced: TypeAlias = Callable[[datetime, int, int], tuple[float | None, ...]]
"""EUR/kWh of so many slots from a start on: (start, slot minutes, slots); None where nothing is agreed."""


@dataclass(frozen=True, slots=True)
class Contract:
    """A supply contract as configured; a price is None where it is not its own but a file's or a market's."""

    terms: TariffTerms = field(default_factory=TariffTerms)
    bought: Priced | None = None
    sold: Priced | None = None


def blocks_eur(blocks: Sequence[Block], so_far_kwh: float, kwh: float) -> float:
    """Return what the blocks add to the price of `kWh` that come after `so_far_kwh` of the billing period."""
    ordered = sorted(blocks, key=lambda block: block.from_kwh)
    ends = [*(block.from_kwh for block in ordered[1:]), float("inf")]
    until_kwh = so_far_kwh + kwh
    return sum(
        block.eur_per_kwh * max(0.0, min(end, until_kwh) - max(block.from_kwh, so_far_kwh))
        for block, end in zip(ordered, ends, strict=False)
    )


def next_block_eur_per_kwh(blocks: Sequence[Block], so_far_kwh: float) -> float:
    """Return what the blocks add to the price of the next kWh."""
    reached = [block for block in sorted(blocks, key=lambda block: block.from_kwh) if block.from_kwh <= so_far_kwh]
    return reached[-1].eur_per_kwh if reached else 0.0


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)
