"""The table: each row is a place where a stranger's bytes come in. A new place is a new row.

A target's `make` gives a function that takes any bytes and returns; whatever it raises is a finding, and so is what it
keeps: `kept` says how much that is, which may not grow with what was fed. Those of the appliance stand with its tests.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Coroutine, Mapping
from typing import Any

from multidict import CIMultiDict

from drivers.upnp import gena, netlink, soap
from drivers.upnp.actions import GET_CYCLE, GET_POWER_STATE
from drivers.upnp.description import DeviceDescription, Service, device_of, service_fault
from drivers.upnp.exchange import Asked
from drivers.upnp.hosting.control import Control
from drivers.upnp.hosting.orders import Orders
from drivers.upnp.hosting.searches import parse_search
from drivers.upnp.hosting.subscribers import Subscriptions
from drivers.upnp.markup import Caps, read
from drivers.upnp.orders import Describe, Found, Gone, Order, Outcome, Place, Verify
from drivers.upnp.parts import Caller, Link
from drivers.upnp.seen import SeenTable
from drivers.upnp.ssdp.packet import Announcement, Kind, parse
from drivers.upnp.urls import location_at
from heg.data.door import CommandAnswer
from heg.data.door import Outcome as Ended
from heg.model.appliances import CYCLE_SERVICE, GATEWAY_SERVICE
from heg.model.local_times import time_of_day
from heg.model.refusals import Refusal
from tests.appliance.fuzz_rows import APPLIANCE_ROWS
from tests.drivers.upnp.documents import (
    CYCLE_TABLE,
    CYCLES,
    DEVICE,
    SERVICE,
    device_xml,
    notify,
    response,
    scpd,
    uuid_number,
)
from tests.drivers.upnp.fuzz.rows import HTTP_WORDS, XML_WORDS, Fed, Target

ONE, HOST = uuid_number(1), "192.168.1.9"
WHERE = f"http://{HOST}:8000/d.xml"
SSDP_SEEDS = (
    notify("alive", ONE, WHERE),
    notify("update", ONE, WHERE, more="NEXTBOOTID.UPNP.ORG: 2"),
    notify("byebye", ONE),
    response(ONE, WHERE),
    response(ONE, WHERE, target=DEVICE),
)


# What discovery hears and fetches


def _ssdp() -> Fed:
    def feed(data: bytes) -> None:
        said = parse(data)
        if isinstance(said, Announcement) and said.kind is not Kind.BYEBYE:
            found = location_at(said.location, HOST)
            assert isinstance(found, Refusal) or found.startswith(f"http://{HOST}:")
        else:
            assert said is None or isinstance(said, Announcement | Refusal)

    return Fed(feed)


_SAYS = struct.Struct("=BBBH")
_KINDS = (Kind.ALIVE, Kind.RESPONSE, Kind.UPDATE, Kind.BYEBYE)


def _table() -> Fed:
    """A life of a table, five bytes a step: who says what from where, or what a fetch brought, and how time passes."""
    table = SeenTable(most=6, most_per_host=3, known=(uuid_number(0),))
    here: set[str] = set()
    now_s = 0.0

    def take(orders: list[Order], way: int) -> None:
        for order in orders:
            match order:
                case Found():
                    here.add(order.uuid)
                case Gone():
                    here.remove(order.uuid)
                case Describe() if way % 4:
                    outcome = (Outcome.SOUND, Outcome.UNSOUND, Outcome.UNREACHABLE)[way % 3]
                    take(table.described(order.uuid, order.place, outcome, now_s), way // 2)
                case Verify() if way % 4:
                    take(table.verified(order.uuid, order.place, there=bool(way % 2), now_s=now_s), way // 2)

    def feed(data: bytes) -> None:
        nonlocal now_s
        for who, what, where, pause in _SAYS.iter_unpack(data[: len(data) // _SAYS.size * _SAYS.size]):
            host = f"192.168.1.{where % 6}"
            place = Place(Link("eth0", "192.168.1.200"), host, f"http://{host}:{80 + where % 2}/")
            kind = _KINDS[what % 4]
            said = Announcement(kind, uuid_number(who % 12), "x", 5 + what * 4, (None, 1, 2)[what % 3], 1)
            take(table.heard(said, place, now_s), what)
            now_s += pause / 50.0
            take(table.due(now_s), where)
            assert set(table.present()) <= here

    return Fed(feed, kept=lambda: len(table) + len(here), most_kept=12)


def _description() -> Fed:
    def feed(data: bytes) -> None:
        found = device_of(data, uuid=ONE, location=WHERE, host=HOST)
        if isinstance(found, DeviceDescription):
            for service in (found.power, found.cycles):
                if isinstance(service, Service):
                    for url in (service.control_url, service.event_url, service.scpd_url):
                        assert url.startswith(f"http://{HOST}:"), url

    return Fed(feed)


def _service() -> Fed:
    def feed(data: bytes) -> None:
        for kind in (SERVICE, CYCLE_SERVICE):
            fault = service_fault(data, kind)
            assert fault is None or len(str(fault)) < 1000

    return Fed(feed)


def _netlink() -> Fed:
    def feed(data: bytes) -> None:
        assert len(list(netlink.messages(data))) <= len(data) // 16

    return Fed(feed)


# What talking hears


def _answers() -> Fed:
    def feed(data: bytes) -> None:
        for action in (GET_POWER_STATE, GET_CYCLE):
            for status in (200, 500):
                said = soap.decode(action, status, data)
                assert not isinstance(said, soap.Fault) or len(said.text) <= 200

    return Fed(feed)


def _events() -> Fed:
    def feed(data: bytes) -> None:
        head, _, body = data.partition(b"\r\n\r\n")
        said = gena.message(_headers(head), body)
        assert isinstance(said, gena.Message) or 400 <= said < 500
        gena.granted(_headers(head))

    return Fed(feed)


# What the gateway's own device hears


def _searches() -> Fed:
    def feed(data: bytes) -> None:
        found = parse_search(data)
        assert found is None or 0 <= found.within_s <= 5

    return Fed(feed)


def _orders() -> Fed:
    house = _House()
    orders = Orders(house.now_s, house, list, lambda: None)
    control = Control(orders.act)

    def feed(data: bytes) -> None:
        head, _, body = data.partition(b"\r\n\r\n")
        answer = _at_once(control.post(_asked("POST", head, body)))
        assert answer.status in (200, 400, 415, 500)
        if answer.body:
            read(answer.body, Caps())

    return Fed(feed, kept=lambda: len(orders._pace._left), most_kept=1)


class _House:
    """An `Askers` that knows one appliance and believes nobody; time passes with each question."""

    def __init__(self) -> None:
        self._now_s = 0.0

    def now_s(self) -> float:
        self._now_s += 5.0
        return self._now_s

    def is_at(self, uuid: str, caller: Caller) -> bool | None:
        return caller.address == HOST if uuid == ONE else None

    async def ask(self, uuid: str, command: str, arguments: Mapping[str, object]) -> CommandAnswer:
        assert uuid == ONE
        if command == "command.register":
            assert set(arguments) in ({"kind", "start"}, {"kind", "start", "stop"})
            assert all(time_of_day(str(arguments[name])) for name in ("start", "stop") if name in arguments)
        else:
            assert command == "command.withdraw"
            number = arguments["id"]
            assert isinstance(number, int)
            assert 0 < number < 2**32
        return CommandAnswer(Ended.DONE, detail={"id": 1})


_GRAPHIC = frozenset(map(chr, range(0x21, 0x7F)))


def _subscriptions() -> Fed:
    count = iter(range(10**9))
    now_s = 0.0
    refused: Counter[str] = Counter()
    subscriptions = Subscriptions({"X": "0"}, lambda: uuid_number(next(count)), refused)

    def feed(data: bytes) -> None:
        nonlocal now_s
        now_s += 1.0
        asked = _asked("SUBSCRIBE", data.partition(b"\r\n\r\n")[0], b"")
        answer = subscriptions.subscribe(asked, now_s, lambda: None)
        if answer.then is not None:
            answer.then()
        subscriptions.changed({"X": str(int(now_s) % 3)})
        for sid in (*subscriptions.due(now_s, first=True), *subscriptions.due(now_s, first=False)):
            event = subscriptions.take(sid)
            assert event is not None
            assert {place.host for place in event.places} == {HOST}
            assert all(set(place.target) <= _GRAPHIC for place in event.places)
            subscriptions.told(event, (200, 412, None)[int(now_s) % 3], now_s)
        subscriptions.unsubscribe(asked)

    return Fed(feed, kept=lambda: len(subscriptions) + len(refused), most_kept=1024)


def _headers(head: bytes) -> Mapping[str, str]:
    pairs = (line.partition(":") for line in head.decode("latin-1").split("\r\n"))
    return CIMultiDict((name.strip(), value.strip()) for name, _, value in pairs)


def _asked(method: str, head: bytes, body: bytes) -> Asked:
    return Asked(method, "/", _headers(head), body, HOST, "192.168.1.2")


def _at_once(answer: Coroutine[Any, Any, Any]) -> Any:
    """The result of what awaits nothing."""
    try:
        answer.send(None)
    except StopIteration as ended:
        return ended.value
    raise AssertionError("it waits for something")


def _envelope(inner: str) -> bytes:
    space = "http://schemas.xmlsoap.org/soap/envelope/"
    return f'<?xml version="1.0"?><s:Envelope xmlns:s="{space}"><s:Body>{inner}</s:Body></s:Envelope>'.encode()


def _soap_answer(service: str, action: str, **values: str) -> bytes:
    told = "".join(f"<{name}>{value}</{name}>" for name, value in values.items())
    return _envelope(f'<u:{action}Response xmlns:u="{service}">{told}</u:{action}Response>')


FAULT = _envelope(
    "<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail>"
    '<UPnPError xmlns="urn:schemas-upnp-org:control-1-0"><errorCode>801</errorCode>'
    "<errorDescription>unsafe</errorDescription></UPnPError></detail></s:Fault>"
)
CYCLE = {
    "CycleId": "7", "Name": "Eco", "RatedPower": "2000", "StepMinutes": "15", "PowerCurve": "2000,200",
    "EarliestStart": "2026-03-01T00:00:00+00:00", "LatestEnd": "2026-03-01T08:00:00Z", "Interruptible": "0",
}  # fmt: skip
EVENT = (
    b"NT: upnp:event\r\nNTS: upnp:propchange\r\nSID: uuid:1\r\nSEQ: 0\r\n\r\n"
    b'<e:propertyset xmlns:e="urn:schemas-upnp-org:event-1-0"><e:property><PowerState>ON</PowerState></e:property>'
    b"</e:propertyset>"
)
GRANTED = b"SID: uuid:1\r\nTIMEOUT: Second-1800\r\n\r\n"
SUBSCRIBE = f"CALLBACK: <http://{HOST}:80/e>\r\nNT: upnp:event\r\nTIMEOUT: Second-300\r\n\r\n".encode()
WAKE = f'Content-Type: text/xml\r\nSOAPACTION: "{GATEWAY_SERVICE}#WakeUpTime"\r\n\r\n'.encode() + _envelope(
    f'<u:WakeUpTime xmlns:u="{GATEWAY_SERVICE}"><UUID>{ONE}</UUID><Address>{HOST}</Address>'
    "<Time>07:00:00</Time></u:WakeUpTime>"
)
PERIOD = WAKE.replace(b"WakeUpTime", b"NoStandbyPeriod").replace(
    b"<Time>07:00:00</Time>", b"<StartTime>22:00:00</StartTime><StopTime>05:00:00</StopTime>"
)
WITHDRAW = WAKE.replace(b"WakeUpTime", b"Withdraw").replace(b"<Time>07:00:00</Time>", b"<RegID>1</RegID>")
SEARCH = b'M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: "ssdp:discover"\r\nMX: 2\r\nST: ssdp:all\r\n\r\n'
CYCLES_TOO = (
    f"<service><serviceType>{CYCLES}</serviceType><controlURL>c</controlURL><eventSubURL>/e</eventSubURL>"
    "<SCPDURL>/s</SCPDURL></service>"
)

TARGETS: Mapping[str, Target] = {
    row.name: row
    for row in (
        Target("ssdp", _ssdp, SSDP_SEEDS, (*HTTP_WORDS, SERVICE.encode(), DEVICE.encode())),
        Target("table", _table, (bytes(range(60)), bytes(range(0, 240, 3)))),
        Target("description", _description, (device_xml(ONE), device_xml(ONE, more=CYCLES_TOO)), XML_WORDS),
        Target("service", _service, (scpd(), scpd(CYCLE_TABLE, "CycleId")), XML_WORDS),
        Target("netlink", _netlink, (netlink.links_request(), netlink.addresses_request())),
        Target(
            "answers",
            _answers,
            (_soap_answer(SERVICE, "GetPowerState", PowerState="ON", RegID="0"),
             _soap_answer(CYCLES, "GetCycle", **CYCLE), FAULT),
            XML_WORDS,
        ),
        Target("events", _events, (EVENT, GRANTED), XML_WORDS + HTTP_WORDS),
        Target("searches", _searches, (SEARCH,), HTTP_WORDS),
        Target("orders", _orders, (WAKE, PERIOD, WITHDRAW), XML_WORDS + HTTP_WORDS),
        Target("subscriptions", _subscriptions, (SUBSCRIBE, b"SID: uuid:1\r\n\r\n"), HTTP_WORDS),
        *APPLIANCE_ROWS,
    )
}  # fmt: skip
