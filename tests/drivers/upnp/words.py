"""What appliances say to the table of discovery, as values, and links on which they are heard."""

from drivers.upnp.parts import Link
from drivers.upnp.ssdp.packet import Announcement, Kind
from tests.drivers.upnp.street import uuid_number

LAN, WIFI = Link("eth0", "192.168.1.2"), Link("wlan0", "192.168.2.2")
ONE, TWO = uuid_number(1), uuid_number(2)


def alive(uuid: str = ONE, *, max_age: int = 1800, boot: int | None = 1, kind: Kind = Kind.ALIVE) -> Announcement:
    return Announcement(kind, uuid, "http://x", max_age, boot, 1)


def goodbye(uuid: str = ONE) -> Announcement:
    return Announcement(Kind.BYEBYE, uuid)
