"""A rig of hundreds of appliances and a grid meter as a process, told what to do over its standard input.

`python -m bench.upnp_farm COUNT METER_HOST METER_PORT FIRST_HOST`: the appliances stand at FIRST_HOST and the addresses
after it. One JSON object a line in, one out; times are UTC seconds of the machine.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from appliance.upnp.ssdp import GROUP_V4, PORT
from heg.model.appliances import PowerState
from heg.runtime.clock import Clock
from heg.runtime.loops import RealTiming, run
from hil.appliances.handle import ApplianceHandle
from hil.appliances.settings import ApplianceSettings
from hil.devices.meter import MeterSettings
from hil.house.appliance import ApplianceConfig
from hil.house.house import Constant, HouseConfig
from hil.rig import Rig, RigPlan, TcpBus


def name_of(number: int) -> str:
    """The appliance of that number."""
    return f"a{number:03}"


def plan_of(count: int, meter: tuple[str, int], first: str) -> RigPlan:
    """A house of lamps that are on, and its meter."""
    start = ipaddress.ip_address(first)
    appliances = {
        name_of(number): ApplianceSettings(
            ApplianceConfig(rated_kw=0.02, initially="on"), importance="optional", host=str(start + number)
        )
        for number in range(count)
    }
    return RigPlan(
        HouseConfig(batteries={}, producers={}),
        Constant(0.5),
        {"meter": MeterSettings()},
        {"meter": TcpBus(*meter)},
        appliances=appliances,
    )


class Orders:
    """What may be told to the farm."""

    def __init__(self, rig: Rig, clock: Clock, searches: list[float]) -> None:
        self._all = list(rig.appliances.values())
        self._clock = clock
        self._searches = searches

    async def obey(self, order: Mapping[str, Any]) -> Any:
        """Do one thing and say what came of it."""
        chosen = self._all[order.get("from", 0) : order.get("to", len(self._all))]
        match order["do"]:
            case "leave":
                await asyncio.gather(*(one.simulated.stop(goodbye=order.get("goodbye", False)) for one in chosen))
            case "join":
                await asyncio.gather(*(one.simulated.start() for one in chosen))
            case "press":
                return await self._press(chosen, order["every_s"], order.get("times", 1))
            case "heard":
                heard = {one.name: list(one.heard) for one in self._all if one.heard}
                for one in self._all:
                    one.heard.clear()
                return heard
            case "subscribers":
                return [one.subscribers for one in self._all]
            case "places":
                return [one.simulated.upnp.location for one in self._all]
            case "searched":
                found, self._searches[:] = list(self._searches), []
                return found
        return None

    async def _press(self, chosen: Sequence[ApplianceHandle], every_s: float, times: int) -> dict[str, float]:
        """Toggle each in turn, so many rounds; when each was pressed last."""
        pressed: dict[str, float] = {}
        due_s = self._clock.monotonic_s()
        for _ in range(times):
            for one in chosen:
                await self._clock.sleep(max(0.0, due_s - self._clock.monotonic_s()))
                due_s += every_s
                pressed[one.name] = time.time()
                one.is_switched(PowerState.STANDBY if one.state is PowerState.ON else PowerState.ON)
        return pressed


class _Searches(asyncio.DatagramProtocol):
    """When somebody has searched."""

    def __init__(self, searches: list[float]) -> None:
        self._searches = searches

    def datagram_received(self, data: bytes, addr: object) -> None:  # noqa: ARG002 - asked of it
        if data.startswith(b"M-SEARCH"):
            self._searches.append(time.time())


def _group(first: str) -> socket.socket:
    group = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    group.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    group.bind((GROUP_V4, PORT))
    group.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(GROUP_V4) + socket.inet_aton(first))
    return group


async def _serve(clock: Clock) -> None:
    count, host, port, first = sys.argv[1:5]
    async with Rig(plan_of(int(count), (host, int(port)), first), clock) as rig:
        searches: list[float] = []
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: _Searches(searches), sock=_group(first))
        orders = Orders(rig, clock, searches)
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        print(json.dumps("ready"), flush=True)
        while line := await reader.readline():
            print(json.dumps(await orders.obey(json.loads(line))), flush=True)


if __name__ == "__main__":
    run(_serve, timing=RealTiming())
