"""Where strangers' bytes come into an appliance, as rows of the table of `tests/drivers/upnp/fuzz`."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import cast

import msgspec

from appliance.desk import ApplianceDesk
from appliance.faults import Fault
from appliance.gateway import MOST_KNOWN, Gateways, _control_path
from appliance.model import ApplianceModel, Kind
from appliance.upnp.client import read_url
from appliance.upnp.events import Events
from appliance.upnp.gena import MOST_SUBSCRIBERS
from appliance.upnp.http import HttpError, Message, Reader
from appliance.upnp.markup import MarkupError, leaves
from appliance.upnp.server import Request
from appliance.upnp.services import CYCLE, POWER
from appliance.upnp.soap import LARGEST_CALL_BYTES, NotSoapError, answer, fault, read_call
from appliance.upnp.ssdp import Heard, Search, read, read_answer
from heg.model.appliances import GATEWAY_DEVICE, GATEWAY_SERVICE
from heg.runtime.clock import Clock
from tests.drivers.upnp.fuzz.rows import HTTP_WORDS, XML_WORDS, Fed, Target

HOST = "192.168.1.9"
WHO = "0f5c1d1e-0000-4000-8000-00000000000a"
_LARGEST_KEPT = 8192
"""Bytes of what an appliance keeps on disk of all that anybody registers."""


class _Clock:
    """Half an hour passes at each look: registrations come, begin and end while bytes are fed."""

    def __init__(self) -> None:
        self._looks = 0

    def utc(self) -> datetime:
        self._looks += 1
        return datetime(2026, 3, 28, tzinfo=UTC) + self._looks % 10_000 * timedelta(minutes=30)

    def monotonic_s(self) -> float:
        return self._looks * 1800.0

    def elapsed_s(self) -> float:
        return self.monotonic_s()


def _http() -> Fed:
    left = 0

    def feed(data: bytes) -> None:
        nonlocal left
        reader, halves = Reader(LARGEST_CALL_BYTES), Reader(LARGEST_CALL_BYTES)
        whole = messages_of(reader, [data])
        assert whole == messages_of(halves, [data[: len(data) // 2], data[len(data) // 2 :]])
        left = len(whole)

    return Fed(feed, lambda: left, 16_384)


def _calls() -> Fed:
    """Orders from the bytes of a connection to what is kept on disk."""
    desk = ApplianceDesk(ApplianceModel(Kind()), cast("Clock", _Clock()), name="fuzzed")

    def feed(data: bytes) -> None:
        head, _, body = data.partition(b"\r\n\r\n")
        action = head.decode("latin-1").partition("SOAPACTION:")[2].partition("\r\n")[0]
        for service in (POWER, CYCLE):
            try:
                call = read_call(service, action, body)
            except NotSoapError:
                continue
            if isinstance(call, Fault):
                assert fault(call)
                continue
            done = asyncio.run(desk.act(call.action.name, call.arguments, HOST))  # an order is a task of its own
            assert fault(done) if isinstance(done, Fault) else answer(call, done)

    return Fed(feed, lambda: len(msgspec.json.encode(desk.model.kept)), _LARGEST_KEPT)


def _ssdp() -> Fed:
    gateways = Gateways(cast("Clock", _Clock()))

    def feed(data: bytes) -> None:
        for heard in (read(data, multicast=True), read(data, multicast=False), read_answer(data)):
            if isinstance(heard, Search):
                assert 0 <= heard.within_s <= 5
            elif isinstance(heard, Heard):
                gateways.heard(heard, (HOST, 1900))

    return Fed(feed, lambda: len(gateways.there()), MOST_KNOWN)


def _answers() -> Fed:
    """What a gateway answers, or who stands in its place."""

    def feed(data: bytes) -> None:
        for message in messages_of(Reader(65_536), [data]):
            if isinstance(message, Message):
                _control(message.body)
        _control(data)

    def _control(document: bytes) -> None:
        try:
            url = read_url("http://192.168.1.9:80" + _control_path(leaves(document)))
        except MarkupError:
            return
        assert url is None or len(url.path) < 600

    return Fed(feed)


def _subscribers() -> Fed:
    values = {"power": {"PowerState": "ON"}, "cycle": {"CycleId": ""}}
    events = Events(
        cast("Clock", _Clock()), lambda service: values[service.path], Counter(), lambda _, document: document
    )

    def feed(data: bytes) -> None:
        for message in messages_of(Reader(LARGEST_CALL_BYTES), [data]):
            if isinstance(message, Message):
                asked = Request(message.start[0], message.start[1], message, HOST, "192.168.1.2")
                assert events.subscribe(POWER, asked).response.to_bytes()
                assert events.unsubscribe(CYCLE, asked).response.to_bytes()

    return Fed(feed, events.subscribers, MOST_SUBSCRIBERS)


def messages_of(reader: Reader, pieces: list[bytes]) -> list[Message | int]:
    found: list[Message | int] = []
    try:
        for piece in pieces:
            reader.feed(piece)
            while (message := reader.take()) is not None:
                found.append(message)
    except HttpError as error:
        found.append(error.status)
    return found


def _order(action: str, more: str = "", urn: str = POWER.urn) -> bytes:
    who = f"<UUID>{WHO}</UUID><Address>{HOST}</Address>" if urn == POWER.urn else ""
    body = (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
        f'<u:{action} xmlns:u="{urn}">{who}{more}</u:{action}></s:Body></s:Envelope>'
    )
    return f'SOAPACTION: "{urn}#{action}"\r\n\r\n{body}'.encode()


_POST = b"POST /power/control HTTP/1.1\r\nHost: 192.168.1.2\r\nContent-Length: 5\r\n\r\nhello"
_CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
_SUBSCRIBE = (
    f"SUBSCRIBE /power/events HTTP/1.1\r\nHost: a\r\nCALLBACK: <http://{HOST}:80/e>\r\nNT: upnp:event\r\n"
    "TIMEOUT: Second-300\r\n\r\n"
).encode()
_SEARCH = b'M-SEARCH * HTTP/1.1\r\nMAN: "ssdp:discover"\r\nMX: 2\r\nST: ssdp:all\r\n\r\n'
_GATEWAY = (
    f"NOTIFY * HTTP/1.1\r\nNT: {GATEWAY_DEVICE}\r\nNTS: ssdp:alive\r\nUSN: uuid:{WHO}::{GATEWAY_DEVICE}\r\n"
    f"LOCATION: http://{HOST}:8465/device.xml\r\nCACHE-CONTROL: max-age=1800\r\n\r\n"
).encode()
_DESCRIBED = (
    f"<root><device><serviceList><service><serviceType>{GATEWAY_SERVICE}</serviceType>"
    "<controlURL>/control</controlURL></service></serviceList></device></root>"
).encode()

APPLIANCE_ROWS = (
    Target("appliance-http", _http, (_POST, _CHUNKS, _SUBSCRIBE), (*HTTP_WORDS, b"Transfer-Encoding: chunked")),
    Target(
        "appliance-calls",
        _calls,
        (
            _order("StandbyPeriod", "<StartTime>22:00:00</StartTime><StopTime>05:00:00</StopTime>"),
            _order("Withdraw", "<RegID>1</RegID>"),
            _order("OperationOff"),
            _order("GetCycle", urn=CYCLE.urn),
        ),
        (*XML_WORDS, b"23:59:59", b"OperationOn", b"GoToStandby"),
    ),
    Target("appliance-ssdp", _ssdp, (_SEARCH, _GATEWAY, _GATEWAY.replace(b"alive", b"byebye")), HTTP_WORDS),
    Target("appliance-answers", _answers, (_CHUNKS, _DESCRIBED), (*XML_WORDS, *HTTP_WORDS)),
    Target("appliance-subscribers", _subscribers, (_SUBSCRIBE,), HTTP_WORDS),
)
