"""What a kWh left in a storage at the horizon's end is worth when nobody says (spec ebr.md, End of horizon)."""

import math

import numpy as np

from heg.planner.house import Floats

ESS_SHARE = 0.9
CHEAPEST_SHARE = 0.98


def ess_end_value(
    hours: Floats, buy: Floats, sell: Floats, net_kw: Floats, round_trip_efficiency: float, wear: float
) -> float:
    """Return EUR per kWh left in a stationary storage: what it saves in a next day that is like this one.

    Where no sun is left over, what energy costs on average. As far as the sun that is left over covers what the house
    lacks, no more than what it costs to put a kWh there at the cheapest hour: the sun will fill the storage again, and
    a plan that buys at its end what the sun brings an hour later is one that nobody believes.
    """
    del sell, wear
    if not len(buy):
        return 0.0
    usual = ESS_SHARE * float(buy.mean())
    over_kwh, lacking_kwh = (float(hours @ np.maximum(sign * net_kw, 0.0)) for sign in (-1.0, 1.0))
    sunny = min(1.0, over_kwh / lacking_kwh) if lacking_kwh > 0.0 else 1.0
    return usual + sunny * min(0.0, _cheapest(buy, round_trip_efficiency) - usual)


def pev_end_value(
    hours: Floats, buy: Floats, sell: Floats, net_kw: Floats, round_trip_efficiency: float, wear: float
) -> float:
    """Return EUR per kWh left in a vehicle: what it would cost to put it there at the cheapest hour.

    So a surplus that would earn less goes into the car beyond its target, and nothing is imported for that.
    """
    del hours, sell, net_kw, wear
    return _cheapest(buy, round_trip_efficiency) if len(buy) else 0.0


def _cheapest(buy: Floats, round_trip_efficiency: float) -> float:
    """What a kWh in the storage costs at the cheapest hour, a little less: nothing is bought only to be left."""
    return CHEAPEST_SHARE * max(0.0, float(buy.min())) / math.sqrt(round_trip_efficiency)
