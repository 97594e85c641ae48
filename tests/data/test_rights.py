"""The owner's rules at the door: in force at once, for everything, until changed; and contracts held against them."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from heg.data.door import Door, MailboxKind, Resolution
from heg.data.interface import DataInterface
from heg.data.store.settings import StoreSettings
from heg.data.store.store import SqliteStore
from heg.model.instance import ANYWHERE, Location
from heg.model.policy import CUSTOMER, Grant, Policy, Right, Role, Stakeholder
from heg.model.records import AlarmRecord
from heg.model.refusals import RefusalCode, RefusedError
from heg.model.rights import Contract, Demand, PolicyBook, Rule, Scope
from heg.runtime.clock import Clock
from tests.support.rights import agree, allow, forbid
from tests.support.stepped import stepped

HERE = Location("home")
METER, BATTERY = Location("home", "meter"), Location("home", "battery")
NORTH = Stakeholder(Role.DSO, "north")
VOLT = Stakeholder(Role.SUPPLIER, "volt")
READ, BOTH = frozenset({Right.READ}), frozenset(Right)
METERED = Scope("power.active", "meter", "")
QUARTERLY = Contract("grid", NORTH, (Demand(METERED, READ, 900.0),))


def sees(door: Door, variable: str = "power.active", place: Location = METER) -> bool:
    try:
        return door.latest(variable, place) is not None
    except RefusedError:
        return False


@stepped
async def test_a_rule_holds_for_series_that_are_there_and_for_those_to_come(clock: Clock) -> None:
    data = DataInterface(clock, "home")
    owner, north = data.admit(CUSTOMER, "driver"), data.admit(NORTH, "metering")
    owner.write("power.active", METER, 1.0)
    assert allow(data, Rule(0, NORTH, scope=Scope("power.*"))) is None
    owner.write("power.reactive", METER, 0.1)
    assert sees(north)
    assert sees(north, "power.reactive")
    owner.write("soc", BATTERY, 0.5)
    assert not sees(north, "soc", BATTERY)
    newest = owner.latest("power.active", METER)
    assert newest is not None
    owner.write("power.active", METER, 2.0)
    newest = owner.latest("power.active", METER)
    assert newest is not None
    assert newest.policy.grants == (Grant(NORTH, "*", READ),)  # stored and transmitted with the value


@stepped
async def test_a_change_takes_what_already_waits_in_open_subscriptions(clock: Clock) -> None:
    data = DataInterface(clock, "home")
    owner, north = data.admit(CUSTOMER, "driver"), data.admit(NORTH, "metering")
    assert allow(data, Rule(0, NORTH, scope=METERED)) is None
    boxes = [north.event("power.active", METER, mailbox=kind) for kind in MailboxKind] + [north.event("*", ANYWHERE)]
    owner.write("power.active", METER, 1.0)
    assert forbid(data, 1) is None
    owner.write("power.active", METER, 2.0)
    for box in boxes:
        box.close()
        assert [note.instance.value async for note in box] == []


@stepped
async def test_nobody_but_the_owner_writes_rules_whatever_was_granted(clock: Clock) -> None:
    data = DataInterface(clock, "home")
    assert allow(data, Rule(0, NORTH, rights=BOTH)) is None
    north = data.admit(NORTH, "metering")
    mine = PolicyBook().with_rule(Rule(0, NORTH, rights=BOTH), "mallory")
    for version in range(4):
        receipt = north.write("policy", HERE, replace(mine, version=version))
        assert receipt.refusal is not None
        assert receipt.refusal.code is RefusalCode.NOT_GRANTED
    refused = allow(data, Rule(0, NORTH, scope=Scope("policy"), rights=BOTH))
    assert refused is not None
    assert refused.code is RefusalCode.UNSUPPORTED


@stepped
async def test_a_change_of_an_older_version_is_refused(clock: Clock) -> None:
    data = DataInterface(clock, "home")
    owner = data.admit(CUSTOMER, "web")
    first, second = (PolicyBook().with_rule(Rule(0, who), "anna") for who in (NORTH, VOLT))
    assert owner.write("policy", HERE, first).accepted
    refusal = owner.write("policy", HERE, second).refusal
    assert refusal is not None
    assert (refusal.code, refusal.expected) == (RefusalCode.CONFLICT, "a change of version 1")
    # Neither a place of its own nor a label of the past lets one in by another way.
    assert not owner.write("policy", Location("home", "x"), PolicyBook(1)).accepted
    assert owner.write("policy", HERE, PolicyBook(2, forced=True), time=clock.utc() - timedelta(days=1)).accepted
    assert sees(data.admit(NORTH, "x")) is False


BAD = [
    Rule(0, NORTH, scope=Scope("powr.active")),
    Rule(0, NORTH, scope=Scope("powr.*")),
    Rule(0, NORTH, scope=Scope("*.active")),
    Rule(0, NORTH, scope=Scope("soc", "../x")),
    Rule(0, NORTH, scope=Scope("soc", "x" * 81)),
    Rule(0, NORTH, "a b"),
    Rule(0, NORTH, min_delay_s=-1.0),
    Rule(0, NORTH, min_delay_s=float("inf")),
    Rule(0, NORTH, min_delay_s=1e9),
    Rule(0, CUSTOMER),
    Rule(0, Stakeholder(Role.DSO)),
    Rule(0, Stakeholder(Role.DSO, "a\nb")),
]


@pytest.mark.parametrize("rule", BAD, ids=str)
@stepped
async def test_a_rule_that_makes_no_sense_is_refused(clock: Clock, rule: Rule) -> None:
    data = DataInterface(clock, "home")
    assert allow(data, rule) is not None
    assert sum(data.refusals().values()) == 1
    assert data.admit(CUSTOMER, "web").latest("policy", HERE) is None


@stepped
async def test_rules_and_contracts_are_bounded(clock: Clock) -> None:
    data = DataInterface(clock, "home")
    assert allow(data, *(Rule(0, NORTH, f"s{number}") for number in range(128))) is None
    refused = allow(data, Rule(0, VOLT))
    assert refused is not None
    assert refused.code is RefusalCode.TOO_LARGE
    many = tuple(Demand(Scope("soc", f"d{number}"), READ) for number in range(33))
    refused = agree(data, Contract("grid", NORTH, many), forced=True)
    assert refused is not None
    assert refused.code is RefusalCode.TOO_LARGE


@stepped
async def test_a_policy_given_with_a_value_holds_until_a_rule_names_its_series(clock: Clock) -> None:
    data = DataInterface(clock, "home")
    owner, north, volt = data.admit(CUSTOMER, "driver"), data.admit(NORTH, "x"), data.admit(VOLT, "x")
    owner.write("power.active", METER, 1.0, policy=Policy((Grant(VOLT),)))
    assert allow(data, Rule(0, NORTH)) is None
    assert (sees(volt), sees(north)) == (True, False)
    assert allow(data, Rule(0, NORTH, scope=METERED)) is None
    assert (sees(volt), sees(north)) == (False, True)
    refused = owner.write("power.active", METER, 1.0, policy=Policy((Grant(VOLT),))).refusal
    assert refused is not None
    assert refused.code is RefusalCode.CONFLICT


@stepped
async def test_history_under_a_delay_ends_with_the_last_whole_bucket(clock: Clock) -> None:
    data = DataInterface(clock, "home")
    owner, north = data.admit(CUSTOMER, "driver"), data.admit(NORTH, "metering")
    assert allow(data, Rule(0, NORTH, scope=METERED, min_delay_s=900.0)) is None
    began = clock.utc()
    for number in range(100):
        owner.write("power.active", METER, float(number))
        await clock.sleep(20)
    end = clock.utc() + timedelta(hours=1)
    page = await north.history("power.active", METER, began, end, Resolution.QUARTER, limit=1)
    assert page.next_cursor is not None
    seen = [*page.rows]
    for _ in range(3):  # again and again, as no access of its own: nothing that still changes
        more = await north.history(
            "power.active", METER, began, end, Resolution.QUARTER, cursor=page.next_cursor, limit=9
        )
        assert more.refusal is None
        seen += more.rows
        owner.write("power.active", METER, 1e3)
    assert {row.time for row in seen} == {began, began + timedelta(minutes=15)}
    assert max(row.high or 0.0 for row in seen) < 1e3
    for fine in (Resolution.RAW, Resolution.MINUTE):
        refused = (await north.history("power.active", METER, began, end, fine)).refusal
        assert refused is not None
        assert refused.code is RefusalCode.NOT_GRANTED


@stepped
async def test_made_up_places_neither_dodge_a_delay_nor_fill_the_memory(clock: Clock) -> None:
    data = DataInterface(clock, "home")
    assert allow(data, Rule(0, NORTH, min_delay_s=900.0)) is None
    north = data.admit(NORTH, "metering")
    assert north.latest("power.active", Location("home", "made-up-0")) is None
    for number in range(1, 50):
        with pytest.raises(RefusedError):
            north.latest("power.active", Location("home", f"made-up-{number}"))


@stepped
async def test_what_a_contract_asks_for_is_not_taken_away_unless_the_owner_insists(clock: Clock) -> None:
    data = DataInterface(clock, "home")
    owner = data.admit(CUSTOMER, "web")
    refused = agree(data, QUARTERLY)
    assert refused is not None
    assert refused.code is RefusalCode.CONFLICT
    assert "contract grid: dso:north must be able to read power.active at meter every 900 s" in refused.came
    assert allow(data, Rule(0, NORTH, scope=METERED, min_delay_s=900.0)) is None
    assert agree(data, QUARTERLY) is None
    for change in (
        lambda: allow(data, Rule(0, NORTH, scope=METERED, min_delay_s=901.0)),
        lambda: allow(data, Rule(0, NORTH, "metering", METERED, frozenset())),
        lambda: forbid(data, 1),
    ):
        refused = change()
        assert refused is not None
        assert refused.code is RefusalCode.CONFLICT
    assert sees(data.admit(NORTH, "metering")) is False  # nothing was written yet, and nothing changed
    assert allow(data, Rule(0, VOLT)) is None  # what does not concern it is free
    assert forbid(data, 1, forced=True) is None
    assert allow(data, Rule(0, NORTH, scope=Scope("soc"))) is None  # the conflict that stands is no new one
    await data.close()
    assert owner.latest("alarm", Location("home", "", "contract-conflict")) is None


@stepped
async def test_a_contract_that_is_not_met_while_it_holds_is_an_alarm(clock: Clock) -> None:
    data = DataInterface(clock, "home")
    owner = data.admit(CUSTOMER, "web")
    now = clock.utc()
    assert allow(data, Rule(0, NORTH, scope=METERED)) is None
    contract = replace(QUARTERLY, since=now + timedelta(minutes=1), until=now + timedelta(minutes=2))
    assert agree(data, contract) is None
    assert forbid(data, 1, forced=True) is None

    def alarm() -> AlarmRecord | None:
        found = owner.latest("alarm", Location("home", "", "contract-conflict"))
        return found.value if found is not None and isinstance(found.value, AlarmRecord) else None

    running = asyncio.create_task(data.run())
    await clock.sleep(30)
    assert alarm() is None
    await clock.sleep(45)
    raised = alarm()
    assert raised is not None
    assert raised.active
    assert "no rule grants it" in raised.text
    await clock.sleep(60)
    ended = alarm()
    assert ended is not None
    assert not ended.active
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await data.close()


@stepped
async def test_rules_survive_a_restart_and_hold_from_the_first_moment(clock: Clock, tmp_path: Path) -> None:
    settings = StoreSettings(tmp_path / "store.sqlite")
    data = DataInterface(clock, "home", SqliteStore(clock, settings))
    await data.open(None)
    data.admit(CUSTOMER, "driver").write("power.active", METER, 1.0)
    assert allow(data, Rule(0, NORTH, scope=METERED, min_delay_s=900.0)) is None
    assert agree(data, QUARTERLY) is None
    await data.close()

    data = DataInterface(clock, "home", SqliteStore(clock, settings))
    north = data.admit(NORTH, "metering")
    assert not sees(north)  # before the store is open nothing is granted
    await data.open(None)
    assert sees(north)  # a restart gives one look more, and no second one
    assert not sees(north)
    refused = forbid(data, 1)
    assert refused is not None
    assert refused.code is RefusalCode.CONFLICT
    await data.close()


@stepped
async def test_a_service_that_is_admitted_anew_has_had_its_look(clock: Clock) -> None:
    data = DataInterface(clock, "home")
    data.admit(CUSTOMER, "driver").write("power.active", METER, 1.0)
    assert allow(data, Rule(0, NORTH, scope=METERED, min_delay_s=900.0)) is None
    assert sees(data.admit(NORTH, "token"))
    assert not sees(data.admit(NORTH, "token"))
    assert sees(data.admit(NORTH, "another"))


@stepped
async def test_rules_cannot_be_changed_before_it_is_known_what_holds(clock: Clock, tmp_path: Path) -> None:
    data = DataInterface(clock, "home", SqliteStore(clock, StoreSettings(tmp_path / "store.sqlite")))
    refused = allow(data, Rule(0, NORTH))
    assert refused is not None
    assert refused.code is RefusalCode.NOT_READY
    await data.open(None)
    assert allow(data, Rule(0, NORTH)) is None
    await data.close()
