"""One appliance on the network: found, described, commanded, listened to. Hundreds of them live in one process.

It knows nothing of what it is: a `Desk` behind it acts and tells. For a rig it can be killed, frozen, moved to another
address, and made to say nonsense.
"""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address

import heg
from appliance.upnp.advertiser import Advertiser, Uniform
from appliance.upnp.control import Desk, control
from appliance.upnp.description import Identity, device_description, service_description
from appliance.upnp.events import Events, Mangle
from appliance.upnp.ground import Ear, Ground, Mouth, Peer
from appliance.upnp.http import Response
from appliance.upnp.server import HttpServer, Reply, Request
from appliance.upnp.services import SERVICES, Service
from appliance.upnp.ssdp import Announcer, Search, search
from heg.model.appliances import APPLIANCE_DEVICE
from heg.runtime.clock import Clock

logger = logging.getLogger(__name__)

SERVER = f"Linux UPnP/1.1 heg-appliance/{heg.__version__}"
_XML = {"CONTENT-TYPE": 'text/xml; charset="utf-8"', "SERVER": SERVER}
_HTML = {
    "CONTENT-TYPE": 'text/html; charset="utf-8"',
    "CONTENT-SECURITY-POLICY": "default-src 'none'; style-src 'unsafe-inline'",
}
_AFTER_SLEEP_S = (1.0, 3.0, 9.0)
"""A network may need some seconds to come back, too, and what is sent meanwhile is lost."""
_RANDOM = random.SystemRandom()
_PATHS = {one.path: one for one in SERVICES}


@dataclass(frozen=True, slots=True)
class Place:
    """Where an appliance is: `port` 0 takes a free one. `max_age_s` is how long an announcement holds."""

    address: str
    port: int = 0
    max_age_s: int = 1800


class UpnpAppliance:
    """Begins with `start()`, ends with `stop()`, and may begin again; what is told goes through `changed()`.

    `boot` is larger than at any start before. `uniform` spreads answers and announcements. `mangle` is a fault for
    the rig: it gets what kind of document goes out (description, service, answer, event) and its bytes, and returns
    what goes out instead.
    """

    def __init__(
        self,
        identity: Identity,
        desk: Desk,
        ground: Ground,
        clock: Clock,
        place: Place,
        *,
        boot: int = 0,
        uniform: Uniform = _RANDOM.uniform,
    ) -> None:
        self.identity = identity
        self.place = place
        self.mangle: Mangle = _as_it_is
        self.refused: Counter[str] = Counter()
        """What was refused, by the code of the fault or by name."""
        self._desk = desk
        self._ground = ground
        self._clock = clock
        self._uniform = uniform
        self._server = HttpServer(self._answer)
        self._events = Events(clock, desk.values, self.refused, self._mangled)
        self._mouth: Mouth | None = None
        self._advertiser: Advertiser | None = None
        self._boot = boot

    @property
    def running(self) -> bool:
        """Tell whether it is on the network."""
        return self._mouth is not None

    @property
    def location(self) -> str:
        """Where its description is."""
        address = self.place.address.partition("%")[0]
        host = f"[{address}]" if ":" in address else address
        return f"http://{host}:{self._server.port}/description.xml"

    @property
    def subscribers(self) -> int:
        """How many listen."""
        return self._events.subscribers()

    @property
    def undelivered(self) -> int:
        """How many messages reached nobody."""
        return self._events.undelivered

    async def start(self) -> None:
        """Come to the network, and say so. Raises OSError where address or port cannot be had."""
        if self._mouth is not None:
            return
        self._events.source = self.place.address
        await self._server.open(self.place.address, self.place.port)
        try:
            self._mouth = self._ground.speak(Ear(self.place.address, self._on_search))
        except OSError:
            self._server.close()
            raise
        # It grows with each start; who has heard the same number before believes that it never went.
        self._boot = max(self._boot + 1, int(self._clock.utc().timestamp()) % 2**31)
        types = (APPLIANCE_DEVICE, *(one.urn for one in SERVICES))
        announcer = Announcer(self.identity.udn, types, SERVER, self.place.max_age_s, self._boot)
        self._advertiser = Advertiser(announcer, self._mouth, self.location, self._uniform, self._clock.utc)
        self._advertiser.begin()
        logger.debug("%s is at %s", self.identity.name, self.location)

    async def stop(self, *, goodbye: bool = True) -> None:
        """Leave the network; without a goodbye it is as if the power had been cut."""
        if self._mouth is None or self._advertiser is None:
            return
        if goodbye:
            self._advertiser.byebye()
        self._advertiser.close()
        self._mouth.close()
        self._mouth = self._advertiser = None
        self._server.close()
        await self._events.close()

    async def kill(self) -> None:
        """Vanish without a word; `start()` brings it back as a restarted one."""
        await self.stop(goodbye=False)

    async def announce(self) -> None:
        """Say again that it is there, and begin anew to say so in time: the machine slept."""
        if self._advertiser is not None:
            self._advertiser.close()
            self._advertiser.begin(_AFTER_SLEEP_S)

    def freeze(self, *, frozen: bool = True) -> None:
        """Hang, with its sockets open and nothing answered, or go on."""
        self._server.freeze(frozen=frozen)
        self._events.freeze(frozen=frozen)
        if self._advertiser is not None:
            self._advertiser.quiet = frozen

    async def renumber(self, address: str) -> None:
        """Be at another address from now on, as after a new lease: nobody said goodbye for the old one."""
        await self.stop(goodbye=False)
        self.place = Place(address, self.place.port, self.place.max_age_s)
        await self.start()

    def shout(self, datagrams: Iterable[bytes]) -> None:
        """Say anything to everybody; a fault for the rig."""
        if self._mouth is not None:
            for datagram in datagrams:
                self._mouth.to_group(datagram)

    def skip_events(self, count: int) -> None:
        """Lose so many messages on their way to each subscriber; a fault for the rig."""
        self._events.skip(count)

    def changed(self, service: Service, values: Mapping[str, str]) -> None:
        """Tell subscribers what is different now."""
        self._events.changed(service, values)

    def look_for(self, target: str, within_s: int) -> None:
        """Search the network; who answers is heard by the ground. Nothing is sent while it is not on the network."""
        if self._mouth is not None:
            self._mouth.to_group(search(target, self._mouth.group_host, within_s))

    async def told(self, limit_s: float) -> bool:
        """Wait until subscribers know, and who asks has an answer, at most so long; tell whether that is so."""
        if waited_for := [*self._events.under_way(), *self._server.under_way()]:
            _, late = await asyncio.wait(waited_for, timeout=limit_s)
            return not late
        return True

    def _mangled(self, kind: str, document: bytes) -> bytes:
        return self.mangle(kind, document)

    def _on_search(self, search: Search, peer: Peer) -> None:
        if self._advertiser is not None:
            self._advertiser.on_search(search, peer)

    async def _answer(self, request: Request) -> Reply:
        if not _meant_for_us(request):
            self.refused["foreign_host"] += 1
            return Reply(Response(400, b"HOST: expected the address of this appliance\n"))
        if request.method in ("GET", "HEAD"):
            return Reply(self._document(request.path))
        service = _PATHS.get(request.path.strip("/").partition("/")[0])
        if service is None:
            return Reply(Response(404))
        match request.method, request.path.partition("/" + service.path)[2]:
            case "POST", "/control":
                answer = await control(self._desk, service, request, self.refused)
                return Reply(Response(answer.status, self.mangle("answer", answer.body), answer.headers))
            case "SUBSCRIBE", "/events":
                return self._events.subscribe(service, request)
            case "UNSUBSCRIBE", "/events":
                return self._events.unsubscribe(service, request)
            case _, "/control" | "/events":
                return Reply(Response(405))
        return Reply(Response(404))

    def _document(self, path: str) -> Response:
        if path == "/description.xml":
            return Response(200, self.mangle("description", device_description(self.identity)), _XML)
        if path == "/":
            return Response(200, self._desk.page().encode(), _HTML)
        service = _PATHS.get(path.removeprefix("/").removesuffix(".xml")) if path.endswith(".xml") else None
        if service is None:
            return Response(404)
        return Response(200, self.mangle("service", service_description(service)), _XML)


def _as_it_is(_: str, document: bytes) -> bytes:
    return document


def _meant_for_us(request: Request) -> bool:
    """Tell whether its Host is our address: a page of somebody else's in a browser of the house names its own."""
    host = request.message.headers.get("host", "")
    host = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    try:
        return ip_address(host.partition("%")[0]) == ip_address(request.local)
    except ValueError:
        return False
