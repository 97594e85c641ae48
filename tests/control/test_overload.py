"""Where the house alone draws too much, appliances wait: the least important first, and storages before any."""

from datetime import timedelta
from pathlib import Path

import pytest

from heg.control.envelopes import LiveSource
from heg.model.appliances import LoadReduction, PowerState
from heg.model.envelope import EnvelopeLimit, EnvelopeSource
from heg.model.instance import Location
from heg.model.leases import Claim, Claimant, Reason, ReasonCode
from heg.model.policy import CUSTOMER
from heg.runtime.clock import Clock
from tests.control.appliances import Machine, add_appliance
from tests.control.gateway import Gateway, running, settings
from tests.control.house import House
from tests.support.stepped import stepped

ON, STANDBY = PowerState.ON, PowerState.STANDBY
FIRST = {"heater": ("optional", 4.0), "dryer": ("flexible", 2.0), "oven": ("must-run", 3.0)}


def furnished(clock: Clock, base_kw: float = 5.5) -> tuple[House, dict[str, Machine]]:
    """A house of 11 kW whose appliances draw 9 kW when they all work, beside what cannot be switched."""
    house = House(clock)
    machines = {
        name: add_appliance(house, name, draws_kw=kw, importance=importance, min_on_minutes=0.0, min_off_minutes=1.0)
        for name, (importance, kw) in FIRST.items()
    }
    house.noise = lambda _now_s: sum(one.draws_kw for one in machines.values() if one.state is ON)
    house.load_kw = [base_kw / 3] * 3
    return house, machines


def resting(machines: dict[str, Machine]) -> set[str]:
    return {name for name, one in machines.items() if one.state is not ON}


@stepped
async def test_the_least_important_waits_and_comes_back_when_there_is_room(clock: Clock, tmp_path: Path) -> None:
    house, machines = furnished(clock)
    async with running(house, tmp_path / "j") as gateway:
        await clock.sleep(15)
        assert resting(machines) == {"heater"}
        lease = gateway.lease("heater")
        assert (lease.owner, lease.power_state, lease.reason.code) == (
            Claimant.ENVELOPE,
            STANDBY,
            ReasonCode.ENVELOPE,
        )
        assert "supply contract: 11 kW import" in lease.reason.text
        await clock.sleep(600)
        assert resting(machines) == {"heater"}, "there is room for nobody more, and nobody is switched in vain"
        assert machines["heater"].commands == ["standby"]
        house.load_kw = [0.0] * 3
        await gateway.until(lambda: not resting(machines), most_s=300)
        await clock.sleep(600)
        assert resting(machines) == set()
        assert house.worst_kw(clock.monotonic_s() - 600) <= 11.0


@stepped
async def test_a_storage_that_can_take_it_away_does_and_no_appliance_waits(clock: Clock, tmp_path: Path) -> None:
    house, machines = furnished(clock, base_kw=1.0)
    house.add_battery(soc=0.9, lag_s=1.5)
    house.meter.age_s = 1.0
    async with running(house, tmp_path / "j"):
        await clock.sleep(60)
        for _ in range(5):
            house.load_kw = [1.9] * 3  # 14.7 kW with the appliances, of which the battery takes 5
            await clock.sleep(60)
            house.load_kw = [-3.0] * 3
            await clock.sleep(60)
        assert resting(machines) == set()


@stepped
async def test_what_must_run_goes_last_and_nobody_is_asked_what_it_wants(clock: Clock, tmp_path: Path) -> None:
    house, machines = furnished(clock, base_kw=10.5)
    stay = Claim(Claimant.APPLIANCE, Reason(ReasonCode.APPLIANCE, "No."), 3600.0, states=frozenset({ON}))
    async with running(house, tmp_path / "j") as gateway:
        await clock.sleep(2)
        gateway.plan(stay, "heater")
        await gateway.owner.command(
            "command.manual", Location("home", "dryer"), {"power_state": "on", "valid_s": 3600.0}, timeout_s=60.0
        )
        await clock.sleep(30)
        assert resting(machines) == {"heater", "dryer", "oven"}
        assert any("manual asks for on" in word for word in gateway.lease("dryer").outvoted)
        house.load_kw = [2.0] * 3
        await gateway.until(lambda: machines["oven"].state is ON, most_s=300)
        assert resting(machines) >= {"heater"}, "the most important comes back first"


@stepped
async def test_one_phase_alone_is_enough(clock: Clock, tmp_path: Path) -> None:
    house, machines = furnished(clock, base_kw=0.0)
    house.noise = lambda _now_s: 0.0
    house.load_kw = [8.5, 0.0, 0.0]  # 37 A where the fuse stands 35
    async with running(house, tmp_path / "j"):
        await clock.sleep(12)
        assert "heater" in resting(machines)
        assert machines["heater"].log[0][0] <= min(at_s for one in machines.values() for at_s, _ in one.log)


@pytest.mark.parametrize("dso", [True, False])
def test_under_hands_off_only_the_network_operators_limit_counts(dso: bool, tmp_path: Path) -> None:
    @stepped
    async def told(clock: Clock) -> None:
        house, machines = furnished(clock)
        live = (LiveSource("relay", EnvelopeLimit(EnvelopeSource.DSO, -11.0, 11.0), max_age_s=30.0),) if dso else ()
        async with running(house, tmp_path / "j", settings(live=live)) as gateway:
            await gateway.until(lambda: resting(machines) == {"heater"})
            await gateway.owner.command("command.hands_off", Location("home"), {"on": True}, timeout_s=60.0)
            await clock.sleep(5)
            assert resting(machines) == ({"heater"} if dso else set())

    told()


@stepped
async def test_a_silent_meter_changes_nothing(clock: Clock, tmp_path: Path) -> None:
    house, machines = furnished(clock)
    async with running(house, tmp_path / "j"):
        await clock.sleep(15)
        house.meter.silent = True
        await clock.sleep(300)
        assert resting(machines) == {"heater"}
        assert machines["heater"].commands == ["standby"]


@stepped
async def test_who_waits_goes_on_waiting_after_a_restart(clock: Clock, tmp_path: Path) -> None:
    house, machines = furnished(clock)
    async with running(house, tmp_path / "j") as gateway:
        await clock.sleep(15)
        await gateway.crash()
        machines["heater"].forgets()
        again = Gateway(house, tmp_path / "j")
        await clock.sleep(300)
        assert machines["heater"].commands == ["standby"]
        assert again.lease("heater").owner is Claimant.ENVELOPE
        house.load_kw = [0.0] * 3
        await again.until(lambda: not resting(machines), most_s=300)
        await again.stop()


@stepped
async def test_one_that_says_again_and_again_how_it_is_comes_back_all_the_same(clock: Clock, tmp_path: Path) -> None:
    house, machines = furnished(clock)
    heater = machines["heater"]
    async with running(house, tmp_path / "j"):
        await clock.sleep(30)
        assert resting(machines) == {"heater"}
        house.load_kw = [0.0] * 3
        for _ in range(15):
            assert heater.handle is not None
            heater.handle.report("state.power", str(heater.state))
            await clock.sleep(20)
        assert resting(machines) == set()


@stepped
async def test_one_that_refuses_is_passed_over(clock: Clock, tmp_path: Path) -> None:
    house, machines = furnished(clock)
    machines["heater"].refuses = "801 it would burn"
    async with running(house, tmp_path / "j"):
        await clock.sleep(200)
        assert resting(machines) == {"dryer", "oven"}, "14.5 kW less 2 is not enough"


@stepped
async def test_a_request_to_draw_less_is_met_by_the_battery_and_ends_by_itself(clock: Clock, tmp_path: Path) -> None:
    house, machines = furnished(clock, base_kw=0.0)
    battery = house.add_battery(soc=0.9)
    automation, stranger = house.data.admit(CUSTOMER, "automation"), house.data.admit(CUSTOMER, "exports")
    charge = {"regime": "charge", "power_kw": 0.0, "valid_s": 3600.0}
    now = clock.utc()
    async with running(house, tmp_path / "j") as gateway:
        await clock.sleep(5)
        await gateway.owner.command("command.manual", Location("home", "battery"), charge, timeout_s=60.0)
        await clock.sleep(20)
        assert house.grid_kw == pytest.approx(9.0, abs=0.1)
        asked = LoadReduction(6.0, now + timedelta(seconds=300), "dso", now)
        stranger.write("reduction", Location("home", "utility", "stranger"), asked)
        await clock.sleep(20)
        assert house.grid_kw == pytest.approx(9.0, abs=0.1)
        automation.write("reduction", Location("home", "utility", "dso"), asked)
        await clock.sleep(30)
        assert house.grid_kw == pytest.approx(6.0, abs=0.1)
        assert battery.power_kw == pytest.approx(-3.0, abs=0.1)
        house.ports["battery"].soc = 0.0
        await clock.sleep(60)
        assert resting(machines) == set(), "who waits for a request is for the owner's automation to say"
        await clock.sleep(300)
        assert house.grid_kw == pytest.approx(9.0, abs=0.1)
