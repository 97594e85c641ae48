"""The gateway moves to another address, or starts again, while appliances hold on to what they subscribed to."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

from drivers.upnp.hosting.reach import OnLinks
from drivers.upnp.interfaces import InterfaceChanges, read_links
from drivers.upnp.parts import Link
from drivers.upnp.ssdp.network import SsdpNetwork
from heg.runtime.clock import Clock
from tests.drivers.upnp.hosted import GATEWAY_SERVICE, WASHER, House, hosted
from tests.drivers.upnp.test_hosting_advertising import headers_of
from tests.support.namespaces import WIRE, Network, needs_networks, wired
from tests.support.stepped import stepped

BEFORE, AFTER, STREET = "10.77.0.1", "10.77.0.9", "10.77.0.2"
PORT = 8465
GROUP = "239.255.255.250"


@contextlib.contextmanager
def following(home: Network) -> Iterator[None]:
    """A gateway that follows its links."""

    async def main(clock: Clock, stop: asyncio.Event) -> None:
        network, house = SsdpNetwork(8466, lambda *_: None), House(clock, {WASHER: STREET})
        changes = InterfaceChanges(clock)

        async def follow() -> None:
            while True:
                network.adopt(one for one in read_links(frozenset({WIRE})) if not one.is_v6)
                await changes.wait()

        try:
            async with hosted(clock, house=house, wires=network, links=(Link(WIRE, BEFORE),), port=PORT) as one:
                network.add_announcer(OnLinks(network, one.served.server, one.advertiser))
                task = asyncio.create_task(follow())
                await stop.wait()
                task.cancel()
        finally:
            changes.close()
            network.close()

    with home.beside(main):
        yield


def asked(at: str, head: str, body: str = "") -> str:
    with socket.create_connection((at, PORT), 5, (STREET, 0)) as one:
        one.sendall(f"{head}\r\nHost: {at}:{PORT}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        said = b""
        while piece := one.recv(65536):
            said += piece
    return said.decode()


def event(server: socket.socket) -> tuple[str, str]:
    """The next event: from which address, and what it says."""
    taken, (source, _) = server.accept()
    with taken:
        taken.settimeout(5.0)
        said = ""
        while "</e:propertyset>" not in said:
            said += taken.recv(65536).decode()
        taken.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    return source, said


def announced(everybody: socket.socket, location: str) -> int:
    """The boot id of the next announcement that leads to a place."""
    while True:
        said = headers_of(everybody.recv(2048))
        if said.get("NTS") == "ssdp:alive" and said["LOCATION"] == location:
            return int(said["BOOTID.UPNP.ORG"])


@needs_networks
def test_who_holds_on_hears_a_gateway_that_moved_to_another_address() -> None:
    order = (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
        f'<u:WakeUpTime xmlns:u="{GATEWAY_SERVICE}"><UUID>uuid:{WASHER}</UUID><Address>{STREET}</Address>'
        "<Time>06:30:00</Time></u:WakeUpTime></s:Body></s:Envelope>"
    )
    ordering = f'POST /control HTTP/1.1\r\nContent-Type: text/xml\r\nSOAPACTION: "{GATEWAY_SERVICE}#WakeUpTime"'
    with wired(addresses=((f"{BEFORE}/16",), (f"{STREET}/16",))) as (home, street):
        with street.entered():
            everybody = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            server = socket.create_server((STREET, 0))
        with everybody, server:
            everybody.settimeout(5.0)
            server.settimeout(5.0)
            everybody.bind((GROUP, 1900))
            member = socket.inet_aton(GROUP) + socket.inet_aton(STREET)
            everybody.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
            with following(home), street.entered():
                first = announced(everybody, f"http://{BEFORE}:{PORT}/device.xml")
                callback = f"<http://{STREET}:{server.getsockname()[1]}/>"
                said = asked(BEFORE, f"SUBSCRIBE /subscribe HTTP/1.1\r\nNT: upnp:event\r\nCALLBACK: {callback}")
                sid = headers_of(said.encode())["SID"]
                assert event(server)[0] == BEFORE
                home.says("ip", "addr", "del", f"{BEFORE}/16", "dev", WIRE)
                home.addresses(f"{AFTER}/16")
                assert announced(everybody, f"http://{AFTER}:{PORT}/device.xml") == first + 1
                assert "<RegID>1</RegID>" in asked(AFTER, ordering, order)
                source, told = event(server)
                assert source == AFTER
                assert f"SID: {sid}\r\nSEQ: 1\r\n" in told
                assert "<OpenRegistrations>1</OpenRegistrations>" in told
                assert asked(AFTER, f"SUBSCRIBE /subscribe HTTP/1.1\r\nSID: {sid}").startswith("HTTP/1.1 200 ")


@stepped
async def test_who_holds_on_to_a_gateway_that_started_again_is_told(clock: Clock) -> None:
    boots = []
    sid = ""
    for _ in range(2):
        async with hosted(clock) as home:
            boots.append(int(headers_of(home.wires.sent[0][1])["BOOTID.UPNP.ORG"]))
            if sid:
                assert (await home.served.ask("SUBSCRIBE", "/subscribe", b"", "127.0.0.7", SID=sid))[0] == 412
            subscribing = {"NT": "upnp:event", "CALLBACK": "<http://127.0.0.7:9/>"}
            sid = (await home.served.ask("SUBSCRIBE", "/subscribe", b"", "127.0.0.7", **subscribing))[1]["sid"]
            await clock.sleep(2.0)
    assert boots[0] < boots[1]
