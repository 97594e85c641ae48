"""The gateway's own device as a whole: its routes for the driver's server, and the tasks that tell of it."""

import asyncio
import zlib
from collections import Counter
from random import Random
from uuid import uuid4

from drivers.upnp.exchange import XML, Answer, Asked, Handler, Route
from drivers.upnp.hosting.advertiser import Advertiser
from drivers.upnp.hosting.announcements import Presence
from drivers.upnp.hosting.control import MOST_BYTES, Control
from drivers.upnp.hosting.orders import Orders
from drivers.upnp.hosting.page import HEADERS, page
from drivers.upnp.hosting.publisher import MODERATION_S, Publisher
from drivers.upnp.hosting.service import (
    CONTROL_PATH,
    DESCRIPTION_PATH,
    EVENT_PATH,
    OPEN_REGISTRATIONS,
    PAGE_PATH,
    SCPD_PATH,
    UPDATE_ID,
    description,
    scpd,
)
from drivers.upnp.hosting.subscribers import Subscriptions, Terms
from drivers.upnp.parts import Askers, Datagrams, Link
from drivers.upnp.server import HttpServer
from drivers.upnp.urls import bracketed
from heg.devices.contract import DriverContext
from heg.model.appliances import Registration

_LOOK_S = 2.0
"""Registrations also end by themselves: so often they are looked at."""
_LARGEST_ID = 2**31 - 1


class GatewayDevice:
    """One per driver. Hand its `routes` to the server, then `run` it beside the server; `advertiser` hears searches."""

    def __init__(
        self,
        context: DriverContext,
        uuid: str,
        askers: Askers,
        refused: Counter[str],
        *,
        terms: Terms | None = None,
        moderation_s: float = MODERATION_S,
    ) -> None:
        self._context, self._clock = context, context.clock
        self.uuid = uuid
        config_id = zlib.crc32(description(uuid, context.unit) + scpd()) & 0xFFFFFF
        self._description = description(uuid, context.unit, config_id)
        self._scpd = scpd(config_id)
        self._presence = Presence(uuid, int(self._clock.utc().timestamp()) & _LARGEST_ID, config_id)
        self._refused = refused
        self._update_id = 0
        self._open: tuple[tuple[str, Registration], ...] = ()
        """Kept from one look to the next: to gather them is most of what page and list cost."""
        self._seen: frozenset[object] = frozenset()
        state = {OPEN_REGISTRATIONS.name: "0", UPDATE_ID.name: "0"}
        self.subscriptions = Subscriptions(state, lambda: str(uuid4()), refused, terms)
        self._publisher = Publisher(self._clock, self.subscriptions, moderation_s)
        self._control = Control(Orders(self._clock.monotonic_s, askers, lambda: self._open, self._look).act)

    def routes(self) -> tuple[Route, ...]:
        """What the server answers for it."""
        return (
            Route("GET", DESCRIPTION_PATH, _document(self._description)),
            Route("GET", SCPD_PATH, _document(self._scpd)),
            Route("GET", PAGE_PATH, self._page),
            Route("POST", CONTROL_PATH, self._control.post, MOST_BYTES),
            Route("SUBSCRIBE", EVENT_PATH, self._subscribe),
            Route("UNSUBSCRIBE", EVENT_PATH, self._unsubscribe),
        )

    def advertiser(self, datagrams: Datagrams, server: HttpServer, chance: Random | None = None) -> Advertiser:
        """Return who tells the home network of it; run it beside."""

        def location(link: Link) -> str:
            return server.url(link, DESCRIPTION_PATH)

        return Advertiser(self._clock, datagrams, self._presence, location, self._refused, chance)

    async def run(self) -> None:
        """Tell subscribers of what changes, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._publisher.run())
            while True:
                self._look()
                await self._clock.sleep(_LOOK_S)

    def _look(self) -> None:
        """See which registrations are open, and tell if they are others than before."""
        self._open = self._context.registrations()
        seen = frozenset((one.identity, one.id, one.state) for _, one in self._open)
        if seen == self._seen:
            return
        self._seen = seen
        self._update_id = (self._update_id + 1) & 0xFFFFFFFF
        told = {OPEN_REGISTRATIONS.name: str(len(seen)), UPDATE_ID.name: str(self._update_id)}
        if self.subscriptions.changed(told):
            self._publisher.wake()

    async def _page(self, asked: Asked) -> Answer:
        port = self._context.page_port
        app = f"https://{bracketed(asked.host)}:{port}/" if port else ""
        shown = page(self._context.unit, self._open, self._context.time_zone, app)
        return Answer(body=shown, headers=HEADERS)

    async def _subscribe(self, asked: Asked) -> Answer:
        return self.subscriptions.subscribe(asked, self._clock.monotonic_s(), self._publisher.wake)

    async def _unsubscribe(self, asked: Asked) -> Answer:
        return self.subscriptions.unsubscribe(asked)


def _document(document: bytes) -> Handler:
    async def answer(_asked: Asked) -> Answer:
        return Answer(body=document, headers={"Content-Type": XML})

    return answer
