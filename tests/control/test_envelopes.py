"""The envelope's sources: who is configured has a say, who is silent gives the fail-safe; changes are evidence."""

from pathlib import Path

import pytest

from heg.control.envelopes import LiveSource, contract_limit
from heg.control.evidence import AFTER_S
from heg.model.envelope import Envelope, EnvelopeLimit, EnvelopeSource
from heg.model.instance import ANY, Location
from heg.model.leases import Claim, Claimant, Reason, ReasonCode
from heg.model.policy import CUSTOMER
from heg.model.records import EvidenceRecord
from heg.model.regimes import Regime, RegimeOrder
from heg.runtime.clock import Clock
from tests.control.gateway import Gateway, running, settings
from tests.control.house import House
from tests.support.stepped import stepped

RELAY = Location("home", "dso-relay")
DSO = LiveSource("dso-relay", EnvelopeLimit(EnvelopeSource.DSO, -1.0, 1.0), max_age_s=30.0)
PLAN = Reason(ReasonCode.PLAN, "cheap now")


def says(house: House, import_kw: float, export_kw: float) -> None:
    door = house.data.admit(CUSTOMER, "relay")
    door.write("limit.import", RELAY, import_kw)
    door.write("limit.export", RELAY, export_kw)


def envelope(gateway: Gateway) -> Envelope:
    found = gateway.owner.latest("envelope", Location("home"))
    assert found is not None
    assert isinstance(found.value, Envelope)
    return found.value


@stepped
async def test_a_silent_source_gives_its_fail_safe_never_no_limit(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    wanted = settings(live=(DSO,))
    async with running(house, tmp_path / "j", wanted) as gateway:
        await clock.sleep(3)
        assert (envelope(gateway).min_kw, envelope(gateway).max_kw) == (-1.0, 1.0), "it has never spoken"
        says(house, 4.2, 10.0)
        await clock.sleep(3)
        assert (envelope(gateway).min_kw, envelope(gateway).max_kw) == (-10.0, 4.2)
        assert envelope(gateway).max_source is EnvelopeSource.DSO
        await clock.sleep(30)
        assert (envelope(gateway).min_kw, envelope(gateway).max_kw) == (-1.0, 1.0)
        assert any("silent" in limit.text for limit in envelope(gateway).limits)


@stepped
async def test_a_change_of_the_envelope_is_evidence_with_the_meter_before_and_after(
    clock: Clock, tmp_path: Path
) -> None:
    house = House(clock)
    house.add_battery()
    async with running(house, tmp_path / "j", settings(live=(DSO,))) as gateway:
        for _ in range(15):
            says(house, 9.0, 9.0)
            await clock.sleep(1)
        gateway.plan(Claim(Claimant.PLAN, PLAN, 600.0, order=RegimeOrder(Regime.CHARGE, 4.0)))
        for _ in range(15):
            says(house, 9.0, 9.0)
            await clock.sleep(1)
        for _ in range(int(AFTER_S) + 3):
            says(house, 2.0, 9.0)
            await clock.sleep(1)
        found = gateway.owner.latest("evidence", Location("home"))
        assert found is not None
        record = found.value
        assert isinstance(record, EvidenceRecord)
        assert record.what == "envelope"
        assert record.grid_before_kw == pytest.approx(4.0, abs=0.1)
        assert record.grid_after_kw == pytest.approx(2.0, abs=0.1)
        assert "dso: 2 kW import" in record.reason.text
        own = gateway.owner.latest("evidence", Location("home", "", "dso"))
        assert own is not None
        assert isinstance(own.value, EvidenceRecord)
        assert (own.value.what, own.value.grid_after_kw) == ("limit", record.grid_after_kw)
        assert own.value.reason.text.startswith("dso: 2 kW import")
        assert "contract" not in own.value.reason.text
        assert gateway.owner.latest("evidence", Location("home", "", "contract")) is None


@stepped
async def test_under_hands_off_only_the_network_operators_limit_holds(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    battery = house.add_battery()
    house.load_kw = [2.0, 2.0, 2.0]
    async with running(house, tmp_path / "j", settings(live=(DSO,))) as gateway:
        await clock.sleep(1)
        await gateway.owner.command("command.hands_off", Location("home"), {"on": True})
        for _ in range(30):
            says(house, 4.0, 9.0)
            await clock.sleep(1)
        assert house.grid_kw == pytest.approx(4.0, abs=0.1)
        assert battery.power_kw == pytest.approx(-2.0, abs=0.1)
        assert gateway.lease().owner is Claimant.ENVELOPE


def test_what_the_contract_says_in_words() -> None:
    limit = contract_limit(6.0, 5.0, 25.0)
    assert (limit.min_kw, limit.max_kw, limit.max_a_per_phase) == (-5.0, 6.0, 25.0)
    assert limit.text == "supply contract: 6 kW import, 5 kW export, 25 A per phase"


@stepped
async def test_taking_and_releasing_a_lease_is_evidence(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    house.add_battery()
    async with running(house, tmp_path / "j") as gateway:
        await clock.sleep(15)
        await gateway.owner.command("command.hands_off", Location("home"), {"on": True})
        await clock.sleep(3)
        found = gateway.owner.latest_all("evidence", Location("home", "battery", ANY))
        assert [one.value.what for one in found if isinstance(one.value, EvidenceRecord)] == ["lease released"]
