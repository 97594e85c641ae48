"""The house as its plan has made it: what its regimes are chosen by once cycles are placed and the peak is known.

Blocks add to the price of every kWh what the next one costs in the block where the plan ends. The peak is kept like a
limit, and a kWh beyond it costs in each slot the share of the peak charge that the plan saw there (its dual), so that
the shares add up to the charge and no more.
"""

import math
from dataclasses import replace

import numpy as np

from heg.planner.house import House
from heg.planner.solve import Solution


def guided(house: House, solution: Solution) -> House:
    """Return the house with its cycles in the demand, the block in the price and the planned peak known."""
    peak_kw = math.inf
    if house.peak_price > 0.0:
        peak_kw = max(house.peak_so_far_kw, float(solution.grid_kw.max()))
    return replace(
        house,
        demand_kw=house.demand_kw + sum(solution.cycles_kw, np.zeros(house.slots)),
        import_price=house.import_price + solution.block_price,
        steps=(),
        cycles=(),
        peak_kw=peak_kw,
        peak_shadow=solution.shadows.peak if house.peak_price > 0.0 else None,
    )
