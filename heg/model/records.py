"""Record instances: typed values that are more than a number. Each is the value of one catalogued variable."""

from dataclasses import dataclass
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

    `identity` is what stays when the address changes; by it a device keeps its name across restarts.
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
    """Variable `configuration`: the text of the configuration that came into force, without secrets."""

    version: int
    toml: str
