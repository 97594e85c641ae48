"""The demo's house: its battery, its car, and a handful of appliances that mean something different to their owner."""

from __future__ import annotations

from typing import Any

from hil.appliances.settings import CycleSettings
from hil.plan import typed
from hil.resident import WORKDAY

_DEVICES = {"meter": "meter", "pv": "pv", "battery": "storage", "charger": "charger"}
DISHES = {"power_kw": [1.9, 0.2, 0.1, 1.9, 0.3], "step_minutes": 15, "within_h": 11.0, "name": "eco"}
DISHES_AFTER_MEALS = typed(CycleSettings, DISHES, "dishes")
"""What somebody loads twice a day: it may run whenever it suits, and is over before the next meal."""
_SEARCH_REAL_S = 5.0

_APPLIANCES: dict[str, Any] = {
    "freezer": {
        "importance": "must-run",
        "draws": {"rated_kw": 0.12, "initially": "on", "beat_on_s": 900, "beat_off_s": 1500, "phase": 1},
    },
    "heater": {
        "importance": "flexible",
        "draws": {"rated_kw": 1.2, "initially": "on", "beat_on_s": 600, "beat_off_s": 1800, "phase": 2},
    },
    "dishwasher": {"importance": "flexible", "draws": {"rated_kw": 1.9, "phase": 3}, "cycle": DISHES},
    "dehumidifier": {
        "importance": "optional",
        "draws": {"rated_kw": 0.35, "initially": "on", "phase": 2},
    },
    "television": {"importance": "optional", "draws": {"rated_kw": 0.11, "initially": "on", "phase": 1}},
}


def demo_tables(weather: str) -> dict[str, Any]:
    """The rig of the demo, as a scenario's file would say it."""
    return {
        "weather": {"kind": weather},
        # The gateway is to lead: left alone, this battery idles.
        "house": {
            "batteries": {"battery": {"self_consumption": False, "initial_soc": 0.35}},
            "vehicles": {"car": {"initial_soc": 0.55, "trips": [WORKDAY]}},
        },
        "devices": {name: {"kind": kind} for name, kind in _DEVICES.items()},
        "appliances": _APPLIANCES,
    }


def demo_sections(speed: float) -> dict[str, Any]:
    """What the demo's owner says besides: who may rest when energy is dear, and that the utility may ask."""
    return {
        "automation": {
            "utility": "full",
            "appliance": {"dehumidifier": {"max_price_eur_per_kwh": 0.32, "runs": True}},
        },
        # Multicast is off on the loopback: each is asked by itself, so often in real seconds.
        "upnp": {"search_interval_s": min(86_400.0, max(60.0, _SEARCH_REAL_S * speed))},
    }
