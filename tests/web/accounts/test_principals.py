"""People and tokens at the data interface: policies and minimum delays hold for them."""

import pytest

from heg.data.interface import DataInterface
from heg.model.instance import Location
from heg.model.policy import CUSTOMER, Grant, Policy, Right, Stakeholder
from heg.model.policy import Role as StakeholderRole
from heg.model.refusals import RefusalCode, RefusedError
from heg.runtime.clock import Clock
from heg.web.accounts.principals import Doors, principal_of, standing_grants
from heg.web.accounts.records import Account, Token
from heg.web.accounts.roles import Permission, Role
from tests.support.stepped import stepped

DSO = Stakeholder(StakeholderRole.DSO, "enel")
METER = Location("house", "meter")


def person(role: Role, name: str = "anna") -> Account:
    return Account(1, name, role, 0)


def token(stakeholder: Stakeholder | None, number: int = 1) -> Token:
    return Token(number, b"", 1, "t", frozenset({Permission.READ}), 0, 1, stakeholder)


@pytest.mark.parametrize("role", [Role.OWNER, Role.USER, Role.VIEWER])
def test_the_household_is_the_customer(role: Role) -> None:
    assert principal_of(person(role)).stakeholder == CUSTOMER
    assert standing_grants(person(role)) == ()


def test_a_token_stands_for_its_person() -> None:
    for role in Role:
        assert principal_of(person(role), token(None)) == principal_of(person(role))


@stepped
async def test_a_second_token_gives_no_second_helping_of_a_delayed_value(clock: Clock) -> None:
    data = DataInterface(clock, "house")
    doors = Doors(data.admit)
    data.admit(CUSTOMER, "meter").write("power.active", METER, 1.0)
    data.set_policy("power.active", METER, Policy((Grant(DSO, min_delay_s=900.0),)))
    anna = person(Role.OWNER)
    first, second = (doors.door_of(principal_of(anna, token(DSO, number))) for number in (1, 2))
    assert first.latest("power.active", METER) is not None
    with pytest.raises(RefusedError) as refused:
        second.latest("power.active", METER)
    assert refused.value.refusal.code is RefusalCode.TOO_SOON
    await clock.sleep(900)
    assert second.latest("power.active", METER) is not None
    await data.close()


@stepped
async def test_an_installer_sees_what_the_standing_grants_say_while_they_stand(clock: Clock) -> None:
    data = DataInterface(clock, "house")
    data.admit(CUSTOMER, "meter").write("power.active", METER, 1.0)
    kurt = person(Role.INSTALLER, "kurt")
    door = Doors(data.admit).door_of(principal_of(kurt))
    with pytest.raises(RefusedError):
        door.latest("power.active", METER)
    grants = dict(standing_grants(kurt))
    data.set_policy("power.active", METER, Policy((grants["*"],)))
    assert door.latest("power.active", METER) is not None
    assert Right.WRITE not in grants["*"].rights
    assert Right.WRITE in grants["command.try"].rights
    await data.close()
