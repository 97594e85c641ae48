"""From a closed span to its record, and from records to the day and the month. Pure."""

from heg.model.books import Tariff, priced, self_consumption
from heg.model.records import BooksRecord, HouseBooks
from heg.services.accounting.ledger import Closed

_DIGITS = 6


def record_of(closed: Closed, tariff: Tariff) -> BooksRecord:
    """Return the books of a span at the tariff that was in force."""
    sums, size = closed.sums, closed.battery
    whole_s = (sums.until - sums.start).total_seconds()
    hours = whole_s / 3600.0
    if closed.stored_kwh is not None and sums.stored_before_kwh is not None:
        gained_kwh = closed.stored_kwh - sums.stored_before_kwh
    else:
        gained_kwh = size.gained_kwh(sums.charged_kwh, sums.discharged_kwh) if size is not None else 0.0
    rule_gained_kwh = 0.0
    if closed.rule_kwh is not None and sums.rule_before_kwh is not None:
        rule_gained_kwh = closed.rule_kwh - sums.rule_before_kwh
    record = BooksRecord(
        minutes=round(whole_s / 60.0, 3),
        demand_kwh=_r(sums.demand_kwh),
        production_kwh=_r(sums.production_kwh),
        charged_kwh=_r(sums.charged_kwh),
        discharged_kwh=_r(sums.discharged_kwh),
        vehicle_kwh=_r(sums.vehicle_kwh),
        actual=HouseBooks(
            _r(sums.import_kwh),
            _r(sums.export_kwh),
            0.0,
            0.0,
            round(sums.import_kwh / hours, 4),
            _r(sums.discharged_kwh),
            None if closed.stored_kwh is None else round(closed.stored_kwh, 4),
            _r(gained_kwh),
        ),
        no_battery=HouseBooks(
            _r(sums.none_import_kwh), _r(sums.none_export_kwh), 0.0, 0.0, round(sums.none_import_kwh / hours, 4)
        ),
        rule=HouseBooks(
            _r(sums.rule_import_kwh),
            _r(sums.rule_export_kwh),
            0.0,
            0.0,
            round(sums.rule_import_kwh / hours, 4),
            _r(sums.rule_discharged_kwh),
            None if closed.rule_kwh is None else round(closed.rule_kwh, 4),
            _r(rule_gained_kwh),
        ),
        self_consumption=self_consumption(sums.production_kwh, sums.export_kwh),
        cycles=_r(sums.discharged_kwh / size.capacity_kwh) if size is not None else 0.0,
        priced_share=0.0,
        metered_share=round(min(sums.metered_s / whole_s, 1.0), 4),
        ahead_kwh=_r(sums.ahead_kwh),
        integrated=sums.integrated,
    )
    return priced(record, tariff)


def mean_kw(closed: Closed) -> tuple[float, float] | None:
    """Return mean demand and production of what was booked of a slot; None where too little of it was measured."""
    sums = closed.sums
    whole_s = (sums.until - sums.start).total_seconds()
    if sums.seconds <= 0 or sums.metered_s < 0.5 * whole_s:
        return None
    hours = sums.seconds / 3600.0
    return round(sums.demand_kwh / hours, 4), round(sums.production_kwh / hours, 4)


def _r(kwh: float) -> float:
    return round(kwh, _DIGITS) + 0.0
