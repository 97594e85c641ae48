"""What a kWh left in a storage at the horizon's end is worth when nobody says (spec ebr.md, End of horizon)."""

import math

from heg.planner.house import Floats

ESS_SHARE = 0.9
PEV_SHARE = 0.98


def ess_end_value(
    hours: Floats, buy: Floats, sell: Floats, net_kw: Floats, round_trip_efficiency: float, wear: float
) -> float:
    """Return EUR per kWh left in a stationary storage."""
    del hours, sell, net_kw, round_trip_efficiency, wear
    return ESS_SHARE * float(buy.mean()) if len(buy) else 0.0


def pev_end_value(
    hours: Floats, buy: Floats, sell: Floats, net_kw: Floats, round_trip_efficiency: float, wear: float
) -> float:
    """Return EUR per kWh left in a vehicle: what it would cost to put it there at the cheapest hour.

    So a surplus that would earn less goes into the car beyond its target, and nothing is imported for that.
    """
    del hours, sell, net_kw, wear
    return PEV_SHARE * max(0.0, float(buy.min())) / math.sqrt(round_trip_efficiency) if len(buy) else 0.0
