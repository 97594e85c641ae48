"""The other direction: an appliance finds the energy gateway and asks it for something (the second table)."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from html import escape
from ipaddress import ip_address
from urllib.parse import urljoin

from appliance.upnp.client import Url, exchange, read_url
from appliance.upnp.device import UpnpAppliance
from appliance.upnp.ground import Peer
from appliance.upnp.http import HttpError
from appliance.upnp.markup import Leaf, MarkupError, leaves
from appliance.upnp.ssdp import Heard
from heg.model.appliances import GATEWAY_DEVICE, GATEWAY_SERVICE
from heg.runtime.clock import Clock

logger = logging.getLogger(__name__)

MOST_KNOWN = 8
SEARCH_WITHIN_S = 2
ANSWER_WITHIN_S = 10.0
_THERE_WITHIN_S = 3.0
_ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"


class GatewayError(Exception):
    """No gateway was found, or it refused; `code` is its fault, 0 where it did not come to that."""

    def __init__(self, text: str, code: int = 0) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway that was heard, at the address it spoke from."""

    uuid: str
    address: str
    location: Url
    until_s: float


class Gateways:
    """Which gateways there are, by what is heard on the network."""

    def __init__(self, clock: Clock, on_moved: Callable[[Gateway], None] = lambda _: None) -> None:
        self._clock = clock
        self._on_moved = on_moved
        self._known: dict[str, Gateway] = {}
        self._doubts: dict[str, asyncio.Task[None]] = {}

    def heard(self, heard: Heard, peer: Peer) -> Gateway | None:
        """Take what was heard; returns the gateway that it was about, where that is there without a doubt.

        Who announces a known gateway at another address is believed when nobody answers at the old one any more.
        """
        (address, _, link), location = peer[0].partition("%"), read_url(heard.location)
        if heard.type != GATEWAY_DEVICE:
            return None
        known = self._known.get(heard.uuid)
        if not heard.alive:
            if known is not None and known.address == address:
                del self._known[heard.uuid]
            return None
        if location is None or not _at(location, address) or (known is None and len(self._known) >= MOST_KNOWN):
            return None  # somebody names another one's address, or there are too many
        if link:
            location = replace(location, host=f"{address}%{link}")  # an address of the link says nothing without it
        found = Gateway(heard.uuid, address, location, self._clock.monotonic_s() + min(heard.max_age_s, 86_400))
        if known is not None and known.address != address and known.until_s > self._clock.monotonic_s():
            self._doubt(known, found)
            return None
        self._known[heard.uuid] = found
        return found

    async def close(self) -> None:
        """End what is being looked after."""
        doubts = list(self._doubts.values())
        for doubt in doubts:
            doubt.cancel()
        await asyncio.gather(*doubts, return_exceptions=True)

    def _doubt(self, known: Gateway, found: Gateway) -> None:
        if known.uuid not in self._doubts:
            task = asyncio.get_running_loop().create_task(self._look_after(known, found), name="appliance: doubt")
            self._doubts[known.uuid] = task

    async def _look_after(self, known: Gateway, found: Gateway) -> None:
        try:
            answer = await exchange("GET", known.location, {}, source=None, limit_s=_THERE_WITHIN_S)
            there = any(leaf.text.lower() == f"uuid:{known.uuid}" for leaf in leaves(answer.body))
        except (OSError, HttpError, MarkupError):
            there = False
        finally:
            del self._doubts[known.uuid]
        if not there:
            self._known[found.uuid] = found
            self._on_moved(found)

    def there(self) -> list[Gateway]:
        """List those whose announcement holds still."""
        now_s = self._clock.monotonic_s()
        self._known = {uuid: one for uuid, one in self._known.items() if one.until_s > now_s}
        return list(self._known.values())

    async def find(self, appliance: UpnpAppliance) -> Gateway:
        """Return the gateway that is known longest, searching where none is known. Raises `GatewayError`."""
        for _ in range(2):
            if there := self.there():
                return there[0]
            appliance.look_for(GATEWAY_DEVICE, SEARCH_WITHIN_S)
            for _ in range(10 * (SEARCH_WITHIN_S + 1)):
                await self._clock.sleep(0.1)
                if self._known:
                    break
        raise GatewayError("no energy gateway answered on this network; is one running, and is UPnP switched on in it?")

    async def ask(self, appliance: UpnpAppliance, action: str, arguments: Mapping[str, str]) -> dict[str, str]:
        """Ask the gateway for an action, as this appliance. Returns its results. Raises `GatewayError`."""
        source = appliance.place.address
        gateway = await self.find(appliance)
        try:
            control = await self._control_url(gateway, source)
        except GatewayError:  # one of us has moved, or it is gone: whoever is here now is asked
            self._known.pop(gateway.uuid, None)
            gateway = await self.find(appliance)
            control = await self._control_url(gateway, source)
        who = {"UUID": appliance.identity.uuid, "Address": source.partition("%")[0]}
        body = _call(action, {**who, **arguments})
        headers = {
            "CONTENT-TYPE": 'text/xml; charset="utf-8"',
            "SOAPACTION": f'"{GATEWAY_SERVICE}#{action}"',
        }
        try:
            answer = await exchange("POST", control, headers, body, source=source, limit_s=ANSWER_WITHIN_S)
            found = leaves(answer.body)
        except (OSError, HttpError, MarkupError) as error:
            raise GatewayError(f"the gateway at {gateway.address} did not answer: {str(error) or 'in time'}") from error
        values = {leaf.name: leaf.text for leaf in found}
        if answer.start[1] != "200":
            raise _refusal(values, answer.start[1])
        return values

    async def _control_url(self, gateway: Gateway, source: str) -> Url:
        try:
            answer = await exchange("GET", gateway.location, {}, source=source, limit_s=ANSWER_WITHIN_S)
            found = leaves(answer.body)
        except (OSError, HttpError, MarkupError) as error:
            raise GatewayError(f"the gateway at {gateway.address} does not describe itself: {error}") from error
        base = f"http://{gateway.location.authority}{gateway.location.path}"
        control = read_url(urljoin(base, _control_path(found)))
        if control is None or not _at(control, gateway.address):
            raise GatewayError(f"what is at {gateway.address} offers no {GATEWAY_SERVICE}")
        return control


def _control_path(found: list[Leaf]) -> str:
    services = {leaf.parent for leaf in found if leaf.name == "serviceType" and leaf.text == GATEWAY_SERVICE}
    paths = [leaf.text for leaf in found if leaf.name == "controlURL" and leaf.parent in services]
    return paths[0] if paths else "mailto:nobody"


def _call(action: str, arguments: Mapping[str, str]) -> bytes:
    listed = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in arguments.items())
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<s:Envelope xmlns:s="{_ENVELOPE}" '
        's:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/">'
        f'<s:Body><u:{action} xmlns:u="{GATEWAY_SERVICE}">{listed}</u:{action}></s:Body></s:Envelope>\n'
    ).encode()


def _refusal(values: Mapping[str, str], status: str) -> GatewayError:
    code = values.get("errorCode", "")
    if not (code.isascii() and code.isdigit() and len(code) < 6):
        return GatewayError(f"the gateway answered with HTTP {status}")
    return GatewayError(f"the gateway refused ({code}): {values.get('errorDescription', '')[:200]}", int(code))


def _at(url: Url, address: str) -> bool:
    try:
        return ip_address(url.host.partition("%")[0]) == ip_address(address)
    except ValueError:
        return False
