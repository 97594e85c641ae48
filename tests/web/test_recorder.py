"""What the door tells of configuration and limits stands in the audit log, once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from heg.data.interface import DataInterface
from heg.model.instance import Location
from heg.model.leases import Reason, ReasonCode
from heg.model.policy import CUSTOMER, Role, Stakeholder
from heg.model.records import ConfigurationRecord, EvidenceRecord
from heg.model.rights import Contract, ContractBook, Demand, PolicyBook, Rule, Scope
from heg.runtime.clock import Clock
from heg.web.accounts.desk import AccountsDesk
from heg.web.accounts.records import Refused
from heg.web.recorder import Recorder
from tests.support.stepped import stepped
from tests.web.accounts.gateway import desk_in

HERE = Location("home")


@asynccontextmanager
async def recording(data: DataInterface, desk: AccountsDesk) -> AsyncIterator[None]:
    running = asyncio.create_task(Recorder(data.admit(CUSTOMER, "audit"), desk, HERE).run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def lines(desk: AccountsDesk) -> list[tuple[str, str]]:
    found = await desk.lines(0)
    assert not isinstance(found, Refused)
    return [(line.kind, line.detail) for line in found]


@stepped
async def test_a_configuration_is_written_down_when_it_comes_into_force_and_not_at_every_start(
    clock: Clock, tmp_path: Path
) -> None:
    data = DataInterface(clock, "home")
    unit = data.admit(CUSTOMER, "unit")
    unit.write("configuration", HERE, ConfigurationRecord(1, "[unit]\n"))
    async with desk_in(tmp_path, clock) as desk:
        for _ in range(2):
            async with recording(data, desk):
                await clock.sleep(1)
        assert len(await lines(desk)) == 1
        async with recording(data, desk):
            await clock.sleep(1)
            unit.write("configuration", HERE, ConfigurationRecord(2, "[unit]\nid = 'x'\n"))
            await clock.sleep(1)
        kinds = await lines(desk)
        assert [kind for kind, _ in kinds] == ["configuration"] * 2
        assert kinds[1][1].startswith("version 2; sha256 ")
        assert "id =" not in kinds[1][1]
    await data.close()


@stepped
async def test_evidence_of_a_limit_is_written_down_and_a_leases_is_not(clock: Clock, tmp_path: Path) -> None:
    data = DataInterface(clock, "home")
    control = data.admit(CUSTOMER, "control")
    reason = Reason(ReasonCode.METER_LOST, "the meter is lost")
    async with desk_in(tmp_path, clock) as desk, recording(data, desk):
        await clock.sleep(1)
        control.write("evidence", HERE, EvidenceRecord("envelope", reason, 1.5, 0.25))
        control.write("evidence", Location("home", "battery"), EvidenceRecord("lease", reason, 1.5))
        await clock.sleep(1)
        found = await lines(desk)
        assert found == [("evidence", "envelope: the meter is lost; grid 1.500 kW before, 0.250 kW after")]
    await data.close()


@stepped
async def test_every_change_of_policies_and_contracts_is_written_down_with_who_and_what(
    clock: Clock, tmp_path: Path
) -> None:
    data = DataInterface(clock, "home")
    owner = data.admit(CUSTOMER, "web")
    north = Stakeholder(Role.DSO, "north")
    async with desk_in(tmp_path, clock) as desk:
        async with recording(data, desk):
            await clock.sleep(1)
            book = PolicyBook()
            for number in range(20):  # at once, by the same person
                book = book.with_rule(Rule(0, north, min_delay_s=60.0 + number), "anna", "192.0.2.7")
                assert owner.write("policy", HERE, book).accepted
            contract = Contract("grid", north, (Demand(Scope("soc")),))
            contracts = ContractBook().with_contract(contract, "bert/token 3", forced=True)
            assert owner.write("contract.rights", HERE, contracts).accepted
            await clock.sleep(1)
        async with recording(data, desk):  # the next start writes nothing again
            await clock.sleep(1)
        found = await desk.lines(0)
    assert not isinstance(found, Refused)
    assert len(found) == 21
    first, last = found[0], found[-1]
    assert (first.kind, first.who, first.address, first.outcome) == ("policy", "anna", "192.0.2.7", "in force")
    assert first.detail == "version 1: rule 1: dso:north/* may read * at */*, every 60 s at most"
    assert (last.kind, last.who, last.outcome) == ("contract", "bert/token 3", "insisted")
    await data.close()


@stepped
async def test_an_erasure_is_written_down_with_who_and_what_but_not_what_was_erased(
    clock: Clock, tmp_path: Path
) -> None:
    data = DataInterface(clock, "home")
    owner = data.admit(CUSTOMER, "web")
    async with desk_in(tmp_path, clock) as desk, recording(data, desk):
        await clock.sleep(1)
        owner.write("power.active", Location("home", "meter"), 1.0)
        told = await owner.command("command.erase", HERE, {"by": "anna", "address": "192.0.2.7", "device": "meter"})
        assert told.detail is not None
        confirmed = {"by": "anna", "address": "192.0.2.7", "confirm": told.detail["confirm"]}
        assert (await owner.command("command.erase", HERE, confirmed)).detail == {"rows": 1}
        await clock.sleep(1)
        found = await desk.lines(0)
    assert not isinstance(found, Refused)
    assert [(one.kind, one.who, one.address, one.outcome) for one in found] == [
        ("personal_data", "anna", "192.0.2.7", "begun"),
        ("personal_data", "anna", "192.0.2.7", "done"),
    ]
    assert found[1].detail == "what meter measured and did: 1 values erased"
    await data.close()
