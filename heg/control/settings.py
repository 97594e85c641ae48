"""What the control room is configured with. The composition root makes it from heg.toml; all times follow the cycle."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from heg.control.deciding import Steering
from heg.control.envelopes import LiveSource, contract_limit
from heg.control.hand import HandSettings
from heg.control.lease_terms import LeaseRules
from heg.control.snapshot import Ages
from heg.control.tracker import MeterDelay
from heg.model.envelope import EnvelopeLimit
from heg.model.leases import Claimant
from heg.model.timings import Timings

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class ControlSettings:
    """One unit's control. `limits` are the fixed sources of the envelope, `live` those that speak while it runs.

    `meter` names the grid meter ("" : the one that says it stands at the connection point). `claimants` may narrow
    which services speak for which claimant. `boot` is the machine's boot id, `time_zone` the house's.
    """

    unit: str
    timings: Timings
    limits: Sequence[EnvelopeLimit] = ()
    live: Sequence[LiveSource] = ()
    phases: int = 3
    meter: str = ""
    boot: str = ""
    delay: MeterDelay = field(default_factory=MeterDelay)
    claimants: Mapping[Claimant, frozenset[str]] = field(default_factory=dict)
    shutdown_s: float = 5.0
    time_zone: str = "UTC"

    @property
    def ages(self) -> Ages:
        """How old values may get."""
        timings = self.timings
        return Ages(
            timings.meter_max_age_s, timings.storage_max_age_s, timings.soc_max_age_s, 2 * timings.soc_max_age_s
        )

    @property
    def rules(self) -> LeaseRules:
        """The stated times of a lease."""
        timings = self.timings
        return LeaseRules(
            settle_s=timings.settle_s,
            read_back_every_s=timings.read_back_every_s,
            term_s=timings.lease_term_s,
            wish_s=timings.wish_s,
        )

    @property
    def hand(self) -> HandSettings:
        """The limits of device calls."""
        return HandSettings(
            call_limit_s=3.0 * max(self.timings.cycle_s, 1.0),
            adopt_within_s=self.timings.adopt_within_s,
            turn_s=max(self.timings.cycle_s, 0.2),
            boot=self.boot,
        )

    @property
    def steering(self) -> Steering:
        """How powers are computed."""
        cycle_s = self.timings.cycle_s
        return Steering(cycle_s, self.phases, self.delay.scaled(cycle_s), self.timings.revert_s)


def settings_for(
    unit: str,
    cycle_s: float,
    *,
    max_import_kw: float,
    max_export_kw: float,
    max_a_per_phase: float,
    phases: int,
    boot: str = "",
) -> ControlSettings:
    """Return the settings of a house with a supply contract."""
    contract = contract_limit(max_import_kw, max_export_kw, max_a_per_phase)
    return ControlSettings(unit, Timings.for_cycle(cycle_s), (contract,), phases=phases, boot=boot)


def boot_id(path: Path = BOOT_ID, environment: Mapping[str, str] = os.environ) -> str:
    """Return the machine's boot id, or "" where it has none: then no lease outlives a restart.

    The service's sandbox hides the file; its unit says the id in HEG_BOOT_ID.
    """
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return environment.get("HEG_BOOT_ID", "")
