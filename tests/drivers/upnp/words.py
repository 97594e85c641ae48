"""What appliances say to the table of discovery, as values, links on which they are heard, and where it has them."""

from drivers.upnp.orders import Place
from drivers.upnp.parts import Link
from drivers.upnp.seen import SeenTable
from drivers.upnp.ssdp.packet import Announcement, Kind
from drivers.upnp.tracked import State
from tests.drivers.upnp.documents import uuid_number

LAN, WIFI = Link("eth0", "192.168.1.2"), Link("wlan0", "192.168.2.2")
ONE, TWO = uuid_number(1), uuid_number(2)


def alive(uuid: str = ONE, *, max_age: int = 1800, boot: int | None = 1, kind: Kind = Kind.ALIVE) -> Announcement:
    return Announcement(kind, uuid, "http://x", max_age, boot, 1)


def goodbye(uuid: str = ONE) -> Announcement:
    return Announcement(Kind.BYEBYE, uuid)


def home_of(table: SeenTable, uuid: str = ONE) -> Place | None:
    """Where an appliance that is there lives."""
    record = table._records.get(uuid)
    return record.place if record is not None and record.state is State.PRESENT else None
