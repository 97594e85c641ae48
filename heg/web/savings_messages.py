"""The messages of the books: what a span cost, and what it would have cost otherwise. Energy in kWh, money in EUR."""

from heg.web.messages import Message


class HouseCost(Message, frozen=True):
    """What one house bought, sold and paid in a span; EUR of energy (bought - sold) and of CO2."""

    import_kwh: float
    export_kwh: float
    energy_eur: float
    co2_eur: float
    peak_import_kw: float
    stored_kwh: float | None


class SavedEur(Message, frozen=True):
    """EUR saved against another house. `eur` is the sum: money, CO2 cost, and what the difference in the batteries is
    worth, so that emptying one saves nothing.
    """

    eur: float
    energy_eur: float
    co2_eur: float
    stored_eur: float


class Savings(Message, frozen=True):
    """A span's books: the real house, the same house without a battery and with one that follows the rule.

    Shares: `priced_share` of the time had a price, `metered_share` was measured. `integrated` names devices without a
    counter, whose power was summed up instead.
    """

    start_utc: str
    minutes: float
    actual: HouseCost
    no_battery: HouseCost
    rule: HouseCost
    saved_no_battery: SavedEur
    saved_rule: SavedEur
    self_consumption: float | None
    cycles: float
    priced_share: float
    metered_share: float
    integrated: tuple[str, ...]


class SavingsNow(Message, frozen=True):
    """The local day and month so far."""

    today: Savings
    this_month: Savings


class CostColumns(Message, frozen=True):
    """`HouseCost` of each span, in columns."""

    import_kwh: list[float]
    export_kwh: list[float]
    energy_eur: list[float]
    co2_eur: list[float]
    peak_import_kw: list[float]
    stored_kwh: list[float | None]


class SavingsTable(Message, frozen=True):
    """The books of slots, days or months in columns of equal length; with `running` the last row is not over yet.

    Prices are the means of the span in EUR/kWh, null where nobody said. `saved_..._eur` is `SavedEur.eur`.
    """

    by: str
    running: bool
    start_utc: list[str]
    minutes: list[float]
    demand_kwh: list[float]
    production_kwh: list[float]
    charged_kwh: list[float]
    discharged_kwh: list[float]
    vehicle_kwh: list[float]
    self_consumption: list[float | None]
    cycles: list[float]
    priced_share: list[float]
    metered_share: list[float]
    import_eur_per_kwh: list[float | None]
    export_eur_per_kwh: list[float | None]
    co2_eur_per_kwh: list[float | None]
    actual: CostColumns
    no_battery: CostColumns
    rule: CostColumns
    saved_no_battery_eur: list[float]
    saved_rule_eur: list[float]
