"""The door, read as a service would use it (spec data-interface.md)."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest

from heg.data.access import Principal
from heg.data.door import Asker, CommandAnswer, Condition, Function, MailboxKind, Outcome, Resolution
from heg.data.handle import Handle
from heg.data.interface import DataInterface
from heg.data.requests import RequestProcessor
from heg.model.catalogue import CATALOGUE
from heg.model.instance import ANYWHERE, Location, Quality
from heg.model.leases import Claim, Claimant, Reason, ReasonCode
from heg.model.policy import CUSTOMER, Grant, Policy, Right, Role, Stakeholder
from heg.model.records import AlarmRecord, Severity
from heg.model.refusals import RefusalCode, RefusedError
from heg.model.rights import PolicyBook, Rule, Scope
from heg.runtime.clock import Clock
from tests.support.stepped import stepped

METER = Location("home", "meter")
BATTERY = Location("home", "battery")
DSO = Stakeholder(Role.DSO, "north")
SUPPLIER = Stakeholder(Role.SUPPLIER, "volt")
CLAIM = Claim(Claimant.PLAN, Reason(ReasonCode.PLAN, "cheap now"), 60.0, min_kw=-3.0, max_kw=3.0)


@stepped
async def test_a_driver_writes_and_a_service_reads(clock: Clock) -> None:
    data = DataInterface(clock, "home")
    driver = data.admit(CUSTOMER, "modbus")
    control = data.admit(CUSTOMER, "control")

    assert driver.write("power.active", METER, 1.25).accepted
    await clock.sleep(2)

    reading = control.latest("power.active", METER)
    assert reading is not None
    assert (reading.value, reading.quality, reading.source) == (1.25, Quality.GOOD, "modbus")
    assert reading.age_s(clock.monotonic_s()) == pytest.approx(2.0)
    assert control.latest("power.active", BATTERY) is None


@stepped
async def test_a_subscriber_hears_what_it_asked_for(clock: Clock) -> None:
    data = DataInterface(clock, "home")
    door = data.admit(CUSTOMER, "automation")
    high = door.event("power.active", METER, Condition(value_min=3.0), mailbox=MailboxKind.LATEST)

    for power_kw in (1.0, 3.5, 2.0, 4.0):
        door.write("power.active", METER, power_kw)
    high.close()

    assert [heard.instance.value async for heard in high] == [3.5, 4.0]


@stepped
async def test_a_conflating_mailbox_keeps_the_newest_of_each_series(clock: Clock) -> None:
    data = DataInterface(clock, "home")
    door = data.admit(CUSTOMER, "web")
    everything = door.event("*")
    for number in range(100):
        door.write("power.active", METER, number / 10)
        door.write("soc", BATTERY, number / 100)
    everything.close()
    heard = {note.instance.variable: note.instance.value async for note in everything}
    assert heard == {"power.active": 9.9, "soc": 0.99}
    assert everything.dropped == 198


@stepped
async def test_a_lossy_mailbox_drops_the_oldest_and_counts(clock: Clock) -> None:
    door = DataInterface(clock, "home").admit(CUSTOMER, "web")
    box = door.event("soc", mailbox=MailboxKind.LATEST, size=2)
    for number in range(5):
        door.write("soc", BATTERY, number / 10)
    box.close()
    assert [note.instance.value async for note in box] == [0.3, 0.4]
    assert box.dropped == 3


@stepped
async def test_a_reader_that_gives_up_waiting_may_come_back(clock: Clock) -> None:
    door = DataInterface(clock, "home").admit(CUSTOMER, "web")
    box = door.event("soc")
    notes = aiter(box)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(notes), 5)
    door.write("soc", BATTERY, 0.5)
    assert (await anext(notes)).instance.value == 0.5


@stepped
async def test_periodic_gives_the_newest_each_period(clock: Clock) -> None:
    door = DataInterface(clock, "home").admit(CUSTOMER, "web")
    subscription = door.periodic("soc", ANYWHERE, 10.0)
    began_s = clock.monotonic_s()
    heard: list[tuple[int, object]] = []

    async def listen() -> None:
        heard.extend([(round(clock.monotonic_s() - began_s), note.instance.value) async for note in subscription])

    listener = asyncio.create_task(listen())
    for number in range(4):
        door.write("soc", BATTERY, number / 10)
        await clock.sleep(7)
    assert door.unsubscribe(subscription.receipt.request).accepted
    await listener
    assert heard == [(10, 0.1), (20, 0.2)]


@stepped
async def test_a_second_periodic_of_the_same_service_replaces_the_first(clock: Clock) -> None:
    door = DataInterface(clock, "home").admit(CUSTOMER, "web")
    first = door.periodic("soc", BATTERY, 10.0)
    second = door.periodic("soc", BATTERY, 20.0)
    assert [note async for note in first] == []
    assert second.receipt.accepted
    second.close()


@stepped
async def test_a_busy_reader_of_a_periodic_skips_periods_and_knows(clock: Clock) -> None:
    door = DataInterface(clock, "home").admit(CUSTOMER, "web")
    door.write("soc", BATTERY, 0.5)
    notes = door.periodic("soc", BATTERY, 10.0)
    await clock.sleep(35)
    await anext(aiter(notes))
    assert notes.dropped == 2


@stepped
async def test_what_does_not_fit_the_catalogue_is_refused_by_name(clock: Clock) -> None:
    data = DataInterface(clock, "home")
    door = data.admit(CUSTOMER, "modbus")

    def code(variable: str, value: object, time: datetime | None = None, place: Location = METER) -> str | None:
        refusal = door.write(variable, place, value, time=time).refusal
        return None if refusal is None else refusal.code

    now = clock.utc()
    assert code("power.magic", 1.0) == RefusalCode.UNKNOWN_VARIABLE
    assert code("power.active", "1.0") == RefusalCode.WRONG_TYPE
    assert code("power.active", True) == RefusalCode.WRONG_TYPE
    assert code("power.active", float("nan")) == RefusalCode.OUT_OF_RANGE
    assert code("power.active", 10**400) == RefusalCode.OUT_OF_RANGE
    assert code("power.active", 1001.0) == RefusalCode.OUT_OF_RANGE
    assert code("regime", "dance") == RefusalCode.OUT_OF_RANGE
    assert code("state.events", "x" * 1000) == RefusalCode.TOO_LARGE
    assert code("claim", {"claimant": 5}) == RefusalCode.WRONG_TYPE
    assert code("claim", Claim(Claimant.PLAN, CLAIM.reason, float("nan"))) == RefusalCode.WRONG_TYPE
    assert code("command.try", 1.0) == RefusalCode.WRONG_KIND
    assert code("soc", 0.5, now.replace(tzinfo=None)) == RefusalCode.BAD_TIME
    assert code("soc", 0.5, now + timedelta(days=3)) == RefusalCode.BAD_TIME
    assert code("soc", 0.5, now.replace(year=1999)) == RefusalCode.BAD_TIME
    assert code("soc", 0.5, place=Location("home", "*")) == RefusalCode.WRONG_TYPE
    assert code("soc", 0.5, place=Location("home", "../etc")) == RefusalCode.WRONG_TYPE
    assert code("soc", 0.5, now - timedelta(days=300)) is None

    await clock.sleep(1)
    door.write("power.magic", METER, 1.0)
    counted = door.latest("self.refusals", Location("home", part="unknown_variable"))
    assert counted is not None
    assert counted.value == 2.0
    assert data.refusals()[RefusalCode.OUT_OF_RANGE] == 4


@stepped
async def test_held_back_refusal_counts_are_published_by_the_running_interface(clock: Clock) -> None:
    data = DataInterface(clock, "home")
    door = data.admit(CUSTOMER, "modbus")
    running = asyncio.create_task(data.run())
    for _ in range(1000):
        door.write("power.magic", METER, 1.0)
    await clock.sleep(11)
    counted = door.latest("self.refusals", Location("home", part="unknown_variable"))
    assert counted is not None
    assert counted.value == 1000.0
    running.cancel()


@stepped
async def test_nothing_is_granted_that_the_owner_did_not_grant(clock: Clock) -> None:
    data = DataInterface(clock, "home")
    driver, dso = data.admit(CUSTOMER, "modbus"), data.admit(DSO, "metering")
    driver.write("power.active", METER, 1.0)

    with pytest.raises(RefusedError, match="not_granted"):
        dso.latest("power.active", METER)
    assert dso.latest_all("power.active") == ()
    denied = dso.write("power.active", METER, 2.0).refusal
    assert denied is not None
    assert denied.code is RefusalCode.NOT_GRANTED
    answer = await dso.query("power.active", METER)
    assert answer.refusal is not None
    listening = dso.event("power.active", METER)
    assert not listening.receipt.accepted
    assert [note async for note in listening] == []
    ordered = await dso.command("command.hands_off", Location("home"), {"on": True})
    assert ordered.refusal is not None
    assert ordered.refusal.code is RefusalCode.NOT_GRANTED


@stepped
async def test_a_grant_holds_for_one_service_with_its_delay(clock: Clock) -> None:
    data = DataInterface(clock, "home")
    driver = data.admit(CUSTOMER, "modbus")
    metering, marketing = data.admit(DSO, "metering"), data.admit(DSO, "marketing")
    quarterly = Policy((Grant(DSO, "metering", frozenset({Right.READ}), min_delay_s=900.0),))
    driver.write("power.active", METER, 1.0, policy=quarterly)
    driver.write("power.active", METER, 2.0)  # the policy stays in force until it is changed

    assert metering.latest("power.active", METER) is not None
    with pytest.raises(RefusedError, match="too_soon"):
        metering.latest("power.active", METER)
    with pytest.raises(RefusedError, match="not_granted"):
        marketing.latest("power.active", METER)
    await clock.sleep(900)
    assert metering.latest("power.active", METER) is not None

    start, end = clock.utc() - timedelta(hours=1), clock.utc()
    raw = await metering.history("power.active", METER, start, end)
    assert raw.refusal is not None  # asking for history must not give away every second
    assert raw.refusal.code is RefusalCode.NOT_GRANTED
    await clock.sleep(900)
    quarter = await metering.history("power.active", METER, start, end, Resolution.QUARTER)
    assert [row.value for row in quarter.rows] == [1.5]


@stepped
async def test_notifications_keep_the_delay_too(clock: Clock) -> None:
    data = DataInterface(clock, "home")
    driver, dso = data.admit(CUSTOMER, "modbus"), data.admit(DSO, "metering")
    driver.write("power.active", METER, 0.0, policy=Policy((Grant(DSO, min_delay_s=60.0),)))
    box = dso.event("power.active", METER, mailbox=MailboxKind.LATEST)
    for second in range(180):
        driver.write("power.active", METER, float(second))
        await clock.sleep(1)
    box.close()
    assert [note.instance.value async for note in box] == [0.0, 60.0, 120.0]


@stepped
async def test_a_writer_who_is_not_the_owner_uses_the_policy_in_force(clock: Clock) -> None:
    data = DataInterface(clock, "home")
    owner, dso = data.admit(CUSTOMER, "web"), data.admit(DSO, "signals")
    may_write = Policy((Grant(DSO, "signals", frozenset({Right.WRITE})),))
    owner.write("setpoint.power", BATTERY, 0.0, policy=may_write)
    everything = Policy((Grant(DSO, "*", frozenset({Right.READ, Right.WRITE})),))
    assert dso.write("setpoint.power", BATTERY, 1.0, policy=everything).accepted
    written = owner.latest("setpoint.power", BATTERY)
    assert written is not None
    assert (written.value, written.owner, written.policy.grants) == (1.0, CUSTOMER, may_write.grants)
    with pytest.raises(RefusedError):
        dso.latest("setpoint.power", BATTERY)


@stepped
async def test_a_supplier_owns_its_prices_and_the_customer_must_be_granted_them(clock: Clock) -> None:
    data = DataInterface(clock, "home")
    feed, planner = data.admit(SUPPLIER, "tariff"), data.admit(CUSTOMER, "planner")
    open_to_house = Policy((Grant(CUSTOMER),))
    assert feed.write("price.import", Location("home"), 0.30, policy=open_to_house).accepted
    price = planner.latest("price.import", Location("home"))
    assert price is not None
    assert price.owner == SUPPLIER
    refused = feed.write("power.active", METER, 1.0).refusal
    assert refused is not None
    assert refused.code is RefusalCode.NOT_GRANTED


@stepped
async def test_a_handle_the_interface_did_not_make_is_refused(clock: Clock) -> None:
    data = DataInterface(clock, "home")
    real = data.admit(CUSTOMER, "control")
    assert isinstance(real, Handle)
    processor = real._processor
    assert isinstance(processor, RequestProcessor)
    forged = Handle(processor, Principal(CUSTOMER, "control"))
    refused = forged.write("power.active", METER, 1.0).refusal
    assert refused is not None
    assert refused.code is RefusalCode.UNKNOWN_PRINCIPAL
    with pytest.raises(RefusedError, match="unknown_principal"):
        forged.latest("power.active", METER)
    with pytest.raises(RefusedError, match="unknown_principal"):
        forged.latest_all("power.active")
    assert not forged.event("*").receipt.accepted
    assert not forged.answer("command.try", ANYWHERE, _done).accepted
    assert not forged.unsubscribe(1).accepted
    assert (await forged.query("power.active", METER)).refusal is not None


async def _done(location: Location, arguments: Mapping[str, object]) -> CommandAnswer:
    return CommandAnswer(Outcome.DONE, f"{location} {dict(arguments)}")


@stepped
async def test_a_command_has_exactly_one_answer(clock: Clock) -> None:
    data = DataInterface(clock, "home")
    owner, control = data.admit(CUSTOMER, "web"), data.admit(CUSTOMER, "control")
    log = owner.event("command.try", mailbox=MailboxKind.LATEST)

    async def ask() -> CommandAnswer:
        return await owner.command("command.try", BATTERY, {"kw": 1.0}, timeout_s=5)

    nobody = await ask()
    assert nobody.refusal is not None
    assert nobody.refusal.code is RefusalCode.NO_ONE_ANSWERS

    registered = control.answer("command.try", Location("home", "*"), _done)
    second = control.answer("command.try", Location("home", "*"), _done).refusal
    assert second is not None
    assert second.code is RefusalCode.CONFLICT
    assert (await ask()).text == "home/battery {'kw': 1.0}"
    assert control.unsubscribe(registered.request).accepted

    async def slow(location: Location, arguments: Mapping[str, object]) -> CommandAnswer:
        await clock.sleep(60)
        return CommandAnswer(Outcome.DONE)

    async def broken(location: Location, arguments: Mapping[str, object]) -> CommandAnswer:
        raise KeyError("kw")

    at_battery = control.answer("command.try", BATTERY, slow)
    began_s = clock.monotonic_s()
    late = await ask()
    assert late.refusal is not None
    assert late.refusal.code is RefusalCode.TIMEOUT
    assert clock.monotonic_s() - began_s == pytest.approx(5.0)
    control.unsubscribe(at_battery.request)
    control.answer("command.try", BATTERY, broken)
    crashed = await ask()
    assert crashed.outcome is Outcome.REFUSED
    assert "KeyError" in crashed.text

    log.close()
    outcomes = [getattr(note.instance.value, "outcome", "?") async for note in log]
    assert outcomes == [None, "refused", None, "done", None, "refused", None, "refused"]


@stepped
async def test_arguments_are_plain_and_bounded(clock: Clock) -> None:
    door = DataInterface(clock, "home").admit(CUSTOMER, "web")
    for arguments in ({"kw": object()}, {"text": "x" * 20_000}, {"kw": float("nan")}):
        answer = await door.command("command.try", BATTERY, arguments)
        assert answer.outcome is Outcome.REFUSED
        assert answer.refusal is not None
        assert answer.refusal.code in (RefusalCode.WRONG_TYPE, RefusalCode.TOO_LARGE)


@stepped
async def test_a_late_row_is_history_and_never_the_newest(clock: Clock) -> None:
    door = DataInterface(clock, "home").admit(CUSTOMER, "dlms")
    start = clock.utc()
    await clock.sleep(7200)
    door.write("energy.import", METER, 20.0)
    assert door.write("energy.import", METER, 10.0, time=start).accepted
    newest = door.latest("energy.import", METER)
    assert newest is not None
    assert newest.value == 20.0
    page = await door.history("energy.import", METER, start, start + timedelta(days=1))
    assert [row.value for row in page.rows] == [10.0, 20.0]


@stepped
async def test_a_clock_that_jumps_back_makes_nothing_stale(clock: Clock) -> None:
    door = DataInterface(clock, "home").admit(CUSTOMER, "modbus")
    door.write("power.active", METER, 1.0)
    clock.jump_utc(-3600)
    await clock.sleep(1)
    door.write("power.active", METER, 2.0)
    newest = door.latest("power.active", METER)
    assert newest is not None
    assert (newest.value, newest.age_s(clock.monotonic_s())) == (2.0, 0.0)


@stepped
async def test_a_query_is_one_value_under_a_condition(clock: Clock) -> None:
    door = DataInterface(clock, "home").admit(CUSTOMER, "web")
    start = clock.utc()
    for power_kw in (1.0, 5.0, 3.0):
        door.write("power.active", METER, power_kw)
        await clock.sleep(60)
    since = Condition(time_from=start + timedelta(seconds=60))

    async def value(condition: Condition, function: Function) -> object:
        return (await door.query("power.active", METER, condition, function)).value

    assert await value(since, Function.AVERAGE) == 4.0
    assert await value(since, Function.FIRST) == 5.0
    assert await value(Condition(value_max=4.0), Function.NEWEST) == 3.0
    assert await value(Condition(value_max=1.0), Function.NEWEST) == 1.0
    assert await value(Condition(), Function.COUNT) == 3.0
    assert await value(Condition(value_min=9.0), Function.MAXIMUM) is None


@stepped
async def test_records_pass_whole(clock: Clock) -> None:
    door = DataInterface(clock, "home").admit(CUSTOMER, "control")
    alarm = AlarmRecord(active=True, severity=Severity.ALARM, text="meter lost")
    assert door.write("claim", BATTERY, CLAIM).accepted
    assert door.write("alarm", Location("home", "meter", "lost"), alarm).accepted
    claim = door.latest("claim", BATTERY)
    assert claim is not None
    assert claim.value is CLAIM
    assert [found.value for found in door.latest_all("alarm")] == [alarm]


@stepped
async def test_closing_ends_every_subscription(clock: Clock) -> None:
    data = DataInterface(clock, "home")
    door = data.admit(CUSTOMER, "web")
    events, period = door.event("*"), door.periodic("soc", ANYWHERE, 10.0)
    await data.close()
    assert [note async for note in events] == []
    assert [note async for note in period] == []


def test_every_variable_has_a_kind_the_door_knows() -> None:
    assert all(variable.kind for variable in CATALOGUE.values())


@stepped
async def test_one_who_answers_may_be_told_who_asks(clock: Clock) -> None:
    data = DataInterface(clock, "home")
    asked: list[Asker] = []

    async def answer(_place: Location, _arguments: Mapping[str, object], asker: Asker) -> CommandAnswer:
        asked.append(asker)
        return CommandAnswer(Outcome.DONE)

    here, north = Location("home"), Stakeholder(Role.DSO, "north")
    owner = data.admit(CUSTOMER, "web")
    receipt = data.admit(CUSTOMER, "automation").answer_asker("command.reduce", here, answer)
    assert receipt.accepted
    rule = Rule(1, north, scope=Scope("command.reduce"), rights=frozenset({Right.WRITE}))
    assert owner.write("policy", here, PolicyBook(1, (rule,), last_number=1)).accepted
    for door in (owner, data.admit(north, "desk")):
        assert (await door.command("command.reduce", here, {})).outcome is Outcome.DONE
    assert asked == [Asker(CUSTOMER, "web"), Asker(north, "desk")]
    await data.close()
