"""Whatever happens to an appliance, in whatever order: in the end it is known as it is, heard, and left alone."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drivers.upnp.parts import GoneWhy
from heg.model.records import DeviceStatus
from heg.runtime.clock import Clock
from tests.drivers.upnp.home import OFF, ON, STANDBY, Home, a_home
from tests.drivers.upnp.peer import Peer, a_cycle
from tests.support.stepped import stepped

STATES = ("ON", "Standby", "OFF")
ORDERS = {"ON": ON, "Standby": STANDBY, "OFF": OFF}
happenings = st.one_of(
    st.tuples(st.sampled_from(("becomes", "is_ordered")), st.sampled_from(STATES)),
    st.tuples(st.just("falls_asleep")),
    st.tuples(st.just("waits"), st.sampled_from((0.01, 0.5, 3.0, 20.0, 200.0))),
    st.tuples(st.just("goes"), st.sampled_from(tuple(GoneWhy))),
    st.tuples(st.sampled_from(("changes_silently", "is_found", "is_released", "is_off", "is_on"))),
    st.tuples(st.sampled_from(("freezes", "thaws", "forgets_us", "refuses", "has_another_cycle"))),
)


class Life:
    """One appliance's, in a home."""

    def __init__(self, home: Home, peer: Peer) -> None:
        self.home, self.peer = home, peer
        self.not_on_since: int | None = None
        self.discovered = False

    async def becomes(self, state: str) -> None:
        self.peer.state = state
        if self.peer.up and not self.peer.silent:
            await self.peer.become(state)

    async def changes_silently(self) -> None:
        self.peer.state = "OFF" if self.peer.state == "ON" else "ON"

    async def has_another_cycle(self) -> None:
        self.peer.cycle = a_cycle(CycleId=f"c{len(self.peer.asked)}")

    async def waits(self, span_s: float) -> None:
        await self.home.clock.sleep(span_s)

    async def goes(self, why: GoneWhy) -> None:
        self.home.appliances.gone(self.peer.uuid, why)
        self.discovered = False

    async def falls_asleep(self) -> None:
        await self.becomes("Standby")
        await self.goes(GoneWhy.EXPIRED)

    async def is_found(self) -> None:
        self.home.appliances.found(self.peer.described)
        self.discovered = True

    async def is_off(self) -> None:
        await self.peer.stop()

    async def is_on(self) -> None:
        if not self.peer.up:
            await self.peer.start()

    async def freezes(self) -> None:
        self.peer.silent = True

    async def thaws(self) -> None:
        self.peer.silent = False

    async def forgets_us(self) -> None:
        self.peer.subscribed.clear()

    async def refuses(self) -> None:
        self.peer.faults = {} if self.peer.faults else {"OperationOff": (802, "busy"), "GoToStandby": (801, "")}

    async def is_ordered(self, state: str) -> None:
        if self.home.manager.actuators():
            await self.home.kettle.apply(ORDERS[state])
            self.not_on_since = None if state == "ON" else self.peer.asked.count("OperationOn")

    async def is_released(self) -> None:
        self.not_on_since = None
        if self.home.manager.actuators():
            await self.home.kettle.release()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(happenings, max_size=15))
def test_in_the_end_it_is_known_as_it_is(caplog: pytest.LogCaptureFixture, story: list[tuple[Any, ...]]) -> None:
    caplog.clear()

    @stepped
    async def whole(clock: Clock) -> None:
        peer = Peer(cycle=a_cycle(), granted_s=300, tells_of_orders=True)
        async with a_home(clock, peer) as home:
            life = Life(home, peer)
            for what, *how in [("is_found",), ("waits", 0.5), *story, ("thaws",), ("is_on",)]:
                await getattr(life, what)(*how)
            if not life.discovered:
                await life.is_found()
            await clock.sleep(700.0)  # it may have been silent, and is asked ever more seldom
            assert home.value("state.power", "kettle-1") == peer.state.lower()
            assert home.value("cycle.offer", "kettle-1").id == peer.cycle["CycleId"]
            assert home.record("kettle-1").status is DeviceStatus.ATTACHED
            assert life.not_on_since in (None, peer.asked.count("OperationOn")), "it was wanted otherwise"
            before = len(peer.asked)
            await clock.sleep(100.0)
            assert len(peer.asked) - before <= 4, "it wants nothing but its subscriptions and to be asked with them"
            peer.statuses.clear()
            await peer.become("OFF" if peer.state == "ON" else "ON")
            assert 200 in peer.statuses
            assert home.value("state.power", "kettle-1") == peer.state.lower()
        assert not [one for one in caplog.records if one.levelno >= logging.ERROR]

    whole()
