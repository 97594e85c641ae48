"""What the contract asks beyond its prices, booked slot by slot for each of the three houses. Pure.

A slot pays what its energy adds in the blocks, from where its billing period has got to, and for the kW by which it
goes beyond the highest slot of the peak's period so far. So slots, days and months add up to what the bill says.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

from heg.model.books import BillingRecord, SoFar
from heg.model.records import BooksRecord, HouseBooks
from heg.model.tariff import TariffTerms, blocks_eur, next_block_eur_per_kwh

KEPT = 2
"""Periods that are kept: a clock that is set back finds the one before again."""
_DIGITS = 6


class Billing:
    """One unit's billing periods; it goes on from what was left."""

    def __init__(self, left: BillingRecord | None = None) -> None:
        left = BillingRecord() if left is None else left
        self._terms = TariffTerms()
        self._energy = {one.start: one for one in left.energy_kwh}
        self._peak = {one.start: one for one in left.peak_kw}

    @property
    def terms(self) -> TariffTerms:
        """The terms in force."""
        return self._terms

    def learn(self, terms: TariffTerms) -> None:
        """Take the contract's terms; what is booked stays as it is."""
        self._terms = terms

    def charged(self, start: datetime, record: BooksRecord) -> BooksRecord:
        """Return a span's record with blocks and peak in its money; nothing is counted."""
        energy = self._of(self._energy, self._terms.energy_period, start) if self._terms.blocks else None
        peak = self._of(self._peak, self._terms.peak_period, start) if self._terms.peak_eur_per_kw else None
        if energy is None and peak is None:
            return record

        def house(name: str) -> HouseBooks:
            so_far_kwh = None if energy is None else getattr(energy, name)
            return self._house(getattr(record, name), so_far_kwh, None if peak is None else getattr(peak, name))

        return replace(record, actual=house("actual"), no_battery=house("no_battery"), rule=house("rule"))

    def book(self, start: datetime, record: BooksRecord) -> BooksRecord:
        """Return the record of a span that is over with blocks and peak in its money, and count it."""
        charged = self.charged(start, record)
        if self._terms.blocks:
            self._count(self._energy, self._of(self._energy, self._terms.energy_period, start), _with_energy, record)
        if self._terms.peak_eur_per_kw:
            self._count(self._peak, self._of(self._peak, self._terms.peak_period, start), _with_peak, record)
        return charged

    def recall(self, books_since: Callable[[datetime], Iterable[tuple[datetime, BooksRecord]]], slot: datetime) -> None:
        """Count from the books what of the periods of a slot was not counted: it was billed otherwise until now."""
        if self._terms.blocks:
            self._recall(self._energy, self._terms.energy_period(slot)[0], _with_energy, books_since)
        if self._terms.peak_eur_per_kw:
            self._recall(self._peak, self._terms.peak_period(slot)[0], _with_peak, books_since)

    def next_kwh_eur(self, slot: datetime) -> float:
        """Return what the blocks add to the price of the next kWh of the real house."""
        if not self._terms.blocks:
            return 0.0
        so_far = self._of(self._energy, self._terms.energy_period, slot)
        return next_block_eur_per_kwh(self._terms.blocks, so_far.actual)

    def left(self, running_kwh: float) -> BillingRecord:
        """Return how far the periods have got; `running_kwh` were imported in the span that is open."""
        return BillingRecord(
            tuple(_rounded(one) for _, one in sorted(self._energy.items())),
            tuple(_rounded(one) for _, one in sorted(self._peak.items())),
            round(running_kwh, 3),
        )

    # -- pieces

    def _of(
        self,
        periods: dict[datetime, SoFar],
        around: Callable[[datetime], tuple[datetime, datetime]],
        start: datetime,
    ) -> SoFar:
        begun = around(start)[0]
        return periods.get(begun) or SoFar(begun, start)

    def _house(self, house: HouseBooks, so_far_kwh: float | None, peak_kw: float | None) -> HouseBooks:
        blocks = 0.0 if so_far_kwh is None else blocks_eur(self._terms.blocks, so_far_kwh, house.import_kwh)
        beyond_kw = 0.0 if peak_kw is None else max(0.0, house.peak_import_kw - peak_kw)
        blocks, peak = round(blocks, _DIGITS), round(self._terms.peak_eur_per_kw * beyond_kw, _DIGITS)
        energy_eur = round(house.energy_eur + blocks + peak, _DIGITS)
        return replace(house, energy_eur=energy_eur, blocks_eur=blocks, peak_eur=peak)

    def _count(
        self,
        periods: dict[datetime, SoFar],
        so_far: SoFar,
        plus: Callable[[SoFar, BooksRecord], SoFar],
        record: BooksRecord,
    ) -> None:
        periods[so_far.start] = plus(so_far, record)
        for old in sorted(periods)[:-KEPT]:
            del periods[old]

    def _recall(
        self,
        periods: dict[datetime, SoFar],
        begun: datetime,
        plus: Callable[[SoFar, BooksRecord], SoFar],
        books_since: Callable[[datetime], Iterable[tuple[datetime, BooksRecord]]],
    ) -> None:
        counted = periods.get(begun)
        if counted is not None and counted.since <= begun:
            return
        found = sorted(books_since(begun), key=lambda one: one[0])
        if not found or (counted is not None and found[0][0] >= counted.since):
            return
        whole = SoFar(begun, found[0][0])
        for _, record in found:
            whole = plus(whole, record)
        self._count(periods, whole, lambda so_far, _: so_far, found[0][1])


def _with_energy(so_far: SoFar, record: BooksRecord) -> SoFar:
    return replace(
        so_far,
        actual=so_far.actual + record.actual.import_kwh,
        no_battery=so_far.no_battery + record.no_battery.import_kwh,
        rule=so_far.rule + record.rule.import_kwh,
    )


def _with_peak(so_far: SoFar, record: BooksRecord) -> SoFar:
    return replace(
        so_far,
        actual=max(so_far.actual, record.actual.peak_import_kw),
        no_battery=max(so_far.no_battery, record.no_battery.peak_import_kw),
        rule=max(so_far.rule, record.rule.peak_import_kw),
    )


def _rounded(one: SoFar) -> SoFar:
    return replace(
        one,
        actual=round(one.actual, _DIGITS),
        no_battery=round(one.no_battery, _DIGITS),
        rule=round(one.rule, _DIGITS),
    )
