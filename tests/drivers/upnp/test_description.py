"""What an appliance says of itself, held against the specification's table."""

from __future__ import annotations

import pytest

from drivers.upnp.description import DeviceDescription, Service, device_of, service_fault
from heg.model.refusals import Refusal, RefusalCode
from tests.drivers.upnp.documents import CYCLE_TABLE, CYCLES, SERVICE, TABLE, device_xml, scpd, uuid_number

ONE, TWO = uuid_number(1), uuid_number(2)
HOST = "192.168.1.9"
WHERE = f"http://{HOST}:80/a/d.xml"


def described(body: bytes, uuid: str = ONE) -> DeviceDescription | Refusal:
    return device_of(body, uuid=uuid, location=WHERE, host=HOST)


def sound(body: bytes, uuid: str = ONE) -> DeviceDescription:
    found = described(body, uuid)
    assert isinstance(found, DeviceDescription), found
    return found


def reason(body: bytes, kind: str = SERVICE) -> str:
    fault = service_fault(body, kind)
    assert fault is not None
    return str(fault)


def test_what_matters_is_read_and_urls_are_made_whole() -> None:
    found = sound(device_xml(ONE))
    assert (found.maker, found.model, found.serial, found.name) == ("Test", "Boiler", "S-0001", "Kitchen")
    assert found.power.control_url == f"http://{HOST}:80/control"
    assert found.cycles is None


def test_a_device_inside_a_device_is_found_by_its_uuid() -> None:
    inner = device_xml(TWO).partition(b"<device>")[2].partition(b"</root>")[0]
    outer = device_xml(ONE).replace(
        b"</device></root>", b"<deviceList><device>" + inner + b"</deviceList></device></root>"
    )
    assert sound(outer, TWO).serial == "S-0002"
    assert sound(outer, ONE).serial == "S-0001"


def test_urls_are_relative_to_the_base_where_there_is_one() -> None:
    based = device_xml(ONE).replace(b"<device>", f"<URLBase>http://{HOST}:81/b/</URLBase><device>".encode())
    assert sound(based.replace(b">/control<", b">control<")).power.control_url == f"http://{HOST}:81/b/control"


def test_a_later_version_can_do_what_the_first_can() -> None:
    assert sound(device_xml(ONE, service=SERVICE[:-1] + "2")).power.event_url


def test_names_are_printable_and_short() -> None:
    wild = device_xml(ONE).replace(b">Kitchen<", "> Kit\u202echen\n\t".encode() + b"x" * 500 + b"<")
    name = sound(wild).name
    assert len(name) <= 64
    assert name.isprintable()


@pytest.mark.parametrize("missing", ["controlURL", "eventSubURL", "SCPDURL"])
def test_a_service_that_is_nowhere_is_refused(missing: str) -> None:
    body = device_xml(ONE).replace(f"<{missing}>".encode(), b"<x>").replace(f"</{missing}>".encode(), b"</x>")
    refusal = described(body)
    assert isinstance(refusal, Refusal)
    assert missing in refusal.expected


def test_cycles_elsewhere_leave_the_rest_usable() -> None:
    more = (
        f"<service><serviceType>{CYCLES}</serviceType><controlURL>http://192.0.2.1/c</controlURL>"
        "<eventSubURL>/e</eventSubURL><SCPDURL>/s</SCPDURL></service>"
    )
    found = sound(device_xml(ONE, more=more))
    assert isinstance(found.cycles, Refusal)
    assert found.cycles.code is RefusalCode.NOT_GRANTED
    assert isinstance(sound(device_xml(ONE, more=more.replace("http://192.0.2.1", ""))).cycles, Service)


def test_the_services_of_the_specification_are_sound() -> None:
    assert service_fault(scpd(), SERVICE) is None
    assert service_fault(scpd(CYCLE_TABLE, "CycleId"), CYCLES) is None


@pytest.mark.parametrize("name", TABLE)
def test_each_missing_action_is_named(name: str) -> None:
    assert f"a service without {name}" in reason(scpd({one: how for one, how in TABLE.items() if one != name}))


def test_wrong_arguments_are_named() -> None:
    more_in = {**TABLE, "OperationOn": ("UUID Address Pin", "RegID")}
    assert "OperationOn takes Address, Pin, UUID, expected UUID, Address" in reason(scpd(more_in))
    less_out = {**TABLE, "GetPowerState": ("UUID Address", "RegID")}
    assert "GetPowerState does not tell PowerState" in reason(scpd(less_out))
    more_out = {**TABLE, "OperationOn": ("UUID Address", "RegID Mood")}
    assert service_fault(scpd(more_out), SERVICE) is None


def test_a_state_without_events_is_refused() -> None:
    assert "PowerState without events" in reason(scpd().replace(b'sendEvents="yes"', b'sendEvents="no"'))
    old_style = scpd().replace(b' sendEvents="yes">', b"><sendEventsAttribute>no</sendEventsAttribute>")
    assert "PowerState without events" in reason(old_style)
    assert "PowerState without events" in reason(scpd(evented="Mood"))
