"""The messages of now: the whole picture that the page shows, and the parts of it that are asked for alone."""

from heg.model.instance import Kind, Quality
from heg.web.appliance_messages import AppliancesAtAGlance
from heg.web.messages import Message
from heg.web.plan_messages import PlanNow
from heg.web.savings_messages import SavingsNow


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
