"""The utility and its commands, and a house of three that it may ask."""

from __future__ import annotations

from typing import Any

from heg.data.door import CommandAnswer, Door
from heg.model.appliances import Importance
from heg.model.instance import Location
from heg.model.leases import Claimant
from heg.model.policy import Right, Role, Stakeholder
from heg.model.rights import PolicyBook, Rule, Scope
from tests.services.automation.scene import ON, UNIT, Scene

NORTH, SUN = Stakeholder(Role.DSO, "north"), Stakeholder(Role.SUPPLIER, "sun")
UTILITY = Claimant.UTILITY


def let_in(house: Scene, *who: Stakeholder) -> tuple[Door, ...]:
    """The owner's policies let them give the two commands."""
    rules = tuple(
        Rule(at, one, scope=Scope(variable), rights=frozenset({Right.WRITE}))
        for at, (one, variable) in enumerate(
            ((one, variable) for one in who for variable in ("command.reduce", "command.appliance")), start=1
        )
    )
    book = PolicyBook(1, rules, "owner", last_number=len(rules))
    assert house.owner.write("policy", UNIT, book).refusal is None
    return tuple(house.data.admit(one, "desk") for one in who)


async def reduce(door: Door, most_kw: float | None = None, **more: Any) -> CommandAnswer:
    said = more or {"minutes": 60}
    return await door.command(
        "command.reduce", UNIT, {**({} if most_kw is None else {"max_import_kw": most_kw}), **said}
    )


async def order(door: Door, device: str, **said: Any) -> CommandAnswer:
    return await door.command("command.appliance", Location("home", device), said)


async def lives(house: Scene, base_kw: float, seconds: float) -> None:
    """Let time pass while appliances follow the utility's claims and the meter shows what they draw."""
    for _ in range(round(seconds)):
        drawn_kw = base_kw
        for name, (capability, state) in list(house.known.items()):
            claim = house.claim(name, UTILITY)
            wanted = claim.power_state if claim is not None and claim.power_state is not None else ON
            if state is not wanted:
                house.is_in(name, wanted)
            drawn_kw += capability.rated_kw if wanted is ON else 0.0
        house.meter(drawn_kw)
        await house.clock.sleep(1.0)


def on(house: Scene) -> set[str]:
    return {name for name, (_, state) in house.known.items() if state is ON}


def furnish(house: Scene) -> None:
    for name, importance, kw in (
        ("sauna", Importance.OPTIONAL, 3.0),
        ("tank", Importance.FLEXIBLE, 2.0),
        ("freezer", Importance.MUST_RUN, 1.0),
    ):
        house.appliance(name, ON, importance=importance, rated_kw=kw, min_on_s=0.0, min_off_s=60.0, settle_s=10.0)
    house.meter(7.0)
