"""Somebody lives in the rig's house: plugs the car in, says when it is needed again, and loads the dishwasher."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from heg.runtime.clock import Clock
from hil.appliances.handle import ApplianceHandle
from hil.appliances.settings import CycleSettings
from hil.gateway import GatewayError, GatewayView
from hil.handles import ChargerHandle
from hil.house.vehicle import Trip

_LOOKS_EVERY_S = 60.0
_SAYS_AGAIN_S = 300.0
_BETWEEN_MEALS_S = 12 * 3600.0
WORKDAY = Trip(leaves_s=0.0, returns_s=9.5 * 3600.0, used_kwh=9.0, daily=True)
"""Away at the start, back nine hours and a half later, each day the same."""


@dataclass(frozen=True, slots=True)
class Wish:
    """When the car is needed (the house's local time), how full, both as the page's form takes them."""

    departure: str = "07:45"
    target: float = 0.8


class Dishes:
    """Loads a dishwasher that is empty, twice a day."""

    def __init__(self, dishwasher: ApplianceHandle, programme: CycleSettings, clock: Clock) -> None:
        self._dishwasher = dishwasher
        self._programme = programme
        self._clock = clock

    async def live(self) -> None:
        """Come after each meal until cancelled."""
        while True:
            await self._clock.sleep(_BETWEEN_MEALS_S)
            with contextlib.suppress(ValueError):  # it runs still
                await self._dishwasher.is_loaded(self._programme)


class Resident:
    """Tells the gateway once at each plug-in, as a person does on the page."""

    def __init__(self, charger: ChargerHandle, view: GatewayView, clock: Clock, wish: Wish | None = None) -> None:
        self._charger = charger
        self._view = view
        self._clock = clock
        self._wish = wish or Wish()

    async def live(self) -> None:
        """Look at the car until cancelled."""
        told = False
        while True:
            if not self._charger.plugged:
                told = False
            elif not told:
                told = await self._tell()
            await self._clock.sleep(_LOOKS_EVERY_S if told or not self._charger.plugged else _SAYS_AGAIN_S)

    async def _tell(self) -> bool:
        """Say it; False when the gateway would not hear: it may not have seen the car yet."""
        soc = round(self._charger.device.vehicle.soc, 2)
        with contextlib.suppress(OSError, EOFError, TimeoutError, GatewayError):
            answer = await self._view.command(
                "plug-in", departure=self._wish.departure, target=self._wish.target, soc=soc
            )
            return answer.get("outcome") == "done"
        return False
