"""The messages of the local API: typed values that become JSON. Units are in the names; times are UTC in ISO 8601.

A number that has no bound (an envelope without a limit) is null, never infinity: JSON has none.
"""

import math
from datetime import UTC, datetime
from typing import Any

import msgspec

from heg.model.instance import Kind, Quality

Value = float | str | bool | dict[str, Any] | list[Any] | None
"""A value as JSON has it; records and profiles are objects."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """Base of every message we send."""


class Figure(Message, frozen=True):
    """A measured number with its quality and its age in house seconds; all None while it is unknown."""

    value: float | None = None
    quality: Quality | None = None
    age_s: int | None = None


class HouseTime(Message, frozen=True):
    """The house's own time. `zone` is the IANA zone people there live by; `speed` house seconds per real second."""

    utc: str
    zone: str
    mode: str
    speed: float | None


class Power(Message, frozen=True):
    """Power now in kW: grid + importing, pv + producing, battery + charging; house is what the house itself uses.

    None stands for what the house does not have.
    """

    house_kw: Figure
    pv_kw: Figure | None
    battery_kw: Figure | None
    grid_kw: Figure


class Storage(Message, frozen=True):
    """A storage: state of charge as a share (0 to 1) and its capacity."""

    device: str
    soc: Figure
    capacity_kwh: float | None


class Actuator(Message, frozen=True):
    """What an actuator does and why. `owner` names who decided; `state` is what reading back says.

    An appliance is told a `power_state` and no power. `outvoted` says who asks otherwise in vain.
    """

    device: str
    held: bool
    owner: str
    regime: str
    native: bool
    set_kw: float | None
    read_back_kw: float | None
    measured_kw: Figure
    state: str
    reason: str
    reason_text: str
    expires_in_s: int
    writes_today: int
    writes_left: int | None
    power_state: str | None
    outvoted: tuple[str, ...]


class Device(Message, frozen=True):
    """An attached device, how it is, and how old its youngest value is."""

    name: str
    roles: tuple[str, ...]
    maker: str
    model: str
    serial: str
    version: str
    protocol: str
    address: str
    status: str
    quality: Quality | None
    age_s: int | None
    actuator: bool
    detail: str


class Reading(Message, frozen=True):
    """One newest value of a device."""

    variable: str
    part: str
    value: float | str | bool | None
    unit: str
    kind: Kind
    quality: Quality
    age_s: int


class DeviceReadings(Message, frozen=True):
    """A device with all its newest values."""

    device: Device
    readings: tuple[Reading, ...]


class Alarm(Message, frozen=True):
    """A condition somebody should know of, and how to mend it."""

    place: str
    id: str
    severity: str
    text: str
    mend: str
    since_utc: str


class Actuators(Message, frozen=True):
    """What each actuator does and why."""

    actuators: tuple[Actuator, ...]


class Devices(Message, frozen=True):
    """Every attached device with its newest values."""

    devices: tuple[DeviceReadings, ...]


class Alarms(Message, frozen=True):
    """Active alarms."""

    alarms: tuple[Alarm, ...]


class Limit(Message, frozen=True):
    """What one source says about the connection point."""

    source: str
    min_kw: float | None
    max_kw: float | None
    max_a_per_phase: float | None
    text: str


class EnvelopeNow(Message, frozen=True):
    """The interval left to the connection point, and who bounds it."""

    min_kw: float | None
    max_kw: float | None
    max_a_per_phase: float | None
    min_source: str | None
    max_source: str | None
    limits: tuple[Limit, ...]


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


class VehicleNow(Message, frozen=True):
    """A charger and the car at it, as far as it is known. `known` is False while nobody keeps its record."""

    charger: str
    known: bool
    plugged: bool
    power_kw: Figure
    soc: float | None
    soc_uncertainty: float
    capacity_kwh: float | None
    charged_kwh: float
    departure_utc: str
    target_soc: float | None
    stated: bool


class Health(Message, frozen=True):
    """Whether the unit does its work; `reasons` is empty when it does. Ages are in house seconds."""

    healthy: bool
    reasons: tuple[str, ...]
    cycle_age_s: float | None
    uptime_s: float
    version: str


class Alive(Message, frozen=True):
    """What anybody may know of a gateway that asks for a login."""

    healthy: bool


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


class AppliancesAtAGlance(Message, frozen=True):
    """How many appliances there are and how they are; `in_hand` are told something by the gateway now.

    `changed` grows whenever anything in `/api/v1/appliances` may be different.
    """

    count: int
    on: int
    standby: int
    off: int
    lost: int
    in_hand: int
    changed: int


class State(Message, frozen=True):
    """All the page shows of now. `unwell` says why the unit is not healthy; `savings` is null before there are any.

    `planning` tells whether a slot loop is wanted at all; `plan` is null until it has made its first plan. There may be
    hundreds of appliances: they are only counted here, and are not among `devices` and `actuators`.
    """

    unit: str
    version: str
    time: HouseTime
    looking: bool
    hands_off: bool
    power: Power
    storages: tuple[Storage, ...]
    actuators: tuple[Actuator, ...]
    devices: tuple[Device, ...]
    alarms: tuple[Alarm, ...]
    envelope: EnvelopeNow | None
    healthy: bool
    unwell: tuple[str, ...]
    planning: bool
    plan: PlanNow | None
    vehicles: tuple[VehicleNow, ...]
    savings: SavingsNow | None = None
    appliances: AppliancesAtAGlance | None = None


class EnergyHistory(Message, frozen=True):
    """The house's history in columns of equal length: the mean of each step, null where nothing was measured.

    Step i begins at `start_utc` + i x `step_s`.
    """

    start_utc: str
    step_s: int
    house_kw: list[float | None]
    pv_kw: list[float | None]
    battery_kw: list[float | None]
    grid_kw: list[float | None]
    soc: list[float | None]


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


class SeriesRow(Message, frozen=True):
    """One row of a series: a raw value, or mean, extremes, first and last of a step."""

    time: str
    value: Value
    low: float | None
    high: float | None
    first: float | None
    last: float | None
    count: int


class SeriesPage(Message, frozen=True):
    """Rows of one series in time order, and the cursor of the next page."""

    variable: str
    unit: str
    place: str
    rows: tuple[SeriesRow, ...]
    next_cursor: str | None


class Answer(Message, frozen=True):
    """The one answer to a command."""

    outcome: str
    text: str
    refusal: str | None = None
    detail: dict[str, Any] | None = None


class Problem(Message, frozen=True):
    """Why a request was refused: what was expected, what came, how to mend it."""

    reason: str
    expected: str
    came: str = ""
    mend: str = ""


class ProblemDetails(Message, frozen=True):
    """A `Problem` as it is sent (RFC 9457, application/problem+json); `detail` is the sentence of the other members."""

    type: str
    title: str
    status: int
    detail: str
    reason: str
    expected: str
    came: str = ""
    mend: str = ""


def details(problem: Problem, status: int) -> ProblemDetails:
    """Make the details of a problem that ends a request with this status."""
    parts = (f"expected {problem.expected}", problem.came and f"came {problem.came}", problem.mend)
    return ProblemDetails(
        type=f"urn:heg:problem:{problem.reason}",
        title=problem.reason.replace("_", " "),
        status=status,
        detail="; ".join(part for part in parts if part),
        reason=problem.reason,
        expected=problem.expected,
        came=problem.came,
        mend=problem.mend,
    )


def encode(message: Message) -> bytes:
    """Return the message as JSON."""
    return msgspec.json.encode(message)


def bounded(number: float | None) -> float | None:
    """Return None for what has no bound or is no number, else the number rounded to a watt."""
    if number is None or not math.isfinite(number):
        return None
    return round(number, 3) + 0.0  # no minus zero: people read this


def iso(time: datetime) -> str:
    """Return UTC in ISO 8601 with a Z."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")
