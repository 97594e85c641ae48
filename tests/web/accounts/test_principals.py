"""People and tokens at the data interface: policies and minimum delays hold for them."""

import pytest

from heg.data.interface import DataInterface
from heg.model.instance import Location
from heg.model.policy import CUSTOMER, Stakeholder
from heg.model.policy import Role as StakeholderRole
from heg.model.refusals import Refusal, RefusalCode, RefusedError
from heg.model.rights import Rule, Scope
from heg.runtime.clock import Clock
from heg.web.accounts.principals import Doors, principal_of, standing_rules
from heg.web.accounts.records import Account, Token
from heg.web.accounts.roles import Permission, Role
from tests.support.rights import allow
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
    assert standing_rules(principal_of(person(role))) == ()


def test_a_token_stands_for_its_person() -> None:
    for role in Role:
        assert principal_of(person(role), token(None)) == principal_of(person(role))


@stepped
async def test_a_second_token_gives_no_second_helping_of_a_delayed_value(clock: Clock) -> None:
    data = DataInterface(clock, "house")
    doors = Doors(data.admit)
    data.admit(CUSTOMER, "meter").write("power.active", METER, 1.0)
    allow(data, Rule(0, DSO, scope=Scope("power.active", "meter", ""), min_delay_s=900.0), unit="house")
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
async def test_an_installer_sees_the_house_and_commissions_it_until_the_owner_says_otherwise(clock: Clock) -> None:
    data = DataInterface(clock, "house")
    data.admit(CUSTOMER, "meter").write("power.active", METER, 1.0)
    who = principal_of(person(Role.INSTALLER, "kurt"))
    door = Doors(data.admit).door_of(who)
    assert door.latest("power.active", METER) is not None
    assert (await door.command("command.try", METER, {})).refusal == nobody("command.try")
    refused = (await door.command("command.plug_in", METER, {})).refusal
    assert refused is not None
    assert refused.code is RefusalCode.NOT_GRANTED
    assert not door.write("power.active", METER, 2.0).accepted

    allow(data, Rule(0, who.stakeholder, scope=Scope("power.*"), min_delay_s=60.0), unit="house")
    assert door.latest("power.active", METER) is not None
    with pytest.raises(RefusedError):
        door.latest("power.active", METER)
    allow(data, Rule(0, who.stakeholder, rights=frozenset()), unit="house")
    with pytest.raises(RefusedError):
        door.latest("soc", METER)
    await data.close()


@stepped
async def test_another_companys_token_has_nothing_of_an_installer_of_its_name(clock: Clock) -> None:
    data = DataInterface(clock, "house")
    data.admit(CUSTOMER, "meter").write("power.active", METER, 1.0)
    kurt = Stakeholder(StakeholderRole.SERVICE_PROVIDER, "kurt")
    door = Doors(data.admit).door_of(principal_of(person(Role.OWNER), token(kurt)))
    with pytest.raises(RefusedError):
        door.latest("power.active", METER)
    await data.close()


def nobody(command: str) -> Refusal:
    return Refusal(RefusalCode.NO_ONE_ANSWERS, f"one who answers {command} at {METER}", "nobody")
