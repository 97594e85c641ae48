"""heg-appliance as a whole: what the configuration says, built, started, and ended in order."""

import asyncio
import errno
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from appliance.addresses import interface_of, own_address
from appliance.bodies.command import CommandBody, conditions_that_hold
from appliance.bodies.gpio import GpioBody, KernelLines
from appliance.body import Body
from appliance.config import ApplianceConfig
from appliance.config_file import zone_of
from appliance.desk import ApplianceDesk
from appliance.gateway import Gateways
from appliance.judging import Judge
from appliance.keeping import Folder, machine_id
from appliance.model import ApplianceModel, Kind
from appliance.orders import Orders
from appliance.talk import TalkSocket
from appliance.upnp.description import Identity
from appliance.upnp.device import Place, UpnpAppliance
from appliance.upnp.ground import Ground, Peer
from appliance.upnp.ssdp import PORT, Heard
from heg.model.appliances import PowerState
from heg.runtime.clock import Clock
from heg.runtime.notify import ServiceManager
from heg.runtime.supervisor import Backoff, Supervisor

logger = logging.getLogger(__name__)

LOOK_AT_NETWORK_S = 3.0
_STATE_WITHIN_S = 5.0
_TRY_AGAIN_S = 5.0
_GOODBYE_WITHIN_S = 1.5
_MENDS = {
    errno.EADDRINUSE: "another program listens there: end it, or set another [network] port",
    errno.EADDRNOTAVAIL: "no address of this machine: set another [network] address, or none",
}
_AGAIN = Backoff(1.0, 2.0, 30.0)


class Running(Body, Protocol):
    """A body with something to watch."""

    async def run(self) -> None:
        """Watch until cancelled."""


class Program:
    """One appliance. `run()` until `stop` is set.

    `ssdp_port` is another one in tests that share a machine.
    """

    def __init__(
        self, config: ApplianceConfig, clock: Clock, manager: ServiceManager, *, ssdp_port: int = PORT
    ) -> None:
        self._config = config
        self._clock = clock
        self._manager = manager
        folder = self._folder = Folder.open(Path(config.state_dir))
        about, network = config.appliance, config.network
        uuid = about.uuid or folder.uuid(machine_id())
        identity = Identity(uuid, about.name, about.maker, about.model, about.serial)
        self.gateways = Gateways(clock, lambda gateway: self.desk.heard(gateway.uuid, gateway.address))
        self.model = ApplianceModel(_kind(config), None, folder.kept())
        self.desk = ApplianceDesk(self.model, clock, name=about.name, keep=folder.keep, holding=self._holding)
        self._ground = Ground(port=ssdp_port, on_heard=self._heard)
        place = Place(network.address, network.port, network.max_age_s)
        boot = folder.boot(clock.utc())
        self.upnp = UpnpAppliance(identity, self.desk, self._ground, clock, place, boot=boot)
        self.body = self._body()
        self._orders = Orders(config, clock, self.desk, self.upnp, self.gateways)
        self._supervisor = Supervisor(clock)
        self._said_nowhere = False
        self._on_interface = 0
        self._looking = asyncio.Lock()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; then say goodbye. Raises OSError where the socket's path cannot be had."""
        self.desk.join(self.body, self.upnp)
        self._supervisor.start("body", lambda: self._kept_up("its state cannot be watched", self.body.run))
        self._supervisor.start("network", self._stay_on_network, restart=_AGAIN)
        talk = TalkSocket(Path(self._config.socket), self._orders.answer)
        self._supervisor.start("socket", lambda: self._kept_up("nobody can ask it here", talk.run))
        self._manager.ready()
        try:
            await stop.wait()
        finally:
            self._manager.stopping()
            await self._supervisor.shutdown()
            await self.upnp.told(_GOODBYE_WITHIN_S)
            await self.upnp.stop()
            await self.desk.close()
            await self.gateways.close()
            self._ground.close()
            self._folder.close()

    async def _kept_up(self, without: str, run: Callable[[], Awaitable[None]]) -> None:
        """Run what the machine may lack for a while, again and again; what is missing is said once."""
        said = ""
        while True:
            begun_s = self._clock.monotonic_s()
            try:
                await run()
            except OSError as error:
                lacks = self._clock.monotonic_s() - begun_s < _TRY_AGAIN_S
                (logger.debug if lacks and said == str(error) else logger.warning)("%s: %s", without, error)
                said = str(error)
            await self._clock.sleep(_TRY_AGAIN_S)

    async def _stay_on_network(self) -> None:
        for _ in range(round(_STATE_WITHIN_S / 0.05)):  # it is not announced before it knows what it is
            if self.model.seen:
                break
            await self._clock.sleep(0.05)
        while True:
            await self._look_at_network()
            self._manager.status(self._status())
            if self._manager.watchdog_s is not None:
                self._manager.alive()
            await self._clock.sleep(LOOK_AT_NETWORK_S)

    async def _look_at_network(self) -> None:
        """Be where the machine is now: an address that is gone is left, a new one taken and announced."""
        async with self._looking:  # whoever wakes looks, too
            await self._go_where_it_is()

    async def _go_where_it_is(self) -> None:
        network = self._config.network
        address = network.address or own_address(network.interface)
        if address is None:
            await self.upnp.stop(goodbye=False)
            where = network.interface or "the machine"
            self._say_nowhere(f"{where} has no IPv4 address now, or is not there ([network] interface or address)")
            return
        interface = interface_of(address)
        if self.upnp.running and (address, interface) == (self.upnp.place.address, self._on_interface):
            return
        self._on_interface = interface
        try:
            await self.upnp.renumber(address)
        except OSError as error:
            mend = _MENDS.get(error.errno or 0, "[network] says where it is to be")
            self._say_nowhere(f"{address}, port {network.port}: {error.strerror or error}; {mend}")
            return
        self._said_nowhere = False
        logger.info("found at %s", self.upnp.location)

    async def _back(self) -> None:
        """After sleep: announce again, from where it is by now."""
        if self.upnp.running:
            await self.upnp.announce()
        await self._look_at_network()

    def _say_nowhere(self, why: str) -> None:
        if not self._said_nowhere:
            logger.warning("not on the network: %s; tried again every %g s", why, LOOK_AT_NETWORK_S)
        self._said_nowhere = True

    def _status(self) -> str:
        where = f"found at {self.upnp.location}" if self.upnp.running else "not on the network"
        return f"{self.model.state}, {where}"

    def _heard(self, heard: Heard, peer: Peer) -> None:
        if (gateway := self.gateways.heard(heard, peer)) is not None:
            self.desk.heard(gateway.uuid, gateway.address)

    async def _holding(self, names: frozenset[str]) -> frozenset[str]:
        commands = {name: (one.command, one.limit_s) for name, one in self._config.condition.items()}
        return await conditions_that_hold(commands, names)

    def _body(self) -> Running:
        config, desk, clock = self._config, self.desk, self._clock
        if (command := config.command) is not None:
            return CommandBody(
                desk, clock, state=command.state, ways=command.ways(), poll_s=command.poll_s, limit_s=command.limit_s
            )
        if (gpio := config.gpio) is not None:
            return GpioBody(desk, clock, _lines(config), gpio.low_is)
        # Only here: who has no computer to switch needs no D-Bus.
        from appliance.bodies.logind import LogindBody
        from appliance.bodies.rtc import RtcAlarm

        assert config.logind is not None
        rtc = Path(config.logind.rtc) if config.logind.rtc else None
        alarm = RtcAlarm(rtc, Path(config.state_dir) / "alarm")
        return LogindBody(desk, self.upnp, clock, alarm, bus=config.logind.bus, back=self._back)


def _kind(config: ApplianceConfig) -> Kind:
    about = config.appliance
    zone = zone_of(about.timezone)
    assert zone is not None, "the configuration was checked"
    states = frozenset(PowerState)
    if config.command is not None:
        states = frozenset(config.command.ways())
    elif config.gpio is not None:
        states = frozenset({PowerState.ON, config.gpio.low_is})
    return Kind(
        wake=about.wake,
        rated_w=about.rated_w,
        states=states,
        judge=Judge(tuple(one.rule() for one in config.rule), zone),
        longest_standby=timedelta(hours=about.longest_standby_hours),
        starts_late_cycles=about.starts_late_cycles,
    )


def _lines(config: ApplianceConfig) -> Callable[[], KernelLines]:
    gpio = config.gpio
    assert gpio is not None
    return lambda: KernelLines(
        gpio.chip, gpio.line, gpio.sense, active_low=gpio.active_low, sense_active_low=gpio.sense_active_low
    )
