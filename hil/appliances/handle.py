"""One appliance in a test's or a scenario's hands: what can be done to it, said as a person would."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from appliance.faults import Fault
from appliance.gateway import Gateways
from appliance.judging import Judge, Rule
from appliance.model import Kind
from appliance.simulated import SimulatedAppliance
from appliance.upnp.description import Identity
from appliance.upnp.device import Place
from appliance.upnp.ground import Ground
from heg.model.appliances import PowerState, WakeMethod
from heg.runtime.clock import Clock
from hil.appliances.magic import MagicEar, Sleeper, mac_bytes
from hil.appliances.settings import ApplianceSettings, CycleSettings
from hil.appliances.trouble import GARBAGE, Corruption, Trouble, Whose
from hil.house.appliance import Appliance, Curve
from hil.house.house import House

_TOLD_WITHIN_S = 2.0


class ApplianceHandle:
    """The appliance program, what a meter sees of it, and its network card."""

    def __init__(
        self,
        name: str,
        settings: ApplianceSettings,
        network: tuple[Ground, Gateways],
        ear: Callable[[], MagicEar],
        truth: tuple[House, Callable[[], float]],
        clock: Clock,
    ) -> None:
        self.name = name
        self.settings = settings
        self.heard: list[tuple[float, PowerState]] = []
        """When (real UTC seconds of the clock) it took which state, whoever brought it there."""
        ground, self._gateways = network
        self._ground = ground
        self._ear = ear
        self._card: MagicEar | None = None
        self._house, self._now_s = truth
        self._clock = clock
        self._loaded = 0
        self._trouble: Trouble | None = None
        self._dead = False
        self._changing: set[asyncio.Task[None]] = set()
        self._last: tuple[PowerState, object] | None = None
        self.simulated = SimulatedAppliance(
            Identity(ApplianceSettings.uuid_of(name), name, "Rig", "Simulated appliance", f"RIG-{name.upper()}"),
            ground,
            clock,
            Place(settings.host, settings.port, settings.max_age_s),
            kind=Kind(WakeMethod(settings.wake), round(settings.draws.rated_kw * 1000)),
            state=PowerState(settings.draws.initially),
            sink=self._took,
        )
        self._house.controllers.append(lambda _at_s: self._follow())

    @property
    def uuid(self) -> str:
        """Who it is, wherever it is."""
        return self.simulated.upnp.identity.uuid

    @property
    def address(self) -> str:
        """Where it is."""
        return self.simulated.upnp.place.address

    @property
    def state(self) -> PowerState:
        """The state that it truly has."""
        return self.simulated.state

    @property
    def power_kw(self) -> float:
        """What it truly draws."""
        self._house.advance_to(self._now_s())
        return self._physics.power_kw

    @property
    def reachable(self) -> bool:
        """True while it is on the network, well or not."""
        return self.simulated.upnp.running or self._trouble is not None

    @property
    def orders(self) -> int:
        """How many orders it has carried out."""
        return self.simulated.desk.executed

    @property
    def subscribers(self) -> int:
        """How many listen to it."""
        return self.simulated.upnp.subscribers

    @property
    def refused(self) -> dict[str, int]:
        """What it has refused, by code or name."""
        return dict(self.simulated.upnp.refused)

    def is_put_at(self, host: str) -> None:
        """Give it an address before it starts."""
        self.simulated.upnp.place = replace(self.simulated.upnp.place, address=host)

    async def start(self) -> None:
        """Come to the network; one that is asleep only waits for its packet. Raises OSError."""
        if self.settings.cycle is not None and not self._loaded:
            await self.is_loaded(self.settings.cycle)
        if self.settings.sleeps and self.state is not PowerState.ON:
            self._wait_for_packet()
            return
        await self.simulated.start()

    async def stop(self) -> None:
        """End for good, whatever it suffers."""
        await self._settle()
        if self._card is not None:
            self._card.forget(self.name)
        await self._end_trouble()
        await self.simulated.stop(goodbye=False)

    async def behaves(self) -> None:
        """End every fault: it is well, on the network, where it was."""
        await self._end_trouble()
        upnp = self.simulated.upnp
        upnp.freeze(frozen=False)
        upnp.mangle = _as_it_is
        self.refuses_nothing()
        self.simulated.desk.join(self.simulated, upnp)
        if not upnp.running:
            await self.start()

    async def loses_power(self) -> None:
        """It vanishes without a word; `comes_back()` ends it."""
        await self.simulated.stop(goodbye=False)
        self._house.advance_to(self._now_s())
        self._dead = True

    async def says_goodbye(self) -> None:
        """It leaves the network as one does."""
        await self.simulated.stop(goodbye=True)

    async def comes_back(self) -> None:
        """It is on the network again, restarted, in the state it had."""
        self._house.advance_to(self._now_s())
        self._dead = False
        await self.start()

    async def moves(self, host: str) -> None:
        """It is at another address afterwards, and nobody said goodbye for the old one."""
        await self.simulated.upnp.renumber(host)

    def freezes(self) -> None:
        """Its sockets stay open, nothing is answered and nothing told."""
        self.simulated.upnp.freeze(frozen=True)

    def thaws(self) -> None:
        """It goes on."""
        self.simulated.upnp.freeze(frozen=False)

    async def is_corrupted(self, how: Corruption) -> None:
        """Something broken or hostile answers in its place, and announces itself by its UUID."""
        upnp = self.simulated.upnp
        port = int(upnp.location.rpartition(":")[2].partition("/")[0])
        await self._end_trouble()
        await self.simulated.stop(goodbye=False)
        self._trouble = Trouble(Whose(self.uuid, self.address, port), how, self._clock, ground=self._ground)
        await self._trouble.start()

    def mangles(self, kind: str, change: Callable[[bytes], bytes]) -> None:
        """What goes out of one kind (description, service, answer, event) is changed."""
        self.simulated.upnp.mangle = lambda which, document: change(document) if which == kind else document

    def shouts_garbage(self, datagrams: Sequence[bytes] = GARBAGE) -> None:
        """It says nonsense to everybody who listens for announcements."""
        self.simulated.upnp.shout(datagrams)

    def skips_events(self, count: int = 1) -> None:
        """So many of its messages get lost on their way: the next one's number says so."""
        self.simulated.upnp.skip_events(count)

    def is_switched(self, state: PowerState) -> None:
        """A person presses its button."""
        self.simulated.press(state)

    def refuses(self, *states: PowerState) -> None:
        """By its own judgement it would be unsafe to go there (or anywhere) on somebody's order."""
        never = frozenset(states or PowerState)
        self._judge(Judge((Rule(never, why="somebody works at it"),)))

    def refuses_nothing(self) -> None:
        """Every order is fine with it."""
        self._judge(Judge())

    def ignores_orders(self) -> None:
        """It says yes to every order, and nothing follows."""
        self.simulated.desk.join(_Stubborn(), self.simulated.upnp)

    async def is_loaded(self, cycle: CycleSettings) -> None:
        """A person loads it with a programme that may wait."""
        self._loaded += 1
        if (refused := await self.simulated.load(cycle.loaded(self._loaded, self._clock.utc()))) is not None:
            raise ValueError(f"{self.name}: {_said(refused)}")

    async def is_unloaded(self) -> None:
        """A person takes the programme back."""
        await self.simulated.load(None)

    async def asks(self, action: str, **arguments: str) -> dict[str, str]:
        """It asks the gateway for something, such as WakeUpTime; returns the results. Raises GatewayError."""
        return await self._gateways.ask(self.simulated.upnp, action, arguments)

    def falls_asleep(self) -> None:
        """It goes to standby by itself, with its network where it sleeps."""
        self.simulated.press(PowerState.STANDBY)

    @property
    def _physics(self) -> Appliance:
        return self._house.appliances[self.name]

    def _judge(self, judge: Judge) -> None:
        model = self.simulated.model
        model.kind = replace(model.kind, judge=judge)

    def _took(self, state: PowerState) -> None:
        self._house.advance_to(self._now_s())
        self.heard.append((self._clock.utc().timestamp(), state))
        self._follow()
        if self.settings.sleeps and state is not PowerState.ON and self.simulated.upnp.running:
            self._soon(self._sleep())

    def _follow(self) -> None:
        """Draw what the program's state means."""
        model = self.simulated.model
        cycle = model.cycle if model.cycle is not None and model.cycle.running else None
        state = PowerState.OFF if self._dead else model.state
        now = (state, cycle)
        if now == self._last:
            return
        self._last = now
        if cycle is None or self._dead:
            self._physics.switch(state)
        else:
            curve = Curve(cycle.curve.power_kw, cycle.curve.step_minutes * 60.0)
            self._physics.begin(curve, cycle.ran.total_seconds())

    async def _sleep(self) -> None:
        upnp = self.simulated.upnp
        await upnp.told(_TOLD_WITHIN_S)
        await upnp.stop(goodbye=False)
        self._wait_for_packet()

    def _wait_for_packet(self) -> None:
        password = self.settings.secure_on
        sleeper = Sleeper(mac_bytes(self.settings.mac), self._woken, mac_bytes(password) if password else b"")
        self._card = self._ear()
        self._card.waits(self.name, sleeper)

    def _woken(self) -> None:
        self._soon(self._wake())

    async def _wake(self) -> None:
        await self._clock.sleep(self.settings.boots_s)
        await self.simulated.start()
        self.simulated.press(PowerState.ON)

    async def _end_trouble(self) -> None:
        if self._trouble is not None:
            trouble, self._trouble = self._trouble, None
            await trouble.stop()

    def _soon(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._changing.add(task)
        task.add_done_callback(self._changing.discard)

    async def _settle(self) -> None:
        for task in tuple(self._changing):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*self._changing, return_exceptions=True)


class _Stubborn:
    """A body that does not move."""

    async def go(self, target: PowerState) -> None:
        """Stay."""


def _as_it_is(_kind: str, document: bytes) -> bytes:
    return document


def _said(refused: Fault) -> str:
    return f"{int(refused.code)} {refused.text}"
