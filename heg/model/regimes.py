"""Regimes: how a storage follows measured power within a slot (spec ebr.md, How a command is followed)."""

from dataclasses import dataclass
from enum import StrEnum


class Regime(StrEnum):
    """What a storage does, and never does, within a slot."""

    HOLD = "hold"
    BALANCE = "balance"
    COVER = "cover"
    ABSORB = "absorb"
    CHARGE = "charge"
    DISCHARGE = "discharge"
    LIMIT = "limit"


@dataclass(frozen=True, slots=True)
class GridBand:
    """The band (kW at the connection point, positive importing) that `limit` keeps."""

    low_kw: float
    high_kw: float


@dataclass(frozen=True, slots=True)
class RegimeOrder:
    """A regime with its kW (`charge` and `discharge`, magnitude), its band (`limit`) and the SoC at which it ends."""

    regime: Regime
    power_kw: float = 0.0
    band: GridBand | None = None
    ends_at_soc: float | None = None
