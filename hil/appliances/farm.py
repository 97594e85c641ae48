"""All appliances of a rig: one socket hears the group for all, one ear the magic packets, each has its own address."""

from __future__ import annotations

import fcntl
import ipaddress
import socket
import struct
from collections.abc import Callable, Mapping

from appliance.gateway import Gateways
from appliance.upnp.ground import Ground, Peer
from appliance.upnp.ssdp import PORT, Heard
from heg.runtime.clock import Clock
from hil.appliances.handle import ApplianceHandle
from hil.appliances.magic import WAKE_PORT, MagicEar
from hil.appliances.settings import ApplianceSettings
from hil.house.house import House

MOST = 320
_BLOCKS = range(0, 256, 2)
_SIOCGIFHWADDR = 0x8927


class Farm:
    """The appliances by name. Made anywhere, started on the loop they live on."""

    def __init__(
        self, wanted: Mapping[str, ApplianceSettings], house: House, now_s: Callable[[], float], clock: Clock
    ) -> None:
        if len(wanted) > MOST:
            raise ValueError(f"{len(wanted)} appliances: expected at most {MOST}")
        self.gateways = Gateways(clock)
        """Which gateways the appliances have heard of."""
        self.ground = Ground(port=PORT, on_heard=self._heard)
        self._ear: MagicEar | None = None
        self._block: socket.socket | None = None
        self.handles = {
            name: ApplianceHandle(name, settings, (self.ground, self.gateways), self._listening, (house, now_s), clock)
            for name, settings in wanted.items()
        }

    async def start(self) -> None:
        """Bring all to the network. Raises OSError."""
        try:
            self._place()
            for handle in self.handles.values():
                await handle.start()
        except OSError:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Take all from the network, without a word."""
        for handle in self.handles.values():
            await handle.stop()
        self.ground.close()
        await self.gateways.close()
        if self._ear is not None:
            self._ear.close()
        if self._block is not None:
            self._block.close()
        self._ear = self._block = None

    def free_address(self) -> str:
        """Return an address next to the last one's, at which nobody of ours is: where one can move to."""
        taken = {ipaddress.ip_address(handle.address) for handle in self.handles.values()}
        return str(max(taken, key=int) + 1)

    def _heard(self, heard: Heard, peer: Peer) -> None:
        self.gateways.heard(heard, peer)

    def _listening(self) -> MagicEar:
        if self._ear is None:
            self._ear = MagicEar(WAKE_PORT)
        return self._ear

    def _place(self) -> None:
        """Give each an address that says none: of a part of the loopback that no other rig of this machine has."""
        unplaced = [handle for handle in self.handles.values() if not handle.address]
        if unplaced:
            self._block = _free_block()
            first = ipaddress.ip_address(self._block.getsockname()[0])
            for number, handle in enumerate(unplaced, 1):
                handle.is_put_at(str(first + number))


def card_of(interface: str) -> str:
    """Hardware address of an interface of this network, as `aa:bb:cc:dd:ee:ff`. Raises OSError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        said = fcntl.ioctl(asking, _SIOCGIFHWADDR, struct.pack("256s", interface.encode()[:15]))
    return said[18:24].hex(":")


def _free_block() -> socket.socket:
    """A listening socket on the first address of a part of the loopback, which keeps other rigs away."""
    for block in _BLOCKS:
        guard = socket.socket()
        try:
            guard.bind((f"127.77.{block}.0", PORT))
            guard.listen(1)
            return guard
        except OSError:
            guard.close()
    raise OSError("127.77.0.0/16: expected a free part of the loopback for this rig's appliances")
