"""The UPnP driver's own calls against appliances: how long an action takes, alone and to all at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.upnp_lan import GATEWAY
from drivers.upnp.calls import Calls
from drivers.upnp.client import HttpClient
from drivers.upnp.parts import Described, Link
from heg.model.appliances import PowerState
from heg.runtime.clock import Clock
from tests.support.namespaces import WIRE, Network

ROUNDS = 5
FAN_OUTS = 5


@dataclass(frozen=True, slots=True)
class Called:
    """Seconds: of each action asked alone, and from the first to the last answer of an order to all at once."""

    alone_s: Sequence[float]
    all_s: Sequence[float]


def called(near: Network, locations: Sequence[str]) -> Called:
    """Ask each appliance in turn, then all at once."""

    async def work(clock: Clock) -> Called:
        appliances = [_described(number, location) for number, location in enumerate(locations)]
        async with HttpClient(clock) as client:
            calls = Calls(client, "00000000-0000-4000-8000-00000000be9c")
            alone_s = [await _asked_s(calls, one) for _ in range(ROUNDS) for one in appliances]
            all_s = [await _ordered_s(calls, appliances, number) for number in range(FAN_OUTS)]
            return Called(alone_s, all_s)

    answer: Called = near.loop(work)
    return answer


async def _asked_s(calls: Calls, one: Described) -> float:
    begun_s = time.perf_counter()
    state = await calls.power_state(one)
    spent_s = time.perf_counter() - begun_s
    assert isinstance(state, PowerState), state
    return spent_s


async def _ordered_s(calls: Calls, appliances: Sequence[Described], number: int) -> float:
    wanted = PowerState.STANDBY if number % 2 else PowerState.ON
    begun_s = time.perf_counter()
    answers = await asyncio.gather(*(calls.bring(one, wanted) for one in appliances))
    spent_s = time.perf_counter() - begun_s
    assert set(answers) == {None}, answers
    return spent_s


def _described(number: int, location: str) -> Described:
    base = location.removesuffix("/description.xml")
    host = base.removeprefix("http://").rpartition(":")[0]
    return Described(
        uuid=f"00000000-0000-4000-8000-{number:012}",
        link=Link(WIRE, GATEWAY),
        host=host,
        location=location,
        maker="",
        model="",
        serial="",
        name="",
        control_url=f"{base}/power/control",
        event_url=f"{base}/power/events",
    )
