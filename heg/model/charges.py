"""What the contract asks beyond its prices, for one horizon: how far the blocks and the peak have got. Pure.

A problem knows one billing period. Where one ends within the horizon, the blocks are told as prices instead: up to its
end what the next kWh costs now, from then on what the first one costs. The peak stays that of the period that runs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from heg.model.books import BillingRecord, SoFar
from heg.model.plan import Blocks, Degradation, DegradationCode
from heg.model.tariff import TariffTerms, next_block_eur_per_kwh

_FRESH_SLOTS = 2
"""A period that has begun so lately may not be counted yet."""
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Charges:
    """The tariff's terms as a problem has them. `added_eur_per_kwh` is put on the import prices, if not empty."""

    blocks: Blocks | None = None
    added_eur_per_kwh: tuple[float, ...] = ()
    peak_eur_per_kw: float = 0.0
    peak_so_far_kw: float = 0.0
    lacks: tuple[Degradation, ...] = ()

    def on(self, prices: Sequence[float]) -> tuple[float, ...]:
        """Return import prices with what is put on them."""
        if not self.added_eur_per_kwh:
            return tuple(prices)
        return tuple(price + added for price, added in zip(prices, self.added_eur_per_kwh, strict=True))


def charges_of(
    terms: TariffTerms | None, billed: BillingRecord | None, start: datetime, slots: int, slot: timedelta
) -> Charges:
    """Return the terms of a horizon that begins at `start`; `billed` is how far the books have counted."""
    if terms is None or not (terms.blocks or terms.peak_eur_per_kw):
        return Charges()
    billed = BillingRecord() if billed is None else billed
    lacks: list[Degradation] = []
    blocks: Blocks | None = None
    added: tuple[float, ...] = ()
    peak_kw = 0.0
    if terms.blocks:
        begun, ends = terms.energy_period(start)
        so_far = _so_far(billed.energy_kwh, begun, start, slot, "the energy", lacks.append)
        kwh = 0.0 if so_far is None else _whole(so_far, start) + billed.running_kwh
        if start + slots * slot <= ends:
            blocks = Blocks(so_far_kwh=kwh, steps=terms.blocks)
        else:
            now_eur, then_eur = (next_block_eur_per_kwh(terms.blocks, at_kwh) for at_kwh in (kwh, 0.0))
            added = tuple(now_eur if start + at * slot < ends else then_eur for at in range(slots))
    if terms.peak_eur_per_kw:
        begun, _ = terms.peak_period(start)
        so_far = _so_far(billed.peak_kw, begun, start, slot, "the peak", lacks.append)
        peak_kw = 0.0 if so_far is None else so_far.actual
    return Charges(blocks, added, terms.peak_eur_per_kw, peak_kw, tuple(lacks))


def _so_far(
    periods: Sequence[SoFar],
    begun: datetime,
    now: datetime,
    slot: timedelta,
    what: str,
    lacks: Callable[[Degradation], None],
) -> SoFar | None:
    """Return how far a period has got, None at its very beginning or when nothing is known of it."""
    found = next((one for one in periods if one.start == begun), None)
    since = now if found is None else found.since
    if since - begun <= _FRESH_SLOTS * slot:
        return found
    known = "nothing is counted yet" if found is None else f"the books count since {since:%d %b %H:%M} UTC"
    text = f"Of {what} that the tariff charges for since {begun:%d %b %H:%M} UTC {known}: "
    stands = _AS_BEFORE if found is not None and now - since >= _DAY and what == "the energy" else _AS_COUNTED
    lacks(Degradation(DegradationCode.BILLING_PARTLY_KNOWN, text + stands))
    return found


_AS_BEFORE = "the time before counts as the time since."
_AS_COUNTED = "what came before counts as nothing."


def _whole(so_far: SoFar, now: datetime) -> float:
    """Return the period's energy, the part that nobody counted like the part since then, if that is a day or more."""
    known, unknown = now - so_far.since, so_far.since - so_far.start
    return so_far.actual * (1.0 + unknown / known) if known >= _DAY else so_far.actual
