"""Subscriptions of one appliance's services, and the couriers who carry messages to the subscribers."""

import asyncio
import logging
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from ipaddress import ip_address

from appliance.upnp.client import Url, exchange, read_url
from appliance.upnp.gena import Publisher, Subscription, message, seconds_granted
from appliance.upnp.http import HttpError, Response
from appliance.upnp.server import Reply, Request
from appliance.upnp.services import SERVICES, Service
from heg.runtime.clock import Clock

logger = logging.getLogger(__name__)

NOTIFY_WITHIN_S = 5.0
_FIRST_AFTER_S = 0.1
_AGAIN_S = (0.3, 1.0, 4.0)
_MOST_CALLBACKS = 4

Mangle = Callable[[str, bytes], bytes]


class Events:
    """One appliance's publisher. What happens goes out at once, to each subscriber in its order."""

    def __init__(
        self, clock: Clock, values: Callable[[Service], Mapping[str, str]], refused: Counter[str], mangle: Mangle
    ) -> None:
        self._clock = clock
        self._refused = refused
        self._mangle = mangle
        self._publishers = {one.path: Publisher(values(one), _new_sid) for one in SERVICES}
        self._couriers: dict[str, asyncio.Task[None]] = {}
        self.source = ""
        """From which address of ours messages go."""
        self.frozen = False
        self.undelivered = 0

    def changed(self, service: Service, values: Mapping[str, str]) -> None:
        """Tell subscribers what is different now."""
        publisher = self._publishers[service.path]
        publisher.changed(values, self._clock.monotonic_s())
        self._send(publisher)

    def under_way(self) -> list[asyncio.Task[None]]:
        """List who carries messages now."""
        return list(self._couriers.values())

    def freeze(self, *, frozen: bool) -> None:
        """Tell nobody anything, as long as it lasts."""
        self.frozen = frozen
        for publisher in self._publishers.values():
            self._send(publisher)

    def skip(self, count: int) -> None:
        """Have everybody miss so many messages."""
        for publisher in self._publishers.values():
            publisher.skip(count)

    async def close(self) -> None:
        """Forget all subscribers; what is under way is broken off."""
        for publisher in self._publishers.values():
            publisher.forget_all()
        couriers = list(self._couriers.values())
        for courier in couriers:
            courier.cancel()
        await asyncio.gather(*couriers, return_exceptions=True)

    def subscribers(self) -> int:
        """Count them, over all services."""
        return sum(len(one) for one in self._publishers.values())

    def subscribe(self, service: Service, request: Request) -> Reply:
        """Answer SUBSCRIBE, new or renewed."""
        headers, publisher = request.message.headers, self._publishers[service.path]
        sid, now_s = headers.get("sid"), self._clock.monotonic_s()
        seconds = seconds_granted(headers.get("timeout", ""))
        if sid is not None:
            if "callback" in headers or "nt" in headers:
                return self._refuse(400, "expected SID, or CALLBACK and NT")
            if not publisher.renew(sid, seconds, now_s):
                return self._refuse(412, "SID: expected a subscription that lasts still")
            return Reply(Response(200, headers=_granted(sid, seconds)))
        callbacks = _callbacks(headers.get("callback", ""), request.peer)
        if headers.get("nt") != "upnp:event" or not callbacks:
            return self._refuse(412, "expected NT: upnp:event and CALLBACK: <http://your own address:port/path>")
        new = publisher.subscribe(callbacks, seconds, now_s)
        if new is None:
            return self._refuse(503, "too many subscribers already")
        # The answer goes first: who gets a message before it knows its SID refuses it.
        return Reply(Response(200, headers=_granted(new.sid, seconds)), lambda: self._send(publisher))

    def unsubscribe(self, service: Service, request: Request) -> Reply:
        """Answer UNSUBSCRIBE."""
        headers = request.message.headers
        if "callback" in headers or "nt" in headers:
            return self._refuse(400, "expected SID alone")
        if not self._publishers[service.path].unsubscribe(headers.get("sid", "")):
            return self._refuse(412, "SID: expected a subscription that lasts still")
        return Reply(Response(200))

    def _refuse(self, status: int, text: str) -> Reply:
        self._refused[f"gena_{status}"] += 1
        return Reply(Response(status, f"{text}\n".encode()))

    def _send(self, publisher: Publisher) -> None:
        if self.frozen:
            return
        for one in publisher.waiting():
            if one.sid not in self._couriers:
                task = asyncio.get_running_loop().create_task(self._carry(publisher, one), name="appliance: courier")
                self._couriers[one.sid] = task

    async def _carry(self, publisher: Publisher, to: Subscription) -> None:
        try:
            while to in publisher and not self.frozen and (due := to.take()) is not None:
                await self._deliver(publisher, to, *due)
        finally:
            del self._couriers[to.sid]

    async def _notify(self, to: Subscription, seq: int, values: dict[str, str]) -> str:
        headers = {
            "CONTENT-TYPE": 'text/xml; charset="utf-8"',
            "NT": "upnp:event",
            "NTS": "upnp:propchange",
            "SID": to.sid,
            "SEQ": str(seq),
        }
        body = self._mangle("event", message(values))
        for url in to.callbacks:
            try:
                answer = await exchange(
                    "NOTIFY", url, headers, body, source=self.source, limit_s=NOTIFY_WITHIN_S, largest=4096
                )
            except (OSError, HttpError) as error:
                logger.debug("%s: a subscriber was not reached: %s", url.authority, error)
                continue
            return answer.start[1]
        return ""

    async def _deliver(self, publisher: Publisher, to: Subscription, seq: int, values: dict[str, str]) -> None:
        if seq == 0:
            await self._clock.sleep(_FIRST_AFTER_S)  # libgupnp forgets one that comes while it reads the answer
        status = await self._notify(to, seq, values)
        for pause_s in _AGAIN_S:
            # It was not reached (a computer that wakes is back before its network is), or it has not read yet under
            # which SID it listens. The number is the same: it was told nothing.
            if to not in publisher or self.frozen or not (status == "" or (status == "412" and seq == 0)):
                break
            await self._clock.sleep(pause_s)
            status = await self._notify(to, seq, values)
        if status == "412":
            publisher.unsubscribe(to.sid)  # it knows nothing of it any more
        elif status:
            return
        self.undelivered += 1  # it may be there for the next one: it stays until its time is over


def _new_sid() -> str:
    return f"uuid:{uuid.uuid4()}"


def _granted(sid: str, seconds: int) -> dict[str, str]:
    return {"SID": sid, "TIMEOUT": f"Second-{seconds}"}


def _callbacks(header: str, peer: str) -> tuple[Url, ...]:
    """Read where to tell it; only at the asker's own address, so that nobody can be made to attack somebody else."""
    parts = [part.partition(">")[0] for part in header.split("<")[1 : _MOST_CALLBACKS + 1]]
    urls = [url for part in parts if (url := read_url(part.strip())) is not None]
    return tuple(url for url in urls if _same(url.host, peer))


def _same(host: str, peer: str) -> bool:
    try:
        return ip_address(host.partition("%")[0]) == ip_address(peer)
    except ValueError:
        return False
