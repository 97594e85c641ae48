"""A house and its gateway in one process on one stepped loop, with real loopback sockets between them.

    @stepped
    async def test_battery_lets_go_when_the_meter_is_lost(clock: Clock, tmp_path: Path) -> None:
        async with a_house(clock, tmp_path) as house:
            await house.until(lambda: house.battery.regime == "balance")
            house.rig.meter.stops_answering()
            await house.after(seconds=15)
            assert house.battery.regime == "hold"
            assert house.reason_for("battery") == "meter_lost"

The gateway is seen only through its own local API, as a person's page sees it; the house's truth is the rig's.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from heg.config.reader import load
from heg.data.interface import DataInterface
from heg.devices.installed import installed_drivers
from heg.runtime.clock import Clock
from heg.runtime.notify import ServiceManager
from heg.services.planning.planner import Planner
from heg.unit.site import Site
from heg.unit.unit import Unit
from heg.web.listen import open_listener
from heg.web.settings import WebSettings
from hil.faults import FaultError
from hil.gateway import GatewayView
from hil.gateway_config import gateway_config
from hil.plan import rig_plan
from hil.rig import Rig, RigPlan

NOON = datetime(2024, 8, 9, 12, tzinfo=UTC)
LED = {"battery": {"self_consumption": False, "initial_soc": 0.5}}
"""A battery that idles when left alone, so that what it does is the gateway's doing."""


class Seen:
    """One actuator or device as the gateway's state last told it."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        self._told = told

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._told:
            raise AttributeError(f"the gateway says nothing of {name!r}; it says {', '.join(self._told) or 'nothing'}")
        return self._told[name]


class House:
    """The rig and the gateway beside it, as a test speaks of them."""

    def __init__(self, rig: Rig, view: GatewayView, clock: Clock, data: DataInterface) -> None:
        self.rig = rig
        self.view = view
        self.data = data
        """The gateway's data interface, for a test that has something to say through a door of its own."""
        self._clock = clock
        self.state: dict[str, Any] = {}
        """What the gateway said last: refreshed by `after` and `until`."""

    @property
    def battery(self) -> Seen:
        """The battery as an actuator: regime, reason, state, set_kw ..."""
        return self.actuator("battery")

    def actuator(self, name: str) -> Seen:
        """What the gateway says it does with an actuator."""
        return Seen(self.state.get("actuators", {}).get(name, {}))

    def device(self, name: str) -> Seen:
        """What the gateway says of a device."""
        return Seen(self.state.get("devices", {}).get(name, {}))

    def reason_for(self, name: str) -> str:
        """Why an actuator does what it does."""
        return str(self.actuator(name).reason)

    @property
    def alarms(self) -> set[str]:
        """Ids of the alarms that stand."""
        return set(self.state.get("alarms", {}))

    async def suffer(self, what: str, arguments: Mapping[str, Any]) -> None:
        """What a gateway on our own loop can suffer: a jump of the wall clock."""
        if what != "jump_clock":
            raise FaultError(f"fault {what!r}: needs a gateway in a process of its own")
        self._clock.jump_utc(float(arguments["seconds"]))

    async def look(self) -> None:
        """Ask the gateway for its state."""
        self.state = await self.view.state()

    async def after(self, seconds: float) -> None:
        """Let house time pass, then look."""
        await self._clock.sleep(seconds)
        await self.look()

    async def until(self, holds: Callable[[], bool], *, within_s: float = 120.0, every_s: float = 1.0) -> float:
        """Look until something holds; the seconds it took. A state that has no such word yet does not hold."""
        start_s = self._clock.monotonic_s()
        while True:
            await self.look()
            with contextlib.suppress(AttributeError, KeyError, TypeError):
                if holds():
                    return self._clock.monotonic_s() - start_s
            waited_s = self._clock.monotonic_s() - start_s
            assert waited_s <= within_s, f"not within {within_s:g} s of house time; the gateway says {self.state}"
            await self._clock.sleep(every_s)


@contextlib.asynccontextmanager
async def a_house(
    clock: Clock,
    folder: Path,
    *,
    tables: Mapping[str, Any] | None = None,
    plan: RigPlan | None = None,
    sections: Mapping[str, Any] | None = None,
    planner: Callable[[], Planner] | None = None,
) -> AsyncIterator[House]:
    """A running house with its gateway; by default constant load, and a battery that the gateway leads.

    `tables` describe the rig as a scenario does (`hil.plan`), `sections` add to the gateway's configuration. Nothing
    is planned unless a section says so, or `planner` makes what answers the slot loop in place of its own process.
    """
    chosen = {"weather": {"kind": "constant", "demand_kw": 1.0}, "house": {"batteries": LED}, **(tables or {})}
    async with (
        Rig(plan or rig_plan(chosen, NOON), clock) as rig,
        a_gateway(rig, clock, folder, sections=sections, planner=planner) as house,
    ):
        yield house


@contextlib.asynccontextmanager
async def a_gateway(
    rig: Rig,
    clock: Clock,
    folder: Path,
    *,
    sections: Mapping[str, Any] | None = None,
    planner: Callable[[], Planner] | None = None,
) -> AsyncIterator[House]:
    """A gateway beside a rig that runs; another one on the same folder goes on with what this one kept."""
    with open_listener(WebSettings(port=0)) as listener:
        port = listener.getsockname()[1]
        path = folder / "heg.toml"
        state_dir = folder / "state"
        state_dir.mkdir(exist_ok=True)
        said = {"planning": {"enabled": planner is not None}, **(sections or {})}
        path.write_text(gateway_config(rig, state_dir=state_dir, port=port, sections=said))
        drivers = installed_drivers()
        config = load(path, drivers.specs)
        cycle_s = said.get("control", {}).get("cycle_s", 0.0)
        site = Site(
            state_dir,
            drivers.specs,
            ServiceManager(None),
            listener=listener,
            planner=planner,
            look_every_s=max(2.0, cycle_s),  # where days pass quickly nobody writes the file every two seconds
        )
        unit = Unit(config, clock, site)
        stop = asyncio.Event()
        running = asyncio.ensure_future(unit.run(stop))
        try:
            yield House(rig, GatewayView(port), clock, unit.data)
        finally:
            stop.set()
            await running
