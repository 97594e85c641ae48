"""What a plan costs: the objective's parts, counted from the plan's own powers and not from the solver's figures."""

from collections.abc import Mapping, Sequence

import numpy as np

from heg.model.plan import CostParts, Objective
from heg.planner.house import Floats, House, Store


def cost_parts(house: House, grid_kw: Floats, powers: Sequence[Floats], socs: Mapping[str, Floats]) -> CostParts:
    """Return the parts of the objective for these powers, the storages' energies by their names."""
    imported_kwh = house.hours * np.maximum(grid_kw, 0.0)
    exported_kwh = house.hours * np.maximum(-grid_kw, 0.0)
    energy_eur = 0.0
    if house.objective is not Objective.CO2:
        energy_eur = float(imported_kwh @ house.import_price - exported_kwh @ house.export_price)
    outside_eur = 0.0
    if house.has_tube:
        outside_kw = np.maximum(grid_kw - house.tube_high_kw, 0.0) + np.maximum(house.tube_low_kw - grid_kw, 0.0)
        outside_eur = house.outside_tube_price * float(house.hours @ outside_kw)
    wear_eur = target_eur = left_eur = 0.0
    for store, power_kw in zip(house.stores, powers, strict=True):
        wear_eur += store.wear_eur_per_kwh * float(house.hours @ np.maximum(-power_kw, 0.0))
        left_eur += store.end_value_eur_per_kwh * float(socs[store.name][-1])
        if store.target is not None:
            target_eur += store.target.penalty_eur_per_kwh * short_kwh(store, socs[store.name])
    return CostParts(
        energy_eur=energy_eur,
        co2_eur=float(imported_kwh @ house.co2_price),
        outside_tube_eur=outside_eur,
        wear_eur=wear_eur,
        target_eur=target_eur,
        end_value_eur=-left_eur,
        peak_eur=house.peak_price * max(0.0, float(grid_kw.max(initial=0.0)) - house.peak_so_far_kw),
        blocks_eur=_blocks_eur(house, float(imported_kwh.sum())),
        desired_eur=house.desired_price * float(house.hours @ np.nan_to_num(np.abs(grid_kw - house.desired_kw))),
    )


def total_eur(house: House, grid_kw: Floats, powers: Sequence[Floats]) -> float:
    """Return the objective's value for these powers."""
    socs = {
        store.name: store.soc_after_kwh(power_kw, house.hours)
        for store, power_kw in zip(house.stores, powers, strict=True)
    }
    return cost_parts(house, grid_kw, powers, socs).total_eur


def short_kwh(store: Store, soc_kwh: Floats) -> float:
    """Return how much less than its target a storage holds when that is due."""
    if store.target is None or not len(soc_kwh):
        return 0.0
    return max(0.0, store.target.energy_kwh - float(soc_kwh[store.target.slot]))


def _blocks_eur(house: House, imported_kwh: float) -> float:
    eur, left_kwh = 0.0, imported_kwh
    for step in house.steps:
        eur += step.price * min(left_kwh, step.width_kwh)
        left_kwh -= min(left_kwh, step.width_kwh)
    return eur
