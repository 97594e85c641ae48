"""EMHASS at work, in an environment of its own: problems as JSON on standard input, plans and spans on standard output.

Nothing of this project is imported here. A problem: `import_eur_per_kwh`, `export_eur_per_kwh`, `demand_kw`,
`production_kw` of equal slots; the battery and what it begins and ends with are the same for all.
"""

from __future__ import annotations

import asyncio
import json
import logging
import pathlib
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import emhass
import pandas as pd
from emhass import utils
from emhass.optimization import Optimization

IMPORT, EXPORT = "unit_load_cost", "unit_prod_price"
W_PER_KW = 1000.0
CALLS = 5


def main() -> None:
    """Read, plan each problem as day-ahead optimisation, once fresh and then again, and as warm MPC; write."""
    asked = json.load(sys.stdin)
    with tempfile.TemporaryDirectory() as folder:
        peer = _Peer(asked, pathlib.Path(folder))
        plans = [peer.planned(problem) for problem in asked["problems"]]
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
    json.dump({"plans": plans, "peak_mib": peak_mib}, sys.stdout)


class _Peer:
    def __init__(self, asked: dict[str, Any], folder: pathlib.Path) -> None:
        root = pathlib.Path(emhass.__file__).parent
        self._paths = {
            "data_path": folder,
            "root_path": root,
            "defaults_path": root / "data" / "config_defaults.json",
            "associations_path": root / "data" / "associations.csv",
        }
        self._log = logging.getLogger("emhass of the bench")
        self._log.addHandler(logging.NullHandler())
        self._log.propagate = False
        self._log.setLevel(logging.CRITICAL)
        self._asked = asked
        self._settings = asyncio.run(self._configured(asked))
        self._warm: Any = None

    async def _configured(self, asked: dict[str, Any]) -> Any:
        """Everything as EMHASS has it by default, but for the house and the battery, and no deferrable loads.

        Its limits of power lie at the cells, ours at the terminals: so they are handed over.
        """
        battery, slots = asked["battery"], asked["slots"]
        config = await utils.build_config(self._paths, self._log, str(self._paths["defaults_path"]))
        config |= {
            "number_of_deferrable_loads": 0,
            "set_use_battery": True,
            "set_use_pv": True,
            "set_nodischarge_to_grid": False,
            "optimization_time_step": asked["slot_minutes"],
            "delta_forecast_daily": slots * asked["slot_minutes"] / (24 * 60),
            "maximum_power_from_grid": asked["most_kw"] * W_PER_KW,
            "maximum_power_to_grid": asked["most_kw"] * W_PER_KW,
            "battery_nominal_energy_capacity": battery["capacity_kwh"] * W_PER_KW,
            "battery_charge_power_max": battery["rate_kw"] * battery["one_way"] * W_PER_KW,
            "battery_discharge_power_max": battery["rate_kw"] / battery["one_way"] * W_PER_KW,
            "battery_charge_efficiency": battery["one_way"],
            "battery_discharge_efficiency": battery["one_way"],
            "battery_minimum_state_of_charge": 0.0,
            "battery_maximum_state_of_charge": 1.0,
        }
        _, secrets = await utils.build_secrets(self._paths, self._log, no_response=True)
        return utils.get_yaml_parse(await utils.build_params(self._paths, secrets, config, self._log), self._log)

    def planned(self, problem: dict[str, Any]) -> dict[str, Any]:
        slots = len(problem["demand_kw"])
        index = pd.date_range(problem["start"], periods=slots, freq=f"{self._asked['slot_minutes']}min", tz="UTC")
        prices = pd.DataFrame(
            {IMPORT: problem["import_eur_per_kwh"], EXPORT: problem["export_eur_per_kwh"]}, index=index
        )
        sun, load = (pd.Series(problem[key], index=index) * W_PER_KW for key in ("production_kw", "demand_kw"))
        ends = {"soc_init": self._asked["soc_begin"], "soc_final": self._asked["soc_end"]}

        def day_ahead(optimiser: Any) -> Any:
            return optimiser.perform_dayahead_forecast_optim(prices, sun, load, **ends)

        def mpc() -> Any:
            return self._warm.perform_naive_mpc_optim(prices, sun, load, slots, **ends)

        if self._warm is None:
            self._warm = self._fresh(slots)
            mpc()
        fresh_ms, plan = _timed(lambda: day_ahead(self._fresh(slots)))
        again = self._fresh(slots)
        day_ahead(again)
        again_ms = [_timed(lambda: day_ahead(again))[0] for _ in range(CALLS)]
        warm_ms, warm_plan = zip(*(_timed(mpc) for _ in range(CALLS)), strict=True)
        return {
            "fresh_ms": fresh_ms,
            "again_ms": sorted(again_ms)[CALLS // 2],
            "warm_ms": sorted(warm_ms)[CALLS // 2],
            "grid_kw": (plan["P_grid"] / W_PER_KW).tolist(),
            "warm_grid_kw": (warm_plan[-1]["P_grid"] / W_PER_KW).tolist(),
            "soc_end": float(plan["SOC_opt"].iloc[-1]),
        }

    def _fresh(self, slots: int) -> Any:
        hass, optim, plant = self._settings
        return Optimization(hass, optim, plant, IMPORT, EXPORT, "profit", self._paths, self._log, num_timesteps=slots)


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    begun_s = time.perf_counter()
    made = work()
    return (time.perf_counter() - begun_s) * 1e3, made


if __name__ == "__main__":
    main()
