"""An appliance for tests, in strings of its own: it answers, refuses, breaks off or keeps silent as a test says."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from drivers.upnp.parts import Described, Link

SERVICE = "urn:heg-energy:service:PowerManagement:1"
CYCLES = "urn:heg-energy:service:CycleOffer:1"
UUID = "4d696e69-0000-4000-8000-{:012}"
_STATES = {"OperationOn": "ON", "OperationOff": "OFF", "GoToStandby": "Standby"}


@dataclass
class Subscribed:
    """A subscriber as the peer has it."""

    host: str
    port: int
    path: str
    seq: int = 0


@dataclass
class Peer:
    """One appliance at an address of loopback. `raw` is sent whole in place of an answer to an action of its name."""

    number: int = 1
    state: str = "ON"
    wake: str = "WOL"
    cycle: dict[str, str] = field(default_factory=dict)
    faults: dict[str, tuple[int, str]] = field(default_factory=dict)
    raw: dict[str, bytes] = field(default_factory=dict)
    silent: bool = False
    slow_s: float = 0.0
    granted_s: int = 1800
    timeout: str = "Second-{}"
    sends_events: bool = True
    sends_cycle_events: bool = True
    event_first: bool = True
    tells_of_orders: bool = False
    asked: list[str] = field(default_factory=list)
    arguments: list[dict[str, str]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    subscribed: dict[str, Subscribed] = field(default_factory=dict)
    port: int = 0
    _server: asyncio.Server | None = None
    _count: int = 0

    @property
    def uuid(self) -> str:
        return UUID.format(self.number)

    @property
    def host(self) -> str:
        return f"127.0.0.{10 + self.number}"

    @property
    def described(self) -> Described:
        base = f"http://{self.host}:{self.port}"
        return Described(
            uuid=self.uuid,
            link=Link("lo", "127.0.0.1"),
            host=self.host,
            location=f"{base}/description.xml",
            maker="Peer",
            model="Kettle",
            serial=f"K{self.number}",
            name=f"kettle-{self.number}",
            control_url=f"{base}/control",
            event_url=f"{base}/event",
            cycle_control_url=f"{base}/cycle" if self.cycle else "",
            cycle_event_url=f"{base}/cycle-event" if self.cycle else "",
        )

    @property
    def up(self) -> bool:
        """Whether anybody is there."""
        return self._server is not None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def become(self, state: str) -> None:
        """Change by itself, and say so."""
        self.state = state
        await self.notify(f"<PowerState>{state}</PowerState>")

    async def notify(self, properties: str, *, skip: int = 0, sid: str = "", path: str = "") -> None:
        """Send an event to its subscribers; `skip` numbers are lost before."""
        for known, subscriber in tuple(self.subscribed.items()):
            if ("cycle" in subscriber.path) == (path == "cycle"):
                subscriber.seq = subscriber.seq + skip
                self.statuses.append(await self._notify(subscriber, sid or known, subscriber.seq, properties))
                subscriber.seq += 1

    async def _notify(self, subscriber: Subscribed, sid: str, seq: int, properties: str) -> int:
        return await self.send_event(subscriber, sid, str(seq), event_body(properties))

    async def send_event(self, subscriber: Subscribed, sid: str, seq: str, body: bytes, source: str = "") -> int:
        """Send any event; returns the status of the answer."""
        head = (
            f"NOTIFY {subscriber.path} HTTP/1.1\r\nHost: {subscriber.host}:{subscriber.port}\r\n"
            f"Content-Type: text/xml\r\nNT: upnp:event\r\nNTS: upnp:propchange\r\nSID: {sid}\r\nSEQ: {seq}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        reader, writer = await asyncio.open_connection(
            subscriber.host, subscriber.port, local_addr=(source or self.host, 0)
        )
        writer.write(head.encode() + body)
        answer = await reader.read(1000)
        writer.close()
        return int(answer.split()[1])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = re.search(r"content-length: *(\d+)", head, re.IGNORECASE)
            body = (await reader.readexactly(int(length[1]))).decode() if length else ""
            if self.silent:
                await reader.read()
            else:
                before = self.state
                said = await self._answer(head, body)
                await asyncio.sleep(self.slow_s)  # noqa: TID251 - on the test's own loop
                writer.write(said)
                await writer.drain()
                if self.tells_of_orders and self.state != before:
                    await self.become(self.state)
        writer.close()

    async def _answer(self, head: str, body: str) -> bytes:
        method = head.split(maxsplit=1)[0]
        if method == "SUBSCRIBE":
            return await self._subscribe(head)
        if method == "UNSUBSCRIBE":
            self.asked.append("UNSUBSCRIBE")
            self.subscribed.pop(_header(head, "SID"), None)
            return _http(200, b"")
        return self._control(head, body)

    async def _subscribe(self, head: str) -> bytes:
        if not (self.sends_cycle_events if "/cycle-event" in head else self.sends_events):
            return _http(501, b"")
        timeout = f"TIMEOUT: {self.timeout.format(self.granted_s)}"
        if (sid := _header(head, "SID")) != "":
            self.asked.append("RENEW")
            return _http(200 if sid in self.subscribed else 412, b"", f"SID: {sid}", timeout)
        self.asked.append("SUBSCRIBE")
        callback = re.search(r"<http://([^/]*):(\d+)(/[^>]*)>", _header(head, "CALLBACK"))
        assert callback is not None, head
        self._count += 1
        sid = f"uuid:{self.number}-{self._count}"
        self.subscribed[sid] = subscriber = Subscribed(callback[1], int(callback[2]), callback[3])
        first = f"<CycleId>{self.cycle.get('CycleId', '')}</CycleId>"
        if "cycle" not in subscriber.path:
            first = f"<PowerState>{self.state}</PowerState>"
        if self.event_first:
            self.statuses.append(await self._notify(subscriber, sid, 0, first))
        subscriber.seq = 1
        return _http(200, b"", f"SID: {sid}", timeout)

    def _control(self, head: str, body: str) -> bytes:
        service, _, action = _header(head, "SOAPACTION").strip('"').partition("#")
        self.asked.append(action)
        self.arguments.append(dict(re.findall(r"<([A-Za-z]+)>([^<]*)</\1>", body)))
        if action in self.raw:
            return self.raw[action]
        if action in self.faults:
            code, text = self.faults[action]
            return _http(500, _fault(code, text))
        values = {"RegID": "0"}
        if action in _STATES:
            self.state = _STATES[action]
        elif action == "GetPowerState":
            values["PowerState"] = self.state
        elif action == "WakeUpMethod":
            values["WakeMethod"] = self.wake
        elif action == "StandbyPeriod":
            values["RegID"] = "7"
        elif action == "Withdraw":
            values = {}
        elif action == "GetCycle":
            values = self.cycle
        inner = "".join(f"<{name}>{value}</{name}>" for name, value in values.items())
        return _http(200, _envelope(f'<u:{action}Response xmlns:u="{service}">{inner}</u:{action}Response>'))


@contextlib.asynccontextmanager
async def peers(*wanted: Peer) -> AsyncIterator[None]:
    """Have appliances there."""
    try:
        for one in wanted:
            await one.start()
        yield
    finally:
        for one in wanted:
            await one.stop()


def a_cycle(**more: str) -> dict[str, str]:
    """An answer to GetCycle."""
    return {
        "CycleId": "c1",
        "Name": "eco",
        "RatedPower": "2100",
        "StepMinutes": "15",
        "PowerCurve": "2000,300.5,1500",
        "EarliestStart": "2026-03-01T18:00:00+01:00",
        "LatestEnd": "2026-03-02T07:00:00+01:00",
        "Interruptible": "0",
        **more,
    }


def soap_answer(action: str, inner: str, service: str = SERVICE) -> bytes:
    """The body of an answer."""
    return _envelope(f'<u:{action}Response xmlns:u="{service}">{inner}</u:{action}Response>')


def _envelope(inner: str) -> bytes:
    space = "http://schemas.xmlsoap.org/soap/envelope/"
    return f'<?xml version="1.0"?><s:Envelope xmlns:s="{space}"><s:Body>{inner}</s:Body></s:Envelope>'.encode()


def _fault(code: int, text: str) -> bytes:
    return _envelope(
        "<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail>"
        f'<UPnPError xmlns="urn:schemas-upnp-org:control-1-0"><errorCode>{code}</errorCode>'
        f"<errorDescription>{text}</errorDescription></UPnPError></detail></s:Fault>"
    )


def event_body(properties: str) -> bytes:
    """The body of an event message."""
    space = "urn:schemas-upnp-org:event-1-0"
    return f'<e:propertyset xmlns:e="{space}"><e:property>{properties}</e:property></e:propertyset>'.encode()


def http_answer(body: bytes, status: int = 200) -> bytes:
    """A whole HTTP answer."""
    return _http(status, body)


def fault_body(code: int, text: str) -> bytes:
    """The body of a SOAP fault."""
    return _fault(code, text)


def _http(status: int, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def _header(head: str, name: str) -> str:
    found = re.search(rf"^{name}: *([^\r]*)", head, re.IGNORECASE | re.MULTILINE)
    return found[1] if found else ""
