"""Record instances: typed values that are more than a number. Each is the value of one catalogued variable."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from heg.model.capabilities import Capability
from heg.model.leases import Reason


class DeviceStatus(StrEnum):
    """Where a device stands in its life; every change is an event."""

    ATTACHED = "attached"
    LOST = "lost"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """Variable `device`: what is attached at a location, over which protocol and address, and how it is.

    `identity` is what stays when the address changes; by it a device keeps its name across restarts. `hardware` is the
    address of its network card, where it can be woken by that. `called` is what it calls itself, in its own words.
    """

    name: str
    maker: str
    model: str
    serial: str
    version: str
    protocol: str
    address: str
    status: DeviceStatus
    capabilities: tuple[Capability, ...] = ()
    actuator: bool = False
    detail: str = ""
    identity: str = ""
    hardware: str = ""
    called: str = ""


class Severity(StrEnum):
    """How loudly an alarm speaks."""

    INFO = "info"
    WARNING = "warning"
    ALARM = "alarm"


@dataclass(frozen=True, slots=True)
class AlarmRecord:
    """Variable `alarm`: one condition at a location, `part` of the location being the alarm's own id."""

    active: bool
    severity: Severity
    text: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class HealthRecord:
    """Variable `health`: one supervised task."""

    task: str
    running: bool
    restarts: int
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class EvidenceRecord:
    """Variable `evidence`: a change of the envelope or of a lease, with the grid meter before and after (kW)."""

    what: str
    reason: Reason
    grid_before_kw: float | None
    grid_after_kw: float | None = None


@dataclass(frozen=True, slots=True)
class ConfigurationRecord:
    """Variable `configuration`: the text of the configuration that came into force, without secrets.

    At the unit itself it is the one in force; at the parts `kept.00` to `kept.63` the newest ones are kept to go back
    to. `how` is `start`, `by hand`, `applied` or `rolled back`; `who` and `why` are as they were said; `changes` name
    each key that differs from the version before, as the file says it.
    """

    version: int
    toml: str
    how: str = ""
    who: str = ""
    why: str = ""
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ConfigurationDraft:
    """Variable `configuration.draft`: a text that somebody proposes, in memory only until it comes into force.

    The part says what for: `check`, `apply`, or `proposal`, which stays for others to look at.
    """

    toml: str
    who: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class CertificateRecord:
    """Variable `certificate`: what the unit shows to the home network over TLS.

    Fingerprints are SHA-256 in hex: of the whole certificate, as browsers show it, and of its public key, which stays
    when the certificate is renewed. `own` is true for one that the owner installed.
    """

    fingerprint: str
    key_fingerprint: str
    names: tuple[str, ...]
    issuer: str
    begin: datetime
    end: datetime
    own: bool = False


@dataclass(frozen=True, slots=True)
class ErasureRecord:
    """Variable `erasure`: the owner had data erased: of one device (None: of all), from `since` until before `until`.

    Written when it begins (`rows` is None), so that whoever remembers the past forgets it too, and when it is done.
    """

    by: str
    address: str = ""
    device: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    rows: int | None = None

    @property
    def what(self) -> str:
        """What is erased, in words."""
        of = "everything" if self.device is None else f"what {self.device or 'the unit itself'} measured and did"
        since = "" if self.since is None else f" from {self.since:%Y-%m-%dT%H:%M:%SZ}"
        until = "" if self.until is None else f" until {self.until:%Y-%m-%dT%H:%M:%SZ}"
        return f"{of}{since}{until}"


@dataclass(frozen=True, slots=True)
class PlannedSlot:
    """Variable `plan.slot`, time = the slot's start: what was planned, forecast and priced for it when it began.

    Power in kW (grid positive importing, storages positive charging), prices in EUR/kWh, states of charge as shares.
    """

    slot_minutes: int
    demand_kw: float
    production_kw: float
    grid_kw: float
    ess_kw: float | None
    pev_kw: float | None
    ess_regime: str
    pev_regime: str
    ess_soc: float | None
    import_eur_per_kwh: float | None
    export_eur_per_kwh: float | None
    co2_eur_per_kwh: float | None
    status: str
    reason: str
    text: str
    degradations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VehicleRecord:
    """Variable `vehicle` at a charger's location: what is known of the car that is plugged.

    `soc` is stated at plug-in plus metered energy; `soc_uncertainty` (share, plus or minus) grows with what was
    metered. None: nobody said. `departure_utc` and `target_soc` are what the person asked for. `counter_kwh` is the
    charger's energy counter at which the record stands: what it meters later comes on top, also after a restart.
    `said_utc` is when a person spoke last.
    """

    plugged: bool
    since: str = ""
    soc: float | None = None
    soc_uncertainty: float = 1.0
    capacity_kwh: float | None = None
    charged_kwh: float = 0.0
    departure_utc: str = ""
    target_soc: float | None = None
    stated: bool = False
    counter_kwh: float | None = None
    said_utc: str = ""


@dataclass(frozen=True, slots=True)
class HouseBooks:
    """One house's account of a span: energy in kWh at the connection point and the storages, money and CO2 cost in EUR.

    `stored_kwh` is the energy in its battery at the end, `gained_kwh` how much more that is than at the beginning;
    `throughput_kwh` what its battery discharged. `peak_import_kw` is the mean of the slot that drew most. In
    `energy_eur` are `blocks_eur`, what the tariff's blocks add, and `peak_eur`, what a higher peak than before costs.
    """

    import_kwh: float
    export_kwh: float
    energy_eur: float
    co2_eur: float
    peak_import_kw: float
    throughput_kwh: float = 0.0
    stored_kwh: float | None = None
    gained_kwh: float = 0.0
    blocks_eur: float = 0.0
    peak_eur: float = 0.0


@dataclass(frozen=True, slots=True)
class BooksRecord:
    """Variables `books.slot`, `books.day` and so on, time = the start: what was, beside what would have been.

    `actual` is booked from counters; `no_battery` and `rule` (plain self-consumption) are the same house, the same
    load, sun and tariff. `priced_share` is the share of the span for which a tariff was known, `metered_share` of which
    counters were read. Self-consumption is the share of production used in the house. `ahead_kwh` is what the vehicle
    of the other two houses, which charges when it is plugged, has charged more than the real one. Stored energy and
    that are worth `stored_eur_per_kwh`. `integrated` are devices without a counter: their power was summed up.
    """

    minutes: float
    demand_kwh: float
    production_kwh: float
    charged_kwh: float
    discharged_kwh: float
    vehicle_kwh: float
    actual: HouseBooks
    no_battery: HouseBooks
    rule: HouseBooks
    self_consumption: float | None
    cycles: float
    priced_share: float
    metered_share: float
    import_eur_per_kwh: float | None = None
    export_eur_per_kwh: float | None = None
    co2_eur_per_kwh: float | None = None
    ahead_kwh: float = 0.0
    stored_eur_per_kwh: float | None = None
    integrated: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StartedBooks:
    """The books of a span with its start."""

    start: datetime
    books: BooksRecord


@dataclass(frozen=True, slots=True)
class RecentBooks:
    """Variable `books.recent`: the days of this and the last month, the months of the last years, oldest first.

    What people look at most is at hand after a restart, and is not looked for among weeks of measurements.
    """

    days: tuple[StartedBooks, ...] = ()
    months: tuple[StartedBooks, ...] = ()
