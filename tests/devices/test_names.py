"""Which devices get another name when their owner says so."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heg.devices.contract import DeviceInfo, OwnerSettings
from heg.devices.names import choose_name, name_asked, renames
from heg.model.capabilities import ApplianceCapability

A, B, C = ("id-a", "A", "battery"), ("id-b", "B", "pv"), ("id-c", "C", "meter")
KNOWN = [A, B, C]
ATTACHED = {name: identity for identity, _, name in KNOWN}


def called(**names: str) -> list[OwnerSettings]:
    """What the owner says: a name for each serial number."""
    return [OwnerSettings(name=name, serial=serial) for name, serial in names.items()]


@pytest.mark.parametrize(
    ("owners", "expected"),
    [
        (called(battery="A"), {}),
        (called(akku="A"), {"battery": "akku"}),
        (called(pv="A", battery="B"), {"battery": "pv", "pv": "battery"}),
        (called(pv="A", roof="B"), {"battery": "pv", "pv": "roof"}),
        (called(pv="A"), {}),  # the device of that name is there and keeps it
        (called(pv="A", meter="B"), {}),  # nor does a chain that ends at one that stays
        ([OwnerSettings(name="akku", identity="id-a")], {"battery": "akku"}),
        (called(akku="Z"), {}),
    ],
)
def test_names_are_given_as_the_owner_says_where_they_are_free(
    owners: list[OwnerSettings], expected: dict[str, str]
) -> None:
    assert renames(KNOWN, owners, ATTACHED) == expected


def test_a_name_of_a_device_that_is_gone_goes_over_to_another() -> None:
    assert renames(KNOWN, called(pv="A"), {"battery": "id-a"}) == {"battery": "pv"}


def test_a_device_known_under_two_names_ends_under_the_one_it_has() -> None:
    known = [("id-a", "A", "battery"), ("id-a", "A", "akku")]
    assert renames(known, called(akku="A"), {"akku": "id-a"}) == {"battery": "akku"}


@given(st.dictionaries(st.sampled_from("ABC"), st.sampled_from(["battery", "pv", "meter", "akku", "roof"])))
def test_no_two_attached_devices_ever_end_under_one_name(said: dict[str, str]) -> None:
    owners = [OwnerSettings(name=name, serial=serial) for serial, name in said.items()]
    found = renames(KNOWN, owners, ATTACHED)
    after = [found.get(name, name) for _, _, name in KNOWN]
    assert len(set(after)) == len(after)


@pytest.mark.parametrize(
    ("called", "expected"),
    [
        ("Washer", "washer"),
        ("Küche: Wäschetrockner (2. Stock)", "kuche-waschetrockner-2-stock"),
        ("Großer Herd", "grosser-herd"),
        ("kettle-1", "kettle-1"),
        ("3D printer", "appliance-3d-printer"),
        ("洗濯機", "appliance"),
        ("", "appliance"),
        ("---", "appliance"),
        ("battery", "appliance-battery"),
        ("Meter 2", "appliance-meter-2"),
        ("appliance-7", "appliance-7"),
        ("The washing machine in the cellar of our house", "the-washing-machine-in-the-cella"),
        ("Wa\u202esher\x1b[2J\x07", "wa-sher-2j"),
        ("../../etc/passwd", "etc-passwd"),
        ("\ufdfa" * 1000, "appliance"),
    ],
)
def test_an_appliance_is_called_as_it_calls_itself(called: str, expected: str) -> None:
    assert name_asked(called, "appliance") == expected


@given(st.text(max_size=200))
def test_whatever_an_appliance_calls_itself_its_name_can_stand_in_a_location(called: str) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9-]{0,31}", name_asked(called, "appliance"))


def washer(number: int, called: str = "Washer") -> DeviceInfo:
    """An appliance that calls itself so."""
    capability = ApplianceCapability(0.0)
    return DeviceInfo(f"uuid:{number}", "Miele", "W1", "", "", "upnp", "10.0.0.9", (capability,), name=called)


def test_two_that_call_themselves_alike_have_two_names_and_keep_them() -> None:
    assert choose_name(washer(1), (), {}, ()) == "washer"
    assert choose_name(washer(2), (), {"uuid:1": "washer"}, {"washer"}) == "washer-2"
    assert choose_name(washer(2), (), {"uuid:1": "washer", "uuid:2": "washer-2"}, ()) == "washer-2"
    assert choose_name(washer(1, "Dryer"), (), {"uuid:1": "washer"}, ()) == "washer"


def test_its_owner_calls_it_otherwise() -> None:
    owners = (OwnerSettings(name="laundry", identity="uuid:1"), OwnerSettings(name="washer", serial="Z"))
    assert choose_name(washer(1), owners, {}, ()) == "laundry"
    assert choose_name(washer(2), owners, {}, ()) == "washer-2"  # that name is promised to another


def test_a_long_name_stays_short_enough_with_its_number() -> None:
    long = "a" * 40
    assert choose_name(washer(2, long), (), {}, {"a" * 32}) == f"{'a' * 30}-2"
