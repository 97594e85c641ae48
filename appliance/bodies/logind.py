"""A computer as an appliance: systemd's logind tells when it sleeps or ends, and is asked for both.

Delay inhibitor locks are held while it works. When logind says that sleep or shutdown begins it waits for them,
so the notice reaches the gateway first (spec upnp-appliances.md: 1-2 s between notice and change).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from jeepney import DBusAddress

from appliance.bodies.bus import Bus, BusError
from appliance.bodies.rtc import RtcAlarm
from appliance.body import BodyError
from appliance.desk import ApplianceDesk
from appliance.faults import Fault, SoapFault
from heg.model.appliances import ApplianceFault, PowerState
from heg.runtime.clock import Clock

logger = logging.getLogger(__name__)

TOLD_WITHIN_S = 1.5
"""logind waits 5 s for the lock (InhibitDelayMaxSec), a person less."""
_MANAGER = DBusAddress("/org/freedesktop/login1", "org.freedesktop.login1", interface="org.freedesktop.login1.Manager")
_PROPERTIES = DBusAddress(
    "/org/freedesktop/login1", "org.freedesktop.login1", interface="org.freedesktop.DBus.Properties"
)


_HELD = ("BlockInhibited", "BlockWeakInhibited")
"""What programs forbid; the weak locks came with systemd 257, and are strong against us."""


@dataclass(frozen=True, slots=True)
class _Way:
    """How logind is asked for a state: the method, the question whether it can, the lock that programs hold."""

    method: str
    can: str
    lock: str


_WAYS = {
    PowerState.STANDBY: _Way("Suspend", "CanSuspend", "sleep"),
    PowerState.OFF: _Way("PowerOff", "CanPowerOff", "shutdown"),
}


class Network(Protocol):
    """What is told before it goes: the UPnP side."""

    async def told(self, limit_s: float) -> bool:
        """Wait until subscribers know."""


class LogindBody:
    """This computer. `run()` holds the connection to logind and ends with `BusError` when it is lost.

    `back` is called when it woke: the network may be another one by now.
    """

    def __init__(
        self,
        desk: ApplianceDesk,
        network: Network,
        clock: Clock,
        alarm: RtcAlarm,
        *,
        bus: str = "SYSTEM",
        back: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._desk = desk
        self._network = network
        self._clock = clock
        self._alarm = alarm
        self._address = bus
        self._back = back
        self._bus: Bus | None = None
        self._locks: list[Any] = []
        self._not_offered: set[PowerState] = set()
        self._noticed = asyncio.Event()
        self._newest = (PowerState.ON, False)

    @property
    def holds_lock(self) -> bool:
        """Tell whether logind would wait for us."""
        return bool(self._locks)

    async def run(self) -> None:
        """Watch until cancelled. Raises `BusError` when logind is not there any more."""
        bus = self._bus = await Bus.connect(self._address)
        self._noticed.clear()  # what was said before it was lost
        try:
            await bus.listen(_MANAGER, "PrepareForSleep", self._noticing(PowerState.STANDBY))
            await bus.listen(_MANAGER, "PrepareForShutdown", self._noticing(PowerState.OFF))
            await self._find_out(bus)
            await self._woke(bus)
            while True:
                await self._next(bus)
        finally:
            self._let_go()
            self._bus = None
            bus.close()

    async def go(self, target: PowerState) -> None:
        """Ask logind to suspend or power off. Raises `BodyError`."""
        if target is PowerState.ON:
            if self._desk.model.state is PowerState.ON:
                return
            raise BodyError(Fault(ApplianceFault.NOT_NOW, "it is about to sleep; wake it when it does"))
        if (bus := self._bus) is None:
            raise BodyError(Fault(SoapFault.ACTION_FAILED, "logind cannot be reached now"))
        way = _WAYS[target]
        try:
            (known,) = await bus.call(_PROPERTIES, "GetAll", "s", (_MANAGER.interface,))
            if way.lock in ":".join(str(known[name][1]) for name in _HELD if name in known).split(":"):
                raise BodyError(Fault(ApplianceFault.BUSY, f"a program of this computer forbids {way.lock} now"))
        except BusError:
            logger.debug("logind does not tell who holds locks")  # it judges by itself then
        try:
            await bus.call(_MANAGER, way.method, "b", (False,))
        except BusError as error:
            raise BodyError(_meant(error, way)) from error

    async def _next(self, bus: Bus) -> None:
        noticed = asyncio.ensure_future(self._noticed.wait())
        try:
            await asyncio.wait((noticed, bus.lost), return_when=asyncio.FIRST_COMPLETED)
        finally:
            noticed.cancel()
        if self._noticed.is_set():
            self._noticed.clear()
            await self._react(bus, *self._newest)
        if bus.lost.done():
            raise BusError("", f"logind: {bus.lost.result()}")

    def _noticing(self, state: PowerState) -> Callable[[Sequence[Any]], None]:
        def notice(values: Sequence[Any]) -> None:
            begins = bool(values[0]) if values else False
            if begins:
                self._desk.observed(state)  # told at once: the second that is left begins now
            self._newest = state, begins  # whoever woke and sleeps again is not awake in between
            self._noticed.set()

        return notice

    async def _react(self, bus: Bus, state: PowerState, begins: bool) -> None:
        if begins:
            self._desk.observed(state)  # again: what came of its last waking may have gone on meanwhile
            if not await self._network.told(TOLD_WITHIN_S):
                logger.warning("not everybody was told of %s in time", state)
            self._alarm.set(self._desk.model.must_wake(), self._clock.utc())
            await self._desk.saved()  # its power may be cut while it sleeps
            self._let_go()
        else:
            await self._woke(bus)

    async def _woke(self, bus: Bus) -> None:
        """It is on: from the beginning, or again, also where logind ended while it slept and nobody said so."""
        slept = self._desk.model.state is not PowerState.ON
        await self._take_locks(bus)
        self._alarm.set(None, self._clock.utc())  # nobody sets it anew where this program has ended by the next sleep
        self._desk.observed(PowerState.ON)
        if slept and self._back is not None:
            await self._back()
        if slept:
            await self._desk.awoke()

    async def _find_out(self, bus: Bus) -> None:
        able = {PowerState.ON}
        for state, way in _WAYS.items():
            answer = await _ability(bus, way)
            if answer in ("yes", "challenge"):
                able.add(state)  # "challenge": perhaps not while others are logged in, which is judged then
            elif state not in self._not_offered:
                self._not_offered.add(state)
                logger.info("%s: logind says %r to it; it is not offered", state, answer)
        model = self._desk.model
        model.kind = replace(model.kind, states=frozenset(able))

    async def _take_locks(self, bus: Bus) -> None:
        """Take one for each: for both at once logind asks polkit about a lid, which no service may lock."""
        if self._locks:
            return
        why = "tells the energy gateway first"
        for way in _WAYS.values():
            try:
                (lock,) = await bus.call(_MANAGER, "Inhibit", "ssss", (way.lock, "heg-appliance", why, "delay"))
            except BusError as error:
                raise BusError(error.name, f"logind does not wait for us before {way.lock}: {error}") from error
            self._locks.append(lock)

    def _let_go(self) -> None:
        while self._locks:
            self._locks.pop().close()


async def _ability(bus: Bus, way: _Way) -> str:
    """What logind says to the question; also where it answers with an error, as it does where /sys is read-only."""
    try:
        (answer,) = await bus.call(_MANAGER, way.can)
    except BusError as error:
        if not error.name:
            raise
        return str(error)
    return str(answer)


def _meant(error: BusError, way: _Way) -> Fault:
    name = error.name.rpartition(".")[2]
    if name in ("OperationInProgress", "BlockedByInhibitorLock"):
        return Fault(ApplianceFault.BUSY, f"logind: {error}")
    if name in ("AccessDenied", "InteractiveAuthorizationRequired"):
        why = "somebody is logged in, or polkit does not allow it to this user (60-heg-appliance.rules)"
        return Fault(SoapFault.ACTION_FAILED, f"logind refused {way.method}: {why}")
    return Fault(SoapFault.ACTION_FAILED, f"logind refused {way.method}: {error}"[:200])
