"""Profiles pass the door as one instance and come back whole, from memory and from disk."""

from datetime import UTC, datetime

import pytest

from heg.data.encoding import EncodingError, decode, encode
from heg.data.interface import DataInterface
from heg.model.instance import Location
from heg.model.policy import CUSTOMER
from heg.model.refusals import RefusalCode
from heg.model.slots import Profile
from heg.runtime.clock import Clock
from tests.support.stepped import stepped

HOME = Location("home")
PLAN = Profile(datetime(2026, 3, 1, tzinfo=UTC), 15, (1.0, -2.5, 0.0))


@stepped
async def test_a_profile_is_one_instance(clock: Clock) -> None:
    data = DataInterface(clock, "home")
    door = data.admit(CUSTOMER, "planner")
    assert door.write("profile.plan", HOME, PLAN).accepted
    latest = door.latest("profile.plan", HOME)
    assert latest is not None
    assert latest.value == PLAN
    receipt = door.write("profile.plan", HOME, 3.0)
    assert receipt.refusal is not None
    assert receipt.refusal.code is RefusalCode.WRONG_TYPE


def test_a_profile_comes_back_from_its_json() -> None:
    assert decode(encode(PLAN), Profile) == PLAN


@pytest.mark.parametrize(
    ("good", "spoilt"), [(b":15", b":7"), (b"-2.5", b'"a"'), (b"-2.5", b'"inf"'), (b"01T00:00", b"01T00:07")]
)
def test_a_spoilt_profile_is_named_not_read(good: bytes, spoilt: bytes) -> None:
    data = encode(PLAN)
    assert good in data
    with pytest.raises(EncodingError, match="value"):
        decode(data.replace(good, spoilt), Profile)
