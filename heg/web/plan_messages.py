"""The messages of the plan: in short, whole, and beside what happened. Units and times as in heg/web/messages.py."""

from heg.web.messages import Message


class Lack(Message, frozen=True):
    """What a plan had to do without: a code for programs, what was done instead, and how to mend it."""

    code: str
    text: str
    mend: str


class NextChange(Message, frozen=True):
    """When the plan does something else with a storage, and what."""

    at_utc: str
    regime: str
    power_kw: float


class Decision(Message, frozen=True):
    """What the plan does with a storage in the slot that runs, and why. Prices in EUR/kWh.

    `power_kw` is what is expected (charging positive), `regime` what is followed on measured power with `regime_kw`.
    `price_now` is what the next kWh costs or brings here, `price_later` what a stored one brings at `later_utc`,
    `worth` what one more stored kWh is worth. `binding` names the limit that binds, "" when none does, `binding_worth`
    what one more kWh of it would save.
    """

    regime: str
    power_kw: float
    regime_kw: float
    ends_at_soc: float | None
    reason: str
    text: str
    price_now: float | None
    price_later: float | None
    later_utc: str | None
    worth: float | None
    binding: str
    binding_worth: float
    next: NextChange | None


class PriceOutlook(Message, frozen=True):
    """The price of bought and sold energy now, and the lowest and highest buying price ahead, in EUR/kWh."""

    import_now: float
    export_now: float
    low: float
    low_utc: str
    high: float
    high_utc: str


class Expected(Message, frozen=True):
    """What is expected of the next `hours`."""

    hours: float
    demand_kwh: float
    production_kwh: float


class PlanNow(Message, frozen=True):
    """The plan in force, in short. `revision` changes with each new plan, `age_s` is how old it is.

    `ends_utc` is the end of its horizon; `storage` and `vehicle` are None where there is none.
    """

    revision: int
    status: str
    age_s: int
    slot_minutes: int
    ends_utc: str
    storage: Decision | None
    vehicle: Decision | None
    prices: PriceOutlook
    expected: Expected
    lacks: tuple[Lack, ...]


class CostOutlook(Message, frozen=True):
    """What the plan expects to cost over its horizon, EUR; the total counts what is left in the storages."""

    total_eur: float
    energy_eur: float
    co2_eur: float
    wear_eur: float
    outside_tube_eur: float
    target_eur: float
    end_value_eur: float
    peak_eur: float = 0.0
    blocks_eur: float = 0.0


class PlannedStorage(Message, frozen=True):
    """What is planned for a storage, in columns: one value a slot, states of charge (shares) at each slot's start.

    `soc` has one more value, the end; it is empty while the capacity is not known.
    """

    power_kw: tuple[float, ...]
    regime: tuple[str, ...]
    reason: tuple[str, ...]
    text: tuple[str, ...]
    worth_eur_per_kwh: tuple[float, ...]
    soc: tuple[float, ...]


class PlannedCycle(Message, frozen=True):
    """An appliance's cycle that waits or runs: its window and what is planned, "" where it has no room yet."""

    name: str
    state: str
    earliest_utc: str
    latest_utc: str
    start_utc: str
    end_utc: str
    energy_kwh: float
    interruptible: bool


class PlanWhole(Message, frozen=True):
    """The plan in force in columns: slot i begins at `start_utc` + i x `step_s`.

    `demand_kw` and `production_kw` are the forecasts it stands on; their `low` and `high` are empty where unknown.
    """

    revision: int
    status: str
    age_s: int
    start_utc: str
    step_s: int
    solve_ms: float
    demand_kw: tuple[float, ...]
    demand_low_kw: tuple[float, ...]
    demand_high_kw: tuple[float, ...]
    production_kw: tuple[float, ...]
    production_low_kw: tuple[float, ...]
    production_high_kw: tuple[float, ...]
    grid_kw: tuple[float, ...]
    import_eur_per_kwh: tuple[float, ...]
    export_eur_per_kwh: tuple[float, ...]
    co2_eur_per_kwh: tuple[float, ...]
    storage: PlannedStorage | None
    vehicle: PlannedStorage | None
    cost: CostOutlook
    lacks: tuple[Lack, ...]
    cycles: tuple[PlannedCycle, ...] = ()


class PlanState(Message, frozen=True):
    """Answer of /api/v1/plan: `plan` is None while none was made; `planning` tells whether one is wanted."""

    planning: bool
    plan: PlanWhole | None


class PastDone(Message, frozen=True):
    """What really happened, mean of each step; demand is without storages and vehicles."""

    demand_kw: list[float | None]
    production_kw: list[float | None]
    battery_kw: list[float | None]
    vehicle_kw: list[float | None]
    grid_kw: list[float | None]
    soc: list[float | None]


class PastPlanned(Message, frozen=True):
    """What was planned, forecast and priced for each step when it began, None where nothing was."""

    demand_kw: list[float | None]
    production_kw: list[float | None]
    battery_kw: list[float | None]
    vehicle_kw: list[float | None]
    grid_kw: list[float | None]
    soc: list[float | None]
    import_eur_per_kwh: list[float | None]
    export_eur_per_kwh: list[float | None]
    co2_eur_per_kwh: list[float | None]
    regime: list[str | None]
    status: list[str | None]
    reason: list[str | None]
    text: list[str | None]
    lacks: list[tuple[str, ...]]


class PlanPast(Message, frozen=True):
    """Plan and truth side by side; step i begins at `start_utc` + i x `step_s`."""

    start_utc: str
    step_s: int
    done: PastDone
    planned: PastPlanned


class Energy(Message, frozen=True):
    """kWh: expected, and between which it lies four times of five."""

    kwh: float
    low_kwh: float
    high_kwh: float


class DayAhead(Message, frozen=True):
    """A local day, or as much of it as lies ahead: so many hours from `start_utc` on."""

    start_utc: str
    hours: float
    demand: Energy
    production: Energy | None


class WeekAhead(Message, frozen=True):
    """The days ahead as they were reckoned `age_s` ago. `enough`: the house is known long enough for figures."""

    revision: int
    age_s: int
    known_days: float
    enough: bool
    days: tuple[DayAhead, ...]
    lacks: tuple[Lack, ...]


class WeekState(Message, frozen=True):
    """Answer of /api/v1/week: `week` is None while none was reckoned; `planning` tells whether one will be."""

    planning: bool
    week: WeekAhead | None
