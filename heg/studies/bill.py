"""What a recording's contract asks beyond its prices, slot by slot: blocks over a billing period, a peak charge.

As the books of the gateway charge it. A period that began before the recording counts from there as if it began then.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from heg.model.books import BillingRecord, SoFar
from heg.model.charges import Charges, charges_of
from heg.model.tariff import TariffTerms, blocks_eur


class Bill:
    """One run's billing periods while it is lived."""

    def __init__(self, terms: TariffTerms, slot_minutes: int) -> None:
        self._terms = terms
        self._slot = timedelta(minutes=slot_minutes)
        self._energy: SoFar | None = None
        self._peak: SoFar | None = None

    @property
    def asks(self) -> bool:
        """Tell whether the contract asks anything beyond its prices."""
        return bool(self._terms.blocks or self._terms.peak_eur_per_kw)

    def charge(self, start: datetime, import_kw: float) -> float:
        """Return what a slot with this mean import adds to the bill (EUR), and count it."""
        return self._energy_eur(start, import_kw) + self._peak_eur(start, import_kw) if self.asks else 0.0

    def ahead(self, start: datetime, slots: int) -> Charges:
        """Return the terms as the problem of the slots from `start` on has them."""
        if not self.asks:
            return Charges()
        counted = BillingRecord(
            () if self._energy is None else (self._energy,), () if self._peak is None else (self._peak,)
        )
        return charges_of(self._terms, counted, start, slots, self._slot)

    def _energy_eur(self, start: datetime, import_kw: float) -> float:
        if not self._terms.blocks:
            return 0.0
        begun = self._terms.energy_period(start)[0]
        if self._energy is None or self._energy.start != begun:
            self._energy = SoFar(begun, begun)
        kwh = import_kw * (self._slot / timedelta(hours=1))
        added_eur = blocks_eur(self._terms.blocks, self._energy.actual, kwh)
        self._energy = replace(self._energy, actual=self._energy.actual + kwh)
        return added_eur

    def _peak_eur(self, start: datetime, import_kw: float) -> float:
        if not self._terms.peak_eur_per_kw:
            return 0.0
        begun = self._terms.peak_period(start)[0]
        if self._peak is None or self._peak.start != begun:
            self._peak = SoFar(begun, begun)
        beyond_kw = max(0.0, import_kw - self._peak.actual)
        self._peak = replace(self._peak, actual=self._peak.actual + beyond_kw)
        return self._terms.peak_eur_per_kw * beyond_kw
