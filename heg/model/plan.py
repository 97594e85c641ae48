"""The plan of a slot loop: what goes into the planner, what comes out, and why (spec ebr.md).

Names of inputs are the keys of the planner's file format. Power is kW at the house's terminals, storages + charging;
arrays have one value a slot, states of charge one more. The planner itself lives in heg/planner; nothing here computes.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from heg.model.regimes import Regime, RegimeOrder


class Objective(StrEnum):
    """What is minimised (spec ebr.md, Objectives; sizing is a study of its own)."""

    ENERGY_CO2 = "energy+co2"
    CO2 = "co2"
    ENERGY_CO2_DISTRIBUTION = "energy+co2+distribution"


class PlanStatus(StrEnum):
    """How good the plan is: proven, within the gap, with a named lack, or the rule instead of an optimisation."""

    OPTIMAL = "optimal"
    FEASIBLE = "feasible"
    DEGRADED = "degraded"
    FALLBACK = "fallback"


class DegradationCode(StrEnum):
    """What a plan had to do without. Never an exception that stops the loop (spec ebr.md, Never infeasible)."""

    PRICES_MISSING = "prices_missing"
    PRICES_ESTIMATED = "prices_estimated"
    EXPORT_PRICES_MISSING = "export_prices_missing"
    CO2_MISSING = "co2_missing"
    DEMAND_FORECAST_MISSING = "demand_forecast_missing"
    PRODUCTION_FORECAST_MISSING = "production_forecast_missing"
    HISTORY_SHORT = "history_short"
    SOC_UNKNOWN = "soc_unknown"
    SOC_FROZEN = "soc_frozen"
    SOC_OUT_OF_BOUNDS = "soc_out_of_bounds"
    VEHICLE_SOC_ASSUMED = "vehicle_soc_assumed"
    DEMAND_ABOVE_CONTRACT = "demand_above_contract"
    LIMITS_CONTRADICT = "limits_contradict"
    TARGET_PAST = "target_past"
    TARGET_UNREACHABLE = "target_unreachable"
    TIME_LIMIT = "time_limit"
    NETTED = "netted"
    SOLVER_FAILED = "solver_failed"
    WORKER_LOST = "worker_lost"
    WORKER_STALLED = "worker_stalled"
    ANSWER_REFUSED = "answer_refused"
    OLD_PLAN = "old_plan"
    CLOCK_STEPPED = "clock_stepped"
    INPUT_MENDED = "input_mended"
    DEFERRABLE_UNPLACED = "deferrable_unplaced"
    WEATHER_MISSING = "weather_missing"
    BILLING_PARTLY_KNOWN = "billing_partly_known"
    DAY_AHEAD_MISSING = "day_ahead_missing"


@dataclass(frozen=True, slots=True)
class Degradation:
    """One lack: its code for programs and a sentence for people that says what was done instead."""

    code: DegradationCode
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageInputs:
    """A storage as the planner sees it. Losses are split evenly (square root of the round trip each way).

    `end_value_eur_per_kwh` None: the planner's own rule. `wear_eur_per_kwh` is per kWh discharged at the terminals.
    """

    capacity_kwh: float
    min_rate_kw: float
    max_rate_kw: float
    soc_kwh: float
    round_trip_efficiency: float = 0.9
    reserve_kwh: float = 0.0
    wear_eur_per_kwh: float = 0.0
    end_value_eur_per_kwh: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleInputs(StorageInputs):
    """A vehicle: `plugged` says in which slots it is there; `target_kwh` is wanted at the start of `target_slot`.

    `target_slot` up to N (the end of the horizon), None without a target. Below `min_charge_kw` it does not charge.
    """

    plugged: tuple[bool, ...] = ()
    target_kwh: float = 0.0
    target_slot: int | None = None
    target_penalty_eur_per_kwh: float = 10.0
    min_charge_kw: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A step of an inclining block rate: energy above `from_kwh` of the billing period costs this more (EUR/kWh)."""

    from_kwh: float
    eur_per_kwh: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocks:
    """An inclining block rate: what was imported in the billing period before the horizon, and its steps."""

    so_far_kwh: float = 0.0
    steps: tuple[Block, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Deferrable:
    """An appliance's cycle that waits for its time: mean kW of each of its slots, run once, within a window.

    It begins in `earliest_slot` at the soonest and is over before `latest_slot` (up to N) begins. An interruptible one
    may pause between its slots, in their order.
    """

    name: str
    power_kw: tuple[float, ...]
    earliest_slot: int = 0
    latest_slot: int | None = None
    interruptible: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviousPlan:
    """What the plan before said of the slots from `start` on: among equal plans, the one nearest to it is made."""

    start: datetime
    ess_kw: tuple[float, ...] = ()
    pev_kw: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanInputs:
    """One problem. Empty series are zeros (prices, CO2, production) or no limit (tubes, grid limits).

    `first_slot_share` is the share of the first slot that is still to come (a re-plan within a slot). CO2 is its cost.
    """

    slot_minutes: int
    start: datetime
    demand_kw: tuple[float, ...]
    import_eur_per_kwh: tuple[float, ...]
    production_kw: tuple[float, ...] = ()
    production_curtailable: bool = False
    export_eur_per_kwh: tuple[float, ...] = ()
    co2_eur_per_kwh: tuple[float, ...] = ()
    tube_low_kw: tuple[float | None, ...] = ()
    tube_high_kw: tuple[float | None, ...] = ()
    outside_tube_eur_per_kwh: float = 0.0
    contract_min_kw: float | None = None
    contract_max_kw: float | None = None
    grid_min_kw: tuple[float | None, ...] = ()
    grid_max_kw: tuple[float | None, ...] = ()
    peak_eur_per_kw: float = 0.0
    peak_so_far_kw: float = 0.0
    blocks: Blocks | None = None
    desired_kw: tuple[float, ...] = ()
    desired_weight_eur_per_kwh: float = 0.0
    deferrable: tuple[Deferrable, ...] = ()
    previous_plan: PreviousPlan | None = None
    ess: StorageInputs | None = None
    pev: VehicleInputs | None = None
    objective: Objective = Objective.ENERGY_CO2
    first_slot_share: float = 1.0
    degradations: tuple[Degradation, ...] = ()
    time_limit_s: float = 1.0
    gap: float = 1e-3

    @property
    def slots(self) -> int:
        """N, the number of slots of the horizon."""
        return len(self.demand_kw)


class SlotReasonCode(StrEnum):
    """Why a storage does what it does in a slot; `SlotReason.text` has the sentence with the figures."""

    CHEAP_NOW = "cheap_now"
    DEAR_NOW = "dear_now"
    STORE_SURPLUS = "store_surplus"
    COVER_LOAD = "cover_load"
    SELF_CONSUMPTION = "self_consumption"
    SAVE_FOR_LATER = "save_for_later"
    ROOM_FOR_LATER = "room_for_later"
    SELL_NOW = "sell_now"
    NOTHING_TO_GAIN = "nothing_to_gain"
    FULL = "full"
    EMPTY = "empty"
    LIMIT = "limit"
    TUBE = "tube"
    DEPARTURE = "departure"
    NOT_PLUGGED = "not_plugged"
    RULE = "rule"


@dataclass(frozen=True, slots=True)
class SlotReason:
    """Price now (what the next kWh costs or brings here), what the stored kWh is worth and when, the limit that binds.

    `later` is the start of the slot in which that worth is realised, None when none is distinguished.
    `binding` names the constraint (`contract_max`, `grid_max`, `tube_high`, `soc_high` ...), "" when none binds, and
    `shadow_eur_per_kwh` what one more kWh of it would save.
    """

    code: SlotReasonCode
    text: str = ""
    price_now_eur_per_kwh: float | None = None
    price_later_eur_per_kwh: float | None = None
    later: datetime | None = None
    binding: str = ""
    shadow_eur_per_kwh: float = 0.0


@dataclass(frozen=True, slots=True)
class SlotDecision:
    """What one storage does in one slot: planned kW at its terminals, the regime with its kW, band and end, and why.

    `marginal_eur_per_kwh` is the worth of one more kWh in the storage at the slot's end.
    """

    power_kw: float = 0.0
    order: RegimeOrder = field(default_factory=lambda: RegimeOrder(Regime.BALANCE))
    reason: SlotReason = field(default_factory=lambda: SlotReason(SlotReasonCode.RULE))
    marginal_eur_per_kwh: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CostParts:
    """The parts of the objective, EUR over the horizon; `total_eur` is their sum."""

    energy_eur: float = 0.0
    co2_eur: float = 0.0
    outside_tube_eur: float = 0.0
    wear_eur: float = 0.0
    target_eur: float = 0.0
    end_value_eur: float = 0.0
    peak_eur: float = 0.0
    blocks_eur: float = 0.0
    desired_eur: float = 0.0

    @property
    def total_eur(self) -> float:
        """The objective's value."""
        return (
            self.energy_eur
            + self.co2_eur
            + self.outside_tube_eur
            + self.wear_eur
            + self.target_eur
            + self.end_value_eur
            + self.peak_eur
            + self.blocks_eur
            + self.desired_eur
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DeferrablePlan:
    """When an appliance's cycle runs: its kW in each slot of the horizon, zeros where it rests or finds no room."""

    name: str
    power_kw: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The plan of one horizon. `demand_kw` and `production_kw` are the forecasts it stands on.

    `ess` and `pev` are empty where there is none. `grid_kw` follows from the others and is positive importing.
    Plans are equal when they say the same, however long each took to find.
    """

    start: datetime
    slot_minutes: int
    status: PlanStatus
    demand_kw: tuple[float, ...]
    production_kw: tuple[float, ...]
    import_eur_per_kwh: tuple[float, ...]
    export_eur_per_kwh: tuple[float, ...]
    co2_eur_per_kwh: tuple[float, ...]
    grid_kw: tuple[float, ...]
    production_used_kw: tuple[float, ...] = ()
    ess: tuple[SlotDecision, ...] = ()
    ess_soc_kwh: tuple[float, ...] = ()
    pev: tuple[SlotDecision, ...] = ()
    pev_soc_kwh: tuple[float, ...] = ()
    pev_best_kwh: float | None = None
    deferrable: tuple[DeferrablePlan, ...] = ()
    cost: CostParts = field(default_factory=CostParts)
    degradations: tuple[Degradation, ...] = ()
    solve_ms: float = field(default=0.0, compare=False)

    @property
    def slots(self) -> int:
        """Number of slots."""
        return len(self.demand_kw)

    @property
    def slot(self) -> timedelta:
        """Length of a slot."""
        return timedelta(minutes=self.slot_minutes)

    def index(self, moment: datetime) -> int | None:
        """Return which slot `moment` lies in, None outside the horizon."""
        at = (moment - self.start) // self.slot
        return at if 0 <= at < self.slots else None


class AlternativeKind(StrEnum):
    """What a storage could have done in the first slot instead of what is planned."""

    NOTHING = "nothing"
    CHARGE = "charge"
    DISCHARGE = "discharge"
    FOLLOW = "follow"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """What the horizon would cost if a storage (`ess`, `pev`) did this in the first slot and the best after it.

    `cost_eur` is the objective's value and `more_eur` by how much that is above the plan's; None where the solver found
    none in its time. `beyond_kwh` lies outside the limits of the connection.
    """

    storage: str
    kind: AlternativeKind
    power_kw: float
    cost_eur: float | None
    more_eur: float | None
    beyond_kwh: float = 0.0
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesHistory:
    """The past of one series, mean kW of each slot, None where nothing was measured; it ends where the horizon begins.

    `running_kw` is the mean of the slot that has begun, so far, None at its very start.
    """

    slot_minutes: int
    end: datetime
    values_kw: tuple[float | None, ...] = ()
    running_kw: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where the house stands and how its panels look at the sun; None where the owner did not say.

    Degrees: latitude + north, longitude + east, tilt from horizontal, azimuth clockwise from north (180 = south).
    """

    time_zone: str = "UTC"
    latitude: float | None = None
    longitude: float | None = None
    tilt: float | None = None
    azimuth: float | None = None
    peak_kw: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WeatherSeries:
    """A weather forecast, and of the past what it said last: mean W/m2 of each slot on the horizontal (`ghi`, `dhi`).

    `dni` is the beam across its own direction, `temperature_c` the air's; both, and `dhi`, may be empty. None is a gap.
    `age_hours` is how long ago it was made.
    """

    start: datetime
    slot_minutes: int
    ghi_w_per_m2: tuple[float | None, ...]
    dni_w_per_m2: tuple[float | None, ...] = ()
    dhi_w_per_m2: tuple[float | None, ...] = ()
    temperature_c: tuple[float | None, ...] = ()
    age_hours: float = 0.0


QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
"""The share of slots that should stay below each row of a forecast's quantiles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastRequest:
    """Forecast demand and production of `slots` slots from `start` on. `weather` None: nobody tells any."""

    start: datetime
    slot_minutes: int
    slots: int
    demand: SeriesHistory | None
    production: SeriesHistory | None
    site: Site = field(default_factory=Site)
    weather: WeatherSeries | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesForecast:
    """What a slot's kW will most likely be near, with a band that should hold four slots out of five.

    `values_kw` is what is missed least, slot by slot; `mean_kw` is what adds up to energies, empty where nobody asked:
    a house that sometimes cooks has a mean above its usual slot. `quantiles_kw` has one row for each of `QUANTILES`.
    """

    values_kw: tuple[float, ...]
    low_kw: tuple[float, ...]
    high_kw: tuple[float, ...]
    mean_kw: tuple[float, ...] = ()
    quantiles_kw: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What is expected, and what it had to do without. A house without a producer has no `production`."""

    start: datetime
    slot_minutes: int
    demand: SeriesForecast
    production: SeriesForecast | None = None
    degradations: tuple[Degradation, ...] = ()


@dataclass(frozen=True, slots=True)
class ExpectedEnergy:
    """kWh of a span: expected, and between which it lies four times of five."""

    kwh: float
    low_kwh: float
    high_kwh: float


@dataclass(frozen=True, slots=True)
class WeekSpan:
    """A local hour or day (the first and last day may be parts). No `production` in a house without panels."""

    start: datetime
    hours: float
    demand: ExpectedEnergy
    production: ExpectedEnergy | None = None


@dataclass(frozen=True, slots=True)
class Week:
    """Variable `week`: the days ahead, for people (EUMF-H). `known_days` is how much demand was known of the past."""

    days: tuple[WeekSpan, ...]
    hours: tuple[WeekSpan, ...] = ()
    known_days: float = 0.0
    degradations: tuple[Degradation, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRequest:
    """What the gateway sends to the planner's process: forecast what is not known, then plan.

    Where `forecast` is given, its series take the place of `problem.demand_kw` and `problem.production_kw`, each only
    if that is empty; `problem` then says the number of slots by its `import_eur_per_kwh`. With `otherwise` the reply
    tells besides what every other way in the first slot would have cost, with `week` the days ahead by the same
    `forecast`.
    """

    id: int
    problem: PlanInputs
    forecast: ForecastRequest | None = None
    otherwise: bool = False
    week: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanReply:
    """The answer to the request of the same id."""

    id: int
    plan: Plan
    forecast: Forecast | None = None
    otherwise: tuple[Alternative, ...] = ()
    week: Week | None = None
    worker_ms: float = 0.0
