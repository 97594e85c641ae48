"""Which devices get another name when their owner says so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heg.devices.contract import OwnerSettings
from heg.devices.names import renames

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
